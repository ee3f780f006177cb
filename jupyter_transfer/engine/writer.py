"""Bytes on their way to their place in a part: what happens for each piece that arrives."""

from __future__ import annotations

import os

from ..errors import from_os_error
from .control import Tally
from .journal import Syncer

BLOCK = 4 << 20
"""Bytes after which what is written is handed to the `Syncer`."""


class Writer:
    """Writes consecutive bytes into the file behind `fd`, beginning at `position`.

    libcurl hands over 16 KiB at a time, so `write` runs 65,536 times for a GiB: it does no more
    than it must.
    """

    def __init__(self, fd: int, position: int, syncer: Syncer, tally: Tally) -> None:
        self._fd = fd
        self._syncer = syncer
        self._tally = tally
        self._handed = position
        self.position = position
        """Offset of the next byte."""

    def write(self, data: memoryview) -> None:
        """Write all of `data`. Raises ``disk_full``, ``io_error`` …"""
        size = len(data)
        try:
            count = os.pwrite(self._fd, data, self.position)
            while count < size:  # a short write: the next one tells why
                count += os.pwrite(self._fd, data[count:], self.position + count)
        except OSError as error:
            raise from_os_error(error) from None
        self.position += size
        self._tally.add(size)
        if self.position - self._handed >= BLOCK:
            self.hand_over()

    def hand_over(self) -> None:
        """Let the `Syncer` make durable, and record, what was written."""
        if self.position > self._handed:
            self._syncer.add(self._handed, self.position)
            self._handed = self.position
