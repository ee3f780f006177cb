"""One small file, whole in one answer: a single GET, held in memory until it is proven.

One answer is always of one state of the file, so nothing is mixed and no range is asked for. What
an earlier job delivered is asked about with ``If-None-Match``, and costs no body where the server
honours it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..backends.base import Entry, Locator
from ..errors import TransferError
from ..names import Conflict, split_path
from ..net import MAX_REDIRECTS, Url, redirect_target
from .coding import Decoder
from .delivery import Setting
from .plan import REDIRECTS, Remote, describe, error_of_status
from .retry import Retries
from .target import Row
from .transport import SCHEMES, Enough, Exchange
from .verify import verify_bytes

SMALL = 4 << 20
"""Bytes up to which a file is small."""

Turn = Literal["arrived", "present", "skipped", "large", "left out", "again"]
"""What came of one answer: the file; what stands there already is right, or has to be left alone;
the file is no small one; the filters leave it out; the next hop has to be asked."""


@dataclass
class Want:
    """A file that is wanted: where it goes, under which policy; `row` when an earlier job
    delivered it and nobody has touched it since; `tries` so far."""

    entry: Entry
    path: str
    conflict: Conflict
    row: Row | None = None
    retries: Retries = field(default_factory=Retries)
    started: float = field(default_factory=time.monotonic)
    damaged: bool = False
    """Whether it came once with another digest than it should have."""


@dataclass
class Arrival:
    """A file that is there, whole and as far as possible proven, but not on disk yet."""

    want: Want
    data: bytearray
    remote: Remote
    verified: bool | None


class SmallFetch:
    """One try to fetch `want`; `exchange` is the request to send next.

    Parameters
    ----------
    locator, url: where it lies now, and the address in it.
    setting: what all files of the job share.
    on_bytes: told how many bytes came in.
    on_end: called with this when the exchange has ended; then `outcome` says what came of it.
    """

    def __init__(
        self,
        want: Want,
        locator: Locator,
        url: Url,
        setting: Setting,
        *,
        on_bytes: Callable[[int], None],
        on_end: Callable[[SmallFetch], None],
    ) -> None:
        self.want = want
        self._locator = locator
        self._targets = setting.targets
        self._filters = setting.filters
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._first = url
        self._url, self._headers = self._first, dict(locator.headers)
        self._hops = 0
        self._remote: Remote | None = None
        self._decoder: Decoder | None = None
        self._data = bytearray()
        self._turn: Turn = "arrived"
        self.path = want.path
        """Where it stands, if it is present or skipped."""
        self.exchange = self._ask()

    @property
    def expected(self) -> int:
        """Bytes that it may take up in memory."""
        size = self.want.entry.size
        return SMALL // 4 if size is None else size

    def _ask(self) -> Exchange:
        headers = {**self._headers, "Want-Repr-Digest": "sha-256=10, sha-512=5"}
        row = self.want.row
        etag = row["validators"].get("etag") if row else None
        if etag and not etag.startswith("W/"):
            headers["If-None-Match"] = etag
        return Exchange(
            self._url,
            headers,
            on_head=self._read_head,
            on_data=self._take,
            on_end=lambda _: self._on_end(self),
            unix_socket=self._locator.unix_socket,
        )

    # -- while it runs --

    def _read_head(self, exchange: Exchange) -> None:
        if exchange.status != 200:
            return
        remote = self._remote = describe(
            exchange, self._locator, self._first, split_path(self.want.path)[1]
        )
        entry = self.want.entry
        size, mtime_ns = remote.size, remote.mtime_ns or entry.mtime_ns
        if not self._filters.admit_state(size, mtime_ns):
            self._turn = "left out"
            raise Enough
        if self.want.row is not None:
            self._decide(remote)
        if size is not None and size > SMALL:
            self._turn = "large"
            raise Enough
        self._decoder = Decoder(remote.coding) if remote.coding else None

    def _decide(self, remote: Remote) -> None:
        decision = self._targets.decide(self.want.path, remote)
        self.path, self.want.conflict = decision.path, decision.conflict
        if decision.act in ("present", "skipped"):
            self._turn = "present" if decision.act == "present" else "skipped"
            raise Enough

    def _take(self, data: memoryview) -> None:
        self._on_bytes(len(data))
        if self._decoder is None:
            self._data += data
        else:
            for piece in self._decoder.feed(bytes(data)):
                self._data += piece
        if len(self._data) > SMALL:
            self._turn = "large"
            raise Enough

    # -- when it has ended --

    def outcome(self) -> Turn:
        """What came of it; after ``again``, `exchange` is the next one to send.

        Raises `TransferError`.
        """
        exchange = self.exchange
        if exchange.error is not None:
            raise exchange.error
        location = exchange.headers.get("location")
        if exchange.status in REDIRECTS and location:
            return self._follow(location)
        if exchange.status == 304 and self.want.row is not None:
            self.path = self.want.row["path"]
            return "present"
        if exchange.status != 200:
            raise error_of_status(exchange)
        if self._decoder is not None and not self._decoder.finished and self._turn == "arrived":
            raise _cut_short(exchange.url)
        return self._turn

    def _follow(self, location: str) -> Turn:
        self._hops += 1
        if self._hops > MAX_REDIRECTS:
            raise TransferError(
                "too_many_redirects",
                f"“{self._first.host}” redirects more than {MAX_REDIRECTS} times.",
            )
        target = redirect_target(self._url, location, SCHEMES)
        if target.origin != self._url.origin:
            self._headers = {}
        self._url = target
        self._data.clear()
        self.exchange = self._ask()
        return "again"

    def arrival(self) -> Arrival:
        """The file, after ``arrived``. Raises ``digest_mismatch``, ``connection_lost``."""
        remote = self._remote
        assert remote is not None
        if remote.size is not None and remote.coding is None and remote.size != len(self._data):
            raise _cut_short(remote.url)
        verified = verify_bytes(self._data, remote.proof)
        return Arrival(self.want, self._data, remote, verified)


def _cut_short(url: Url) -> TransferError:
    return TransferError("connection_lost", f"“{url.host}” ended the answer too early.")
