"""When and how often to try again: exponential back-off with full jitter, a budget for each file.

The jitter is "full" (a uniform draw between 0 and the ceiling) because a server that comes back
must not meet all its clients in the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ..errors import TransferError

BUDGET = 6
"""Failures in a row, without progress between them, before a file gives up in this process."""

BASE = 0.25
CEILING = 20.0
"""Seconds: the first ceiling of the draw, and the highest."""

LONGEST_WAIT = 30.0
"""Seconds that a worker waits itself when it is asked to; for longer the queue takes over."""


class Retries:
    """The budget of one file."""

    def __init__(
        self,
        budget: int = BUDGET,
        base: float = BASE,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._budget = budget
        self._base = base
        self._draw = draw
        self.failures = 0

    def progressed(self) -> None:
        """Bytes arrived that are kept: the remote side is alive, the count begins anew."""
        self.failures = 0

    def wait_for(self, error: TransferError) -> float:
        """Seconds to wait after `error`; raises it when there is no use in trying again here."""
        self.failures += 1
        asked = error.retry_after or 0.0
        if not error.retryable or self.failures >= self._budget or asked > LONGEST_WAIT:
            raise error
        ceiling = min(CEILING, self._base * 2.0**self.failures)
        return asked + self._draw(0, ceiling)
