"""Sending to FTP and SFTP: bytes are appended to a hidden part beside the target, which gets the
final name when it is whole. How much is there is asked of the server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, ClassVar

from ..errors import TransferError
from .base import Digest, Entry
from .sink import Gone, Outlet, Sink, SourceFile, Span, State

if TYPE_CHECKING:
    from .filetree import FileTreeBackend


PIECE = 256 << 20
"""Bytes of one request; what of it arrived counts when it is cut off."""


class FileSink(Sink):
    """One file on its way to `address`."""

    in_order: ClassVar[bool] = True

    def __init__(self, backend: FileTreeBackend, address: str, source: SourceFile) -> None:
        self._backend = backend
        self._address = address
        self._source = source
        self._folder, _, name = address.rpartition("/")
        # A name of 255 bytes leaves no room for more beside it.
        self._part = f"{self._folder}/.{name[:64].rstrip('%')}.{token_hex(8)}.part"
        self._before: dict[str, int | None] | None = None
        self.piece_size = PIECE

    def begin(self, state: State | None) -> Sequence[Span]:
        """Make the folder, or ask how much of the part is there."""
        if state is None:
            self._make_folders()
            self._before = _seen(self._look(self._address))
            return []
        self._part, self._before = str(state["part"]), state["before"]
        found = self._look(self._part, certain=True)
        if found is None:
            self._known_folders.discard(self._folder)  # it may have gone with all that was in it
            raise Gone
        size = found.size or 0  # of an empty file it may be unknown
        if size > self._source.size:
            self.abort()
            raise Gone
        return [(0, size)] if size else []

    def state(self) -> State:
        """The address of the part, and what stood under the final name before."""
        return {"part": self._part, "before": self._before}

    def outlet(self, span: Span) -> Outlet:
        """Behind what is there."""
        url = self._backend.url(self._part)
        return Outlet(str(url), login=self._backend.login(url), append_at=span[0])

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See that all is there, and rename."""
        part = self._look(self._part, certain=True)
        if part is None:
            return self._found_finished()
        if (part.size or 0) != self._source.size:
            raise TransferError("connection_lost", "The server does not have all bytes yet.")
        mtime_ns, replace = self._source.mtime_ns, self._source.replace
        touch = () if mtime_ns is None else self._backend.touch(self._part, mtime_ns)
        self._check_replaced()
        self._backend.rename(
            self._folder + "/", self._part, self._address, replace=replace, first=touch
        )
        found = self._look(self._address, certain=True)
        if found is None or (found.size or 0) != self._source.size:
            raise TransferError("gone", "What was sent is not there.")
        return found

    def abort(self) -> None:
        """Remove the part."""
        try:
            self._backend.act(self._backend.commands("rm", self._part), self._part)
        except TransferError:
            if self._look(self._part) is not None:
                raise

    def _check_replaced(self) -> None:
        """Only the state that the person agreed to replace may be replaced."""
        known = self._source.replaces
        if known is None:
            return
        there = self._look(self._address)
        if there is not None and known.contradicts(there.validators):
            raise TransferError("exists", "What stands there was changed meanwhile.")

    def _found_finished(self) -> Entry:
        """The part is gone: an earlier process may have given it its name."""
        found = self._look(self._address)
        if found is None or (found.size or 0) != self._source.size or _seen(found) == self._before:
            raise TransferError("gone", "What was sent is not there any more.")
        return found

    def _look(self, address: str, *, certain: bool = False) -> Entry | None:
        return self._backend.file_at(address, certain=certain)

    def _make_folders(self) -> None:
        """Make the folders above the target that are not there, from the top; once in a job."""
        if self._folder not in self._known_folders:
            self._make_missing()
            self._known_folders.add(self._folder)

    @property
    def _known_folders(self) -> set[str]:
        known: set[str] = self._backend.context.shared.setdefault("folders", set())
        return known

    def _make_missing(self) -> None:
        missing: list[str] = []
        folder = self._folder
        while folder.count("/") > 2 and self._backend.find(folder + "/") is None:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for each in reversed(missing):
            with suppress(TransferError):  # somebody else may have made it meanwhile
                self._backend.act(self._backend.commands("mkdir", each), each)


def _seen(entry: Entry | None) -> dict[str, int | None] | None:
    return None if entry is None else {"size": entry.size, "mtime_ns": entry.mtime_ns}
