"""The bytes of a ZIP archive from any offset, read from the files as they are asked for.

The reader fills the caller's buffer: records are copied into it, files are read straight into it.
It is called from one thread at a time, and each file is open only while its own bytes are read.
A file that is no longer what the manifest lists ends it with ``changed``, before any byte of the
changed content is handed out.
"""

from __future__ import annotations

import io
import zlib
from array import array
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from typing import Protocol

from ..errors import TransferError
from ..paths import Root
from .crc import CrcCache, RunningCrc
from .manifest import Member, opened_member
from .zip_layout import ZipLayout, central_header, descriptor, has_descriptor, local_header

SMALL = 256 << 10
"""Files of at most so many bytes are read once and kept until they are sent."""

_BATCH = 64 << 10
"""Bytes of the central directory that are made at a time."""


class _Piece(Protocol):
    def readinto(self, buffer: memoryview, /) -> int: ...


class _Extent:
    """The content of an open file from `position` on."""

    def __init__(self, fd: int, member: Member, position: int, crc: RunningCrc | None) -> None:
        self._fd = fd
        self._member = member
        self._position = position
        self._crc = crc

    def readinto(self, buffer: memoryview, /) -> int:
        want = min(len(buffer), self._member.size - self._position)
        if want <= 0:
            return 0
        count = self._member.read(self._fd, buffer[:want], self._position)
        if self._crc is not None:
            self._crc.feed(self._position, buffer[:count])
        self._position += count
        return count


class ZipReader:
    """The bytes `start` to `end` of the archive that `layout` describes.

    `stopped` is asked often whether anybody still wants them.
    """

    def __init__(
        self,
        root: Root,
        layout: ZipLayout,
        crcs: CrcCache,
        *,
        start: int = 0,
        end: int | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._root = root
        self._layout = layout
        self._members = layout.manifest.members
        self._cache = crcs
        self._stopped = stopped
        self._left = (layout.size if end is None else end) - start
        # The sums of this archive's members: the cache may forget some of very many.
        self._crcs = array("L", bytes(array("L").itemsize * len(self._members)))
        self._summed = bytearray(len(self._members))
        self._pieces = self._from(start)
        self._piece: _Piece | None = None

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer`; returns the number of bytes, less than its length only at the end.

        Raises `TransferError`: ``changed``, ``cancelled``, what `Root.open` raises.
        """
        buffer = buffer[: self._left]
        filled = 0
        while filled < len(buffer):
            if self._stopped():
                raise TransferError("cancelled", "The download was cancelled.")
            count = self._piece.readinto(buffer[filled:]) if self._piece else 0
            if count == 0:
                self._piece = next(self._pieces, None)
                if self._piece is None:
                    raise TransferError("internal", "The archive ended before its stated length.")
            filled += count
        self._left -= filled
        return filled

    def close(self) -> None:
        """Close the open file; what was summed of it is kept for whoever goes on."""
        self._pieces.close()

    # -- pieces --

    def _from(self, start: int) -> Generator[_Piece, None, None]:
        first = self._layout.member_at(start)
        skip = start - self._layout.offsets[first] if first < len(self._members) else 0
        for index in range(first, len(self._members)):
            yield from self._member(index, skip)
            skip = 0
        skip = max(0, start - self._layout.directory_offset)
        for records in self._directory():
            yield _bytes(records, skip)
            skip = max(0, skip - len(records))

    def _member(self, index: int, skip: int) -> Iterator[_Piece]:
        """Header, data and descriptor of one member without the first `skip` bytes."""
        member = self._members[index]
        if member.is_folder:
            self._learn(index, 0)
            yield _bytes(local_header(member, 0), skip)
            return
        with opened_member(self._root, member) as fd:
            if member.size <= SMALL:
                content = _read_whole(fd, member)
                crc = self._learn(index, zlib.crc32(content))
                yield _bytes(local_header(member, crc) + content, skip)
            elif has_descriptor(member):
                yield from self._large(fd, index, skip)
            else:
                header = local_header(member, self._crc_of(index, fd))
                yield _bytes(header, skip)
                yield _Extent(fd, member, max(0, skip - len(header)), None)

    def _large(self, fd: int, index: int, skip: int) -> Iterator[_Piece]:
        """A member that is summed while it is sent."""
        member = self._members[index]
        header = local_header(member, 0)
        data = max(0, skip - len(header))
        running = self._running(index)
        try:
            yield _bytes(header, skip)
            running.catch_up(fd, member, min(data, member.size), self._stopped)
            yield _Extent(fd, member, data, running)
        finally:
            self._cache.partial.put(member.identity, (running.position, running.value))
        crc = self._learn(index, running.value)
        yield _bytes(descriptor(member, crc), max(0, data - member.size))

    def _directory(self) -> Iterator[bytes]:
        records = bytearray()
        for index, member in enumerate(self._members):
            records += central_header(member, self._crc_of(index), self._layout.offsets[index])
            if len(records) >= _BATCH:
                yield bytes(records)
                records.clear()
        yield bytes(records) + self._layout.end()

    # -- sums --

    def _crc_of(self, index: int, fd: int | None = None) -> int:
        """The CRC-32 of a member: known from this archive or an earlier one, or read now."""
        if self._summed[index]:
            return self._crcs[index]
        member = self._members[index]
        if member.is_folder:
            return self._learn(index, 0)
        known = self._cache.whole.get(member.identity)
        if known is not None:
            return self._learn(index, known)
        running = self._running(index)
        with nullcontext(fd) if fd is not None else opened_member(self._root, member) as opened:
            running.catch_up(opened, member, member.size, self._stopped)
        return self._learn(index, running.value)

    def _running(self, index: int) -> RunningCrc:
        return RunningCrc(*(self._cache.partial.get(self._members[index].identity) or (0, 0)))

    def _learn(self, index: int, crc: int) -> int:
        self._crcs[index] = crc
        self._summed[index] = 1
        member = self._members[index]
        if member.size > SMALL:
            self._cache.whole.put(member.identity, crc)
        return crc


def _bytes(data: bytes, skip: int) -> _Piece:
    piece = io.BytesIO(data)
    piece.seek(skip)
    return piece


def _read_whole(fd: int, member: Member) -> bytes:
    """The content of a small file."""
    content = bytearray(member.size)
    position = 0
    while position < member.size:
        position += member.read(fd, memoryview(content)[position:], position)
    return bytes(content)
