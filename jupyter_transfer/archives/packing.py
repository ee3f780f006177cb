"""An archive as a stream of bytes: zip by its layout, tar (POSIX.1-2017, pax) member by member."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..errors import TransferError
from ..paths import Root
from .crc import CrcCache
from .manifest import Manifest, Member, opened_member
from .zip_layout import ZipLayout
from .zip_reader import ZipReader

FORMATS = {
    "zip": (".zip",),
    "tar": (".tar",),
    "tar.gz": (".tar.gz", ".tgz"),
    "tar.zst": (".tar.zst", ".tzst"),
}
"""Formats that can be made -> how names of such archives end."""

_BLOCK = 512
_RECORD = 10_240
_PIECE = 1 << 20

Told = Callable[[int], None]
"""Told so many bytes of files more."""


def format_of(name: str) -> str | None:
    """The format that the name of an archive asks for; None if it asks for none."""
    lower = name.lower()
    return next((form for form, ends in FORMATS.items() if lower.endswith(ends)), None)


def version_of(manifest: Manifest, format: str) -> str:
    """What is equal only for the same files in the same format."""
    identity = hashlib.sha256(format.encode())
    for member in manifest.members:
        identity.update(repr((member.name, member.mode, member.identity)).encode())
    return identity.hexdigest()[:32]


def packed(root: Root, manifest: Manifest, format: str, told: Told) -> Iterator[memoryview | bytes]:
    """The bytes of the archive. A piece may be used until the next one is asked for. Raises
    ``changed`` where a file is no longer what the manifest lists, and what `Root.open` raises."""
    if format == "zip":
        return _zip(root, manifest, told)
    compressor = _COMPRESSORS[format]()
    stream = _tar(root, manifest, told)
    return stream if compressor is None else _compressed(stream, compressor)


def _zip(root: Root, manifest: Manifest, told: Told) -> Iterator[memoryview]:
    layout = ZipLayout(manifest)
    reader, left = ZipReader(root, layout, CrcCache()), layout.size
    buffer = memoryview(bytearray(_PIECE))
    try:
        while left:
            count = reader.read_into(buffer[: min(left, _PIECE)])
            left -= count
            told(count)
            yield buffer[:count]
    finally:
        reader.close()


def size_of(manifest: Manifest, format: str) -> int:
    """Bytes that are told of while the archive is made."""
    if format == "zip":
        return ZipLayout(manifest).size
    return sum(member.size for member in manifest.members)


def _tar(root: Root, manifest: Manifest, told: Told) -> Iterator[memoryview | bytes]:
    buffer, total = memoryview(bytearray(_PIECE)), 0
    for member in manifest.members:
        header = _header(member)
        yield header
        total += len(header)
        if member.is_folder:
            continue
        position = 0
        with opened_member(root, member) as fd:
            while position < member.size:
                count = member.read(fd, buffer[: member.size - position], position)
                position += count
                told(count)
                yield buffer[:count]
        filling = -position % _BLOCK
        total += position + filling
        yield bytes(filling)
    yield bytes(2 * _BLOCK + -(total + 2 * _BLOCK) % _RECORD)


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.name.rstrip("/"))
    info.type = tarfile.DIRTYPE if member.is_folder else tarfile.REGTYPE
    info.size, info.mode = member.size, member.mode
    info.mtime = member.mtime_ns // 10**9
    return info.tobuf(tarfile.PAX_FORMAT)


class _Compressor(Protocol):
    def compress(self, data: Any, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _gzip() -> _Compressor:
    return zlib.compressobj(6, zlib.DEFLATED, 31)


def _zstd() -> _Compressor:
    import zstandard  # noqa: PLC0415 - 10 ms that other jobs need not spend

    compressor = zstandard.ZstdCompressor(threads=min(4, os.cpu_count() or 1), write_checksum=True)
    return compressor.compressobj()


_COMPRESSORS: dict[str, Callable[[], _Compressor | None]] = {
    "tar": lambda: None,
    "tar.gz": _gzip,
    "tar.zst": _zstd,
}


def _compressed(
    stream: Iterator[memoryview | bytes], compressor: _Compressor
) -> Iterator[memoryview | bytes]:
    for piece in stream:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()


def known_format(format: str | None, name: str) -> str:
    """`format`, or what the name of the archive asks for. Raises ``bad_request``."""
    found = format or format_of(name)
    if found not in FORMATS:
        raise TransferError(
            "bad_request",
            "It is not clear which kind of archive is meant.",
            f"Let its name end in one of: {', '.join(ends[0] for ends in FORMATS.values())}.",
        )
    return found
