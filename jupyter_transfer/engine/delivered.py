"""What earlier jobs delivered from a source: a million rows that need not be in memory.

The rows lie in a file without a name, one a line. Of each only eight bytes stay in memory: where
it begins, under a hash of its path. The path in the row itself decides.
"""

from __future__ import annotations

import json
import os
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import from_os_error
from ..parts import scratch_file

Row = Mapping[str, Any]
"""path, source, size, mtime_ns, digest, validators; `sure` where the same job was here before."""

_OFFSET_BITS = 40
_PIECE = 1024
_FLUSH = 1 << 20


class Delivered:
    """Rows by their path; the one that was added last counts. `close` it.

    Parameters
    ----------
    source: rows of other sources are left out.
    """

    def __init__(self, source: str, rows: Iterable[Row] = ()) -> None:
        self._source = source
        self._fd = -1
        self._pending = bytearray()
        self._end = 0
        self._index = array("Q")
        self._sorted = True
        self.extend(rows)

    @classmethod
    def of(cls, source: str, rows: Delivered | Iterable[Row]) -> Delivered:
        """`rows` themselves if they are such already, else new ones."""
        return rows if isinstance(rows, Delivered) else cls(source, rows)

    def __del__(self) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._index)

    def extend(self, rows: Iterable[Row]) -> None:
        """Add `rows`. Raises ``disk_full`` and others."""
        for row in rows:
            if row["source"] != self._source:
                continue
            line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
            self._index.append(_key(row["path"]) << _OFFSET_BITS | self._end)
            self._pending += line
            self._end += len(line)
            self._sorted = False
            if len(self._pending) >= _FLUSH:
                self._flush()

    def get(self, path: str) -> Row | None:
        """The row of `path`; None when there is none."""
        if not self._index:
            return None
        if not self._sorted:
            self._flush()
            self._index = array("Q", sorted(self._index))
            self._sorted = True
        key, found = _key(path), None
        at = bisect_left(self._index, key << _OFFSET_BITS)
        while at < len(self._index) and self._index[at] >> _OFFSET_BITS == key:
            row = self._read(self._index[at] & ((1 << _OFFSET_BITS) - 1))
            found = row if row["path"] == path else found
            at += 1
        return found

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._index = array("Q")
        self._pending.clear()

    def _flush(self) -> None:
        try:
            if self._fd < 0:
                self._fd = scratch_file()
            view = memoryview(self._pending)
            while view:
                view = view[os.write(self._fd, view) :]
            view.release()
        except OSError as error:
            raise from_os_error(error) from None
        self._pending = bytearray()

    def _read(self, offset: int) -> dict[str, Any]:
        line = b""
        while b"\n" not in line:
            piece = os.pread(self._fd, _PIECE, offset + len(line))
            if not piece:
                break
            line += piece
        row: dict[str, Any] = json.loads(line.partition(b"\n")[0])
        return row


def _key(path: str) -> int:
    return zlib.crc32(path.encode("utf-8", "surrogatepass")) & 0xFFFFFF
