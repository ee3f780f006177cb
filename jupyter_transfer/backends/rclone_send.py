"""Sending files by rclone's ``operations/copyfile`` (https://rclone.org/rc/), several at a time.

rclone reads the very files that the engine has opened, by their descriptors, not by names that may
lead elsewhere meanwhile; it compares hashes where both sides have one in common.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from ..errors import TransferError
from .base import Caller
from .rclone_errors import error_of_text
from .rclone_server import PARALLEL, RcloneServer
from .rclone_sink import RcloneSink, abort_all
from .sending import Sending

_STOP = 0.7
"""Seconds that a stopped copy has to remove what it wrote."""

_numbers = count(1)


class RcloneSending(Sending):
    """The files, each open as a descriptor, on their way into their sinks.

    Parameters
    ----------
    rate: bytes a second at most, from the first byte on; None is no limit.
    """

    def __init__(
        self, server: RcloneServer, files: Sequence[tuple[int, RcloneSink]], rate: int | None
    ) -> None:
        self._server = server
        self._sinks = [sink for _, sink in files]
        self._group = f"send{next(_numbers)}"
        self._results: list[dict[str, Any]] | None = None
        server.limit(rate)  # before the copy begins: a small file is gone in a millisecond
        self._job = server.ask(
            "job/batch",
            inputs=[sink.copying(os.getpid(), fd) for fd, sink in files],
            concurrency=PARALLEL,
            _async=True,
            _group=self._group,
        )["jobid"]

    def poll(self) -> tuple[bool, int]:
        """See `Sending`."""
        status = self._server.ask("job/status", jobid=self._job)
        moved = int(self._server.ask("core/stats", group=self._group).get("bytes") or 0)
        if status["finished"]:
            self._learn(status)
        return bool(status["finished"]), moved

    def outcomes(self) -> list[TransferError | None]:
        """See `Sending`."""
        assert self._results is not None
        return [
            error_of_text(str(result["error"])) if result.get("error") else None
            for result in self._results
        ]

    def limit(self, rate: int | None) -> None:
        """See `Sending`."""
        self._server.limit(rate)

    def stop(self, caller: Caller, *, keep: bool) -> list[bool]:
        """See `Sending`."""
        self._server.caller = caller
        whole = [False] * len(self._sinks)
        with suppress(TransferError):
            self._server.ask("job/stop", jobid=self._job)
            end = time.monotonic() + _STOP
            while self._results is None and time.monotonic() < end:
                self.poll()
                time.sleep(0.02)
        if keep and self._results is not None:
            whole = [not result.get("error") for result in self._results]
        left = [sink for sink, kept in zip(self._sinks, whole, strict=True) if not kept]
        try:
            gone = iter(abort_all(self._server, left))
        except TransferError:
            return [False] * len(self._sinks)
        return [not kept and next(gone) for kept in whole]

    def _learn(self, status: dict[str, Any]) -> None:
        if not status["success"]:
            raise error_of_text(str(status.get("error", "")))
        self._results = list(status["output"]["results"])
