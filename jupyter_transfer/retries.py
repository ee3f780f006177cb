"""When a job that failed is tried again, by the class of its error, and how often.

Errors that trying again cannot help are not retryable at all (`jupyter_transfer.errors.CODES`).
"""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass

from .errors import TransferError

RETRY_FIRST = 2.0
"""Seconds before the first retry; each further one waits twice as long, with jitter."""
RETRY_LONGEST = 300.0
"""Seconds between two retries at most."""


@dataclass(frozen=True)
class Rule:
    """How errors of one class are retried.

    Parameters
    ----------
    first, longest: seconds before the first retry, and at most.
    budget: retries at most, whatever else is allowed; None for no limit of its own.
    forgives: whether bytes that arrived since the last failure begin the count anew.
    """

    first: float = RETRY_FIRST
    longest: float = RETRY_LONGEST
    budget: int | None = None
    forgives: bool = True

    def most(self, allowed: int) -> int:
        """Retries at most where `allowed` are allowed in general."""
        return allowed if self.budget is None else min(allowed, self.budget)


_USUAL = Rule()
_BUSY = Rule(first=10.0, longest=900.0)
_DAMAGED = Rule(budget=3, forgives=False)

RULES: dict[str, Rule] = {
    "remote_busy": _BUSY,
    "too_many": _BUSY,
    # Each of these begins the file anew, so progress proves nothing.
    "digest_mismatch": _DAMAGED,
    "remote_changed": Rule(budget=5, forgives=False),
    # Bytes that arrive do not make an attempt shorter.
    "deadline_exceeded": Rule(forgives=False),
    # This server: a job that kills its worker must not go on for ever.
    "worker_died": Rule(budget=5),
    "io_error": Rule(first=10.0, budget=5),
}


def attempt_after(error: TransferError, before: int, progressed: bool, most: int) -> int | None:
    """Which retry (from 1) follows on `error`, when there were `before` retries in a row and at
    most `most` are allowed; None if there is none.

    `progressed`: whether bytes have arrived since the last failure.
    """
    if not error.retryable:
        return None
    rule = RULES.get(error.code, _USUAL)
    attempt = 1 if progressed and rule.forgives else before + 1
    return attempt if attempt <= rule.most(most) else None


class Retries:
    """The moments before which jobs are not to be started again."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []

    def later(self, id: str, attempt: int, at_least: float = 0, rule: Rule = _USUAL) -> float:
        """Put off the job `id` until its retry number `attempt` (from 1); for how many seconds,
        which are not less than `at_least` (what the other side asked for)."""
        longest = min(rule.longest, rule.first * 2.0 ** (min(attempt, 64) - 1))
        delay = max(longest * random.uniform(0.5, 1), at_least)  # noqa: S311
        self._at[id] = time.monotonic() + delay
        heapq.heappush(self._order, (self._at[id], id))
        return delay

    def now(self, id: str) -> None:
        """Put off the job `id` no longer."""
        self._at.pop(id, None)

    def waits(self, id: str, moment: float) -> bool:
        """Whether the job `id` is put off beyond `moment` (seconds of `time.monotonic`)."""
        return self._at.get(id, 0) > moment

    def due(self, moment: float) -> list[str]:
        """The jobs that were put off until `moment` or earlier; each comes once."""
        ids = []
        while self._head() is not None and self._order[0][0] <= moment:
            ids.append(heapq.heappop(self._order)[1])
            self.now(ids[-1])
        return ids

    def next(self, moment: float) -> float | None:
        """Seconds from `moment` until the next job is due; None if none is put off."""
        head = self._head()
        return None if head is None else max(0.0, head - moment)

    def _head(self) -> float | None:
        """The earliest moment that still holds."""
        while self._order and self._at.get(self._order[0][1]) != self._order[0][0]:
            heapq.heappop(self._order)
        return self._order[0][0] if self._order else None
