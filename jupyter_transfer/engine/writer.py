"""Bytes on their way to their place in a part: what happens for each piece that arrives.

libcurl hands over 16 KiB at a time. They are gathered, and written a quarter of a MiB at once at
offsets that are multiples of it: the page cache then works in large folios, which halves the
processor time of a whole fetch (measured on ext4, Linux 6.18: 0.6 instead of 1.1 seconds a GiB;
writes of a whole MiB cost 1.6).
"""

from __future__ import annotations

import os

from ..errors import from_os_error
from .control import Tally
from .journal import Syncer

BUFFER = 256 << 10
"""Bytes that are gathered for one write."""

BLOCK = 4 << 20
"""Bytes after which what is written is handed to the `Syncer`."""


class Writer:
    """Writes consecutive bytes into the file behind `fd`, beginning at `position`."""

    def __init__(self, fd: int, position: int, syncer: Syncer, tally: Tally) -> None:
        self._fd = fd
        self._syncer = syncer
        self._tally = tally
        self._buffer = memoryview(bytearray(BUFFER))
        self._filled = 0
        self._room = BUFFER - position % BUFFER
        self._handed = position
        self.position = position
        """Offset of the next byte."""

    def write(self, data: memoryview) -> None:
        """Take all of `data`. Raises ``disk_full``, ``io_error`` …"""
        size, filled = len(data), self._filled
        self._tally.add(size)
        self.position += size
        while size >= self._room - filled:
            split = self._room - filled
            self._buffer[filled : self._room] = data[:split]
            self._filled = self._room
            self._flush(self.position - size + split)
            data, size, filled = data[split:], size - split, 0
        self._buffer[filled : filled + size] = data
        self._filled = filled + size

    def hand_over(self) -> None:
        """Write what is gathered, and let the `Syncer` make durable, and record, what is new."""
        self._flush(self.position)
        if self.position > self._handed:
            self._syncer.add(self._handed, self.position)
            self._handed = self.position

    def _flush(self, end: int) -> None:
        """Write what is gathered, which ends at the offset `end`."""
        data, offset = self._buffer[: self._filled], end - self._filled
        self._filled = 0
        self._room = BUFFER - end % BUFFER
        try:
            while data:
                count = os.pwrite(self._fd, data, offset)
                data, offset = data[count:], offset + count
        except OSError as error:
            raise from_os_error(error) from None
        if end - self._handed >= BLOCK:
            self._syncer.add(self._handed, end)
            self._handed = end
