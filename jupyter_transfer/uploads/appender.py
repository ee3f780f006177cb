"""How bytes get into a part file, one behind the other: through the page cache, or around it.

Positions are those in the file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..directio import BLOCK, BUFFER, DirectFile, buffers
from .socketpipe import SocketPipe

IOV_MAX = 1024
"""Buffers in one pwritev(2)."""

LINGER = 0.25e-3
LIVELY = 64 << 10
"""Seconds that are waited for more bytes, and bytes that have to come in them for another wait: who
sends as fast as that fills the buffer sooner than the event loop could tell."""

See = Callable[[memoryview, int], None]
"""Called with bytes on their way and their position in the file."""


class Appender:
    """Through the page cache. All methods raise `OSError`; `position` says how much got in.

    Parameters
    ----------
    fd: the file, open for reading and writing.
    position: where the first byte goes.
    see: is shown all that passes through this process.
    """

    shows = False
    """Whether `see` is shown what comes from a socket too."""

    def __init__(self, fd: int, position: int, see: See) -> None:
        self.position = position
        """End of the bytes in the file."""
        self.taken = 0
        """Bytes that were taken off sockets so far."""
        self._fd = fd
        self._see = see
        self._pipe: SocketPipe | None = None

    @property
    def held(self) -> int:
        """Bytes that wait for others to fill a block with; `flush` writes them."""
        return 0

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append `pieces`, in one go where the kernel takes them so."""
        for first in range(0, len(pieces), IOV_MAX):
            self._write_vector([memoryview(piece) for piece in pieces[first : first + IOV_MAX]])

    def _write_vector(self, pieces: list[memoryview]) -> None:
        while pieces:
            done = os.pwritev(self._fd, pieces, self.position)
            while pieces and done >= len(pieces[0]):
                done -= self._note(pieces.pop(0))
            if done:  # a short write: the disk is nearly full, or a signal came
                self._note(pieces[0][:done])
                pieces[0] = pieces[0][done:]

    def _note(self, data: memoryview) -> int:
        self._see(data, self.position)
        self.position += len(data)
        return len(data)

    def receive(self, source: int, limit: int) -> None:
        """Append at most `limit` bytes that stand ready in the non-blocking socket `source`."""
        if self._pipe is None:
            self._pipe = SocketPipe()
        while limit and (count := self._pipe.fill(source, limit)):
            self.taken += count
            limit -= count
            while count:
                moved = self._pipe.drain(self._fd, self.position, count)
                self.position += moved
                count -= moved

    def flush(self) -> None:
        """Write what is `held`."""

    def close(self) -> None:
        """Let go of what this object has opened; what is held is lost."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


class DirectAppender(Appender):
    """Around the page cache, by the descriptor `direct` of the same file, which it closes."""

    shows = True

    def __init__(self, fd: int, position: int, see: See, direct: int) -> None:
        super().__init__(fd, position, see)
        self._file = DirectFile(fd, direct)
        self._tail = b""
        self._tail_start = position  # bytes behind it are in `_tail`, written or not

    @property
    def held(self) -> int:
        """Bytes of the last block, if they are not written yet."""
        return max(0, self._tail_start + len(self._tail) - self.position)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append `pieces`."""
        with self._gathering() as (buffer, start):
            end = start
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    count = min(len(rest), BUFFER - end)
                    buffer[end : end + count] = rest[:count]
                    rest = rest[count:]
                    end = self._took(buffer, end, count)
            self._end(buffer, end)

    def receive(self, source: int, limit: int) -> None:
        """Append at most `limit` bytes that stand ready in the non-blocking socket `source`, or
        will in a moment."""
        with self._gathering() as (buffer, start):
            end, waited = start, False
            while limit:
                count = _read(source, buffer[end : min(BUFFER, end + limit)])
                self.taken += count
                limit -= count
                end = self._took(buffer, end, count)
                if waited and count < LIVELY:
                    break
                waited = not count
                if waited:
                    time.sleep(LINGER)
            self._end(buffer, end)

    # Byte i of the buffer stands for byte i of the file behind the last multiple of a block before
    # `_tail_start`. So what is aligned in the file is aligned in memory.

    @contextmanager
    def _gathering(self) -> Iterator[tuple[memoryview, int]]:
        """A buffer with what is left of the last block in it, and where the next byte goes."""
        buffer = buffers.take()
        try:
            yield buffer, self._begin(buffer)
        finally:
            buffers.back(buffer)

    def _begin(self, buffer: memoryview) -> int:
        first = self._tail_start % BLOCK
        end = first + len(self._tail)
        buffer[first:end] = self._tail
        return end

    def _took(self, buffer: memoryview, end: int, count: int) -> int:
        """`count` bytes have come into the buffer behind `end`; where the next one goes."""
        base = self._tail_start - self._tail_start % BLOCK
        self._see(buffer[end : end + count], base + end)
        end += count
        if end < BUFFER:
            return end
        self._end(buffer, end)
        return self._begin(buffer)

    def _end(self, buffer: memoryview, end: int) -> None:
        """Write the whole blocks of what the buffer holds up to `end`, and keep the rest."""
        first = self._tail_start % BLOCK
        base = self._tail_start - first
        last = end - end % BLOCK
        if first < last:
            self._write(buffer[first:last], self._tail_start)
            first = last
        self._tail, self._tail_start = bytes(buffer[first:end]), base + first

    def _write(self, data: memoryview, position: int) -> None:
        while data:
            count = self._file.pwrite(data, position)
            data, position = data[count:], position + count
            self.position = max(self.position, position)

    def flush(self) -> None:
        """Write what is held. It is kept as well, for the block that it is the beginning of."""
        if self.held:
            self._write(memoryview(self._tail), self._tail_start)

    def close(self) -> None:
        """Close the descriptor; what is held is lost."""
        super().close()
        self._file.close()


def _read(source: int, room: memoryview) -> int:
    """Read what stands ready in the socket `source`; 0 when nothing does, or never will: whoever
    reads the socket next learns why."""
    try:
        return os.readv(source, [room])
    except OSError:
        return 0
