"""Handlers that take the body of a request piece by piece, whatever its size.

tornado hands over each piece while the client is still sending. So everything that may refuse a
request is done in `prepare()`, before the first byte of the body is read, and a refusal is sent at
once. But a connection that is closed while the client still sends is reset, and the client never
reads the answer (RFC 9112 section 9.6): so after an early answer we read on for a little while and
throw away what comes (`LINGER_SECONDS`, `LINGER_BYTES`), then close.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable
from functools import cached_property
from typing import Any

from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream

from ..errors import TransferError
from .base import TransferHandler
from .socketloan import Loan, lendable, lent, read_ahead, set_rest

PIECE = 256 << 10
"""Bytes that are read from a connection at a time: 64 KiB, tornado's own, cost more time for each
byte, and much more than this would keep other requests waiting while many bodies arrive."""

STALL_SECONDS = 60.0
"""Seconds without a byte after which a connection is given up; what arrived is kept."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 64 << 20

_UNLIMITED = 1 << 62


@web.stream_request_body
class BodyHandler(TransferHandler):
    """Base of handlers with streamed bodies.

    A subclass implements `begin` (refuse, or get ready), `take` (a piece), `failed` (let go,
    before the error is answered) and `cut` (the client went away). The verb's own method runs
    when the body is there in full.
    """

    async def begin(self) -> None:
        """Called in `prepare()` for who may use the verb, before the body is read."""

    def take(self, data: bytes) -> Awaitable[Any] | None:
        """Take a piece of the body; the result, if any, is awaited before the next one."""
        raise TransferError("bad_request", "This request takes no body.")

    async def take_from(self, socket: int, limit: int) -> int:
        """Take at most `limit` bytes of the body off the non-blocking `socket`; how many. After 0
        the rest comes to `take`."""
        return 0

    async def failed(self, error: TransferError) -> TransferError:
        """The body cannot be taken on; gives the error to answer."""
        return error

    def cut(self) -> None:
        """The connection ended before the answer was sent."""

    splices = False
    """Whether a subclass has `take_from` and it may be used."""

    # -- what a subclass may ask --

    @cached_property
    def content_length(self) -> int | None:
        """Bytes of the body as announced; None if unknown (chunked) or if there is no body."""
        value = self.request.headers.get("Content-Length", "")
        return int(value) if value.isascii() and value.isdigit() else None

    @property
    def has_body(self) -> bool:
        """Whether a body comes."""
        return bool(self.content_length) or "Transfer-Encoding" in self.request.headers

    def fail_later(self, error: TransferError) -> None:
        """Refuse the rest of the body from outside of `take`."""
        task = asyncio.ensure_future(self._fail(error))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    # -- how tornado calls us --

    _refused = False  # no piece is taken any more
    _answering = False
    _answered = False  # the answer is out, the rest of the body is thrown away
    _lingered = 0
    _last_piece: float | None = None  # None while we, not the client, keep the other waiting
    _watch: asyncio.TimerHandle | None = None
    _loan: Loan | None = None

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse, or get ready for the body."""
        connection = self.request.connection
        # The size is ours to limit; tornado's limit counts buffers, and we hold none.
        connection.set_max_body_size(_UNLIMITED)  # type: ignore[union-attr]
        try:
            await super().prepare()
            if not self._is_open_to_all():
                await self.begin()
        except (TransferError, web.HTTPError) as error:
            if not self._can_linger():
                raise
            self._refuse(error)
            return
        if self.has_body and isinstance(connection, HTTP1Connection):
            connection.params = copy.copy(connection.params)
            connection.params.chunk_size = PIECE
            stream = connection.stream
            stream.read_chunk_size = min(PIECE, stream.max_buffer_size // 2)
            self._watch_stall()
            lender = lendable(self.request) if self.splices else None
            if lender is not None and not self._refused:
                await self._take_off_socket(lender)

    async def _take_off_socket(self, stream: IOStream) -> None:
        """Take the body, as far as may be, while tornado waits for us."""
        rest = self.content_length or 0
        try:
            first = await read_ahead(stream, rest)
            rest -= len(first)
            if first and (wait := self.data_received(first)) is not None:
                await wait
            if stream.closed():
                return
            async with lent(stream) as self._loan:
                while rest and not self._refused and await self._loan.ready(rest):
                    self._last_piece = None
                    taken = await self.take_from(self._loan.fd, rest)
                    self._last_piece = asyncio.get_running_loop().time()
                    rest -= taken
                    if not taken:
                        break
        finally:
            set_rest(self.request, rest)

    def _is_open_to_all(self) -> bool:
        method = getattr(self, (self.request.method or "").lower(), None)
        return getattr(method, "__allow_unauthenticated", False)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Called by tornado with each piece."""
        if self._answered:
            self._linger(len(chunk))
            return None
        if self._refused:
            return None
        self._last_piece = None
        try:
            wait = self.take(chunk)
        except TransferError as error:
            return self._fail(error)
        if wait is not None:
            return self._wait(wait)
        self._last_piece = asyncio.get_running_loop().time()
        return None

    async def _wait(self, wait: Awaitable[Any]) -> None:
        await wait
        self._last_piece = asyncio.get_running_loop().time()

    def on_connection_close(self) -> None:
        """Called by tornado when the client goes away."""
        super().on_connection_close()
        self._stop_watch()
        self.cut()

    def on_finish(self) -> None:
        """Called by tornado when the answer is out."""
        self._stop_watch()

    # -- refusing --

    async def _fail(self, error: TransferError) -> None:
        if self._refused:
            return
        self._refused = True
        error = await self.failed(error)
        if not self._finished:
            self._refuse(error)

    def _can_linger(self) -> bool:
        # Who waits for "100 Continue" has not sent the body and will not.
        return self.has_body and self.request.headers.get("Expect", "").lower() != "100-continue"

    def _refuse(self, error: Exception) -> None:
        """Answer now; the request ends when the body did, or when we are tired of it."""
        self._refused = True
        if self._loan is not None:
            self._loan.end()
        # tornado calls the verb when the body has ended; there is nothing left to do then.
        setattr(self, (self.request.method or "").lower(), lambda *args: None)
        self._answering = True
        try:
            raise error
        except (TransferError, web.HTTPError) as caught:  # tornado looks at sys.exc_info()
            self._handle_request_exception(caught)
        finally:
            self._answering = False

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """End the response; an early one only when the client has stopped sending."""
        if not self._answering:
            return super().finish(*args, **kwargs)
        if self._answered:
            return None  # tornado calls again when it has written the error
        self._answered = True
        chunk = args[0] if args else ""
        data = chunk.encode() if isinstance(chunk, str) else chunk
        self.set_header("Content-Length", str(len(data)))
        self.write(data)
        self._stop_watch()
        self._watch = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_linger)
        return self.flush()

    def _linger(self, count: int) -> None:
        self._lingered += count
        if self._lingered > LINGER_BYTES:
            self._end_linger()

    def _end_linger(self) -> None:
        if not self._finished:
            self.finish()  # before the body has ended: tornado closes the connection

    # -- stalled clients --

    def _watch_stall(self) -> None:
        loop = asyncio.get_running_loop()
        self._last_piece = loop.time()
        self._watch = loop.call_later(STALL_SECONDS, self._check_stall)

    def _check_stall(self) -> None:
        loop = asyncio.get_running_loop()
        idle = 0.0 if self._last_piece is None else loop.time() - self._last_piece
        if idle >= STALL_SECONDS:
            self.request.connection.stream.close()  # type: ignore[union-attr]
        else:
            self._watch = loop.call_later(STALL_SECONDS - idle, self._check_stall)

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
