"""The links of an archive. None is made, since whoever writes through a link writes somewhere else;
a link to a file of the archive becomes a copy of it, as links in our own archives do."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace

from ..archives.packed import PIECE, Packed
from ..errors import TransferError, from_os_error
from ..names import join_path
from ..paths import Root
from .twins import Names

MAX_LINKS = 100_000
_HOPS = 40


class ExtractedLinks:
    """The links that were seen, for when all files are there; iterates over path and entry."""

    def __init__(self, root: Root, folder: str) -> None:
        self._root = root
        self._folder = folder
        self._links: dict[str, Packed] = {}
        self._files = Names()

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[tuple[str, Packed]]:
        return iter(self._links.items())

    def add(self, path: str, packed: Packed) -> None:
        """The link at `path`. Raises ``invalid_path`` for one that leads out of the archive,
        ``exists`` for a second one, ``limit_reached``."""
        if path in self._links:
            raise TransferError("exists", "The archive has two entries of this name.")
        self._path_of(packed)
        if len(self._links) >= MAX_LINKS:
            raise TransferError("limit_reached", f"The archive has more than {MAX_LINKS} links.")
        self._links[path] = replace(packed, place=None)  # headers of up to a megabyte

    def found(self, path: str) -> None:
        """The file at `path` is one of the archive."""
        self._files.take(path)

    def resolve(self, packed: Packed) -> str | None:
        """The path of the file that a link leads to in the end; None where that is a folder, or
        nothing. Raises ``not_a_file`` for a file that is none of the archive's: what stands there
        is not given away under another name."""
        for _ in range(_HOPS):
            path = self._path_of(packed)
            following = self._links.get(path)
            if following is None:
                break
            packed = following
        else:
            return None
        try:
            status = self._root.lstat(path)
        except TransferError as error:
            if error.code not in ("not_found", "not_a_directory"):
                raise
            return None
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode) or path not in self._files:
            raise TransferError("not_a_file", "It is a link to a file that was not extracted.")
        return path

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of a file that was extracted."""
        fd = self._root.open(path)
        try:
            position = 0
            while data := os.pread(fd, PIECE, position):
                position += len(data)
                yield data
        except OSError as error:
            raise from_os_error(error, path) from None
        finally:
            os.close(fd)

    def _path_of(self, packed: Packed) -> str:
        """Where a link leads to, below the root."""
        target = packed.target.removeprefix("./")
        if not target or target.startswith(("/", "../")) or target in ("..", "."):
            raise TransferError("invalid_path", "It is a link that leads out of the archive.")
        return join_path(self._folder, self._root.parse(target, new=True))
