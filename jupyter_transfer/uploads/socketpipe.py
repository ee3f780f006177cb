"""From a socket into a file without passing through this process: splice(2) needs a pipe between.

The kernel hands pages of the socket's buffer to the pipe and copies them once, into the page cache.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress

PIPE_SIZE = 1 << 20
"""Bytes that one splice moves at most; what an unprivileged process may ask for (pipe(7))."""

_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)  # left out by some builds of Python 3.10


class SocketPipe:
    """A pipe between a socket and a file. What the file cannot take of its bytes is lost."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):  # over the user's limit: small pipes work too
            fcntl.fcntl(self._write, _F_SETPIPE_SZ, PIPE_SIZE)

    def fill(self, source: int, limit: int) -> int:
        """Take at most `limit` bytes that stand ready in the non-blocking socket `source`; 0 when
        there are none, because they have not come yet or never will: whoever reads the socket
        next learns why.

        Call `drain` until they are all out, before the next `fill`.
        """
        try:
            return os.splice(source, self._write, min(limit, PIPE_SIZE))
        except OSError:
            return 0

    def drain(self, target: int, position: int, count: int) -> int:
        """Write at most `count` bytes to `position` of the file `target`; how many were written."""
        try:
            return os.splice(self._read, target, count, offset_dst=position)
        except OSError as error:
            if error.errno != errno.EINVAL:  # else a file system that cannot splice
                raise
        data = memoryview(os.read(self._read, count))
        written = 0
        while written < len(data):
            written += os.pwrite(target, data[written:], position + written)
        return written

    def close(self) -> None:
        """Give both ends back."""
        os.close(self._read)
        os.close(self._write)
