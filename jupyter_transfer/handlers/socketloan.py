"""The socket of a connection, borrowed from tornado while the body of a request arrives.

In `prepare()` tornado has read the head of a request and waits for us before it reads the body. So
whoever takes bytes off the socket there, and then tells tornado how many are left of the body,
takes them without tornado: `RequestHandler` and keep-alive work on as if the body had been shorter.
Only plain HTTP/1.1 with a known length can be read like this; all else tornado must decode.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import SO_RCVLOWAT, SOL_SOCKET

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError

READ_AHEAD = 1 << 20
"""More bytes than tornado holds when it has read a head: its `max_header_size` (64 KiB), the read
that brought its end, and one that it does unasked (`read_chunk_size`, 256 KiB at most here)."""

LEAST = 512 << 10
"""A shorter body is not worth the effort."""

WORTH = 512 << 10
"""Bytes worth waking up for."""

PATIENCE = 0.25
"""Seconds after which fewer will do."""


def lendable(request: HTTPServerRequest) -> IOStream | None:
    """The stream whose socket carries the body of `request` as it is; None if there is none."""
    length = request.headers.get("Content-Length", "")
    connection = request.connection
    if (
        isinstance(connection, HTTP1Connection)
        and type(connection.stream) is IOStream  # no TLS
        and length.isascii()
        and length.isdigit()
        and int(length) >= LEAST
        and "Expect" not in request.headers  # tornado says "100 Continue" after prepare()
    ):
        return connection.stream
    return None


async def read_ahead(stream: IOStream, length: int) -> bytes:
    """What tornado holds of a body of `length` bytes, or else the first bytes that arrive; `stream`
    holds nothing of the body then. Empty when the client has gone away."""
    buffer = bytearray(min(length, READ_AHEAD))
    try:
        # read_into() never reads more than fits, as read_bytes() does.
        count = await stream.read_into(buffer, partial=True)
    except StreamClosedError:
        return b""
    return bytes(memoryview(buffer)[:count])


def set_rest(request: HTTPServerRequest, count: int) -> None:
    """Tell tornado that `count` bytes of the body of `request` are still in the socket."""
    request.headers["Content-Length"] = str(count)


class Loan:
    """A socket while tornado looks away."""

    def __init__(self, stream: IOStream) -> None:
        self.fd = os.dup(stream.socket.fileno())
        """A descriptor of the socket that stays valid when tornado closes its own."""
        self._socket = stream.socket
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[bool] | None = None
        self._closed = False

    async def ready(self, rest: int) -> bool:
        """Wait until some of the `rest` bytes, or the end, stand ready in the socket; False once
        the loan has ended."""
        if self._closed:
            return False
        self._ready = self._loop.create_future()
        # A fast client would wake us for each packet, and waking costs more than the bytes.
        self.wake_at(min(WORTH, rest))
        timer = self._loop.call_later(PATIENCE, self.wake_at, 1)
        self._loop.add_reader(self.fd, self._resolve, True)
        try:
            return await self._ready
        finally:
            self._loop.remove_reader(self.fd)
            timer.cancel()

    def wake_at(self, count: int) -> None:
        """Do not call the socket ready before it holds `count` bytes (SO_RCVLOWAT, socket(7))."""
        with suppress(OSError):
            self._socket.setsockopt(SOL_SOCKET, SO_RCVLOWAT, count)

    def end(self) -> None:
        """Take no more: tornado has closed the connection, or the request was answered."""
        self._closed = True
        self._resolve(False)

    def _resolve(self, value: bool) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(value)


@asynccontextmanager
async def lent(stream: IOStream) -> AsyncIterator[Loan]:
    """The socket of `stream` for the length of a ``with`` block; `stream` must hold no bytes."""
    loan = Loan(stream)
    # With a callback the stream listens, so that there is a listening that can be turned off.
    stream.set_close_callback(loan.end)
    stream.io_loop.update_handler(stream.socket, 0)
    try:
        yield loan
    finally:
        loan.wake_at(1)
        if not stream.closed():
            stream.io_loop.update_handler(stream.socket, stream.io_loop.READ | stream.io_loop.ERROR)
            stream.set_close_callback(None)
        os.close(loan.fd)
