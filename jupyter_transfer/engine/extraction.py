"""What an archive becomes on the disk: its files are published in groups as those of a fetch are.

Names are judged by the gate to the disk like any that a remote side proposes, and never made to
fit. Links are not made: a link to a file of the archive becomes a copy of it (`ExtractedLinks`),
one to anything else in it is left out, one that leads out is refused. An entry that cannot be taken
is reported, and the next one follows; an archive that is damaged ends there, and what was whole of
it stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..archives.extractlimits import ExtractLimits
from ..archives.packed import ArchiveInput, Packed
from ..errors import TransferError
from ..names import Conflict, join_path
from ..paths import Folders, Root
from ..records import Buffer
from .control import Control, Message, Report, Stopped, Tally
from .delivery import row
from .extractedlinks import ExtractedLinks
from .extractednames import is_of_macos, listed, relative_name, require_portable
from .filters import Filters
from .groups import Groups
from .many import names_on, row_of_what_is_there
from .publisher import Publisher
from .target import Decision, Targets
from .twins import Names

LARGE = 8 << 20
"""Bytes from which on the room on the disk is looked at before a file is written."""

MAX_SHOWN = 1000
"""Characters of a name that cannot be taken."""

_FATAL = ("disk_full", "read_only", "io_error", "changed", "limit_reached")


class Told(Protocol):
    """Who hears of an extraction."""

    def on_total(self, files: int, size: int | None) -> None:
        """How many files and bytes there are; None while unknown."""

    def on_file(self, message: Message, error: TransferError | None) -> None:
        """One file is finished: its row, and what it failed of."""


@dataclass(frozen=True)
class Site:
    """Where an archive is extracted to, and for whom."""

    root: Root
    folder: str
    job: str
    source: str
    targets: Targets
    filters: Filters
    control: Control
    report: Report


class Extraction:
    """Brings what is in `archive` to `site`.

    Parameters
    ----------
    limits: counts the entries as they come; of an archive with a directory they, and their bytes,
        were counted before.
    """

    def __init__(
        self, site: Site, archive: ArchiveInput, limits: ExtractLimits, tally: Tally, told: Told
    ) -> None:
        self._site = site
        self._archive = archive
        self._limits = limits
        self._tally = tally
        self._told = told
        self._groups = Groups(site.root, site.folder, site.job, site.source)
        self._publisher = Publisher(self._groups)
        self._names = Names()
        self._links = ExtractedLinks(site.root, site.folder)
        self._files = 0
        self._left_out = 0
        self._is_copying = False

    def run(self) -> None:
        """Do it. Raises what ends the whole job, `Stopped`; what is whole by then is published,
        unless the job was cancelled."""
        cancelled = False
        try:
            self._groups.take_over(self._site.control, self._site.targets.delivered)
            self._names = names_on(self._groups)
            self._require_room()
            with Folders(self._site.root) as folders:
                for packed in self._archive.entries():
                    self._wait()
                    self._take(packed, folders)
            self._flush()
            self._copy_links()
        except Stopped as stopped:
            cancelled = stopped.how == "cancel"
            raise
        finally:
            self._publisher.close(keep=not cancelled)
            self._drain()
        self._publisher.check()
        self._told.on_total(self._files, None)

    def forget(self) -> None:
        """Remove the journal, when whoever drives the job has saved the rows."""
        self._groups.forget()

    # -- one entry --

    def _take(self, packed: Packed, folders: Folders) -> None:
        if self._archive.sequential:
            self._limits.add_entry()
        relative = relative_name(packed.name)
        if is_of_macos(relative) or not self._is_meant(packed, relative):
            return
        path = join_path(self._site.folder, relative) if relative else packed.name
        try:
            if packed.kind == "folder":
                self._make_folder(relative, folders)
                return
            self._files += 1
            path = self._path_of(relative)
            if packed.error is not None:
                raise packed.error
            if packed.kind == "other":
                raise TransferError("not_a_file", "It is a device or a pipe, which nobody makes.")
            if packed.kind == "link":
                self._links.add(path, packed)
                return
        except TransferError as error:
            self._fail(path, error)
            return
        self._take_file(packed, path)

    def _is_meant(self, packed: Packed, relative: str) -> bool:
        filters = self._site.filters
        if packed.kind == "folder":
            return not filters.active
        size = packed.size if packed.kind == "file" else None
        return filters.admit(relative, size, packed.mtime_ns)

    def _path_of(self, relative: str) -> str:
        require_portable(relative)
        return self._site.targets.path_of_many(self._site.folder, relative)

    def _make_folder(self, relative: str, folders: Folders) -> None:
        if relative:
            folders.make(self._path_of(relative))

    def _take_file(self, packed: Packed, path: str) -> None:
        before = self._tally.bytes
        try:
            self._extract(packed, path)
        except TransferError as error:
            self._tally.bytes = before
            self._fail(path, error)
            stream_ends = self._archive.sequential and error.code == "bad_archive"
            if error.code in _FATAL or stream_ends:
                raise

    def _extract(self, packed: Packed, path: str) -> None:
        decision = self._decide(path, packed)
        if decision is None:
            return
        if packed.size >= LARGE:
            self._require_room_for(packed.size)
        message = row(
            decision.path,
            digest=packed.digest,
            verified=True if packed.digest else None,
            unverified=None if packed.digest else "no_digest",
            mtime_ns=packed.mtime_ns,
            validators=listed(packed).validators.as_dict(),
        )
        self._put(message, decision.conflict, self._archive.read(packed), packed.executable)

    def _decide(self, path: str, packed: Packed) -> Decision | None:
        """Where the file goes; None if it does not, which is told. Raises ``exists`` …"""
        targets = self._site.targets
        decision = targets.decide(path, listed(packed))
        if not self._names.take(path) and not targets.renames:
            decision = targets.twin(path)
        if decision.act == "fetch":
            return decision
        if decision.act == "present":
            self._links.found(decision.path)
        self._told.on_file(row_of_what_is_there(self._site.root, decision), None)
        return None

    def _put(
        self, message: Message, conflict: Conflict, pieces: Iterator[Buffer], executable: bool
    ) -> None:
        counted = self._counted(pieces)
        self._publisher.put_pieces(message, conflict, counted, executable=executable)

    def _counted(self, pieces: Iterator[Buffer]) -> Iterator[Buffer]:
        for piece in pieces:
            self._site.control.check()
            count = len(piece)
            if self._archive.sequential or self._is_copying:
                self._limits.add_bytes(count)
            self._tally.add(count)
            self._tally.tell()
            yield piece

    def _fail(self, path: str, error: TransferError) -> None:
        shown = path[:MAX_SHOWN]
        self._told.on_file(row(shown, state="failed", error=error.as_dict()), error)

    # -- links --

    def _copy_links(self) -> None:
        self._is_copying = True
        for path, packed in self._links:
            self._wait()
            try:
                source = self._links.resolve(packed)
                if source is None:
                    self._left_out += 1
                    self._told.on_file(row(path, state="skipped", unverified="skipped"), None)
                else:
                    self._copy(source, packed, path)
            except TransferError as error:
                self._fail(path, error)
                if error.code in _FATAL:
                    raise
        if self._left_out:
            self._site.report.note(
                "left_out",
                f"Links to folders, or to what is not in the archive, were left out:"
                f" {self._left_out}.",
            )

    def _copy(self, source: str, packed: Packed, path: str) -> None:
        decision = self._decide(path, packed)
        if decision is None:
            return
        status = self._site.root.stat(source)
        self._require_room_for(status.st_size)
        message = row(
            decision.path,
            unverified="no_digest",
            mtime_ns=status.st_mtime_ns,
            validators=listed(packed).validators.as_dict(),
        )
        executable = bool(status.st_mode & 0o100)
        self._put(message, decision.conflict, self._links.read(source), executable)

    # -- waiting --

    def _wait(self) -> None:
        """Until the disk has caught up. Raises `Stopped`, and what is wrong with the disk."""
        while True:
            self._site.control.check()
            self._publisher.check()
            self._drain()
            self._tally.tell()
            if not self._publisher.is_full():
                return
            self._site.control.sleep(0.01)

    def _flush(self) -> None:
        """Publish all that is staged, so that links find what they lead to."""
        if not self._links:
            return
        self._publisher.close()
        self._drain()
        self._publisher.check()
        self._publisher = Publisher(self._groups)

    def _drain(self) -> None:
        results = self._publisher.results
        while results:
            message, error = results.popleft()
            if message["state"] == "done":
                self._tally.bytes -= min(message["size"], self._tally.bytes)
                self._links.found(message["path"])
            self._told.on_file(message, error)

    # -- room --

    def _require_room(self) -> None:
        """Look whether all of it fits, before the first file is written. What the filters leave,
        and what is there already from an earlier time, is not known yet: then each large file is
        looked at."""
        if not self._site.filters.active and not len(self._site.targets.delivered):
            self._require_room_for(self._archive.size or 0)

    def _require_room_for(self, size: int) -> None:
        free = self._site.root.free_bytes(self._site.folder)
        if size > free:
            raise TransferError(
                "disk_full",
                f"The files need {size} bytes, and {free} are free on the disk of the server.",
                detail={"needed_bytes": size, "free_bytes": free},
            )
