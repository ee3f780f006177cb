"""The bytes of a compressed file, one after the other and never more than asked for.

A file may hold several compressed streams in a row (RFC 1952, 2.2; the same of bzip2, xz and
Zstandard), and zeros behind the last. One that ends in the middle of a stream is told, where the
format shows it.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol, cast

from ..errors import TransferError
from .packed import ArchiveFile, damaged

_WINDOW = 256 << 10
"""Bytes that are read from the file at a time."""

_MEMORY = 512 << 20
"""Bytes that xz may take; its own greatest setting takes 65 MiB."""
_ZSTD_WINDOW = 128 << 20
"""The largest window of zstd without ``--ultra`` or ``--long``."""


class Stream(Protocol):
    """A stream of bytes."""

    @property
    def position(self) -> int:
        """Bytes of the file that have been read."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end. Raises ``bad_archive``, ``changed`` …"""

    def skip(self, size: int) -> int:
        """Pass over at most `size` bytes without reading them; how many. May be 0."""


class PlainStream:
    """The bytes of a file itself."""

    def __init__(self, file: ArchiveFile) -> None:
        self._file = file
        self.position = 0

    def read(self, size: int) -> bytes:
        """See `Stream`."""
        data = self._file.read(size, self.position)
        self.position += len(data)
        return data

    def skip(self, size: int) -> int:
        """See `Stream`."""
        count = max(0, min(size, self._file.size - self.position))
        self.position += count
        return count


class _Inflate:
    """zlib's decompressor with the methods of those of `bz2` and `lzma`."""

    def __init__(self) -> None:
        self._one = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._one.eof

    @property
    def needs_input(self) -> bool:
        return not self._one.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._one.unused_data

    def decompress(self, data: bytes, size: int) -> bytes:
        return self._one.decompress(self._one.unconsumed_tail + data, size)


class _Streams:
    """Compressed streams in a row, each of which begins with `magic`; `new` makes the decompressor
    of one."""

    def __init__(self, file: ArchiveFile, magic: bytes, new: Callable[[], Any]) -> None:
        self.position = 0
        self._file = file
        self._magic = magic
        self._new = new
        self._one = new()
        self._held = b""

    def read(self, size: int) -> bytes:
        """See `Stream`."""
        try:
            return self._read(size)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise damaged(f"The compressed data is damaged ({error}).") from None

    def skip(self, size: int) -> int:
        """See `Stream`."""
        return 0

    def _read(self, size: int) -> bytes:
        while not self._one.eof or self._begins_again():
            data = self._take() if self._one.needs_input else b""
            out: bytes = self._one.decompress(data, size)
            if out:
                return out
            if not data and self._one.needs_input and not self._one.eof:
                raise truncated()
        return b""

    def _begins_again(self) -> bool:
        """Whether another stream follows; what is none is no part of the archive."""
        held = (self._one.unused_data + self._held).lstrip(b"\0")
        while len(held) < len(self._magic) and (more := self._more()):
            held = (held + more).lstrip(b"\0")
        self._held = held if held.startswith(self._magic) else b""
        if self._held:
            self._one = self._new()
        return bool(self._held)

    def _take(self) -> bytes:
        data, self._held = self._held, b""
        return data or self._more()

    def _more(self) -> bytes:
        data = self._file.read(_WINDOW, self.position)
        self.position += len(data)
        return data


class _Zstandard:
    """Frames of Zstandard (RFC 8878). Nothing tells where the last one ends too early: whoever
    reads what is in it does."""

    def __init__(self, file: ArchiveFile) -> None:
        import zstandard  # noqa: PLC0415 - 10 ms that other jobs need not spend

        self._file = file
        self._error = zstandard.ZstdError
        self._position = 0
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._reader = decompressor.stream_reader(
            cast("Any", _Plain(self)), read_size=_WINDOW, read_across_frames=True
        )

    @property
    def position(self) -> int:
        """See `Stream`."""
        return self._position

    def read(self, size: int) -> bytes:
        """See `Stream`."""
        try:
            return self._reader.read(size)
        except self._error as error:
            raise damaged(f"The compressed data is damaged ({error}).") from None

    def skip(self, size: int) -> int:
        """See `Stream`."""
        return 0

    def more(self, size: int) -> bytes:
        """What stands next in the file."""
        data = self._file.read(size, self._position)
        self._position += len(data)
        return data


class _Plain:
    """What zstandard reads from."""

    def __init__(self, stream: _Zstandard) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.more(size)


def truncated() -> TransferError:
    """The error of an archive that ends too early."""
    return damaged("The archive ends too early: a part of it is missing.")


_XZ = b"\xfd7zXZ\0"

COMPRESSIONS: dict[str, tuple[bytes, Callable[[ArchiveFile], Stream]]] = {
    "gz": (b"\x1f\x8b", lambda file: _Streams(file, b"\x1f\x8b", _Inflate)),
    "bz2": (b"BZh", lambda file: _Streams(file, b"BZh", bz2.BZ2Decompressor)),
    "xz": (_XZ, lambda file: _Streams(file, _XZ, lambda: lzma.LZMADecompressor(memlimit=_MEMORY))),
    "zst": (b"\x28\xb5\x2f\xfd", _Zstandard),
}
"""Name -> how its files begin, and the stream of what is in them."""
