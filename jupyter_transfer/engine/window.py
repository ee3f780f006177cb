"""How much the kernel takes in for a connection while nobody reads.

Linux lets a receive buffer grow as long as it is read fast, up to ``tcp_rmem`` (6 to 32 MiB), and
fills it when the reader has to wait for a disk. What lies in it is lost with the process. Near by,
where bytes need no time on the way, a small buffer is as fast; far away it has to hold what is on
the way, and is left alone.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from functools import lru_cache

LEAST, MOST = 512 << 10, 4 << 20
"""Bytes that a buffer holds at least, and from which on its size is left to the kernel."""

LINE = 1_250_000_000
"""Bytes a second that one connection is to be able to bring: 10 Gbit/s."""

_INFO, _STATE, _RTT = 72, 0, 68
_ESTABLISHED, _CONNECTING = 1, (2, 3)


class NewSockets:
    """Sockets that libcurl is connecting, until their windows are set."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def add(self, opened: socket.socket) -> None:
        """Look after `opened`, which libcurl gets a duplicate of."""
        self._sockets.append(opened)

    def look(self) -> None:
        """Set the windows of those that are connected, and let go of all that need nothing more."""
        if not self._sockets:
            return
        waiting = []
        for one in self._sockets:
            if _settle(one):
                one.close()
            else:
                waiting.append(one)
        self._sockets = waiting

    def close(self) -> None:
        """Let go of all."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()


def _settle(one: socket.socket) -> bool:
    """Whether nothing is left to be done for this socket."""
    with suppress(OSError):
        info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
        if len(info) < _INFO:
            return True
        if info[_STATE] in _CONNECTING:
            return False
        if info[_STATE] == _ESTABLISHED:
            (microseconds,) = struct.unpack_from("=I", info, _RTT)
            size = window_for(microseconds / 1e6)
            if size is not None and size <= _most():
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    return True


def window_for(seconds: float) -> int | None:
    """Bytes of buffer for a connection with a round trip of `seconds`; None: the kernel's."""
    size = max(LEAST, round(seconds * LINE))
    return size if size < MOST else None


@lru_cache(maxsize=1)
def _most() -> int:
    """Bytes that a process may ask for (``rmem_max``); less than it wants would make it slow."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MOST)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
