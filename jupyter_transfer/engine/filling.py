"""Filling a sink: the pieces of a file that the service lacks, over one or several connections.

Where the bytes come from, a disk or another service, the file itself knows (`original`).

A piece that fails is sent again, in its turn and with back-off. A sink that takes its pieces in
order is asked first how far it got. An outlet that is not honoured any more (400, 401, 403: a
presigned address has expired) is asked for anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ..backends.base import Digest
from ..backends.sink import Sink, Span
from ..errors import TransferError
from .body import Body, Framed
from .control import Control, Tally
from .original import Original, Sums
from .retry import Retries
from .spans import Spans
from .transport import Exchange, Transport, parse

CONNECTIONS = 4
"""Pieces of a file that are under way at a time, at most."""

AT_RISK = 16 << 20
"""Bytes under way at a time, about: what a kill costs. Two connections are worth more than it."""

RENEWALS = 3
"""Times in a row, without a piece between them, that an outlet is asked for anew."""

_SAID = 16 << 10
"""Bytes of an answer that are kept to say why a piece was refused."""

_Answer = TypeVar("_Answer")


@dataclass
class Way:
    """How one file gets to the service."""

    transport: Transport
    control: Control
    tally: Tally
    retries: Retries

    def patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """The answer of the service to `ask`, with retries by error class."""
        while True:
            try:
                return ask()
            except TransferError as error:
                self.control.sleep(self.retries.wait_for(error))


class Filling:
    """`run` brings the file into the sink, whole.

    Parameters
    ----------
    begin: asks the sink what it holds; raises `Gone` when that is lost.
    """

    def __init__(
        self,
        way: Way,
        file: Original,
        sink: Sink,
        digests: Sums,
        begin: Callable[[], Iterable[Span]],
    ) -> None:
        self._way = way
        self._file = file
        self._sink = sink
        self._digests = digests
        self._begin = begin
        self._pending: deque[Span] = deque()
        self._live: dict[Exchange, Span] = {}
        self._said: dict[Exchange, bytearray] = {}
        self._pieces: dict[Span, Sums] = {}
        self._sent = 0
        self._renewals = 0
        self._not_before = 0.0
        self._asked_again = False

    def run(self, held: Iterable[Span]) -> None:
        """Send what is not `held`. Raises `TransferError`, `Stopped`, `Gone`."""
        self._plan(held)
        try:
            while self._pending or self._live:
                self._way.control.check()
                self._file.turn()
                self._start()
                for exchange in self._way.transport.run(0.1 if self._live else 0):
                    if exchange in self._live:
                        self._ended(exchange, self._live.pop(exchange))
                if not self._live:
                    self._way.control.sleep(max(0.0, self._not_before - time.monotonic()))
                self._way.tally.tell()
        finally:
            for exchange in self._live:
                self._way.transport.stop(exchange)
            self._live.clear()
            self._said.clear()

    def _plan(self, held: Iterable[Span]) -> None:
        size, held = self._file.size, list(held)
        spans = Spans(held)
        self._sent = spans.total
        self._way.tally.set(self._sent)
        if size:
            pieces = [p for gap in spans.gaps(size) for p in cut(gap, self._sink.piece_size)]
        else:
            pieces = [] if (0, 0) in held else [(0, 0)]
        self._file.expect(pieces, self._sink)
        self._pending = deque(pieces)

    @property
    def _connections(self) -> int:
        if self._sink.in_order:
            return 1
        wanted = max(2, min(CONNECTIONS, AT_RISK // self._sink.piece_size))
        limits = (wanted, self._way.control.connections, self._file.connections)
        return min(limit for limit in limits if limit)

    def _start(self) -> None:
        if time.monotonic() < self._not_before:
            return
        while self._pending and len(self._live) < self._connections:
            self._file.check()
            span = self._pending.popleft()
            outlet = self._sink.outlet(span)
            body = self._body(span)
            said = bytearray()
            exchange = Exchange(
                parse(outlet.url),
                outlet.headers,
                method=outlet.method,
                upload=body if outlet.frame is None else Framed(body, *outlet.frame),
                on_data=partial(_keep, said),
                append_at=outlet.append_at,
                commands=outlet.commands,
                unix_socket=outlet.unix_socket,
                login=outlet.login,
            )
            self._live[exchange] = span
            self._said[exchange] = said
            self._way.transport.start(exchange)

    def _body(self, span: Span) -> Body:
        algorithm = self._sink.piece_digest
        self._pieces[span] = self._file.sums_of(span, [algorithm] if algorithm else [])

        def on_read(offset: int, data: memoryview) -> None:
            self._digests.feed(offset, data)
            self._pieces[span].feed(offset, data)
            self._way.tally.add(len(data))

        return self._file.body(span, on_read)

    def _digest_of(self, span: Span) -> Digest | None:
        digests = self._pieces.pop(span).finish(self._way.control.check)
        return digests[0] if digests else None

    # -- the end of a piece --

    def _ended(self, exchange: Exchange, span: Span) -> None:
        assert exchange.upload is not None
        error, said = exchange.error or refusal(exchange), self._said.pop(exchange)
        if error is not None and exchange.error is None:
            error = self._sink.refused(exchange.status, bytes(said)) or error
        if error is None:
            try:
                digest = self._digest_of(span)
                self._sink.sent(span, exchange.headers.as_dict(), digest)
                self._digests.piece(span, digest)
            except TransferError as failure:
                error = failure
        if error is None:
            self._sent += span[1] - span[0]
            self._file.taken(span)
            self._renewals, self._asked_again = 0, False
            self._way.retries.progressed()
        else:
            self._pending.appendleft(span)
            self._failed(exchange, error)
        self._way.tally.bytes = self._sent + sum(
            min(other.upload.position, span[1] - span[0])
            for other, span in self._live.items()
            if other.upload is not None
        )

    def _failed(self, exchange: Exchange, error: TransferError) -> None:
        if exchange.status in (400, 401, 403) and self._renewals < RENEWALS:
            self._renewals += 1
            self._sink.expired()
            return
        if exchange.status in (404, 409, 410) and not self._asked_again:
            self._asked_again = True
            self._begin()  # raises Gone if that is why
            return
        if exchange.status == 412 and self._came_through():
            return
        wait = self._way.retries.wait_for(error)
        self._not_before = time.monotonic() + wait
        if self._sink.in_order:
            self._way.control.sleep(wait)
            self._plan(self._begin())

    def _came_through(self) -> bool:
        """Whether what stands at the address already is what we sent: its answer was lost."""
        if self._live or self._asked_again:
            return False
        self._asked_again = True
        self._plan(self._begin())
        return not self._pending


def _keep(said: bytearray, data: memoryview) -> None:
    said += data[: max(0, _SAID - len(said))]


def cut(span: Span, size: int) -> Iterable[Span]:
    """`span` in pieces that end at multiples of `size`."""
    start, end = span
    while start < end:
        stop = min(end, (start // size + 1) * size)
        yield start, stop
        start = stop


def refusal(exchange: Exchange) -> TransferError | None:
    """What is wrong with an answer; None when the piece was taken."""
    if exchange.url.scheme not in ("http", "https"):
        return None
    if 200 <= exchange.status < 300:
        if exchange.upload is not None and exchange.upload.position < exchange.upload.size:
            return TransferError(
                "remote_lied", f"“{exchange.url.host}” answered before it had all bytes."
            )
        return None
    return error_of_refusal(exchange.status, exchange.url.host, exchange.retry_after)


_REFUSALS = {
    401: ("needs_credentials", "“{host}” wants to know who you are."),
    403: ("remote_forbidden", "“{host}” does not let us write there (403)."),
    404: ("remote_not_found", "“{host}” has no such folder (404)."),
    405: ("remote_refused", "“{host}” takes no files at this address (405)."),
    409: ("remote_not_found", "“{host}” has no such folder (409)."),
    410: ("remote_not_found", "“{host}” has no such folder any more (410)."),
    412: ("exists", "Something stands at this address of “{host}” already."),
    413: ("remote_refused", "The file is larger than “{host}” takes (413)."),
    507: ("remote_refused", "“{host}” has no room left (507)."),
}
_BUSY = (408, 423, 425, 429, 500, 502, 503, 504, 509)


def error_of_refusal(status: int, host: str, retry_after: float | None = None) -> TransferError:
    """What it means when `host` answers a request to write with `status`."""
    if status in _BUSY:
        message = f"“{host}” cannot take the file now (status {status})."
        return TransferError("remote_busy", message, retry_after=retry_after)
    code, message = _REFUSALS.get(
        status, ("remote_refused", "“{host}” answered with status {status}.")
    )
    return TransferError(code, message.format(host=host, status=status))
