"""The MD5 of the MD5s of the parts of a file, see `jupyter_transfer.backends.etags`: parts can be
hashed side by side, and in any order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from ..backends.base import Digest
from ..backends.etags import PART_ALGORITHM, part_length
from ..backends.sink import Span


class PartsSum:
    """The running checksum of a file that comes in order, as hashlib's."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._left = length
        self._part = _md5()
        self._whole = _md5()
        self._parts = 0

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""
        while data:
            if not self._left:
                self._close_part()
            piece = data[: self._left]
            self._part.update(piece)
            self._left -= len(piece)
            data = data[len(piece) :]

    def _close_part(self) -> None:
        self._whole.update(self._part.digest())
        self._parts += 1
        self._part = _md5()
        self._left = self._length

    def hexdigest(self) -> str:
        """The checksum of all bytes so far, in lower case."""
        whole = self._whole.copy()
        whole.update(self._part.digest())
        return f"{whole.hexdigest()}-{self._parts + 1}"


class PartDigests:
    """The checksum `algorithm` of a file of `size` bytes, made of the MD5s of its parts."""

    def __init__(self, algorithm: str, size: int) -> None:
        length = part_length(algorithm)
        assert length is not None
        self._algorithm = algorithm
        self._size = size
        self._length = length
        self._values: list[bytes | None] = [None] * max(1, -(-size // length))

    def take(self, span: Span, digest: Digest) -> None:
        """`digest` is that of `span`; one of anything but a part is left out."""
        number, within = divmod(span[0], self._length)
        if digest.algorithm == PART_ALGORITHM and not within and span == self._span(number):
            self._values[number] = bytes.fromhex(digest.value)

    def parts_of(self, span: Span) -> Iterator[tuple[int, Span]]:
        """The numbers, from 0 on, and the spans of the parts that `span` touches."""
        first, behind = span[0] // self._length, -(-span[1] // self._length)
        return ((number, self._span(number)) for number in range(first, behind))

    def _span(self, number: int) -> Span:
        start = number * self._length
        return start, min(start + self._length, self._size)

    def missing(self) -> Iterator[Span]:
        """The parts whose MD5 is not known."""
        return (self._span(number) for number, value in enumerate(self._values) if value is None)

    def digest(self) -> Digest | None:
        """The digest of the file; None while a part is `missing`."""
        whole = _md5()
        for value in self._values:
            if value is None:
                return None
            whole.update(value)
        return Digest(self._algorithm, f"{whole.hexdigest()}-{len(self._values)}")


def _md5() -> Any:
    return hashlib.new(PART_ALGORITHM, usedforsecurity=False)
