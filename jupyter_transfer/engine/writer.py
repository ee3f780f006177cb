"""Bytes on their way to their place in a part: what happens for each piece that arrives.

libcurl hands over 16 KiB at a time. They are gathered to blocks, which the `Drain` writes.
"""

from __future__ import annotations

from ..directio import buffers
from .control import Tally
from .drain import Drain

BLOCK = 1 << 20
"""Bytes that are gathered for one write, at offsets that are multiples of it: each connection has
as much at risk."""


class Writer:
    """Takes consecutive bytes, beginning at `position`, for `drain`. Ends with `close`."""

    def __init__(self, drain: Drain, position: int, tally: Tally) -> None:
        self._drain = drain
        self._tally = tally
        self._buffer = buffers.take()
        # Byte i of the buffer stands for byte i behind a multiple of `BLOCK` in the file.
        self._first = self._end = position % BLOCK
        self.position = position
        """Offset of the next byte."""

    def write(self, data: memoryview) -> None:
        """Take all of `data`."""
        count, end = len(data), self._end
        self._tally.add(count)
        self._drain.gather(count)
        while count >= BLOCK - end:
            split = BLOCK - end
            self._buffer[end:BLOCK] = data[:split]
            self.position += split
            self._end = BLOCK
            self.hand_over()
            data, count, end = data[split:], count - split, 0
        self._buffer[end : end + count] = data
        self.position += count
        self._end = end + count

    def hand_over(self) -> None:
        """Have what is gathered written and recorded."""
        if self._first < self._end:
            offset = self.position - (self._end - self._first)
            self._drain.put(self._buffer, self._first, self._end, offset)
            self._buffer = buffers.take()
        self._first = self._end = self._end % BLOCK

    def close(self) -> None:
        """`hand_over`, and take no more."""
        self.hand_over()
        buffers.back(self._buffer)
