"""A tar archive, read from its first entry to its last (POSIX.1-2017, pax; the older forms and
GNU's as Python's `tarfile` knows them).

`tarfile` reads the headers and nothing else: no file is opened by it, no link followed. What it
reads is bounded, forward only, and it does not get to swallow an error that ends an archive early
(`TarFile.next` does).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from posixpath import dirname, normpath
from typing import Any, cast

from ..errors import TransferError
from .charsets import decode_name
from .decompression import Stream, truncated
from .packed import PIECE, ArchiveFile, ArchiveInput, Kind, Packed, damaged

MAX_HEADERS = 1 << 20
"""Bytes in all headers of one entry, long names and lists of holes included."""

MAX_GLOBAL = 1000
"""Values that hold for all entries that follow; together they have `MAX_HEADERS` bytes at most."""

_TRAILER = 1 << 20
"""Bytes behind the end that are read so that a checksum behind them is checked; tar itself fills up
10 KiB."""

_ZEROS = bytes(PIECE)
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # years 1 to 9999


class _Tape:
    """The stream as `tarfile` wants it: a file that only moves forward."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = memoryview(b"")
        self._position = 0
        self._left = 0

    def allow(self, size: int) -> None:
        """So many bytes of headers may be read from now on."""
        self._left = size

    def tell(self) -> int:
        """Where it stands."""
        return self._position

    def read(self, size: int) -> bytes:
        """`size` bytes of a header; fewer only at the end."""
        self._left -= size
        if size < 0 or self._left < 0:
            raise damaged("The header of an entry is too long.")
        data = b""
        while len(data) < size and (more := self.take(size - len(data))):
            data += more
        return data

    def take(self, size: int) -> memoryview:
        """At most `size` bytes; none only at the end."""
        if not self._held:
            self._held = memoryview(self._stream.read(PIECE))
        data, self._held = self._held[:size], self._held[size:]
        self._position += len(data)
        return data

    def seek(self, position: int) -> None:
        """Go on at `position`. Raises ``bad_archive`` where there is no way."""
        count = position - self._position
        if count < 0:
            raise damaged("An entry leads back to where the archive was read already.")
        held = min(count, len(self._held))
        self._held = self._held[held:]
        self._position += held
        self._position += self._stream.skip(position - self._position)
        while self._position < position:
            if not self.take(position - self._position):
                raise truncated()


class _Headers(tarfile.TarFile):
    """Knows the forms of headers; whoever wants an entry asks `TarInfo.fromtarfile`."""

    def next(self) -> None:
        """None, for it is called when the archive is opened."""


class TarInput(ArchiveInput):
    """See `ArchiveInput`."""

    def __init__(
        self, file: ArchiveFile, stream: Stream, format: str, charset: str | None = None
    ) -> None:
        self.format = format
        self._version = file.version
        self._stream = stream
        self._charset = charset
        self._tape = _Tape(stream)

    @property
    def position(self) -> int:
        """See `ArchiveInput`."""
        return self._stream.position

    def entries(self) -> Iterator[Packed]:
        """See `ArchiveInput`."""
        tar = _Headers(
            fileobj=cast("Any", self._tape), mode="r", encoding="utf-8", errors="surrogateescape"
        )
        while (info := self._next(tar)) is not None:
            yield self._packed(info)
        while self._tape.tell() < tar.offset + _TRAILER and self._tape.take(PIECE):
            pass

    def _next(self, tar: _Headers) -> tarfile.TarInfo | None:
        self._tape.allow(MAX_HEADERS)
        try:
            self._tape.seek(tar.offset)
            info = tarfile.TarInfo.fromtarfile(tar)
            _check_global(tar.pax_headers)
            return info
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            return None
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            raise truncated() from None
        except TransferError:
            raise
        except Exception as error:  # whatever `tarfile` makes of bytes that somebody made up
            what = f"The header at byte {tar.offset} is damaged"
            raise damaged(f"{what} ({type(error).__name__}).") from None

    def _packed(self, info: tarfile.TarInfo) -> Packed:
        name, target = self._decoded(info.name), ""
        kind: Kind = "other"
        if info.isreg():
            kind = "file"
        elif info.isdir():
            kind = "folder"
        elif info.issym() or info.islnk():
            kind, target = "link", self._decoded(info.linkname)
            if info.issym():
                target = lead_from(name, target)
        if info.size < 0:
            raise damaged("An entry has less than no bytes.")
        return Packed(
            name=name.rstrip("/") if kind == "folder" else name,
            kind=kind,
            size=info.size if kind == "file" else 0,
            version=f"{self._version}-{info.offset:x}",
            mtime_ns=_mtime_ns(info),
            executable=bool(info.mode & 0o100),
            target=target,
            error=_holes_error(info),
            place=info,
        )

    def _decoded(self, name: str) -> str:
        return decode_name(name.encode("utf-8", "surrogateescape"), self._charset)

    def read(self, packed: Packed) -> Iterator[bytes | memoryview]:
        """See `ArchiveInput`."""
        info: Any = packed.place
        if info.offset_data != self._tape.tell():
            self._tape.seek(info.offset_data)
        position = 0
        for offset, size in info.sparse if info.sparse is not None else [(0, info.size)]:
            yield from _zeros(offset - position)
            yield from self._data(size)
            position = offset + size
        yield from _zeros(info.size - position)

    def _data(self, size: int) -> Iterator[memoryview]:
        while size:
            data = self._tape.take(min(size, PIECE))
            if not data:
                raise truncated()
            size -= len(data)
            yield data


def _check_global(headers: Mapping[str, str]) -> None:
    """`tarfile` keeps them for as long as it reads."""
    size = sum(len(key) + len(value) for key, value in headers.items())
    if len(headers) > MAX_GLOBAL or size > MAX_HEADERS:
        raise damaged("Its global headers are too long.")


def lead_from(name: str, target: str) -> str:
    """Where the symbolic link `name` leads to, seen from the top of the archive."""
    return target if target.startswith("/") else normpath(f"{dirname(name) or '.'}/{target}")


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _ZEROS[: min(count, PIECE)]
        count -= PIECE


def _holes_error(info: Any) -> TransferError | None:
    """What is wrong with the list of parts that are no holes."""
    position = 0
    for offset, size in info.sparse or ():
        if offset < position or size < 0 or offset + size > info.size:
            return damaged("Its list of holes contradicts itself.")
        position = offset + size
    return None


def _mtime_ns(info: tarfile.TarInfo) -> int | None:
    """The time in the extended header is more exact than a float."""
    try:
        seconds = Decimal(info.pax_headers.get("mtime") or info.mtime)
        if not _EARLIEST <= seconds <= _LATEST:
            return None
        return int(seconds * 10**9)
    except (InvalidOperation, ValueError, OverflowError, TypeError):
        return None
