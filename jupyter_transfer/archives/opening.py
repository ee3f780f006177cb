"""Which kind of archive a file is, by its bytes and not by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import TransferError
from ..names import shown_path
from ..paths import Root
from .decompression import COMPRESSIONS, PlainStream
from .packed import ArchiveFile, ArchiveInput
from .tar_input import TarInput
from .zip_directory import Directory
from .zip_input import ZipInput

_OTHERS = {b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!\x1a\x07": "RAR"}
_MAGIC = 512


@contextmanager
def opened_archive(
    root: Root,
    path: str,
    charset: str | None = None,
    each: Callable[[int], None] = lambda size: None,
) -> Iterator[ArchiveInput]:
    """The archive at `path`, for the length of a ``with`` block.

    Parameters
    ----------
    charset: what names are in that do not say it themselves; None finds out.
    each: of an archive with a directory, told the bytes of each entry before any is read.

    Raises what `Root.open` raises; ``bad_archive`` for what is none; what `each` raises.
    """
    file = ArchiveFile(root.open(path), path)
    try:
        yield _input(file, charset, each)
    finally:
        file.close()


def _input(file: ArchiveFile, charset: str | None, each: Callable[[int], None]) -> ArchiveInput:
    head = file.read(_MAGIC, 0)
    for name, (magic, stream) in COMPRESSIONS.items():
        if head.startswith(magic):
            return TarInput(file, stream(file), f"tar.{name}", charset)
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return ZipInput(file, charset, each)
    if head[257:262] == b"ustar" or (_is_old_tar(head) and file.path.lower().endswith(".tar")):
        return TarInput(file, PlainStream(file), "tar", charset)
    for magic, title in _OTHERS.items():
        if head.startswith(magic):
            raise TransferError(
                "bad_archive",
                f"{shown_path(file.path)} is an archive of {title}, which cannot be read here.",
                "Pack it as zip or tar.",
            )
    if _ends_as_zip(file):
        return ZipInput(file, charset, each)
    raise TransferError(
        "bad_archive",
        f"{shown_path(file.path)} is no archive that can be read here.",
        "Archives are zip and tar, also compressed with gzip, bzip2, xz or Zstandard.",
    )


def _is_old_tar(head: bytes) -> bool:
    """Whether this is the header of a tar of before POSIX, or the end of an empty one."""
    if head == bytes(_MAGIC):
        return True
    try:
        stated = int(head[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return stated == sum(head) - sum(head[148:156]) + 8 * 0x20


def _ends_as_zip(file: ArchiveFile) -> bool:
    """Whether it is a program that unpacks a zip at its own end."""
    try:
        return Directory(file).count > 0
    except TransferError:
        return False
