"""One request at a time for each upload, the newest first.

A request that comes for an upload on which another is working does not get 423 (clients would
start from zero): it tells the other to end and waits for it. An old request is often a connection
that died without the server having noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class _Hold:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    interrupt: Callable[[], None] | None = None


class Claims:
    """Who works on which upload."""

    def __init__(self) -> None:
        self._holds: dict[str, _Hold] = {}

    def __contains__(self, id: str) -> bool:
        """Whether a request is working on the upload `id`, or waits for it."""
        return id in self._holds

    async def acquire(self, id: str) -> None:
        """Become the one that works on `id`; whoever can be interrupted is."""
        hold = self._holds.setdefault(id, _Hold())
        hold.waiting += 1
        if hold.interrupt is not None:
            hold.interrupt()
        try:
            await hold.lock.acquire()
        finally:
            hold.waiting -= 1
            self._drop_if_free(id, hold)

    def on_interrupt(self, id: str, interrupt: Callable[[], None] | None) -> None:
        """The holder of `id` can be interrupted from now on (None: no longer)."""
        hold = self._holds[id]
        hold.interrupt = interrupt
        if interrupt is not None and hold.waiting:
            interrupt()  # a newer request came while this one was waiting itself

    def release(self, id: str) -> None:
        """Let the next one work on `id`."""
        hold = self._holds[id]
        hold.interrupt = None
        hold.lock.release()
        self._drop_if_free(id, hold)

    def _drop_if_free(self, id: str, hold: _Hold) -> None:
        if not hold.waiting and not hold.lock.locked():
            self._holds.pop(id, None)

    def interrupt_all(self) -> None:
        """Tell all who can be interrupted to end."""
        for hold in list(self._holds.values()):
            if hold.interrupt is not None:
                hold.interrupt()
