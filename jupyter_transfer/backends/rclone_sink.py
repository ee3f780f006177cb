"""Where rclone puts a file that it sends: under a name of our own beside the target, which gets the
final name by a move of the service's own when it is whole.

Object stores show an object only when it is whole: there it is written under its final name. So it
is at the few services that cannot move; what a kill leaves there is known to be ours by its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, ClassVar

from ..errors import TransferError
from .base import Digest, Entry
from .rclone_place import Place
from .rclone_server import RcloneServer
from .sink import Gone, Outlet, Sink, SourceFile, Span, State

Item = dict[str, Any]
"""A file as ``operations/stat`` tells it."""


@dataclass(frozen=True)
class Remote:
    """The remote of a sink.

    Parameters
    ----------
    hash: the digest that it states or computes; None for none.
    moves: whether files can be moved within it, and show before they are whole.
    entry: the entry of what stands at a place.
    streams: whether it takes a file while that is still coming, and can move or copy it then.
    told_by_time: whether its files are told by their time, which may be set, and by no digest.
    """

    server: RcloneServer
    hash: str | None
    moves: bool
    entry: Callable[[Place, Item], Entry]
    streams: bool
    told_by_time: bool


class RcloneSink(Sink):
    """One file on its way to `place`, moved by `RcloneSending`."""

    in_order: ClassVar[bool] = True
    piece_size = 1 << 62  # rclone cuts it as it likes

    def __init__(self, remote: Remote, place: Place, source: SourceFile) -> None:
        self.remote = remote
        self.place = place
        self.source = source
        self.part: Place | None = None
        if remote.moves:
            # 64 bytes of the name: encrypted names grow, and there is a limit of 143 characters.
            name = place.name.encode()[:64].decode(errors="ignore")
            self.part = place.parent.below(f".{name}.{token_hex(4)}.partial")
        self.before: list[Any] | None = None
        self.lost = False
        """Whether there is no part: an earlier process may have finished the file."""

    @property
    def held_at(self) -> Place:
        """Where the bytes go."""
        return self.part or self.place

    def begin(self, state: State | None) -> Sequence[Span]:
        """Remember what stands there, or ask what an earlier process left."""
        if state is None:
            if self.source.replace or self.part is None:
                self.before = _seen(self.look(self.place))
            if self.before is not None and not self.source.replace:
                raise _taken()
            return []
        part, self.before = state["part"], state["before"]
        self.part = None if part is None else self.place.parent.below(part)
        item = self.look(self.held_at)
        if self.part is not None and item is None:
            self.lost = True
            raise Gone
        if item is None or (self.part is None and not self._is_left(item)):
            return []
        return [(0, self.source.size)] if item["Size"] == self.source.size else []

    def state(self) -> State:
        """The name of the part, and what stood under the final name before."""
        return {"part": None if self.part is None else self.part.name, "before": self.before}

    def outlet(self, span: Span) -> Outlet:
        """There is none: rclone moves the bytes."""
        raise TransferError("bad_request", "Nothing can be sent to a remote of rclone in pieces.")

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `finish_all`."""
        (outcome,) = finish_all(self.remote.server, [self])
        if isinstance(outcome, TransferError):
            raise outcome
        return outcome

    def abort(self) -> None:
        """See `Sink`."""
        if abort_all(self.remote.server, [self]) != [True]:
            raise TransferError("remote_refused", "What was sent cannot be removed there.")

    # -- for the functions of this module, and those who move the bytes --

    def copying(self, pid: int, fd: int) -> dict[str, Any]:
        """The call that lets rclone copy the file open as `fd` in the process `pid`."""
        call: dict[str, Any] = {
            "_path": "operations/copyfile",
            # A remote of our own making, which follows the link that a descriptor is.
            "srcFs": f":local,copy_links:/proc/{pid}/fd",
            "srcRemote": str(fd),
            "dstFs": self.place.top,
            "dstRemote": self.held_at.path,
        }
        if self.part is not None:
            # The name is a temporary one already; its size tells how much of it is there.
            call["_config"] = {"Inplace": True, "MultiThreadStreams": 0}
        return call

    def stat(self, place: Place) -> dict[str, Any]:
        """The call that tells what stands at `place`, with its digest."""
        opt: dict[str, Any] = {"noMimeType": True}
        if self.remote.hash and place == self.place:
            opt |= {"showHash": True, "hashTypes": [self.remote.hash]}
        return {"_path": "operations/stat", "fs": place.top, "remote": place.path, "opt": opt}

    def look(self, place: Place) -> Item | None:
        """The file at `place`; None when there is none."""
        opt = {"noMimeType": True}
        item = self.remote.server.ask("operations/stat", fs=place.top, remote=place.path, opt=opt)
        found: Item | None = item["item"]
        return None if found is None or found["IsDir"] else found

    def _is_left(self, item: Item) -> bool:
        """Whether what stands under the final name is what an earlier process left of this file:
        its beginning. Raises ``exists`` for anything else that may not be replaced."""
        if self.before is not None and _seen(item) == self.before:
            return False
        size = item["Size"]
        if 0 <= size <= self.source.size and self.source.prefix is not None:
            asked = {"fs": self.place.top, "remote": self.place.path, "hashType": "md5"}
            there = self.remote.server.ask("operations/hashsumfile", download=True, **asked)
            if there["hash"] == self.source.prefix(size, "md5").value:
                return True
        if not self.source.replace:
            raise _taken()
        return False


def finish_all(server: RcloneServer, sinks: Sequence[RcloneSink]) -> list[Entry | TransferError]:
    """Give each file its final name; what stands there then, or what it failed of (see
    `Sink.finish`)."""
    outcomes: dict[RcloneSink, TransferError] = {}
    moving = [sink for sink in sinks if sink.part is not None]
    asked = [sink for sink in moving if not sink.source.replace or sink.source.replaces]
    for sink, found in zip(asked, server.ask_many([s.stat(s.place) for s in asked]), strict=True):
        if (error := _objection(sink, found)) is not None:
            outcomes[sink] = error
    moving = [sink for sink in moving if sink not in outcomes]
    for sink, moved in zip(moving, server.ask_many([_move(s) for s in moving]), strict=True):
        # An earlier process may have moved it: what stands there tells.
        if isinstance(moved, TransferError):
            sink.lost = moved.code == "remote_not_found"
            if not sink.lost:
                outcomes[sink] = moved
    left = [sink for sink in sinks if sink not in outcomes]
    entries: dict[RcloneSink, Entry | TransferError] = {**outcomes}
    for sink, found in zip(left, server.ask_many([s.stat(s.place) for s in left]), strict=True):
        entries[sink] = found if isinstance(found, TransferError) else _entry(sink, found["item"])
    return [entries[sink] for sink in sinks]


def _objection(sink: RcloneSink, found: dict[str, Any] | TransferError) -> TransferError | None:
    """Why the file must not get its final name."""
    if isinstance(found, TransferError):
        return found
    item = found["item"]
    if item is None:
        return None
    if item["IsDir"]:
        return TransferError("is_a_directory", "A folder stands at this address.")
    known = sink.source.replaces
    if sink.source.replace:
        there = sink.remote.entry(sink.place, item)
        return _taken() if known is not None and known.contradicts(there.validators) else None
    if item["Size"] == sink.source.size and sink.look(sink.held_at) is None:
        return None  # an earlier process moved it
    return _taken()


def _move(sink: RcloneSink) -> dict[str, Any]:
    assert sink.part is not None
    return {
        "_path": "operations/movefile",
        "srcFs": sink.part.top,
        "srcRemote": sink.part.path,
        "dstFs": sink.place.top,
        "dstRemote": sink.place.path,
        "_config": {"IgnoreTimes": True},
    }


def _entry(sink: RcloneSink, item: Item | None) -> Entry | TransferError:
    whole = item is not None and item["Size"] in (-1, sink.source.size)
    if item is None or not whole or (sink.lost and _seen(item) == sink.before):
        return TransferError("gone", "What was sent is not there any more.")
    return sink.remote.entry(sink.place, item)


def abort_all(server: RcloneServer, sinks: Sequence[RcloneSink]) -> list[bool]:
    """Remove what was sent; for each whether nothing is left of it. Raises `TransferError` where
    rclone does not answer."""
    calls = {sink: call for sink in sinks if (call := _removal(sink)) is not None}
    answers = dict(zip(calls, server.ask_many(list(calls.values())), strict=True))
    gone: list[bool] = []
    for sink in sinks:
        answer = answers.get(sink)
        failed = isinstance(answer, TransferError) and answer.code != "remote_not_found"
        gone.append(not failed)
    return gone


def _removal(sink: RcloneSink) -> dict[str, Any] | None:
    """The call that removes what is not whole of a file; None where there is nothing."""
    place = sink.held_at
    if sink.part is None:
        try:
            item = sink.look(place)
            if item is None or item["Size"] >= sink.source.size or not sink._is_left(item):
                return None
        except TransferError as error:
            if error.code != "exists":
                raise
            return None
    return {"_path": "operations/deletefile", "fs": place.top, "remote": place.path}


def _taken() -> TransferError:
    return TransferError("exists", "Something that we did not send stands at this address.")


def _seen(item: Item | None) -> list[Any] | None:
    return None if item is None else [item["Size"], item["ModTime"]]
