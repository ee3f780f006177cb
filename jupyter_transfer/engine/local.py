"""A file of this disk that is being sent: open, and known by what must not change meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import TransferError, from_os_error
from ..paths import Root


@dataclass(frozen=True)
class Identity:
    """What tells one state of a file from another: bytes, nanoseconds since 1970, inode."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity in the status of a file."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)

    def as_list(self) -> list[int]:
        """The identity as JSON."""
        return [self.size, self.mtime_ns, self.inode]


class LocalFile:
    """The file at `path`, open for reading as it was at that moment; make it with `opened`."""

    def __init__(self, root: Root, path: str, fd: int) -> None:
        self._root = root
        self.path = path
        self.fd = fd
        self.identity = Identity.of(os.fstat(fd))

    @classmethod
    @contextmanager
    def opened(cls, root: Root, path: str) -> Iterator[LocalFile]:
        """The file for the length of a ``with`` block. Raises what `Root.open` raises."""
        fd = root.open(path)
        try:
            yield cls(root, path, fd)
        finally:
            os.close(fd)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    def check(self) -> None:
        """Raise ``changed`` if the open file is not what it was."""
        try:
            now = Identity.of(os.fstat(self.fd))
        except OSError as error:
            raise from_os_error(error, self.path) from None
        if now != self.identity:
            raise changed(self.path)

    def check_name(self) -> None:
        """As `check`; also if its name leads to another file, or to none."""
        self.check()
        try:
            now = Identity.of(self._root.stat(self.path))
        except TransferError as error:
            if error.code == "not_found":
                raise changed(self.path) from None
            raise
        if now != self.identity:
            raise changed(self.path)


def changed(path: str) -> TransferError:
    """The error of a file that is not what it was when its sending began."""
    return TransferError(
        "changed",
        f"“{path}” changed while it was being sent.",
        "Send it again when nobody writes to it.",
    )
