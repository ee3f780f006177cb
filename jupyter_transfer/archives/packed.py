"""What is read of an archive: its entries, and the bytes of each.

Nothing here, nor in the readers of the formats, opens or names a file of the disk: names are handed
on as they stand in the archive, and whoever writes the files lets the gate judge them.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import TransferError, from_os_error
from ..names import shown_path
from .manifest import identity_of

PIECE = 1 << 20
"""Bytes that are handed on at a time."""

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True)
class Packed:
    """One entry of an archive."""

    name: str
    """As it stands there; not checked. That of a folder has no slash at its end."""
    kind: Kind
    size: int
    """Bytes of a file."""
    version: str
    """Equal only for the same entry of the same archive."""
    mtime_ns: int | None = None
    executable: bool = False
    target: str = ""
    """Of a link: the name that it leads to, seen from the top of the archive; ``..`` at its front
    and a slash mean that it leads out."""
    digest: str | None = None
    """Checked when the bytes have been read."""
    error: TransferError | None = None
    """Why it cannot be taken."""
    place: Any = None
    """For the reader itself."""


class ArchiveFile:
    """The file of an archive, open as `fd`, as it was at that moment. Takes over the descriptor."""

    def __init__(self, fd: int, path: str) -> None:
        self.path = path
        self._fd = fd
        self._identity = identity_of(os.fstat(fd))[:4]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._identity[2]

    @property
    def version(self) -> str:
        """What tells it from another archive of that name: size and time of the last change."""
        return f"{self._identity[2]:x}-{self._identity[3]:x}"

    def read(self, size: int, position: int) -> bytes:
        """At most `size` bytes from `position` on; b"" behind the end. Raises ``changed``,
        ``io_error``."""
        try:
            data = os.pread(self._fd, size, position)
            unchanged = identity_of(os.fstat(self._fd))[:4] == self._identity
        except OSError as error:
            raise from_os_error(error, self.path) from None
        if not unchanged:
            raise TransferError(
                "changed", f"{shown_path(self.path)} changed while it was being extracted."
            )
        return data

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ArchiveInput(ABC):
    """An archive that is read from its first entry to its last."""

    format = ""
    """``zip``, ``tar``, ``tar.gz`` …"""
    sequential = True
    """Whether the bytes of all entries are one stream: what is damaged in it ends it."""
    files: int | None = None
    """How many files there are, where that is known beforehand."""
    size: int | None = None
    """How many bytes they have together, where that is known beforehand."""

    @abstractmethod
    def entries(self) -> Iterator[Packed]:
        """All entries. Raises ``bad_archive`` where it is damaged, or ends too early."""

    @abstractmethod
    def read(self, packed: Packed) -> Iterator[bytes | memoryview]:
        """The bytes of a file, in pieces, before the next entry is asked for. Raises
        ``bad_archive`` at the end if they are not what the archive says."""

    @property
    @abstractmethod
    def position(self) -> int:
        """Bytes of the archive that have been read."""


def damaged(what: str) -> TransferError:
    """The error of an archive of which `what` (a sentence) is true."""
    return TransferError("bad_archive", what)
