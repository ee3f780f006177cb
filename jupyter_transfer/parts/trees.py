"""A folder that a program fills while it has no name yet, beside a part whose journal knows it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from ..errors import TransferError, from_os_error
from ..names import STAGING, join_path
from ..paths import Folders, Root, sync_filesystem
from ..records import write_all
from .left import remove_tree
from .part import Part


class StagedTree:
    """The folder ``<id>.tree`` beside `part`. Raises ``disk_full`` and others."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._name = f"{part.id}.tree"

    @property
    def path(self) -> str:
        """Its path below the root."""
        return join_path(join_path(self._part.folder, STAGING), self._name)

    def opened(self) -> Root:
        """The folder, which must be there, as a root of its own; the caller closes it."""
        return self._part.root.inner(self.path)

    def begin(self) -> None:
        """Make it anew, empty."""
        self.discard()
        try:
            with self._part.root.staging(self._part.folder) as staging:
                os.mkdir(self._name, 0o777, dir_fd=staging)
        except OSError as error:
            raise from_os_error(error) from None

    def discard(self) -> None:
        """Remove it with all that is in it."""
        try:
            with self._part.root.staging(self._part.folder) as staging:
                remove_tree(staging, self._name)
        except OSError as error:
            raise from_os_error(error) from None
        except TransferError as error:
            if error.code != "not_found":
                raise

    def publish(self, path: str) -> None:
        """Give it the name `path`, where nothing or an empty folder stands. Raises ``exists``."""
        root = self._part.root
        try:
            with root.folder(self.path) as fd:
                sync_filesystem(fd)
                inode = os.fstat(fd).st_ino
        except OSError as error:
            raise from_os_error(error, path) from None
        self._part.append({"publish": path, "inode": inode})
        with suppress(TransferError):
            root.remove_empty(path, path.rpartition("/")[0])
        root.move(self.path, path)
        try:
            with root.folder(path.rpartition("/")[0]) as fd:
                os.fsync(fd)
        except OSError as error:
            raise from_os_error(error, path) from None


def copy_within(
    root: Root, folders: Folders, source: str, path: str, check: Callable[[], None]
) -> None:
    """Let the file at `path` have the bytes of that at `source`, in one step; its permission bits
    stay. Nothing is synced. `check` is called all the while and may raise. Raises ``disk_full`` and
    others."""
    name = "copy.tmp"
    with root.staging("", create=True) as staging:
        try:
            origin = root.open(source)
            try:
                copy = os.open(name, _NEW, 0o666, dir_fd=staging)
                try:
                    _copy(origin, copy, check)
                finally:
                    os.close(copy)
            finally:
                os.close(origin)
            folders.publish(staging, name, path, "overwrite")
        except OSError as error:
            raise from_os_error(error, path) from None


_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC

_PIECE = 64 << 20


def _copy(origin: int, copy: int, check: Callable[[], None]) -> None:
    """By the file system where it can share the blocks, else by the kernel, else through memory."""
    try:
        while os.copy_file_range(origin, copy, _PIECE):
            check()
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        os.lseek(origin, os.lseek(copy, 0, os.SEEK_CUR), os.SEEK_SET)
        while data := os.read(origin, 1 << 20):
            check()
            write_all(copy, data)
