"""Rows that may be too many for the memory: in the order in which they came, or sorted.

They lie in a file without a name, one a line of JSON.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import TransferError, from_os_error
from ...parts import scratch_file
from ...records import write_all

RUN = 50_000
"""Rows that are sorted in memory at a time."""

_FLUSH = 1 << 20
_PIECE = 256 << 10

Row = list[Any]


class Spool:
    """Rows in the order in which they were added. `close` it."""

    def __init__(self) -> None:
        self._fd = -1
        self._pending = bytearray()
        self._end = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        return map(json.loads, self.lines(0, self._end + len(self._pending)))

    def __del__(self) -> None:
        self.close()

    def add(self, row: Row) -> None:
        """One more. Raises ``disk_full`` and others."""
        self.add_lines([as_line(row)])

    def add_lines(self, lines: Iterable[bytes]) -> tuple[int, int]:
        """More rows, each as a line; where they begin and end."""
        start = self._end + len(self._pending)
        for line in lines:
            self._pending += line
            self._count += 1
            if len(self._pending) >= _FLUSH:
                self._flush()
        return start, self._end + len(self._pending)

    def lines(self, start: int, end: int) -> Iterator[bytes]:
        """The lines between two places of the file."""
        self._flush()
        rest = b""
        while start < end:
            piece = os.pread(self._fd, min(_PIECE, end - start), start)
            if not piece:
                raise TransferError("io_error", "The disk lost what was written for a while.")
            start += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._pending.clear()

    def _flush(self) -> None:
        if not self._pending:
            return
        try:
            if self._fd < 0:
                self._fd = scratch_file()
            os.lseek(self._fd, 0, os.SEEK_END)
            write_all(self._fd, self._pending)
        except OSError as error:
            raise from_os_error(error) from None
        self._end += len(self._pending)
        self._pending = bytearray()


class Sorted:
    """Rows by their first value, a path (see `in_order`): runs of `RUN` rows are sorted in memory,
    and merged when they are read (external merge sort). `close` it."""

    def __init__(self) -> None:
        self._run: list[tuple[str, bytes]] = []
        self._spool = Spool()
        self._runs: list[tuple[int, int]] = []

    def add(self, row: Row) -> None:
        """One more. Raises ``disk_full`` and others."""
        self._run.append((in_order(row[0]), as_line(row)))
        if len(self._run) >= RUN:
            self._put_away()

    def __iter__(self) -> Iterator[Row]:
        if not self._runs:
            self._run.sort()
            return (json.loads(line) for _, line in self._run)
        if self._run:
            self._put_away()
        return heapq.merge(*map(self._read, self._runs), key=lambda row: in_order(row[0]))

    def close(self) -> None:
        """Give the memory and the file back."""
        self._run.clear()
        self._spool.close()

    def _put_away(self) -> None:
        self._run.sort()
        self._runs.append(self._spool.add_lines(line for _, line in self._run))
        self._run = []

    def _read(self, run: tuple[int, int]) -> Iterator[Row]:
        return map(json.loads, self._spool.lines(*run))


_SWAPPED = {ord("/"): "\0", 0: "/"}


def in_order(path: str) -> str:
    """What paths are sorted by: right after a path comes what lies below it, before ``path-x``."""
    return path.translate(_SWAPPED) if "\0" in path else path.replace("/", "\0")


def as_line(row: Row) -> bytes:
    """`row` as a line of JSON."""
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"
