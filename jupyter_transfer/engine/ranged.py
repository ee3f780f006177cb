"""Fetching one file in parts, over several connections at a time.

The missing spans are cut into segments. Each answer is compared with the plan before one byte of
it is used (`partial`). Bytes go to their place in the part as libcurl hands them over.

A connection that has nothing left to do takes over half of what the slowest one has still to do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ..backends.etags import part_length
from ..errors import TransferError
from .drain import Drain
from .fileprotocols import FILE_SCHEMES, FTP_SCHEMES, cannot_resume
from .follower import Follower
from .parthasher import PartHasher
from .partial import EXPIRED, Expired, StartAgain, headers_of_part, verdict_of
from .plan import Remote, error_of_status, status_of
from .spans import Span
from .sums import known
from .task import Task
from .transport import Enough, Exchange
from .writer import Writer

SEGMENT = 16 << 20
"""Bytes that one request asks for."""

FEW, CONNECTIONS = 2, 4
FAST = 64 << 20
HURRY_AFTER = 0.25
"""Connections to begin with, and at most: more are opened when those that are open have stayed
below `FAST` bytes a second for `HURRY_AFTER` seconds. On a fast line two do all there is to do, and
each further one costs memory and processor time."""

HAND_OVER_AFTER = 2.0
"""Seconds after which what has come in is recorded, however little it is."""

FOLLOWED = 32 << 20
"""Bytes from which on a digest is computed while the file comes in; of less it is soon done."""

PROGRESS = 64 << 10
"""Bytes of one answer that count as progress, although the answer was cut off."""

STEAL_AFTER = 2.0
LEAST_TO_STEAL = 8 << 20
"""Seconds that a segment must still need, and bytes that must be left of it, before another
connection takes half of it over."""


@dataclass
class _Segment:
    """A span that one exchange is fetching; `end` may move down when another takes work over."""

    start: int
    end: int
    writer: Writer
    began: float
    exchange: Exchange | None = None
    verdict: str | None = None

    @property
    def left(self) -> int:
        return self.end - self.writer.position

    def slow(self, now: float) -> bool:
        """Whether another connection may make the whole faster."""
        age = now - self.began
        return age > HURRY_AFTER and self.writer.position - self.start < FAST * age

    def seconds_left(self, now: float) -> float:
        rate = (self.writer.position - self.start) / max(now - self.began, 1e-3)
        return self.left / rate if rate > 0 else float("inf")


class RangedFetch:
    """Brings the missing spans of a file in; `run` returns when all are on disk and recorded."""

    def __init__(self, task: Task) -> None:
        remote = task.remote
        assert remote.size is not None
        self._transport = task.transport
        self._journal = task.journal
        self._remote = remote
        self._size = remote.size
        self._control = task.control
        self._retries = task.retries
        self._tally = task.tally
        # FTP closes its connection when a part ends before the file does.
        cut = remote.size if remote.url.scheme in FILE_SCHEMES else _segment_of(remote)
        self._fresh = _segments(task.journal.spans.gaps(remote.size), max(cut, 1))
        self._again: deque[Span] = deque()
        self._live: list[_Segment] = []
        # Without validators that prove each answer, one connection makes a mix less likely; the
        # digest at the end finds it.
        self._most = CONNECTIONS if remote.validators.strong else 1
        if remote.url.scheme in FTP_SCHEMES:
            self._most = 1  # many servers let a person log in once or twice
        self._allowed = min(FEW, self._most)
        self._not_before = 0.0
        self._handed_at = time.monotonic()
        self._hasher = _hasher_of(task)
        self._follower = _follower_of(task)
        advance = self._follower.advance if self._follower is not None else None
        self._drain = Drain(task.journal, remote, self._hasher, advance)
        self._full_at = 0.0
        self._task = task

    def run(self) -> None:
        """Fetch.

        Raises `TransferError` when the budget of retries is spent, `StartAgain`, `Expired`,
        `Stopped`. What had come in by then is recorded in every case. When it returns, the
        follower of the task has read most of the file, where a digest is wanted.
        """
        self._transport.hold = self._is_full
        try:
            while self._start_segments() or self._live:
                self._control.check()
                self._drain.check()
                for exchange in self._transport.run(0.1):
                    self._finish(self._segment_of(exchange))
                self._tally.tell()
                if time.monotonic() - self._handed_at > HAND_OVER_AFTER:
                    self._hand_over()
        finally:
            self._transport.hold = None
            for segment in self._live:
                if segment.exchange is not None:
                    self._transport.stop(segment.exchange)
            for segment in self._live:
                segment.writer.close()
            try:
                self._drain.close()
            finally:
                for follower in (self._follower, self._hasher):
                    if follower is not None:
                        follower.close()
        self._task.follower = self._follower or self._hasher

    def _hand_over(self) -> None:
        """Record what has come in: on a slow line a block takes too long to wait for."""
        self._handed_at = time.monotonic()
        for segment in self._live:
            segment.writer.hand_over()

    # -- handing out work --

    def _start_segments(self) -> bool:
        """Start what may start now; whether more is to be done, or may come back to be done."""
        now = time.monotonic()
        if now < self._not_before:
            if not self._live:
                self._control.sleep(min(0.1, self._not_before - now))
            return True
        if self._allowed < self._most and self._all_slow(now):
            self._allowed = self._most
        most = self._control.connections or self._allowed
        for segment in self._live[most:]:
            self._give_up(segment)
        while len(self._live) < min(self._allowed, most):
            span = self._next_span() or self._steal(now)
            if span is None:
                return False
            writer = Writer(self._drain, span[0], self._tally)
            segment = _Segment(*span, writer, now)
            self._live.append(segment)
            self._start(segment)
        return True

    def _give_up(self, segment: _Segment) -> None:
        """End a connection that is not allowed any more; another does what it has left."""
        if segment.exchange is not None:
            self._transport.stop(segment.exchange)
        self._live.remove(segment)
        segment.writer.close()
        if segment.left:
            self._again.append((segment.writer.position, segment.end))

    def _next_span(self) -> Span | None:
        return self._again.popleft() if self._again else next(self._fresh, None)

    def _is_full(self) -> bool:
        full = self._drain.is_full()
        if full:
            self._full_at = time.monotonic()
        return full

    def _all_slow(self, now: float) -> bool:
        # Where the disk is slow, a further connection only puts more at risk.
        limited = self._control.bandwidth.rate is not None or now - self._full_at < HURRY_AFTER
        return not limited and bool(self._live) and all(s.slow(now) for s in self._live)

    def _start(self, segment: _Segment) -> None:
        segment.exchange = Exchange(
            self._remote.url,
            headers_of_part(self._remote),
            byte_range=(segment.start, segment.end - 1),
            on_head=lambda exchange: self._check_head(segment, exchange),
            on_data=lambda data: self._write(segment, data),
            unix_socket=self._remote.unix_socket,
            login=self._remote.login,
        )
        self._transport.start(segment.exchange)

    def _steal(self, now: float) -> Span | None:
        """Half of what the segment that needs longest has still to fetch."""
        slowest = max(self._live, key=lambda s: s.seconds_left(now), default=None)
        if (
            slowest is None
            or slowest.left < LEAST_TO_STEAL
            or now - slowest.began < STEAL_AFTER
            or slowest.seconds_left(now) < STEAL_AFTER
        ):
            return None
        middle = slowest.writer.position + slowest.left // 2
        span = (middle, slowest.end)
        slowest.end = middle
        return span

    def _segment_of(self, exchange: Exchange) -> _Segment:
        return next(segment for segment in self._live if segment.exchange is exchange)

    # -- one answer --

    def _check_head(self, segment: _Segment, exchange: Exchange) -> None:
        """Compare an answer with the plan before its body comes in."""
        segment.verdict = verdict_of(exchange, self._remote)
        if segment.verdict or status_of(exchange) != 206:
            raise Enough

    def _write(self, segment: _Segment, data: memoryview) -> None:
        left = segment.left
        if len(data) < left:
            segment.writer.write(data)
            return
        # The last piece; more than that when another connection has taken the rest over.
        segment.writer.write(data[:left])
        segment.writer.hand_over()
        self._retries.progressed()
        if len(data) > left:
            raise Enough

    # -- the end of an answer --

    def _finish(self, segment: _Segment) -> None:
        self._live.remove(segment)
        exchange = segment.exchange
        assert exchange is not None
        segment.writer.close()
        if segment.verdict:
            raise StartAgain(segment.verdict)
        if segment.left == 0:
            return
        self._again.append((segment.writer.position, segment.end))
        if segment.writer.position - segment.start >= PROGRESS:
            self._retries.progressed()
        if cannot_resume(exchange.code):
            raise StartAgain("no_ranges")
        error = exchange.error or self._error_of(exchange)
        if error.code == "remote_changed":
            raise StartAgain("changed")
        if error.code == "remote_busy":
            self._most = self._allowed = max(1, self._allowed - 1)
        now = time.monotonic()
        if now < self._not_before and error.retryable and not error.retry_after:
            return  # the other connections met the same failure: it counts once
        self._not_before = now + self._retries.wait_for(error)

    def _error_of(self, exchange: Exchange) -> TransferError:
        if status_of(exchange) == 206 or exchange.url.scheme in FILE_SCHEMES:
            return TransferError(
                "connection_lost", f"“{exchange.url.host}” ended the answer too early."
            )
        error = error_of_status(exchange)
        if exchange.status in EXPIRED:
            raise Expired(error)
        return error


def _follower_of(task: Task) -> Follower | None:
    """What computes the digest of the part while it comes in; None where nothing is gained."""
    proof, size = task.remote.proof, task.remote.size or 0
    if proof is None or size < FOLLOWED or not known(proof.algorithm):
        return None
    if part_length(proof.algorithm):
        return None  # see `_hasher_of`
    return Follower(task.journal.part.fd, proof.algorithm, size)


def _hasher_of(task: Task) -> PartHasher | None:
    """What hashes the parts of which the digest is made, where it is."""
    proof, size = task.remote.proof, task.remote.size or 0
    if proof is None or not part_length(proof.algorithm) or not known(proof.algorithm):
        return None
    return PartHasher(task.journal.part.fd, proof.algorithm, size)


def _segment_of(remote: Remote) -> int:
    """Bytes that one request asks for: whole parts, where these are hashed as they come in."""
    length = part_length(remote.proof.algorithm) if remote.proof else None
    return SEGMENT if length is None else length * max(1, SEGMENT // length)


def _segments(gaps: list[Span], size: int) -> Iterator[Span]:
    """The gaps cut at multiples of `size`, lazily: a file may have millions of segments."""
    for first, end in gaps:
        start = first
        while start < end:
            stop = min(end, (start // size + 1) * size)
            yield start, stop
            start = stop
