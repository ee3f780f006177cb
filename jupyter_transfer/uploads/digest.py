"""The digest of a file that grows.

It is taken from the bytes as they pass, so that the whole file need not be read again at the end.
"""

from __future__ import annotations

import hashlib
import os

_READ = 1 << 20


class Digest:
    """The SHA-256 of a growing file, computed from the bytes as they pass.

    It lives in memory only: what a former process, or a request that was rolled back, took with
    it is read again from the file when the value is asked for.
    """

    def __init__(self) -> None:
        self.position = 0
        """End of the bytes that the digest has seen."""
        self._hash = hashlib.sha256()

    def update(self, data: bytes | memoryview, position: int) -> None:
        """Take in `data`, which stands at `position`, if that is where the digest is."""
        if position == self.position:
            self._hash.update(data)
            self.position += len(data)

    def rewind(self, end: int) -> None:
        """Forget all, if the digest has seen bytes behind `end`: they are gone."""
        if self.position > end:
            self.position = 0
            self._hash = hashlib.sha256()

    def read(self, fd: int, end: int) -> None:
        """Take in the bytes of the file `fd` up to `end` that the digest has not seen."""
        while self.position < end:
            data = os.pread(fd, min(_READ, end - self.position), self.position)
            if not data:
                break
            self.update(data, self.position)

    def value(self, fd: int, length: int) -> str:
        """The digest in hex of the first `length` bytes of the file `fd`."""
        self.read(fd, length)
        return self._hash.hexdigest()
