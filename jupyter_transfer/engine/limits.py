"""Bandwidth: one token bucket for all connections of a job, which may change at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST = 0.1
"""Seconds of bandwidth that may be saved up while nothing moves."""


class Bandwidth:
    """Bytes a second that a job may use; None for no limit.

    Bytes are paid for after they came in, so the bucket may be in debt by one buffer a
    connection; while it is, nobody reads, and TCP slows the other side down.
    """

    def __init__(
        self, rate: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rate = rate
        self._tokens = 0.0
        self._time = clock()

    @property
    def rate(self) -> int | None:
        """The limit in bytes a second."""
        return self._rate

    @rate.setter
    def rate(self, rate: int | None) -> None:
        with self._lock:
            self._refill()
            self._rate = rate
            # An old debt at a lower rate must not hold up a new, higher one.
            self._tokens = max(self._tokens, -(rate or 0) * BURST)

    def spend(self, count: int) -> None:
        """Pay for `count` bytes that came in."""
        if self._rate is not None:
            with self._lock:
                self._refill()
                self._tokens -= count

    def wait(self) -> float:
        """Seconds until bytes may move again; 0 when they may now."""
        rate = self._rate
        if rate is None:
            return 0.0
        with self._lock:
            self._refill()
            return max(0.0, -self._tokens / rate)

    def _refill(self) -> None:
        now = self._clock()
        if self._rate is not None:
            earned = (now - self._time) * self._rate
            self._tokens = min(self._tokens + earned, self._rate * BURST)
        self._time = now
