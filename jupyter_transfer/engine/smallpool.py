"""Small files, many at a time, over the exchanges of the one transport.

Whoever runs the transport, be it a listing or the fetch of a large file, moves these on as well:
an exchange that ends starts the next file that is `ready`. Nothing raises there; what went wrong is
an outcome.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from ..errors import TransferError
from .control import Tally, as_transfer_error
from .delivery import Setting
from .retry import Retries
from .small import Arrival, SmallFetch, Turn, Want
from .transport import parse

_log = logging.getLogger(__name__)

CONNECTIONS = 16
"""Exchanges at a time, and with them connections to one host, unless the job says so."""
MAX_CONNECTIONS = 64

READY = 256
"""Files that wait for an exchange, so that none has to wait for a file."""

IN_FLIGHT = 32 << 20
"""Bytes of files that are on their way, and so in memory."""

RECOVER_AFTER = 50
"""Files that arrive in a row before a server that was busy is asked by one more exchange."""

_GONE = {"connect_failed", "connection_lost", "dns_failed", "timeout", "remote_busy", "tls_failed"}


@dataclass
class Ending:
    """What came of a file: a `Turn` other than ``arrived`` and ``again``, or an error."""

    want: Want
    turn: Turn | None = None
    path: str = ""
    error: TransferError | None = None


class SmallPool:
    """Fetches what is `add`ed; hands each file to `accept`, all else is in `endings`.

    Parameters
    ----------
    accept: takes a file that has arrived.
    is_full: whether the disk has to catch up before more is fetched.
    tally: told of bytes that come in.
    connections: exchanges at a time.
    """

    def __init__(
        self,
        setting: Setting,
        accept: Callable[[Arrival], None],
        is_full: Callable[[], bool],
        tally: Tally,
        connections: int = CONNECTIONS,
    ) -> None:
        self._setting = setting
        self._transport = setting.transport
        self._accept = accept
        self._is_full = is_full
        self._tally = tally
        self._most = self._allowed = connections
        self.endings: deque[Ending] = deque()
        self._ready: deque[Want] = deque()
        self._later: list[tuple[float, int, Want]] = []
        self._numbers = count()
        self._live: set[SmallFetch] = set()
        self._in_flight = 0
        self._since_busy = 0
        self._failed_in_a_row = 0
        self._not_before = 0.0
        self._patience = Retries()
        self._gone: TransferError | None = None
        self._pumping = False

    @property
    def wants_more(self) -> bool:
        """Whether another file may be added now."""
        return len(self._ready) + len(self._later) < READY

    @property
    def moving(self) -> bool:
        """Whether the transport has anything to do for it."""
        return bool(self._live)

    @property
    def idle(self) -> bool:
        """Whether nothing is left to fetch."""
        return not (self._ready or self._later or self._live)

    def add(self, want: Want) -> None:
        """Fetch `want` as soon as there is an exchange for it."""
        self._ready.append(want)

    def pump(self) -> None:
        """Start what may start now. Raises when the service is gone."""
        self._pump()
        if self._gone is not None:
            raise self._gone

    def stop(self) -> None:
        """End every exchange; the files that were on their way are forgotten."""
        self._pumping = True  # nothing starts any more
        for fetch in self._live:
            self._transport.stop(fetch.exchange)
        self._live.clear()
        self._ready.clear()
        self._later.clear()

    # -- starting --

    def _pump(self) -> None:
        if self._pumping:  # a backend that asks its service runs the transport, and so comes here
            return
        self._pumping = True
        try:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                self._ready.append(heapq.heappop(self._later)[2])
            while self._ready and self._may_start(now):
                self._start(self._ready.popleft())
        finally:
            self._pumping = False

    def _may_start(self, now: float) -> bool:
        if now < self._not_before or self._is_full():
            return False
        allowed = min(self._allowed, self._setting.control.connections or self._allowed)
        room = len(self._live) < allowed and self._in_flight < IN_FLIGHT
        return room or not self._live

    def _start(self, want: Want) -> None:
        try:
            locator = self._setting.backend.locate(want.entry)
            url = parse(locator.url)
            by_itself = locator.mirrors or locator.recheck
            if by_itself or url.scheme not in ("http", "https"):
                # FTP, SFTP and who wants a second look say nothing for sure of the state that an
                # answer is of; who has mirrors is asked in turn.
                self.endings.append(Ending(want, "large"))
                return
            fetch = SmallFetch(
                want, locator, url, self._setting, on_bytes=self._count, on_end=self._ended
            )
            self._send(fetch)
        except TransferError as error:
            self._settle_error(want, error)

    def _send(self, fetch: SmallFetch) -> None:
        self._transport.start(fetch.exchange)
        self._live.add(fetch)
        self._in_flight += fetch.expected

    def _count(self, received: int) -> None:
        self._tally.moved += received

    # -- ending --

    def _ended(self, fetch: SmallFetch) -> None:
        self._live.discard(fetch)
        self._in_flight -= fetch.expected
        try:
            self._settle(fetch)
        except TransferError as error:
            self._settle_error(fetch.want, error)
        except Exception as error:
            _log.exception("A small file could not be fetched")
            self._settle_error(fetch.want, as_transfer_error(error))
        self._pump()

    def _settle(self, fetch: SmallFetch) -> None:
        turn = fetch.outcome()
        if turn == "again":
            self._send(fetch)
            return
        if turn == "arrived":
            self._accept(fetch.arrival())
        else:
            self.endings.append(Ending(fetch.want, turn, fetch.path))
        self._failed_in_a_row = 0
        self._patience.progressed()
        self._since_busy += 1
        if self._since_busy >= RECOVER_AFTER and self._allowed < self._most:
            self._allowed, self._since_busy = self._allowed + 1, 0

    def _settle_error(self, want: Want, error: TransferError) -> None:
        if error.code == "remote_busy":
            self._allowed, self._since_busy = max(1, self._allowed - 1), 0
            if error.retry_after:
                self._not_before = max(self._not_before, time.monotonic() + error.retry_after)
        if error.code in _GONE:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= self._allowed:
                self._pause(error)
        try:
            if error.code == "digest_mismatch":
                if want.damaged:
                    raise error
                want.damaged = True
            wait = want.retries.wait_for(error)
        except TransferError as final:
            self.endings.append(Ending(want, error=final))
            return
        heapq.heappush(self._later, (time.monotonic() + wait, next(self._numbers), want))

    def _pause(self, error: TransferError) -> None:
        """As many files as go at a time failed, and none arrived: the service itself is in trouble.
        Leave it alone for a while; after some such pauses it is gone, and each further file would
        only spend its own budget of retries."""
        self._failed_in_a_row = 0
        try:
            wait = self._patience.wait_for(error)
        except TransferError as final:
            self._gone = final
        else:
            self._not_before = max(self._not_before, time.monotonic() + wait)
