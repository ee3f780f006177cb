"""Digests of a file, taken while it is sent where it is sent in order, else by reading it again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from ..backends.base import Digest
from ..backends.etags import PART_ALGORITHM, part_length
from ..backends.sink import Span
from ..errors import TransferError, from_os_error
from . import sums
from .partsums import PartDigests

_CHUNK = 4 << 20


class Digests:
    """Digests (names of `sums`) of the bytes from `start` to `end` of the file behind `fd`; those
    that this machine cannot compute are left out. One that is made of the digests of parts is made
    of those of the pieces that were sent.

    Raises ``changed`` when the file ends before `end`, ``io_error``.
    """

    def __init__(self, fd: int, end: int, algorithms: Iterable[str], start: int = 0) -> None:
        self._fd = fd
        self._end = end
        names = [name for name in algorithms if sums.known(name)]
        self._sums = {n: sums.new(n, end - start) for n in names if not part_length(n)}
        self._parts = [PartDigests(name, end) for name in names if part_length(name)]
        self._position = start

    def feed(self, offset: int, data: memoryview) -> None:
        """Take in `data`, which stands at `offset`, if it goes on where the last piece ended."""
        new = offset + len(data) - self._position
        if self._sums and offset <= self._position and new > 0:
            for total in self._sums.values():
                total.update(data[len(data) - new :])
            self._position += new

    def piece(self, span: Span, digest: Digest | None) -> None:
        """`digest` is that of the bytes of `span`, which the service has."""
        if digest is not None:
            for parts in self._parts:
                parts.take(span, digest)

    def finish(self, check: Callable[[], None]) -> list[Digest]:
        """The digests; what has not come by yet is read. `check` is called all the while."""
        found = self._finish_sums(check)
        for parts in self._parts:
            for span in parts.missing():
                part = Digests(self._fd, span[1], [PART_ALGORITHM], span[0])
                parts.take(span, part.finish(check)[0])
            found += [digest for digest in [parts.digest()] if digest is not None]
        return found

    def _finish_sums(self, check: Callable[[], None]) -> list[Digest]:
        left = self._end - self._position if self._sums else 0
        buffer = memoryview(bytearray(max(0, min(_CHUNK, left))))
        while self._sums and self._position < self._end:
            check()
            room = buffer[: self._end - self._position]
            try:
                count = os.preadv(self._fd, [room], self._position)
            except OSError as error:
                raise from_os_error(error) from None
            if count == 0:
                raise TransferError("changed", "The file became shorter while it was being sent.")
            self.feed(self._position, room[:count])
        return [Digest(name, total.hexdigest()) for name, total in self._sums.items()]


def digest_of_bytes(data: bytes, algorithm: str) -> Digest:
    """One digest of bytes in memory; `algorithm` must be known to `sums`."""
    total = sums.new(algorithm, len(data))
    total.update(memoryview(data))
    return Digest(algorithm, total.hexdigest())


def digest_of(fd: int, size: int, algorithm: str, check: Callable[[], None]) -> Digest:
    """One digest of the whole file behind `fd`."""
    return Digests(fd, size, [algorithm]).finish(check)[0]
