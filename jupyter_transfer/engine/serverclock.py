"""What the clock of the other side shows at least, by the times of change that it states.

FTP and SFTP tell when a file was changed in whole seconds, and do not tell what time it is there. A
file that was changed a moment ago may be changed again within the same second, and nothing would
show it. Once the clock has gone on, any later change has a later time.
"""

from __future__ import annotations

import time

STEP = 2
"""Seconds in which two changes may get the same time (two on FAT)."""

FUTURE = 60
"""Seconds by which a time of change may lie ahead of our clock and still be believed to be no
later than the clock of the other side; later ones were set by somebody."""


class ServerClock:
    """The clock of one server."""

    def __init__(self) -> None:
        self._ahead = float("-inf")

    def saw(self, modified: int) -> None:
        """A file has the time of change `modified`, so it cannot be earlier than that there."""
        if modified <= time.time() + FUTURE:
            self._ahead = max(self._ahead, modified - time.monotonic())

    def seconds_until_after(self, modified: int) -> float:
        """How long it takes until a change would get another time than `modified`; at most `STEP`.
        Call `saw` before."""
        now = self._ahead + time.monotonic()
        return max(0.0, min(STEP, modified + STEP - now))
