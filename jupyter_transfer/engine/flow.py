"""Segments of a remote file in memory, and the answers that bring them (see `inflow`)."""

from __future__ import annotations

from .plan import Remote
from .transport import Exchange


class Segment:
    """The bytes from `start` up to and without `end`, as far as they have come in."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.position = start
        """Where the next byte goes."""
        self.flow: Flow | None = None
        """What brings it now."""
        self.sent = False
        self._data: memoryview | None = None

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def full(self) -> bool:
        """Whether all of it is there."""
        return self.position == self.end

    @property
    def untouched(self) -> bool:
        """Whether nothing of it is there, or on its way."""
        return self.flow is None and self.position == self.start

    @property
    def written(self) -> memoryview:
        """What is there."""
        return self.read(self.start, self.position - self.start)

    def write(self, data: memoryview) -> int:
        """Take in as much of `data` as there is room for; how much."""
        if self._data is None:
            self._data = memoryview(bytearray(len(self)))
        count = min(len(data), self.end - self.position)
        begin = self.position - self.start
        self._data[begin : begin + count] = data[:count]
        self.position += count
        return count

    def read(self, offset: int, count: int) -> memoryview:
        """At most `count` of the bytes from `offset` on."""
        if self._data is None:
            return memoryview(b"")
        begin, end = offset - self.start, self.position - self.start
        return self._data[begin : min(end, begin + count)]


class Flow:
    """One request, by what is known of `remote`, that brings a segment and those that follow on
    it."""

    exchange: Exchange

    def __init__(self, segment: Segment, remote: Remote) -> None:
        self.segment = segment
        self.remote = remote
        self.began = segment.position
        self.verdict: str | None = None
        self._claimed: list[Segment] = []
        self.claim(segment)

    @property
    def position(self) -> int:
        """Where its next byte goes."""
        return self.segment.position

    @property
    def finished(self) -> bool:
        """Whether it has brought all that it was to bring."""
        return all(segment.full for segment in self._claimed)

    def claim(self, segment: Segment) -> None:
        """Nobody else is to bring `segment`."""
        segment.flow = self
        self._claimed.append(segment)

    def go_to(self, segment: Segment) -> None:
        """Go on with `segment`."""
        if segment.flow is not self:
            self.claim(segment)
        self._claimed = [one for one in self._claimed if not one.full]
        self.segment = segment

    def leave(self) -> None:
        """Others may bring what is still missing."""
        for segment in self._claimed:
            segment.flow = None
