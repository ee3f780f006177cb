"""The members of a tar stream of which the front may be all that has arrived.

The subset that packs are made of: POSIX ustar headers, pax extended headers (``x``) for what does
not fit them (POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"), files,
folders, two zero blocks at the end. Pure: bytes come from a callable, nothing is opened. A stream
that contradicts itself is an error of the whole; a member that merely cannot be taken carries its
own error, and the next one can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import TransferError
from ..names import CONFLICTS, Conflict

BLOCK = 512
MAX_PAX = 64 << 10
"""Bytes in the extended headers of one member."""
WINDOW = 1 << 20
"""Bytes that are read at a time."""

_ZERO = bytes(BLOCK)
_LARGEST = 2**63 - 1
_TIME = re.compile(rb"(-?)([0-9]{1,12})(?:\.([0-9]*))?")
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # years 1 to 9999
_SHA256 = re.compile(rb"[0-9a-f]{64}")

_EXTENDED, _GLOBAL = b"x", b"g"
_FILES = (b"0", b"\0", b"7")
_FOLDER = b"5"
_REFUSED = {b"1": "a link", b"2": "a link", b"3": "a device", b"4": "a device", b"6": "a pipe"}


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a tar stream."""

    kind: Literal["file", "folder", "refused"]
    name: str
    """As it was sent; not checked."""
    data: int
    """Where its bytes begin in the stream."""
    size: int
    end: int
    """Where the next member begins."""
    mtime_ns: int
    sha256: str | None
    conflict: Conflict | None
    error: TransferError | None
    """Why it cannot be taken, whatever stands on the disk."""


class TarReader:
    """Reads the members of a stream one by one.

    Parameters
    ----------
    source: gives so many bytes from a position of the stream on.
    position: where a member begins: 0, or the `position` of an earlier reader.
    """

    def __init__(self, source: Callable[[int, int], bytes], position: int = 0) -> None:
        self.position = position
        """Where the next member begins."""
        self.ended = False
        """Whether the end of the archive was read."""
        self._source = source
        self._window = b""
        self._base = 0  # where the window begins in the stream

    def seek(self, position: int) -> None:
        """Go on at the member that begins at `position`; bytes that were read ahead are read
        again."""
        self.position = position
        self.ended = False
        self._window = b""

    def next(self, limit: int, length: int | None) -> Member | None:
        """The next member if all of it stands before `limit`; None if it does not, or `ended`.

        `length` is that of the whole stream, if it is known. Raises ``bad_request`` when the
        stream is no such tar, or when a member does not fit into it.
        """
        position = self.position
        pax: dict[bytes, bytes] = {}
        while not self.ended and self._has(position, BLOCK, limit, length):
            header = self.read(position, BLOCK, limit)
            if header == _ZERO:
                self._end(position, limit, length)
                break
            _check(header, position)
            kind, size = header[156:157], _number(header[124:136], position)
            data = position + BLOCK
            if kind in (_EXTENDED, _GLOBAL):
                if size > MAX_PAX:
                    raise _malformed(position, "its extended header is too long")
                if not self._has(data, _padded(size), limit, length):
                    break
                if kind == _EXTENDED:  # what is said of all members concerns none of ours
                    pax = _parse_pax(self.read(data, size, limit), position)
                position = data + _padded(size)
                continue
            if kind not in _FILES:
                size = 0  # as every tar has it
            elif pax.get(b"size"):
                size = _decimal(pax[b"size"], position)
            if not self._has(data, _padded(size), limit, length):
                break
            if kind not in (*_FILES, _FOLDER, *_REFUSED):
                raise _malformed(position, "it is of an unknown kind")
            self.position = data + _padded(size)
            return _member(header, pax, data, size)
        return None

    def read(self, position: int, size: int, limit: int) -> bytes:
        """`size` bytes from `position` on, all of which must stand before `limit`."""
        start = position - self._base
        if start < 0 or start + size > len(self._window):
            count = min(max(size, WINDOW), limit - position)
            self._window, self._base, start = self._source(position, count), position, 0
        return self._window[start : start + size]

    @staticmethod
    def _has(position: int, size: int, limit: int, length: int | None) -> bool:
        if length is not None and position + size > length:
            raise _malformed(position, "it goes beyond the end of the pack")
        return position + size <= limit

    def _end(self, position: int, limit: int, length: int | None) -> None:
        if self._has(position, 2 * BLOCK, limit, length):
            if self.read(position + BLOCK, BLOCK, limit) != _ZERO:
                raise _malformed(position, "it is empty")
            self.ended = True


def _member(header: bytes, pax: dict[bytes, bytes], data: int, size: int) -> Member:
    kind = header[156:157]
    error: TransferError | None = None
    raw = pax.get(b"path") or _ustar_name(header)
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "replace")
        error = TransferError("invalid_path", "The name is not valid UTF-8.")
    mtime_ns = _number(header[136:148], data - BLOCK) * 10**9
    sha256, conflict = pax.get(b"TRANSFER.sha256", b"").lower(), None
    try:
        if pax.get(b"mtime"):
            mtime_ns = _time_ns(pax[b"mtime"])
        conflict = _conflict(pax.get(b"TRANSFER.conflict", b""))
        if sha256 and not _SHA256.fullmatch(sha256):
            raise TransferError("bad_request", "The SHA-256 is not 64 hexadecimal digits.")
    except TransferError as failure:
        error = error or failure
    what = _REFUSED.get(kind)
    if what is not None:
        error = TransferError("not_a_file", f"It is {what}, which no server makes unasked.")
    elif kind in _FILES and name.endswith("/"):
        error = TransferError("invalid_path", "The name of a file ends in a slash.")
    return Member(
        kind="refused" if what else "folder" if kind == _FOLDER else "file",
        name=name,
        data=data,
        size=size,
        end=data + _padded(size),
        mtime_ns=mtime_ns,
        sha256=sha256.decode() if sha256 and error is None else None,
        conflict=conflict,
        error=error,
    )


def _check(header: bytes, position: int) -> None:
    expected = _number(header[148:156], position)
    if sum(header) - sum(header[148:156]) + 8 * 0x20 != expected:
        raise _malformed(position, "its header is damaged")
    if header[257:263] != b"ustar\0":
        raise _malformed(position, "its header is not that of POSIX")


def _ustar_name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0]
    return prefix + b"/" + name if prefix else name


def _number(field: bytes, position: int) -> int:
    """Octal digits, or a positive number in base 256 whose first byte is 0x80."""
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big")
        if field[0] != 0x80 or value > _LARGEST:
            raise _malformed(position, "a number in it is out of range")
        return value
    text = field.strip(b" \0")
    try:
        if text and not text.isdigit():
            raise ValueError
        return int(text or b"0", 8)
    except ValueError:
        raise _malformed(position, "a number in it is none") from None


def _decimal(value: bytes, position: int) -> int:
    if not value.isdigit() or len(value) > 19 or int(value) > _LARGEST:
        raise _malformed(position, "its size is no number of bytes")
    return int(value)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _parse_pax(data: bytes, position: int) -> dict[bytes, bytes]:
    """The records ``<length> <key>=<value>\\n``."""
    records: dict[bytes, bytes] = {}
    start = 0
    while start < len(data):
        digits, space, _ = data[start : start + 8].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = data[start + len(digits) + 1 : start + length]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not equals or start + length > len(data) or not record.endswith(b"\n"):
            raise _malformed(position, "its extended header is damaged")
        records[key] = value
        start += length
    return records


def _time_ns(value: bytes) -> int:
    match = _TIME.fullmatch(value)
    if match is None or not _EARLIEST <= int(match[1] + match[2]) <= _LATEST:
        raise TransferError("bad_request", "The modification time is none.")
    nanoseconds = int(match[2]) * 10**9 + int((match[3] or b"").ljust(9, b"0")[:9])
    return -nanoseconds if match[1] else nanoseconds


def _conflict(value: bytes) -> Conflict | None:
    for policy in CONFLICTS:
        if value == policy.encode():
            return policy
    if value:
        raise TransferError(
            "bad_request",
            "The policy for conflicts is not known.",
            f"Send one of: {', '.join(CONFLICTS)}.",
        )
    return None


def _malformed(position: int, what: str) -> TransferError:
    return TransferError(
        "bad_request",
        f"The pack is not right at its byte {position}: {what}.",
        "Upload the files again.",
    )
