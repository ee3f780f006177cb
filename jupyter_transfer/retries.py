"""When a job that failed for a reason that may pass is tried again."""

from __future__ import annotations

import random
import time

RETRY_FIRST = 2.0
"""Seconds before the first retry; each further one waits twice as long, with jitter."""
RETRY_LONGEST = 300.0
"""Seconds between two retries at most."""


class Retries:
    """The moments before which jobs are not to be started again."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def later(self, id: str, attempt: int, at_least: float = 0) -> float:
        """Put off the job `id` until its retry number `attempt` (from 1); for how many seconds,
        which are not less than `at_least`."""
        longest = min(RETRY_LONGEST, RETRY_FIRST * 2.0 ** (attempt - 1))
        delay = max(longest * random.uniform(0.5, 1), at_least)  # noqa: S311
        self._at[id] = time.monotonic() + delay
        return delay

    def now(self, id: str) -> None:
        """Put off the job `id` no longer."""
        self._at.pop(id, None)

    def waits(self, id: str, moment: float) -> bool:
        """Whether the job `id` is put off beyond `moment` (seconds of `time.monotonic`)."""
        return self._at.get(id, 0) > moment

    def next(self, moment: float, but: set[str]) -> float | None:
        """Seconds from `moment` until the next job is due, `but` some; None if none is put off."""
        due = [at for id, at in self._at.items() if at > moment and id not in but]
        return min(due) - moment if due else None
