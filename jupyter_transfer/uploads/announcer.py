"""Telling the rest of the server of many new files without keeping it from its work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

SLICE = 0.005
"""Seconds of the event loop that are used at a time."""
PAUSE = 4
"""How much longer than the slice was the loop is left to others."""


class Announcer:
    """Awaits `on_saved` for each path in turn, in the background.

    `log` is told what fails.
    """

    def __init__(self, on_saved: Callable[[str], Awaitable[None]] | None, log: Any) -> None:
        self._on_saved = on_saved
        self._log = log
        self._paths: deque[str] = deque()
        self._task: asyncio.Task[None] | None = None
        self._pause = PAUSE
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop to use; must be set before the first `add`."""

    def add(self, paths: Sequence[str]) -> None:
        """Have `paths` announced soon. May be called from any thread."""
        assert self.loop is not None
        if self._on_saved is not None:
            self.loop.call_soon_threadsafe(self._add, paths)

    def _add(self, paths: Sequence[str]) -> None:
        self._paths.extend(paths)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._paths:
            started = loop.time()
            while self._paths and loop.time() - started < SLICE:
                await self._announce(self._paths.popleft())
            await asyncio.sleep((loop.time() - started) * self._pause)

    async def _announce(self, path: str) -> None:
        assert self._on_saved is not None
        try:
            await self._on_saved(path)
        except Exception:
            self._log.exception("A new file was not announced")

    async def close(self) -> None:
        """Announce what is left, without pauses."""
        self._pause = 0
        await asyncio.sleep(0)  # what threads have added comes in
        if self._task is not None:
            await self._task
