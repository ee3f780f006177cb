"""CRC-32 of files: a running sum that can go on where an earlier one stopped, and a cache.

The sum of a whole file is kept under what identifies its content, so that the second download of
an archive reads each file once. Of a large file whose download was cut, the sum up to the cut is
kept: a browser that resumes there needs nothing read twice.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from ..errors import TransferError
from .manifest import Identity, Member

BLOCK = 1 << 20
"""Bytes that are read at a time."""

T = TypeVar("T")


class _Recent(Generic[T]):
    """The values of the most recently used identities; safe between threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Identity, T] = OrderedDict()
        self._lock = Lock()

    def get(self, identity: Identity) -> T | None:
        with self._lock:
            if identity in self._values:
                self._values.move_to_end(identity)
            return self._values.get(identity)

    def put(self, identity: Identity, value: T) -> None:
        with self._lock:
            self._values[identity] = value
            self._values.move_to_end(identity)
            if len(self._values) > self._limit:
                self._values.popitem(last=False)


class CrcCache:
    """What is known about the CRC-32 of files, in memory."""

    def __init__(self, limit: int = 50_000) -> None:
        self.whole: _Recent[int] = _Recent(limit)
        """CRC-32 of the whole content."""
        self.partial: _Recent[tuple[int, int]] = _Recent(1000)
        """How many of the first bytes were read, and their CRC-32."""


class RunningCrc:
    """The CRC-32 of a file's first `position` bytes."""

    def __init__(self, position: int = 0, value: int = 0) -> None:
        self.position = position
        self.value = value

    def feed(self, offset: int, data: memoryview) -> None:
        """Take in `data`, which stands at `offset` of the file; what was seen before is passed
        over. `offset` must not lie behind `position`."""
        assert offset <= self.position
        unseen = data[self.position - offset :]
        if unseen:
            self.value = zlib.crc32(unseen, self.value)
            self.position += len(unseen)

    def catch_up(self, fd: int, member: Member, position: int, stopped: Callable[[], bool]) -> None:
        """Read the open file `fd` of `member` on to `position`.

        Raises `TransferError` ``changed``, ``cancelled``.
        """
        buffer = memoryview(bytearray(min(BLOCK, max(0, position - self.position))))
        while self.position < position:
            if stopped():
                raise TransferError("cancelled", "The download was cancelled.")
            count = member.read(fd, buffer[: position - self.position], self.position)
            self.feed(self.position, buffer[:count])
