"""The body of a request that is read while it is sent: a span of a file, never held in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import pycurl

from ..errors import TransferError, from_os_error
from .fileprotocols import encoded
from .limits import Bandwidth

if TYPE_CHECKING:
    from .transport import Exchange

UPLOAD_BUFFER = 2 << 20
"""Bytes that libcurl asks for at once: the most that it takes (CURLOPT_UPLOAD_BUFFERSIZE)."""

_LEAST = 16 << 10

_UPLOAD_BUFFERSIZE = 280  # CURLOPT_UPLOAD_BUFFERSIZE, which pycurl does not name


class Body(Protocol):
    """What an `Exchange` sends."""

    size: int
    """Bytes, all of which are sent."""

    position: int
    """Bytes that were handed over so far; goes back when the request is sent once more."""

    def read(self, count: int) -> memoryview | None:
        """At most `count` bytes from `position` on, which moves behind them; valid until the next
        call. None while none are there yet: the exchange waits, and asks again.
        Raises `TransferError`, which ends the exchange with it."""

    def seek(self, position: int) -> None:
        """Go on from `position`."""


class FileBody:
    """The bytes from `start` on of an open file, which nobody else's position moves.

    Parameters
    ----------
    fd: its descriptor; stays the caller's.
    on_read: told each piece that is handed over with its offset in the file, for a digest.
    """

    def __init__(
        self,
        fd: int,
        start: int,
        size: int,
        on_read: Callable[[int, memoryview], None] | None = None,
    ) -> None:
        self._fd = fd
        self._start = start
        self.size = size
        self.position = 0
        self._on_read = on_read
        self._buffer = memoryview(bytearray(min(UPLOAD_BUFFER, max(size, 1))))

    def read(self, count: int) -> memoryview:
        """See `Body`. Raises ``changed`` when the file has become shorter, ``io_error``."""
        room = self._buffer[: min(count, self.size - self.position)]
        if not room:
            return room
        offset = self._start + self.position
        try:
            got = os.preadv(self._fd, [room], offset)
        except OSError as error:
            raise from_os_error(error) from None
        if got == 0:
            raise TransferError("changed", "The file became shorter while it was being sent.")
        self.position += got
        if self._on_read is not None:
            self._on_read(offset, room[:got])
        return room[:got]

    def seek(self, position: int) -> None:
        """See `Body`."""
        self.position = position


class HeldBody:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)
        self.position = 0

    def read(self, count: int) -> memoryview:
        """See `Body`."""
        start = self.position
        self.position = min(start + count, self.size)
        return self._data[start : self.position]

    def seek(self, position: int) -> None:
        """See `Body`."""
        self.position = position


class Framed:
    """`body` between other bytes, as the field of a form is."""

    def __init__(self, body: Body, before: bytes, after: bytes) -> None:
        self._body = body
        self._before, self._after = memoryview(before), memoryview(after)
        self.size = len(before) + body.size + len(after)
        self.position = 0

    def read(self, count: int) -> memoryview | None:
        """See `Body`."""
        start = self.position - len(self._before)
        data: memoryview | None
        if start < 0:
            data = self._before[self.position :][:count]
        elif start < self._body.size:
            data = self._body.read(count)
        else:
            data = self._after[start - self._body.size :][:count]
        if data is not None:
            self.position += len(data)
        return data

    def seek(self, position: int) -> None:
        """See `Body`."""
        self.position = position
        self._body.seek(min(max(0, position - len(self._before)), self._body.size))


def set_up_upload(
    handle: Any, exchange: Exchange, bandwidth: Bandwidth, wait: Callable[[], float]
) -> None:
    """Tell libcurl to send the `upload` of `exchange`; `wait` says for how many seconds no byte
    may move. Over FTP and SFTP it goes behind the first `append_at` bytes of what is there."""
    body = exchange.upload
    assert body is not None
    offset = exchange.append_at or 0
    handle.setopt(pycurl.UPLOAD, 1)
    # To libcurl the body is the whole file, of which it skips what is there by seeking.
    handle.setopt(pycurl.INFILESIZE_LARGE, offset + body.size)
    if offset:
        handle.setopt(pycurl.RESUME_FROM_LARGE, offset)
    if exchange.commands:
        handle.setopt(pycurl.POSTQUOTE, encoded(exchange.commands))
    handle.setopt(_UPLOAD_BUFFERSIZE, max(_LEAST, min(UPLOAD_BUFFER, body.size)))
    handle.setopt(pycurl.READFUNCTION, _reader(exchange, body, bandwidth, wait))
    handle.setopt(pycurl.SEEKFUNCTION, _seeker(body, offset))


def _reader(
    exchange: Exchange, body: Body, bandwidth: Bandwidth, wait: Callable[[], float]
) -> Callable[[int], memoryview | int]:
    def read(count: int) -> memoryview | int:
        if wait() > 0:
            exchange.paused = True
            return int(pycurl.READFUNC_PAUSE)
        rate = bandwidth.rate
        if rate is not None:
            # Small steps under a low limit, so that the bytes flow instead of coming in gulps.
            count = min(count, max(_LEAST, rate // 32))
        try:
            data = body.read(count)
        except Exception as error:
            exchange.fail(error)
            return int(pycurl.READFUNC_ABORT)
        if data is None:
            exchange.paused = True
            return int(pycurl.READFUNC_PAUSE)
        bandwidth.spend(len(data))
        return data

    return read


def _seeker(body: Body, offset: int) -> Callable[[int, int], int]:
    def seek(position: int, origin: int) -> int:
        if origin != os.SEEK_SET or position < offset:
            return int(pycurl.SEEKFUNC_CANTSEEK)
        body.seek(position - offset)
        return int(pycurl.SEEKFUNC_OK)

    return seek
