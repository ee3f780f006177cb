"""Which bytes of an archive have left, in however many answers."""

from __future__ import annotations

Span = list[int]
"""First byte and end of what one answer has sent; its end grows."""


class Coverage:
    """The union of all spans."""

    def __init__(self) -> None:
        self._ended: list[Span] = []
        """Disjoint and in order."""
        self._growing: list[Span] = []

    def begin(self, start: int) -> Span:
        """A new span at `start`; whoever sends bytes moves its end."""
        span = [start, start]
        self._growing.append(span)
        return span

    def end(self, span: Span) -> None:
        """The span grows no more."""
        self._growing = [other for other in self._growing if other is not span]
        self._ended = _union([*self._ended, span])

    def total(self) -> int:
        """Bytes that lie in at least one span."""
        return sum(end - start for start, end in _union(self._ended + self._growing))


def _union(spans: list[Span]) -> list[Span]:
    union: list[Span] = []
    for start, end in sorted(spans):
        if union and start <= union[-1][1]:
            union[-1] = [union[-1][0], max(end, union[-1][1])]
        else:
            union.append([start, end])
    return union
