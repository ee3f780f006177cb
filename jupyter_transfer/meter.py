"""How fast a job is and how long it will take."""

from __future__ import annotations

import time
from dataclasses import replace

from .spec import Progress

HALF_LIFE = 2.0
"""Seconds after which an old rate counts half."""

SETTLE = 1.0
"""Seconds of movement before a rate is shown: before that it is noise."""


class Meter:
    """Turns counts of bytes into a rate (bytes a second) and an eta (seconds)."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._time = 0.0
        self._bytes = 0
        self._rate = 0.0

    def measure(self, progress: Progress, moved: int) -> Progress:
        """`progress` with its rate and eta as of now; `moved` is the number of bytes that came
        over the network, which what was there already from an earlier run did not."""
        now = time.monotonic()
        if self._started is None:
            self._started, self._time, self._bytes = now, now, moved
            return progress.at_rest()
        elapsed = now - self._time
        if elapsed > 0:
            sample = max(0, moved - self._bytes) / elapsed
            age = now - self._started
            # While young, weigh by age instead: else the zero it began with drags on.
            keep = (
                0.5 ** (elapsed / HALF_LIFE) if age > HALF_LIFE else 1 - elapsed / max(age, elapsed)
            )
            self._rate = keep * self._rate + (1 - keep) * sample
            self._time, self._bytes = now, moved
        if now - self._started < SETTLE:
            return progress.at_rest()
        return replace(progress, rate=round(self._rate, 1), eta=self._eta(progress))

    def _eta(self, progress: Progress) -> float | None:
        if progress.bytes_total is None or self._rate < 1:
            return None
        return round(max(0, progress.bytes_total - progress.bytes_done) / self._rate, 1)
