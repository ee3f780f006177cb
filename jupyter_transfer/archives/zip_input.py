"""The entries of a ZIP archive, and their bytes: stored or deflated, each with its CRC-32 checked.

What stands in front of the bytes must say the same as the directory: of two names a checker may see
the one, and an extractor the other.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Callable, Iterator

from ..errors import TransferError
from .packed import PIECE, ArchiveFile, ArchiveInput, Kind, Packed, damaged
from .tar_input import lead_from
from .zip_directory import ENCRYPTED, LOCAL_SIZE, Directory, Record

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_WINDOW = 256 << 10
_STORED, _DEFLATED = 0, 8
_SLACK = 64
"""Bytes that an extra field in front of the bytes is longer than in the directory, as a rule."""
MAX_TARGET = 4096
"""Bytes in the target of a link."""

_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz",
    96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip


class ZipInput(ArchiveInput):
    """See `ArchiveInput`. Raises ``bad_archive`` for what is none.

    Parameters
    ----------
    each: told each entry before any is read, with the bytes that it says it has; may raise.
    """

    format = "zip"
    sequential = False

    def __init__(
        self,
        file: ArchiveFile,
        charset: str | None = None,
        each: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._file = file
        self._directory = Directory(file, charset)
        self._position = 0
        self.files, self.size = 0, 0
        self._each = each
        self._directory.survey(self._count)

    def _count(self, record: Record) -> None:
        self._each(record.size)
        if _kind(record) == "file":
            self.files = (self.files or 0) + 1
            self.size = (self.size or 0) + record.size

    @property
    def position(self) -> int:
        """See `ArchiveInput`."""
        return self._position

    def entries(self) -> Iterator[Packed]:
        """See `ArchiveInput`."""
        for record in self._directory:
            yield self._packed(record)

    def _packed(self, record: Record) -> Packed:
        kind, target, error = _kind(record), "", record.error or _refused(record)
        if kind == "link" and error is None:
            try:
                target = lead_from(record.name, self._target(record))
            except TransferError as failure:
                error = failure
        return Packed(
            name=record.name.rstrip("/") if kind == "folder" else record.name,
            kind=kind,
            size=record.size if kind == "file" else 0,
            version=f"{self._file.version}-{record.offset:x}",
            mtime_ns=record.mtime_ns,
            executable=bool(record.mode & 0o100),
            target=target,
            digest=f"crc32:{record.crc:08x}" if kind == "file" else None,
            error=error,
            place=record,
        )

    def _target(self, record: Record) -> str:
        if record.size > MAX_TARGET:
            raise damaged("The target of a link is too long.")
        return b"".join(self._bytes(record)).decode("utf-8", "replace")

    def read(self, packed: Packed) -> Iterator[bytes]:
        """See `ArchiveInput`."""
        return self._bytes(packed.place)

    def _bytes(self, record: Record) -> Iterator[bytes]:
        packed = self._packed_bytes(record)
        crc = size = 0
        for piece in packed if record.method == _STORED else _inflated(packed, record.size):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            yield piece
        if size != record.size:
            raise damaged(f"It has {size} bytes, and should have {record.size}.")
        if crc != record.crc:
            raise damaged("Its bytes are damaged: their CRC-32 is another one.")

    def _packed_bytes(self, record: Record) -> Iterator[bytes]:
        """The bytes of an entry as they stand in the archive; most small ones in one read."""
        head = LOCAL_SIZE + len(record.raw) + _SLACK
        window = self._file.read(min(head + record.packed_size, _WINDOW), record.offset)
        start = _data_start(window, record)
        first = window[start : start + record.packed_size]
        left, position = record.packed_size - len(first), record.offset + max(start, len(window))
        if record.offset + start + record.packed_size > self._directory.start:
            raise damaged("It reaches into what follows the entries.")
        self._position = max(self._position, record.offset + start)
        if first:
            yield first
        while left:
            piece = self._file.read(min(left, _WINDOW), position)
            if not piece:
                raise damaged("It ends too early.")
            left, position = left - len(piece), position + len(piece)
            self._position = max(self._position, position)
            yield piece


def _inflated(packed: Iterator[bytes], size: int) -> Iterator[bytes]:
    """What deflated pieces become (RFC 1951), and never more than `size` bytes."""
    inflate, left = zlib.decompressobj(-15), size
    try:
        for piece in packed:
            data = piece
            while True:
                out = inflate.decompress(data, min(left + 1, PIECE))
                left -= len(out)
                if left < 0:
                    raise damaged("It has more bytes than it should have.")
                if out:
                    yield out
                data = inflate.unconsumed_tail
                if not data:
                    break
        while not inflate.eof and (out := inflate.decompress(b"", min(left + 1, PIECE))):
            left -= len(out)
            if left < 0:
                raise damaged("It has more bytes than it should have.")
            yield out
    except zlib.error as error:
        raise damaged(f"Its compressed bytes are damaged ({error}).") from None
    if not inflate.eof:
        raise damaged("Its compressed bytes end too early.")


def _data_start(window: bytes, record: Record) -> int:
    """Where the bytes begin, counted from the local header; checks that it is the same entry."""
    if len(window) < LOCAL_SIZE:
        raise damaged("It ends too early.")
    signature, _, flags, method, *_, name_size, extra_size = _LOCAL.unpack_from(window)
    raw = window[LOCAL_SIZE : LOCAL_SIZE + name_size]
    same = (raw, method, flags & ENCRYPTED) == (record.raw, record.method, record.flags & ENCRYPTED)
    if signature != 0x04034B50 or not same:
        raise damaged("The archive says two different things of it.")
    return LOCAL_SIZE + int(name_size) + int(extra_size)


def _kind(record: Record) -> Kind:
    sort = stat.S_IFMT(record.mode)
    if sort == stat.S_IFLNK:
        return "link"
    if record.name.endswith("/") or sort == stat.S_IFDIR:
        return "folder"
    return "file" if sort in (0, stat.S_IFREG) else "other"


def _refused(record: Record) -> TransferError | None:
    if record.flags & ENCRYPTED or record.method == 99:
        return TransferError("encrypted", "It is encrypted, and its password is not known here.")
    if record.method not in (_STORED, _DEFLATED):
        name = _METHODS.get(record.method, f"number {record.method}")
        return damaged(f"It is compressed in a way that cannot be undone here: {name}.")
    if record.method == _STORED and record.size != record.packed_size:
        return damaged("The archive says two different things of its size.")
    return None
