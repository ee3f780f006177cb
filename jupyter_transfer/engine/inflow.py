"""The bytes of a remote file on their way to another service: through memory, never the disk.

What the sender wants is cut into segments, of which a *window* is in memory: those that are coming
in, and those that have come and are not sent yet. The window moves on when its bytes are sent (and
summed up, for a digest takes them in order); while it is full the other side has to wait. Small
pieces stay in it until the service has acknowledged them, so that one that fails is sent again
from memory; a large piece that fails is fetched again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import TransferError
from .fileprotocols import FILE_SCHEMES, FTP_SCHEMES, cannot_resume
from .flow import Flow, Segment
from .partial import EXPIRED, Expired, StartAgain, headers_of_part, verdict_of
from .plan import Remote, content_length, error_of_status, status_of, validators_in
from .ranged import PROGRESS
from .retry import Retries
from .spans import Span
from .sumsonway import SumsOnWay
from .transport import Enough, Exchange

if TYPE_CHECKING:
    from .filling import Way

WINDOW = 16 << 20
"""Bytes of a file that are in memory, about: what a kill costs at the source."""

STEP = 4 << 20
"""Bytes of a segment of a large piece."""

KEPT = 8 << 20
"""Bytes up to which a piece stays in the window until the service has it."""

REQUEST = 8 << 20
"""Bytes that one request asks for, about."""

CONNECTIONS = 4
OF_SFTP = 2
"""Connections to the source, at most."""


class Inflow:
    """Brings in what `expect` announces; `read` gives it out.

    Parameters
    ----------
    remote: the file; replace it when its locator was asked for anew.
    """

    def __init__(self, way: Way, remote: Remote, sums: SumsOnWay) -> None:
        self.remote = remote
        self._way = way
        self._sums = sums
        self._retries = Retries()
        self._pieces: Sequence[Span] = ()
        self._steps: Iterator[Span] = iter(())
        self._ahead: Span | None = None
        self._window: deque[Segment] = deque()
        self._flows: list[Flow] = []
        self._failure: Exception | None = None
        self._back_to: int | None = None
        self._not_before = 0.0
        self.arrived = 0
        """Bytes that have come in, however often."""
        self.keeps = True
        self.confirmed = False
        """Whether the bytes were found to be right: until then the last one is held back, for
        many a service publishes a file when it has its last byte."""

    @property
    def in_one_piece(self) -> bool:
        """Whether all bytes have to come in one answer."""
        return not self.remote.in_parts

    # -- what is wanted --

    def expect(self, pieces: Sequence[Span], piece_size: int) -> None:
        """`pieces` will be read, in this order. Raises `StartAgain`."""
        self.keeps = piece_size <= KEPT
        self._pieces = pieces
        self._begin_at(pieces[0][0] if pieces else 0)

    def _begin_at(self, offset: int) -> None:
        self.stop()
        if self.in_one_piece and self._pieces:
            if offset:
                raise StartAgain("no_ranges")
            self._sums.restart()
        self._window.clear()
        self._back_to = None
        self._steps = self._cut(offset)
        self._ahead = next(self._steps, None)
        self._refill()

    def _cut(self, offset: int) -> Iterator[Span]:
        for first, end in self._pieces:
            size = end - first if self.keeps else STEP
            for start in range(max(first, offset), end, max(size, 1)):
                yield start, min(start + size, end)

    def _refill(self) -> None:
        total = sum(len(segment) for segment in self._window)
        while self._ahead is not None and (not self._window or total < WINDOW):
            total += len(self._admit())

    def _admit(self) -> Segment:
        assert self._ahead is not None
        segment = Segment(*self._ahead)
        self._window.append(segment)
        self._ahead = next(self._steps, None)
        return segment

    @property
    def complete(self) -> bool:
        """Whether all that is wanted has come in."""
        return self._ahead is None and all(segment.full for segment in self._window)

    # -- what goes out --

    def read(self, offset: int, count: int) -> memoryview | None:
        """Bytes from `offset` on; None while there are none."""
        if not self.keeps:
            self._let_go(offset)
        for segment in self._window:
            if segment.start <= offset < segment.end:
                data = segment.read(offset, count)
                if offset + len(data) == self.remote.size and not self.confirmed:
                    data = data[:-1]
                return data or None
        if self._ahead is None or offset < self._ahead[0]:  # it was there, and is not any more
            self._back_to = offset if self._back_to is None else min(offset, self._back_to)
        return None

    def taken(self, span: Span) -> None:
        """The service has `span`."""
        self._let_go(span[1], span[0])

    def _let_go(self, until: int, since: int = 0) -> None:
        for segment in self._window:
            if since <= segment.start and segment.end <= until and segment.full:
                segment.sent = True
        while self._window and self._window[0].sent and self._is_summed(self._window[0]):
            self._window.popleft()
        self._refill()

    def _is_summed(self, segment: Segment) -> bool:
        return not self._sums.active or self._sums.position >= segment.end

    # -- what comes in --

    def turn(self) -> None:
        """Ask for what is wanted next. Raises `TransferError`, `StartAgain`, `Expired`."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._back_to is not None:
            self._begin_at(self._back_to)
        if time.monotonic() < self._not_before:
            return
        while len(self._flows) < self._most:
            segment = next((s for s in self._window if s.flow is None and not s.full), None)
            if segment is None:
                return
            self._start(segment)

    @property
    def _most(self) -> int:
        """Connections that may be used."""
        scheme = self.remote.url.scheme
        if self.in_one_piece or scheme in FTP_SCHEMES or not self.remote.validators.strong:
            return 1
        most = OF_SFTP if scheme in FILE_SCHEMES else CONNECTIONS
        return min(most, self._way.control.connections or most)

    def stop(self) -> None:
        """End all requests."""
        for flow in self._flows:
            self._way.transport.stop(flow.exchange)
            flow.leave()
        self._flows.clear()

    def _start(self, segment: Segment) -> None:
        remote = self.remote
        if self.in_one_piece and segment.position:
            raise StartAgain("broken")
        flow = Flow(segment, remote)
        if self.in_one_piece or remote.url.scheme in FTP_SCHEMES:
            last = (remote.size or 1) - 1
        else:
            last = self._run_from(flow, segment) - 1
        flow.exchange = Exchange(
            remote.url,
            dict(remote.headers) if self.in_one_piece else headers_of_part(remote),
            byte_range=None if self.in_one_piece else (flow.position, last),
            on_head=lambda exchange: self._check_head(flow, exchange),
            on_data=lambda data: self._take(flow, data),
            on_end=lambda exchange: self._end(flow, exchange),
            hold=lambda: self._must_wait(flow),
            metered=False,
            unix_socket=remote.unix_socket,
            login=remote.login,
        )
        self._flows.append(flow)
        self._way.transport.start(flow.exchange)

    def _run_from(self, flow: Flow, segment: Segment) -> int:
        """Claim the segments that one request may bring; where they end."""
        end = segment.end
        for other in self._window:
            if other.start == end and other.untouched and end - segment.start < REQUEST:
                flow.claim(other)
                end = other.end
        return end

    def _must_wait(self, flow: Flow) -> bool:
        return flow.segment.full and self._follower(flow) is None and self._is_ahead(flow)

    def _is_ahead(self, flow: Flow) -> bool:
        return self._ahead is not None and self._ahead[0] == flow.segment.end

    def _follower(self, flow: Flow) -> Segment | None:
        """The segment that goes on where that of `flow` ends."""
        end = flow.segment.end
        for segment in self._window:
            if segment.start == end and (segment.flow is flow or segment.untouched):
                return segment
        return None

    def _take(self, flow: Flow, data: memoryview) -> None:
        while data:
            if flow.segment.full:
                following = self._follower(flow)
                if following is None and self._is_ahead(flow):
                    following = self._admit()  # a little more than the window, once
                if following is None:
                    raise Enough
                flow.go_to(following)
            count = flow.segment.write(data)
            self.arrived += count
            data = data[count:]
        self._sum_up()
        self._way.transport.stir()

    def _sum_up(self) -> None:
        if not self._sums.active or not self._window:
            return
        if self._sums.position < self._window[0].start:
            self._sums.give_up()  # it went on with what an earlier process had sent
        for segment in self._window:
            if segment.start <= self._sums.position < segment.position:
                self._sums.feed(segment.start, segment.written)

    # -- one answer --

    def _check_head(self, flow: Flow, exchange: Exchange) -> None:
        if self.in_one_piece:
            if exchange.status == 200 and self._is_another(exchange):
                flow.verdict = "changed"
            usable = exchange.status == 200
        else:
            flow.verdict = verdict_of(exchange, self.remote)
            usable = status_of(exchange) == 206
        if flow.verdict or not usable:
            raise Enough

    def _is_another(self, exchange: Exchange) -> bool:
        length = content_length(exchange.headers)
        return length not in (None, self.remote.size) or self.remote.validators.contradicts(
            validators_in(exchange.headers)
        )

    def _end(self, flow: Flow, exchange: Exchange) -> None:
        """An answer has ended; must not raise."""
        self._flows.remove(flow)
        done = flow.finished and not flow.verdict
        flow.leave()
        self._way.transport.stir()
        if flow.position - flow.began >= PROGRESS or done:
            self._retries.progressed()
        if done or self._failure is not None:
            return
        try:
            self._judge(flow, exchange)
        except (TransferError, StartAgain, Expired) as failure:
            self._failure = failure

    def _judge(self, flow: Flow, exchange: Exchange) -> None:
        if flow.verdict:
            raise StartAgain(flow.verdict)
        if cannot_resume(exchange.code):
            raise StartAgain("no_ranges")
        error = exchange.error or self._error_of(exchange)
        if error.code == "remote_changed":
            raise StartAgain("changed")
        if exchange.status in EXPIRED and exchange.error is None:
            if flow.remote is self.remote:
                raise Expired(error)
            return  # there is a newer locator already
        now = time.monotonic()
        if now < self._not_before and error.retryable and not error.retry_after:
            return
        self._not_before = now + self._retries.wait_for(error)
        if self.in_one_piece and flow.position:
            raise StartAgain("broken")

    def _error_of(self, exchange: Exchange) -> TransferError:
        if exchange.url.scheme in FILE_SCHEMES or status_of(exchange) in (200, 206):
            host = exchange.url.host
            return TransferError("connection_lost", f"“{host}” ended the answer too early.")
        return error_of_status(exchange)
