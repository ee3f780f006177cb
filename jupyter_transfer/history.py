"""How long finished jobs stay in the list."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from .spec import iso_time

FIRST, INTERVAL = 60.0, 3600.0
"""Seconds until the first look for old jobs, and between two of them."""

JUMP = 3600.0
"""Seconds by which the clock may be set between two looks; if it was set further, nobody knows how
old anything is, and the next look decides."""


class History:
    """Forgets old jobs now and then.

    Parameters
    ----------
    forget: forgets all jobs that finished before a time (ISO 8601) and says how many.
    days: how long a finished job stays; 0 is for ever.
    """

    def __init__(
        self, forget: Callable[[str], Awaitable[int]], days: int, log: logging.Logger
    ) -> None:
        self._forget = forget
        self._days = days
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._days and self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        offset, pause = _offset(), FIRST
        while True:
            await asyncio.sleep(pause)
            before, offset, pause = offset, _offset(), INTERVAL
            if abs(offset - before) > JUMP:
                self._log.warning("The clock was set: no finished transfer is forgotten for now.")
                continue
            try:
                count = await self._forget(iso_time(time.time() - self._days * 86400))
                if count:
                    self._log.info("Forgot %d transfers that finished long ago", count)
            except Exception:
                self._log.exception("Old transfers were not forgotten")


def _offset() -> float:
    """By how much the time of day is ahead of a clock that nobody sets."""
    return time.time() - time.monotonic()
