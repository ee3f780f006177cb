"""Archives that tests make: whole ones, and hostile ones, byte by byte."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import zstandard

MTIME = 1_600_000_000

COMPRESS = {
    "tar": lambda data: data,
    "tar.gz": lambda data: gzip.compress(data, 6),
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.zst": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}

FORMATS = ["zip", *COMPRESS]


def info(name: str, data: bytes = b"", **values: Any) -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a tar."""
    one = tarfile.TarInfo(name)
    one.size, one.mtime = len(data), MTIME
    for key, value in values.items():
        setattr(one, key, value)
    return one, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    """A link of a tar."""
    return info(name, type=kind, linkname=target)


def tar(
    entries: Iterable[tuple[tarfile.TarInfo, bytes]], format: int = tarfile.PAX_FORMAT
) -> bytes:
    """A tar of `entries`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as made:
        for one, data in entries:
            made.addfile(one, io.BytesIO(data))
    return file.getvalue()


def archive(format: str, files: Mapping[str, bytes]) -> bytes:
    """An archive of `files`; a name that ends in a slash is a folder."""
    if format != "zip":
        entries = [
            info(name, data, type=tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE)
            for name, data in files.items()
        ]
        return COMPRESS[format](tar(entries))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40)), data, 8)
    return file.getvalue()


@dataclass
class Entry:
    """An entry of a zip, of which everything may be a lie; None is the truth."""

    name: bytes
    data: bytes = b""
    method: int = 8
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    packed: bytes | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    mode: int = 0
    offset: int | None = None
    comment: bytes = b""
    _: Any = field(default=None, repr=False)


def zipped(
    entries: Iterable[Entry], *, before: bytes = b"", behind: bytes = b"", count: int | None = None
) -> bytes:
    """A zip of `entries`; the offsets in it do not count `before`."""
    body, directory, total = b"", b"", 0
    for one in entries:
        total += 1
        packed = one.packed
        if packed is None:
            packed = one.data if one.method == 0 else deflated(one.data)
        crc = zlib.crc32(one.data) if one.crc is None else one.crc
        size = len(one.data) if one.size is None else one.size
        packed_size = len(packed) if one.packed_size is None else one.packed_size
        offset = len(body) if one.offset is None else one.offset
        local_name = one.name if one.local_name is None else one.local_name
        sizes = (crc, min(packed_size, 0xFFFFFFFF), min(size, 0xFFFFFFFF))
        if one.offset is None:
            body += struct.pack(
                "<IHHHHHIIIHH", 0x04034B50, 20, one.flags, one.method, 0, 0x5121, *sizes,
                len(local_name), len(one.local_extra),
            )  # fmt: skip
            body += local_name + one.local_extra + packed
        directory += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 3 << 8 | 20, 20, one.flags, one.method, 0, 0x5121,
            *sizes, len(one.name), len(one.extra), len(one.comment), 0, 0, one.mode << 16, offset,
        )  # fmt: skip
        directory += one.name + one.extra + one.comment
    number = total if count is None else count
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number, number, len(directory), len(body), 0)
    return before + body + directory + end + behind


def deflated(data: bytes) -> bytes:
    """`data` as zip has it (RFC 1951)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


LINK_MODE = stat.S_IFLNK | 0o777
