"""Digests of bytes that come by once: of a file that cannot be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..backends.base import Digest
from ..backends.sink import Span
from . import sums
from .partsums import PartDigests


class SumsOnWay:
    """Digests (names of `sums`) of the bytes from `start` to `end`; those that this machine cannot
    compute are left out.

    Parameters
    ----------
    of_parts: digests that are made of those of the pieces that were sent; see `piece`.
    """

    def __init__(
        self,
        end: int,
        algorithms: Iterable[str],
        start: int = 0,
        *,
        of_parts: Iterable[str] = (),
    ) -> None:
        self._algorithms = sorted({name for name in algorithms if sums.known(name)})
        self._parts = [PartDigests(name, end) for name in of_parts if sums.known(name)]
        self._start = start
        self._end = end
        self.restart()

    def restart(self) -> None:
        """Begin again with the first byte."""
        self._sums = {name: sums.new(name, self._end - self._start) for name in self._algorithms}
        self.position = self._start
        """The offset of the byte that comes next."""

    @property
    def active(self) -> bool:
        """Whether there is anything to sum up."""
        return bool(self._sums)

    def give_up(self) -> None:
        """The byte that comes next will never come by."""
        self._sums = {}

    def feed(self, offset: int, data: memoryview) -> None:
        """Take in `data`, which stands at `offset`, if it goes on where the last piece ended."""
        new = offset + len(data) - self.position
        if self._sums and offset <= self.position and new > 0:
            for total in self._sums.values():
                total.update(data[len(data) - new :])
            self.position += new

    def piece(self, span: Span, digest: Digest | None) -> None:
        """`digest` is that of the bytes of `span`, which the service has."""
        if digest is not None:
            for parts in self._parts:
                parts.take(span, digest)

    def finish(self, check: Callable[[], None]) -> list[Digest]:
        """The digests; none unless all bytes came by."""
        found = [digest for parts in self._parts if (digest := parts.digest()) is not None]
        if self.position < self._end:
            return found
        return [Digest(name, total.hexdigest()) for name, total in self._sums.items()] + found
