"""The central directory of a ZIP archive (APPNOTE 6.3.10, sections 4.3.12 to 4.3.16), read piece by
piece: an archive of a million entries takes no more memory than one of ten.

Python's `zipfile` keeps all of it in memory, and gives the archive up where a single entry is
malformed; here that entry carries its error.
"""

from __future__ import annotations

import struct
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ..errors import TransferError
from .charsets import decode_name
from .decompression import truncated
from .packed import ArchiveFile, damaged

_WINDOW = 1 << 20
_END = struct.Struct("<IHHHHIIH")
_END64_LOCATOR = struct.Struct("<IIQI")
_END64 = struct.Struct("<IQHHIIQQQQ")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_MAX_COMMENT = 0xFFFF
_LIMIT_16, _LIMIT_32 = 0xFFFF, 0xFFFFFFFF
_UTF8, ENCRYPTED = 1 << 11, 1 | 1 << 6 | 1 << 13
_NTFS_EPOCH = 11_644_473_600
LOCAL_SIZE = 30


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the directory."""

    raw: bytes
    """Its name, as it stands there."""
    name: str
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    offset: int
    """Of its local header, from the beginning of the file."""
    attributes: int
    mtime_ns: int | None
    error: TransferError | None

    @property
    def mode(self) -> int:
        """Mode bits of Unix; 0 where the archive states none."""
        return self.attributes >> 16


class Directory:
    """The directory of `file`. Raises ``bad_archive``."""

    def __init__(self, file: ArchiveFile, charset: str | None = None) -> None:
        self._file = file
        self._charset = charset
        self.count, self._size, start, end = _find(file)
        self.shift = end - self._size - start
        """What stands before the archive in its file, such as a program that unpacks it."""
        self.start = start + self.shift
        if self.shift < 0:
            raise truncated()

    def __iter__(self) -> Iterator[Record]:
        """All entries, in the order of the directory. Raises ``bad_archive``, ``changed``."""
        position, end = self.start, self.start + self._size
        window, base = b"", position
        while position < end:
            at = position - base
            if len(window) - at < _CENTRAL.size + 3 * _LIMIT_16 and base + len(window) < end:
                window, base, at = self._file.read(_WINDOW, position), position, 0
            if len(window) - at < _CENTRAL.size:
                raise truncated()
            record, length = self._record(window, at)
            position += length
            if position > end:
                raise damaged("The directory of the archive is damaged.")
            yield record

    def _record(self, window: bytes, at: int) -> tuple[Record, int]:
        fields = _CENTRAL.unpack_from(window, at)
        signature, _, _, flags, method, clock, day, crc, packed, size, *rest = fields
        name_size, extra_size, comment_size, _, _, attributes, offset = rest
        if signature != 0x02014B50:
            raise damaged("The directory of the archive is damaged.")
        start = at + _CENTRAL.size
        raw = window[start : start + name_size]
        extra = window[start + name_size : start + name_size + extra_size]
        error, times, name = None, None, None
        try:
            for tag, value in _fields(extra):
                if tag == 0x0001:
                    packed, size, offset = _zip64(value, packed, size, offset)
                elif tag == 0x7075 and name is None:
                    name = _unicode_path(value, raw)
                elif tag in (0x5455, 0x000A):
                    times = _mtime(tag, value) if tag == 0x5455 or times is None else times
        except (struct.error, ValueError):
            error = damaged("Its extra fields are damaged.")
        if name is None or self._charset is not None:
            name = self._name(raw, flags)
        if "\0" in name:
            error = TransferError("invalid_path", "Its name holds a NUL character.")
        if times is None:
            times = _dos_time(clock, day)
        record = Record(
            raw, name, flags, method, crc, packed, size, offset + self.shift, attributes, times,
            error,
        )  # fmt: skip
        return record, _CENTRAL.size + name_size + extra_size + comment_size

    def _name(self, raw: bytes, flags: int) -> str:
        return raw.decode("utf-8", "replace") if flags & _UTF8 else decode_name(raw, self._charset)

    def survey(self, each: Callable[[Record], None]) -> None:
        """Tell `each` record, and prove that no two share bytes: where they do, a small file can
        become any number of large ones. Raises ``bad_archive``, what `each` raises."""
        starts, ends = array("Q"), array("Q")
        in_order, last = True, 0
        for record in self:
            each(record)
            end = record.offset + LOCAL_SIZE + len(record.raw) + record.packed_size
            if end > self.start:
                raise damaged("An entry of the archive lies outside of it.")
            in_order = in_order and record.offset >= last
            last = end
            starts.append(record.offset)
            ends.append(end)
        if in_order:
            return
        spans = sorted(zip(starts, ends, strict=True))
        if any(first[1] > second[0] for first, second in pairwise(spans)):
            raise damaged("Entries of the archive overlap.")


def _find(file: ArchiveFile) -> tuple[int, int, int, int]:
    """Entries and bytes of the directory, where it says it begins, and where it ends."""
    base = max(0, file.size - _END.size - _MAX_COMMENT - _END64_LOCATOR.size)
    tail = file.read(file.size - base, base)
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        if len(tail) - at >= _END.size:
            break
        at = tail.rfind(b"PK\5\6", 0, at)
    if at < 0:
        raise truncated()
    _, disk, first, _, count, size, start, _ = _END.unpack_from(tail, at)
    end, locator = base + at, at - _END64_LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\6\7":
        _, _, where, _ = _END64_LOCATOR.unpack_from(tail, locator)
        end = base + locator - _END64.size
        for candidate in (where, end):  # the second where something stands before the archive
            record = file.read(_END64.size, candidate) if candidate < file.size else b""
            if record[:4] == b"PK\6\6" and len(record) == _END64.size:
                *_, disk, first, _, count, size, start = _END64.unpack(record)
                end = candidate
                break
        else:
            raise damaged("The end of the archive is damaged.")
    if disk or first:
        raise damaged("It is one of several volumes; put them together first.")
    return count, size, start, end


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        yield tag, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _zip64(value: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """What did not fit into 32 bits (4.5.3), in the order in which it is missing there."""
    at = 0
    values = []
    for number in (size, packed, offset):
        if number == _LIMIT_32:
            (number,) = struct.unpack_from("<Q", value, at)  # noqa: PLW2901
            at += 8
        values.append(number)
    if max(values) >= 1 << 63:
        raise ValueError
    return values[1], values[0], values[2]


def _unicode_path(value: bytes, raw: bytes) -> str | None:
    """The name in UTF-8 (4.6.9), if it is that of this entry."""
    version, crc = struct.unpack_from("<BI", value)
    if version != 1 or crc != zlib.crc32(raw):
        return None
    return value[5:].decode("utf-8", "replace")


def _mtime(tag: int, value: bytes) -> int | None:
    """Time of the last change in nanoseconds: of Unix (0x5455), or of NTFS (0x000a)."""
    if tag == 0x5455:
        return struct.unpack_from("<i", value, 1)[0] * 10**9 if value[0] & 1 else None
    inner, size, mtime = struct.unpack_from("<HHQ", value, 4)
    if (inner, size) != (1, 24) or not mtime:
        return None
    return int(mtime * 100 - _NTFS_EPOCH * 10**9)


def _dos_time(clock: int, day: int) -> int | None:
    """MS-DOS's time of day and date (4.4.6), taken for local time as other programs do."""
    date = (1980 + (day >> 9), day >> 5 & 15, day & 31)
    try:
        moment = (*date, clock >> 11, clock >> 5 & 63, (clock & 31) * 2, 0, 0, -1)
        return int(time.mktime(moment)) * 10**9 if day else None
    except (OverflowError, ValueError):
        return None
