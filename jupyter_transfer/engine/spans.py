"""Which parts of a file are there: a set of half-open spans of offsets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

Span = tuple[int, int]


class Spans:
    """Disjoint spans in order; those that touch are one."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for start, end in spans:
            self.add(start, end)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def total(self) -> int:
        """Bytes that are there."""
        return sum(end - start for start, end in self._spans)

    @property
    def prefix(self) -> int:
        """Bytes that are there from the first one on."""
        spans = self._spans[:1]  # another thread may add to it
        return spans[0][1] if spans and spans[0][0] == 0 else 0

    def add(self, start: int, end: int) -> None:
        """Bytes from `start` up to and without `end` are there now."""
        if start >= end:
            return
        spans = self._spans
        first = bisect_left(spans, (start, start))
        if first and spans[first - 1][1] >= start:
            first -= 1
        last = first
        while last < len(spans) and spans[last][0] <= end:
            start, end = min(start, spans[last][0]), max(end, spans[last][1])
            last += 1
        spans[first:last] = [(start, end)]

    def remove(self, start: int, end: int) -> None:
        """Bytes from `start` up to and without `end` are not there any more."""
        left = [(first, min(last, start)) for first, last in self._spans if first < start]
        right = [(max(first, end), last) for first, last in self._spans if last > end]
        self._spans = [*left, *right]

    def has(self, start: int, end: int) -> bool:
        """Whether all bytes from `start` up to and without `end` are there."""
        return any(first <= start and end <= last for first, last in self._spans)

    def gaps(self, size: int) -> list[Span]:
        """What is missing of a file of `size` bytes."""
        missing, position = [], 0
        for start, end in self._spans:
            if start >= size:
                break
            if start > position:
                missing.append((position, start))
            position = end
        if position < size:
            missing.append((position, size))
        return missing

    def cut(self, size: int) -> Spans:
        """The same without what lies behind `size`."""
        return Spans((start, min(end, size)) for start, end in self._spans if start < size)
