"""Two files of one listing that would land under one name: the second is told, never lost.

What counts as one name is the file system's to say: some take upper and lower case, or the ways
to compose an accented letter, for the same.
"""

from __future__ import annotations

import unicodedata
from array import array

_FULL = 0.6
_MASK = (1 << 64) - 1


class Names:
    """The names that a job has given so far, sixteen bytes or so each, be they a million.

    Only a 64-bit hash of each is kept: two names that differ are taken for one with a probability
    of 1 to 30 million among a million.

    Parameters
    ----------
    case, form: whether the file system ignores upper and lower case, or composition.
    """

    def __init__(self, *, case: bool = False, form: bool = False) -> None:
        self._case, self._form = case, form
        self._table = array("Q", bytes(8 * 1024))
        self._count = 0

    def take(self, path: str) -> bool:
        """Take the name `path`; False when it, or its twin, is taken already."""
        return self._add(hash(self._folded(path)) & _MASK or 1)

    def __contains__(self, path: str) -> bool:
        """Whether the name `path`, or its twin, is taken."""
        return not _insert(self._table, hash(self._folded(path)) & _MASK or 1, dry=True)

    def _folded(self, path: str) -> str:
        if self._form or self._case:
            path = unicodedata.normalize("NFC", path) if self._form else path
            path = path.casefold() if self._case else path
        return path

    def _add(self, value: int) -> bool:
        if self._count >= _FULL * len(self._table):
            self._grow()
        if not _insert(self._table, value):
            return False
        self._count += 1
        return True

    def _grow(self) -> None:
        table = array("Q", bytes(16 * len(self._table)))
        for value in self._table:
            if value:
                _insert(table, value)
        self._table = table


def _insert(table: array[int], value: int, *, dry: bool = False) -> bool:
    """Put `value` into `table`; False when it is there. If `dry`, only look."""
    size = len(table)
    at = value % size
    while table[at]:
        if table[at] == value:
            return False
        at = (at + 1) % size
    if not dry:
        table[at] = value
    return True
