"""Writing a file around the page cache (`O_DIRECT`, open(2)).

A large file that nobody reads at once costs a fraction of the processor time so, and leaves the
memory to others: a container is charged for its page cache. The kernel takes whole blocks only, at
multiples of a block in the file and in memory; what does not fill one goes through the page cache,
and the kernel keeps both ways coherent.
"""

from __future__ import annotations

import errno
import os
from mmap import mmap

BLOCK = 4096
"""Bytes to whose multiples direct writes are aligned: enough for every usual file system."""

BUFFER = 4 << 20
"""Bytes in a buffer, and in one write at most: smaller ones cost more time for each byte."""

# A file system that wants larger blocks, or that cannot do it although it opened the file.
_UNFIT = (errno.EINVAL, errno.EOPNOTSUPP)


class DirectFile:
    """A file that is open twice: as `fd`, and as `direct` around the page cache, which this object
    closes. With ``direct == -1`` all goes through the page cache."""

    def __init__(self, fd: int, direct: int) -> None:
        self._fd = fd
        self._direct = direct

    def pwrite(self, data: memoryview, position: int) -> int:
        """Write the beginning of `data` to `position`; the number of bytes, at least one unless
        `data` is empty. It must lie in memory as in the file: as many bytes behind the beginning
        of a block. Raises `OSError`.
        """
        head = -position % BLOCK
        whole = len(data) - len(data) % BLOCK
        if self._direct < 0 or not (head or whole):
            return os.pwrite(self._fd, data, position)
        if head:
            return os.pwrite(self._fd, data[:head], position)
        try:
            return os.pwrite(self._direct, data[:whole], position)
        except OSError as error:
            if error.errno not in _UNFIT:
                raise
        self.close()
        return os.pwrite(self._fd, data, position)

    @property
    def direct(self) -> bool:
        """Whether whole blocks go around the page cache."""
        return self._direct >= 0

    def close(self) -> None:
        """Close the second descriptor."""
        if self._direct >= 0:
            os.close(self._direct)
            self._direct = -1


class Buffers:
    """Buffers of `BUFFER` bytes that begin at a block; there are as many as were ever in use at a
    time, since the first use of memory is dear. All methods may be called by all threads."""

    def __init__(self) -> None:
        self._spare: list[memoryview] = []

    def take(self) -> memoryview:
        """A buffer, until it is given `back`."""
        try:
            return self._spare.pop()
        except IndexError:
            return memoryview(mmap(-1, BUFFER))

    def back(self, buffer: memoryview) -> None:
        """The caller uses `buffer` no more."""
        self._spare.append(buffer)


buffers = Buffers()
"""Those of this process."""
