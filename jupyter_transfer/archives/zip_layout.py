"""Where every byte of a ZIP archive stands, and what the bytes between the files are.

Pure functions of a manifest; nothing is read. Members are stored, not deflated: what people
download is mostly compressed already, and only so the length, and with it resuming, is exact.
PKWARE APPNOTE 6.3.10, section numbers below.

- A file up to `CRC_AHEAD` bytes has its CRC-32 in the local header, which every reader takes. A
  larger one carries it behind its data (4.3.9), so that nothing is read twice.
- Zip64 (4.5.3) by size and offset alone: the layout must not depend on what is read.
- Names are UTF-8 and say so (4.4.4, bit 11); folders have members of their own, also empty ones.
- Times: DOS time in UTC for old readers, 0x5455 in UTC seconds for all others.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import time
from array import array
from bisect import bisect_right

from .manifest import Manifest, Member

CRC_AHEAD = 64 << 20
"""Files of at most so many bytes are summed before they are sent."""

_LIMIT_32 = 0xFFFFFFFF
_LIMIT_16 = 0xFFFF
_UNIX = 3 << 8
_UTF8 = 1 << 11
_DESCRIPTOR = 1 << 3
_FOLDER_ATTRIBUTE = 0x10

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END64 = struct.Struct("<IQHHIIQQQQ")
_END64_LOCATOR = struct.Struct("<IIQI")
_END = struct.Struct("<IHHHHIIH")


def has_descriptor(member: Member) -> bool:
    """Whether the CRC-32 of `member` stands behind its data."""
    return member.size > CRC_AHEAD


def _is_zip64(member: Member) -> bool:
    return member.size >= _LIMIT_32


def _flags(member: Member) -> int:
    return _UTF8 | (_DESCRIPTOR if has_descriptor(member) else 0)


_DOS_TIMES = (315_532_800, 4_354_819_198)
"""1980-01-01 00:00:00 and 2107-12-31 23:59:58 in seconds since 1970."""


def _dos_time(member: Member) -> tuple[int, int]:
    """Time and date of MS-DOS (4.4.6), the nearest that it can say."""
    first, last = _DOS_TIMES
    seconds = min(max(member.mtime_ns // 10**9, first), last)
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def _time_field(member: Member) -> bytes:
    """The "UT" extra field; left out where 32 bits do not hold the time (after 2038)."""
    seconds = member.mtime_ns // 10**9
    if not -(2**31) <= seconds < 2**31:
        return b""
    return struct.pack("<HHBi", 0x5455, 5, 1, seconds)


def _zip64_field(*values: int) -> bytes:
    if not values:
        return b""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def local_header(member: Member, crc: int) -> bytes:
    """What stands before the data of `member` (4.3.7). `crc` is ignored where it comes behind.

    The sizes are given even then: a reader that streams needs them to find the end.
    """
    name = member.name.encode()
    zip64 = _is_zip64(member)
    extra = _time_field(member)
    if zip64:
        extra += _zip64_field(member.size, member.size)
    size = _LIMIT_32 if zip64 else member.size
    return (
        _LOCAL.pack(
            0x04034B50,
            45 if zip64 else 20,
            _flags(member),
            0,
            *_dos_time(member),
            0 if has_descriptor(member) else crc,
            size,
            size,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def descriptor(member: Member, crc: int) -> bytes:
    """What stands behind the data of `member` (4.3.9); nothing for smaller files."""
    if not has_descriptor(member):
        return b""
    form = "<IIQQ" if _is_zip64(member) else "<IIII"
    return struct.pack(form, 0x08074B50, crc, member.size, member.size)


def central_header(member: Member, crc: int, offset: int) -> bytes:
    """The entry of `member` in the central directory (4.3.12); its local header is at `offset`."""
    name = member.name.encode()
    zip64 = _is_zip64(member)
    far = offset >= _LIMIT_32
    sizes = (member.size, member.size) if zip64 else ()
    extra = _time_field(member) + _zip64_field(*sizes, *((offset,) if far else ()))
    size = _LIMIT_32 if zip64 else member.size
    kind = stat.S_IFDIR if member.is_folder else stat.S_IFREG
    version = 45 if zip64 or far else 20
    return (
        _CENTRAL.pack(
            0x02014B50,
            _UNIX | version,
            version,
            _flags(member),
            0,
            *_dos_time(member),
            crc,
            size,
            size,
            len(name),
            len(extra),
            0,
            0,
            0,
            (kind | member.mode) << 16 | (_FOLDER_ATTRIBUTE if member.is_folder else 0),
            _LIMIT_32 if far else offset,
        )
        + name
        + extra
    )


def end_records(count: int, offset: int, size: int) -> bytes:
    """The end of the archive (4.3.14 to 4.3.16): `count` members, the central directory of `size`
    bytes at `offset`."""
    records = b""
    if count >= _LIMIT_16 or offset >= _LIMIT_32 or size >= _LIMIT_32:
        records = _END64.pack(
            0x06064B50, 44, _UNIX | 45, 45, 0, 0, count, count, size, offset
        ) + _END64_LOCATOR.pack(0x07064B50, 0, offset + size, 1)
    short = min(count, _LIMIT_16)
    return records + _END.pack(
        0x06054B50, 0, 0, short, short, min(size, _LIMIT_32), min(offset, _LIMIT_32), 0
    )


class ZipLayout:
    """The places of all members of `manifest`; sizes and offsets in bytes."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.offsets = array("Q")
        """Where each member's local header begins."""
        position = directory = 0
        identity = hashlib.sha256(b"zip store 1\0")
        for index, member in enumerate(manifest.members):
            if index % 64 == 0:
                time.sleep(0)  # lets the server's loop have the interpreter at once, not after 5 ms
            self.offsets.append(position)
            directory += len(central_header(member, 0, position))
            position += len(local_header(member, 0)) + member.size + len(descriptor(member, 0))
            identity.update(repr((member.name, member.mode, member.identity)).encode())
        self.directory_offset = position
        """Where the central directory begins."""
        self.directory_size = directory
        self.size = position + directory + len(self.end())
        """Bytes of the whole archive."""
        self.etag = f'"{identity.hexdigest()[:32]}"'
        """Strong entity tag: equal only if every byte of the archive is."""

    def end(self) -> bytes:
        """The records after the central directory."""
        return end_records(len(self.offsets), self.directory_offset, self.directory_size)

    def member_at(self, offset: int) -> int:
        """Index of the member to which the byte at `offset` belongs; their number if it lies in
        the central directory or behind."""
        if offset >= self.directory_offset:
            return len(self.offsets)
        return bisect_right(self.offsets, offset) - 1
