"""Which files were opened, by any process: told by inotify(7)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_OPEN = 0x20

_libc = ctypes.CDLL(None, use_errno=True)


class Opens:
    """The names of files in some folders that were opened since the watch began."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._fd >= 0, os.strerror(ctypes.get_errno())
        for folder in folders:
            watch = _libc.inotify_add_watch(self._fd, os.fsencode(folder), _IN_OPEN)
            assert watch >= 0, os.strerror(ctypes.get_errno())
        self._names: set[str] = set()

    @property
    def names(self) -> set[str]:
        """All so far."""
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return self._names
            while data:
                length = struct.unpack_from("=iIII", data)[3]
                if name := data[16 : 16 + length].rstrip(b"\0"):
                    self._names.add(os.fsdecode(name))
                data = data[16 + length :]

    def close(self) -> None:
        os.close(self._fd)


@contextmanager
def watched(*folders: Path) -> Iterator[Opens]:
    """Watch `folders`, not what lies deeper."""
    opens = Opens(folders)
    try:
        yield opens
    finally:
        opens.close()
