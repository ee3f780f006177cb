"""The MD5s of the parts of a file while it is being fetched: of the bytes in memory, on their way
to the disk, in threads of its own, several parts side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from ..backends.base import Digest
from ..backends.etags import PART_ALGORITHM
from ..backends.sink import Span
from . import sums
from .digests import Digests
from .partsums import PartDigests

THREADS = max(1, min(4, os.cpu_count() or 1))
"""Parts that are hashed at a time, at most."""


@dataclass
class _Part:
    """A part of which all bytes in front of `position` are in `sum`."""

    sum: Any
    position: int


@dataclass(frozen=True)
class _Piece:
    span: Span
    offset: int
    data: memoryview
    release: Callable[[], None]


class _Line:
    """What one thread is to hash."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[_Piece | None] = SimpleQueue()
        self.backlog = 0
        self._lock = threading.Lock()

    def put(self, piece: _Piece) -> None:
        with self._lock:
            self.backlog += len(piece.data)
        self.queue.put(piece)

    def done(self, piece: _Piece) -> None:
        with self._lock:
            self.backlog -= len(piece.data)


class PartHasher:
    """The digest `algorithm` of a file of `size` bytes behind `fd`; `close` it, then `finish`.

    A part whose bytes do not come in order is read from the file in the end.
    """

    def __init__(self, fd: int, algorithm: str, size: int) -> None:
        self.algorithm = algorithm
        self._fd = fd
        self._digests = PartDigests(algorithm, size)
        self._lines = [_Line() for _ in range(THREADS)]
        self._line_of: dict[int, _Line] = {}
        self._threads = [
            threading.Thread(target=self._work, args=(line,), name="parts", daemon=True)
            for line in self._lines
        ]
        for thread in self._threads:
            thread.start()

    @property
    def backlog(self) -> int:
        """Bytes that were put and are not hashed yet."""
        return sum(line.backlog for line in self._lines)

    def put(
        self, data: memoryview, offset: int, hold: Callable[[], None], release: Callable[[], None]
    ) -> None:
        """Hash `data`, which stands at `offset`; it stays as it is until `release` was called as
        often as `hold`."""
        end = offset + len(data)
        for number, span in self._digests.parts_of((offset, end)):
            start, stop = max(offset, span[0]), min(end, span[1])
            hold()
            piece = _Piece(span, start, data[start - offset : stop - offset], release)
            self._line_for(number, start == span[0], stop == span[1]).put(piece)

    def _line_for(self, number: int, first: bool, last: bool) -> _Line:
        """The line of a part: the shortest when it begins, and the same until it ends."""
        line = None if first else self._line_of.get(number)
        if line is None:
            line = self._line_of[number] = min(self._lines, key=lambda one: one.backlog)
        if last:
            del self._line_of[number]
        return line

    def close(self) -> None:
        """Hash what was put, and end the threads."""
        for line in self._lines:
            line.queue.put(None)
        for thread in self._threads:
            thread.join()

    def finish(self, size: int, check: Callable[[], None]) -> str | None:
        """The digest in hex; parts that did not come in order are read. `check` is called between
        the pieces and may raise. Raises ``changed`` for a file that ends before it, ``io_error``.
        """
        for span in self._digests.missing():
            part = Digests(self._fd, span[1], [PART_ALGORITHM], span[0])
            self._digests.take(span, part.finish(check)[0])
        digest = self._digests.digest()
        return None if digest is None else digest.value

    def _work(self, line: _Line) -> None:
        parts: dict[Span, _Part] = {}
        while (piece := line.queue.get()) is not None:
            self._hash(parts, piece)
            piece.release()
            line.done(piece)

    def _hash(self, parts: dict[Span, _Part], piece: _Piece) -> None:
        start, end = piece.span
        if piece.offset == start:
            parts[piece.span] = _Part(sums.new(PART_ALGORITHM, end - start), start)
        part = parts.get(piece.span)
        if part is None or part.position != piece.offset:
            parts.pop(piece.span, None)
            return
        part.sum.update(piece.data)
        part.position += len(piece.data)
        if part.position == end:
            del parts[piece.span]
            self._digests.take(piece.span, Digest(PART_ALGORITHM, part.sum.hexdigest()))
