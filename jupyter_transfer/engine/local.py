"""A file of this disk that is being sent: open, and known by what must not change meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..backends.base import Digest
from ..backends.sink import Sink, Span
from ..errors import TransferError, from_os_error
from ..paths import Root
from . import sums
from .body import FileBody
from .digests import Digests, digest_of
from .original import OnRead, Original
from .walk import Found


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

    def as_json(self) -> list[int]:
        """See `State`."""
        return [self.size, self.mtime_ns, self.inode]

    @classmethod
    def from_json(cls, value: list[int]) -> Identity:
        """The identity that `as_json` wrote."""
        return cls(*value)

    def is_same(self, other: Any) -> bool:
        """See `State`."""
        return bool(self == other)

    def may_be(self, other: Any) -> bool:
        """See `State`."""
        return self.is_same(other)

    def in_row(self) -> dict[str, Any]:
        """See `State`."""
        return {}

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """See `State`."""
        return (row["size"], row["mtime_ns"]) == (self.size, self.mtime_ns)


class LocalFile(Original):
    """The file at `path`, open for reading as it was at that moment; make it with `opened`."""

    moves = "changed"
    identity: Identity

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

    def read(self) -> bytes:
        """All of a small file, as it was at one moment. Raises ``changed``, ``io_error``."""
        try:
            data = os.pread(self.fd, self.size + 1, 0)
        except OSError as error:
            raise from_os_error(error, self.path) from None
        if len(data) != self.size:
            raise changed(self.path)
        self.check()
        return data

    def head(self, count: int) -> bytes:
        """At most its first `count` bytes. Raises ``io_error``."""
        try:
            return os.pread(self.fd, count, 0)
        except OSError as error:
            raise from_os_error(error, self.path) from None

    def sums(self, sink: Sink) -> Digests:
        """See `Original`."""
        return Digests(self.fd, self.size, sink.digests)

    def sums_of(self, span: Span, algorithms: Sequence[str]) -> Digests:
        """See `Original`."""
        return Digests(self.fd, span[1], algorithms, span[0])

    def body(self, span: Span, on_read: OnRead) -> FileBody:
        """See `Original`."""
        return FileBody(self.fd, span[0], span[1] - span[0], on_read)

    def digest(self, algorithm: str, check: Callable[[], None]) -> Digest | None:
        """See `Original`: the file is read again."""
        return digest_of(self.fd, self.size, algorithm, check)

    def doubt(self, stated: Digest | None) -> str | None:
        """See `Original`: what was read is the source."""
        return None if stated is not None else "no_digest"

    def check(self) -> None:
        """Raise ``changed`` if the open file is not what it was."""
        try:
            now = Identity.of(os.fstat(self.fd))
        except OSError as error:
            raise from_os_error(error, self.path) from None
        if now != self.identity:
            raise changed(self.path)

    def confirm(self) -> None:
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


def digest_on_disk(
    root: Root, found: Found, algorithm: str, check: Callable[[], None], state: Any = None
) -> Digest | None:
    """A digest of the file `found`, which is read for it; None if this machine cannot compute it,
    or the file is not in `state`. Raises ``changed`` and others."""
    with LocalFile.opened(root, found.path) as file:
        if not sums.known(algorithm) or (state is not None and not file.identity.is_same(state)):
            return None
        digest = file.digest(algorithm, check)
        file.check()
        return digest


def changed(path: str) -> TransferError:
    """The error of a file that is not what it was when its sending began."""
    return TransferError(
        "changed",
        f"“{path}” changed while it was being sent.",
        "Send it again when nobody writes to it.",
    )
