"""Files that rclone copies from one of its remotes to another: within the service where both are
one and it can, else through rclone's own memory."""

from __future__ import annotations

import time
from itertools import count

from ..errors import TransferError
from .base import Digest
from .rclone_errors import error_of_text
from .rclone_place import Place, digest_of, time_of
from .rclone_sink import Item, RcloneSink
from .servicesink import ServiceSink
from .sink import Span, State

POLL = 0.1
"""Seconds between two looks at how far a file is."""

_numbers = count(1)


class RcloneCopySink(RcloneSink, ServiceSink):
    """One file that rclone copies; otherwise as a file that it sends."""

    proof: Digest | None = None

    def state(self) -> State:
        """See `Sink`."""
        return {**super().state(), "service": True}

    def take(self, span: Span) -> None:
        """See `ServiceSink`. rclone knows no condition, so look before and behind it."""
        entry = self.source.entry
        assert entry is not None
        origin = Place.parse(entry.address)
        before = self._origin(origin)
        is_other = entry.mtime_ns is not None and _seconds(before) != entry.mtime_ns // 10**9
        if entry.size not in (None, before["Size"]) or is_other:
            raise _changed()
        self._copy(origin)
        after = self._origin(origin)
        if (before["Size"], before["ModTime"]) != (after["Size"], after["ModTime"]):
            raise _changed()
        self.proof = digest_of(after)

    def _origin(self, origin: Place) -> Item:
        opt: dict[str, object] = {"noMimeType": True}
        if self.remote.hash:
            opt |= {"showHash": True, "hashTypes": [self.remote.hash]}
        asked = {"fs": origin.top, "remote": origin.path, "opt": opt}
        item: Item | None = self.remote.server.ask("operations/stat", **asked)["item"]
        if item is None or item["IsDir"]:
            raise TransferError("remote_not_found", "The remote has no such file any more.")
        return item

    def _copy(self, origin: Place) -> None:
        server, group = self.remote.server, f"copy{next(_numbers)}"
        server.limit(self.watch.rate())
        call = {**self.copying(0, 0), "srcFs": origin.top, "srcRemote": origin.path}
        call.pop("_path")
        job = server.ask("operations/copyfile", _async=True, _group=group, **call)["jobid"]
        wait = 0.01
        try:
            while True:
                server.limit(self.watch.rate())
                status = server.ask("job/status", jobid=job)
                self.watch.told(int(server.ask("core/stats", group=group).get("bytes") or 0))
                if status["finished"]:
                    break
                server.caller.check()
                time.sleep(wait)
                wait = min(POLL, 2 * wait)
        except BaseException:
            # Whoever stops the job keeps us from asking, too: a new program removes what is left.
            server.close()
            raise
        if not status["success"]:
            raise error_of_text(str(status.get("error", "")))

    def _is_left(self, item: Item) -> bool:
        """As `RcloneSink._is_left`: a copy keeps the time of its source, where the service can."""
        if self.before is not None and [item["Size"], item["ModTime"]] == self.before:
            return False
        known = self.source.mtime_ns
        same_time = known is not None and _seconds(item) == known // 10**9
        return (item["Size"] == self.source.size and same_time) or super()._is_left(item)


def _seconds(item: Item) -> int | None:
    """The time of a change as HTTP states it, too: in whole seconds."""
    moment = time_of(item)
    return None if moment is None else moment // 10**9


def _changed() -> TransferError:
    return TransferError("remote_changed", "The file changed at its source meanwhile.")
