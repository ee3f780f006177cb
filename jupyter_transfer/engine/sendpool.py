"""Small files that one request each brings to the service, many at a time in one thread.

It sends what needs no question: the file goes to a free address, is read into memory at once, and
the answer proves it. Everything else (an address that may be taken, an error, a file that an
earlier process has begun) is left to `lanes`, which know how to go on from what the journal says.

Whoever runs the transport, be it for a large file, moves these on as well: an exchange that ends
starts the next file that is ready.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count

from ..backends.base import Backend, Digest, Entry
from ..backends.sink import Sink
from ..errors import TransferError
from . import sums
from .body import HeldBody
from .digests import digest_of_bytes
from .filling import AT_RISK, Way, refusal
from .local import Identity, LocalFile
from .outgoing import Finished, Lane, Outgoing
from .retry import Retries
from .send import SMALL, Sent, sink_of
from .sendjournal import SendJournal, Target
from .transport import Exchange, parse
from .walk import Found

CONNECTIONS = 16
"""Requests at a time, at most."""

READY = 64
"""Files that wait for a request, so that none has to wait for a file."""

TRIES = 3
"""Times that a service that is busy is asked to take a file, before a lane goes on."""

Open = Callable[[Found], AbstractContextManager[LocalFile]]


class NotFree(Exception):  # noqa: N818 - a turn, not an error
    """Something may stand at an address: who wants to know has to look."""


class Vacant:
    """A service that is asked which addresses are free, and nothing else."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def find(self, address: str) -> Entry | None:
        """See `Backend.find`: a look for each file is for the lanes. Raises `NotFree`."""
        raise NotFree

    def is_free(self, address: str) -> bool:
        """See `Backend.is_free`."""
        return self._backend.is_free(address)


@dataclass(eq=False)
class _Going:
    """A file that is on its way, and in memory."""

    found: Found
    target: Target
    identity: Identity
    data: bytes
    digests: dict[str, Digest]
    sink: Sink
    started: float
    retries: Retries = field(default_factory=lambda: Retries(TRIES))
    damaged: bool = False
    """Whether it arrived once with another digest than it has."""


class SendPool:
    """Sends what is `put`. What came of it is in `finished`, what is for the lanes in `others`.

    Parameters
    ----------
    lane: the transport and the backend that are used.
    open_file: opens a file of the disk.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        lane: Lane,
        journal: SendJournal,
        open_file: Open,
    ) -> None:
        self._outgoing = outgoing
        self._lane = lane
        self._way = Way(lane.transport, lane.control, lane.tally, Retries(0))
        self._there = Vacant(lane.backend)
        self._journal = journal
        self._open = open_file
        self.limit: Callable[[], int] = lambda: CONNECTIONS
        """Says how many requests may be under way now."""
        self._wary = CONNECTIONS
        self._ready: deque[Found] = deque()
        self._live: dict[Exchange, _Going] = {}
        self._ended: deque[Exchange] = deque()
        self._later: list[tuple[float, int, _Going]] = []
        self._numbers = count()
        self._in_memory = self._moved = 0
        self._pumping = False
        self._failure: BaseException | None = None
        self.finished: deque[Finished] = deque()
        self.others: deque[Found] = deque()

    def takes(self, found: Found) -> bool:
        """Whether `found` may be `put`, now or later."""
        return found.size <= SMALL and not found.left_out

    @property
    def has_room(self) -> bool:
        """Whether a file can be put now."""
        return len(self._ready) + len(self.others) < READY

    @property
    def live(self) -> int:
        """Requests that are under way."""
        return len(self._live)

    @property
    def moving(self) -> bool:
        """Whether the transport has anything to do for it."""
        return bool(self._live)

    @property
    def busy(self) -> bool:
        """Whether something was put that is not collected yet."""
        under_way = self._ready or self._live or self._ended or self._later
        return bool(under_way or self.finished or self.others)

    @property
    def bytes(self) -> int:
        """Bytes of files that are finished and not collected yet."""
        return sum(finished.bytes for finished in self.finished)

    @property
    def moved(self) -> int:
        """Bytes that went over the network."""
        return self._moved + sum(_position(exchange) for exchange in self._live)

    def put(self, found: Found) -> None:
        """Send `found` as soon as there is a request for it."""
        self._ready.append(found)
        self._pump()

    def pump(self) -> None:
        """Start what may start now. Raises what ends the whole job."""
        self._pump()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End every request; the journal knows what was under way."""
        self._pumping = True  # nothing starts any more
        for exchange in self._live:
            self._lane.transport.stop(exchange)
        self._live.clear()
        self._later.clear()
        self._ready.clear()

    def _pump(self) -> None:
        if self._pumping:  # a backend that asks its service runs the transport, and so comes here
            return
        self._pumping = True
        try:
            while True:
                if self._ended:
                    self._end(self._ended.popleft())
                elif not self._has_room():
                    return
                elif self._later and self._later[0][0] <= time.monotonic():
                    self._send(heapq.heappop(self._later)[2])
                elif self._ready and self._in_memory < AT_RISK:
                    self._start(self._ready.popleft())
                else:
                    return
        except BaseException as failure:  # told by `pump`, to who can act on it
            self._failure = self._failure or failure
            self._ready.clear()
        finally:
            self._pumping = False

    def _has_room(self) -> bool:
        return len(self._live) < min(self.limit(), self._wary)

    # -- starting --

    def _start(self, found: Found) -> None:
        """Send `found`, or leave it to the lanes. Raises `Stopped`."""
        try:
            going = self._prepare(found)
        except (NotFree, TransferError):
            going = None  # who fails again says so
        if isinstance(going, Finished):
            self.finished.append(going)
        elif going is None:
            self.others.append(found)
        else:
            self._in_memory += len(going.data)
            self._send(going)

    def _prepare(self, found: Found) -> Finished | _Going | None:
        """Decide about the file, read it, and ask its sink; None where it takes more than one
        request. Raises `TransferError`, `NotFree`."""
        started = time.monotonic()
        with self._open(found) as file:
            identity = file.identity
            verdict = self._outgoing.judge(self._lane, self._way, found, self._there, identity)
            if not isinstance(verdict, Target) or file.size > SMALL:
                return verdict if isinstance(verdict, Finished) else None
            data = file.read()
        sink = sink_of(self._lane.backend, found.path, identity, verdict)
        if not sink.publishes or sink.piece_size < len(data):
            return None
        sink.begin(None)
        names = {*sink.digests, sink.piece_digest or ""}
        digests = {name: digest_of_bytes(data, name) for name in names if sums.known(name)}
        self._journal.begin(found.path, identity, verdict, sink.state(), sync=False)
        return _Going(found, verdict, identity, data, digests, sink, started)

    def _send(self, going: _Going) -> None:
        outlet = going.sink.outlet((0, len(going.data)))
        exchange = Exchange(
            parse(outlet.url),
            outlet.headers,
            method=outlet.method,
            upload=HeldBody(going.data),
            on_end=self._has_ended,
            unix_socket=outlet.unix_socket,
            login=outlet.login,
        )
        self._lane.transport.start(exchange)
        self._live[exchange] = going

    # -- ending --

    def _has_ended(self, exchange: Exchange) -> None:
        self._ended.append(exchange)
        self._pump()

    def _end(self, exchange: Exchange) -> None:
        going = self._live.pop(exchange)
        self._moved += _position(exchange)
        try:
            sent = self._settled(exchange, going)
        except TransferError as error:
            self._wary = max(1, self._wary // 2)
            wait = _wait(going, error)
            if wait is not None:
                heapq.heappush(self._later, (time.monotonic() + wait, next(self._numbers), going))
                return
            sent = None
        self._in_memory -= len(going.data)
        if sent is None:
            self.others.append(going.found)
            return
        self._wary = min(CONNECTIONS, self._wary + 1)
        finished = self._outgoing.sent(going.found, going.target, sent, hold=True)
        finished.row["seconds"] = round(time.monotonic() - going.started, 3)
        self.finished.append(finished)

    def _settled(self, exchange: Exchange, going: _Going) -> Sent | None:
        """What the service has now; None where that is not what was sent. Raises
        `TransferError`."""
        error = exchange.error or refusal(exchange)
        if error is not None:
            raise error
        sink, digests = going.sink, going.digests
        piece = digests.get(sink.piece_digest or "")
        sink.sent((0, len(going.data)), exchange.headers.as_dict(), piece)
        entry = sink.finish([digests[name] for name in sink.digests if name in digests])
        if entry.size not in (None, len(going.data)):
            return None
        if entry.digest is None:
            known = next(iter(digests.values()), None)
            return Sent(going.identity, entry, known, None, "no_digest")
        if entry.digest not in digests.values():
            return None
        return Sent(going.identity, entry, entry.digest, True, None)


def _wait(going: _Going, error: TransferError) -> float | None:
    """Seconds until the same request is sent once more; None where it would not help, or where
    somebody has to look first what came of it."""
    if error.code == "digest_mismatch" and not going.damaged:
        going.damaged = True
        return 0.0
    if error.code != "remote_busy":
        return None
    try:
        return going.retries.wait_for(error)
    except TransferError:
        return None


def _position(exchange: Exchange) -> int:
    return exchange.upload.position if exchange.upload is not None else 0
