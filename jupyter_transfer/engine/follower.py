"""The checksum of a file that is still being fetched: a thread reads what is there from the first
byte on, so that little is left to read when the last one has come in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from . import sums

CHUNK = 1 << 20


class Follower:
    """Reads the file of `size` bytes behind `fd` up to where `advance` says; `close` it before the
    file is begun anew, or bytes that are there are replaced."""

    def __init__(self, fd: int, algorithm: str, size: int) -> None:
        self.algorithm = algorithm
        self._fd = fd
        self._sum = sums.new(algorithm, size)
        self._position = self._end = 0
        self._closing = False
        self._failed = False
        self._change = threading.Condition()
        self._buffer = memoryview(bytearray(CHUNK))
        self._thread = threading.Thread(target=self._work, name="checksum", daemon=True)
        self._thread.start()

    def advance(self, end: int) -> None:
        """All bytes in front of `end` are there, and stay as they are."""
        if end > self._end:
            with self._change:
                self._end = end
                self._change.notify()

    def close(self) -> None:
        """End the thread; what it has read counts for `finish`."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def finish(self, size: int, check: Callable[[], None]) -> str | None:
        """The checksum of all `size` bytes in hex, after `close`; what it has not read yet is
        read now. None when it could not read. `check` is called between the pieces and may raise.
        """
        while not self._failed and self._position < size:
            check()
            self._read(size)
        return None if self._failed else self._sum.hexdigest()

    def _work(self) -> None:
        while True:
            with self._change:
                while self._position >= self._end and not self._closing:
                    self._change.wait()
                if self._closing or self._failed:
                    return
            self._read(self._end)

    def _read(self, end: int) -> None:
        """Take in one piece; what cannot be read is told by whoever reads the file again."""
        room = self._buffer[: end - self._position]
        try:
            count = os.preadv(self._fd, [room], self._position)
            if count:
                self._sum.update(room[:count])
        except OSError:
            count = 0
        self._position += count
        self._failed = self._failed or count == 0
