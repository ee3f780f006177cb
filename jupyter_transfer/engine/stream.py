"""Fetching one file in one piece: where ranges do not work, or nothing proves that two answers
belong together, or the length is unknown. One answer is always of one state of the file."""

from __future__ import annotations

from dataclasses import replace

from ..errors import TransferError
from .journal import Syncer
from .plan import (
    Remote,
    coding_in,
    content_length,
    error_of_status,
    modified_ns,
    validators_in,
)
from .ranged import BACKLOG, BLOCK, EXPIRED, Expired, write_at
from .task import Task
from .transport import Enough, Exchange
from .verify import digest_in

BOMB_RATIO = 200
BOMB_FREE = 100 << 20
"""A body in a content coding may grow to this many bytes, or to `BOMB_RATIO` times its size on
the wire: what grows further is a bomb."""


class StreamFetch:
    """Brings a file in by a plain request; `run` returns what the answer said of it.

    A failure means to begin at the first byte again: what is there may be of another state.
    """

    def __init__(self, task: Task) -> None:
        self._transport = task.transport
        self._journal = task.journal
        self._remote = task.remote
        self._control = task.control
        self._retries = task.retries
        self._tally = task.tally
        self._position = 0
        self._recorded = 0
        self._syncer: Syncer | None = None

    def run(self) -> Remote:
        """Fetch. Raises `TransferError` when the budget is spent, `Expired`, `Stopped`."""
        while True:
            error = self._try_once()
            if error is None:
                return replace(self._remote, size=self._position)
            self._control.sleep(self._retries.wait_for(error))

    def _try_once(self) -> TransferError | None:
        self._position = self._recorded = 0
        self._tally.set(0)
        self._journal.restart(replace(self._remote, ranges=False))
        exchange = Exchange(
            self._remote.url,
            self._remote.headers,
            on_head=self._read_head,
            on_data=lambda data: self._write(exchange, data),
            unix_socket=self._remote.unix_socket,
            decode=self._remote.coding is not None,
        )
        self._syncer = Syncer(self._journal)
        self._transport.hold = self._hold
        try:
            self._transport.perform(exchange, self._check)
        finally:
            self._transport.hold = None
            self._hand_over()
            self._syncer.close()
        return exchange.error or self._shortfall(exchange)

    def _check(self) -> None:
        self._control.check()
        if self._syncer is not None:
            self._syncer.check()

    def _hold(self) -> float:
        return 0.01 if self._syncer is not None and self._syncer.backlog > BACKLOG else 0.0

    def _read_head(self, exchange: Exchange) -> None:
        """What this very answer says replaces what the probe heard."""
        if exchange.status != 200:
            raise Enough
        headers = exchange.headers
        coding = coding_in(headers, self._remote.name)
        self._remote = replace(
            self._remote,
            size=None if coding else content_length(headers),
            validators=replace(validators_in(headers), version=self._remote.validators.version),
            stated=digest_in(headers, whole=True),
            mtime_ns=modified_ns(headers),
            coding=coding,
        )
        if (coding is not None) != exchange.decode:
            raise TransferError("changed", "The remote side changed how it codes the file.")

    def _write(self, exchange: Exchange, data: memoryview) -> None:
        write_at(self._journal.part.fd, data, self._position)
        self._position += len(data)
        self._tally.add(len(data))
        if self._position - self._recorded >= BLOCK:
            self._hand_over()
        if exchange.decode and self._position > max(BOMB_FREE, BOMB_RATIO * exchange.wire_bytes):
            raise TransferError(
                "too_large",
                f"The file grows to more than {BOMB_RATIO} times its size while it is unpacked.",
                "Fetch it with another tool, if you trust its source.",
            )

    def _hand_over(self) -> None:
        if self._position > self._recorded and self._syncer is not None:
            self._syncer.add(self._recorded, self._position)
            self._recorded = self._position

    def _shortfall(self, exchange: Exchange) -> TransferError | None:
        """What is missing in an answer that came to an end without an error."""
        if exchange.status in EXPIRED:
            raise Expired(error_of_status(exchange))
        if exchange.status != 200:
            return error_of_status(exchange)
        if self._remote.size is not None and self._position != self._remote.size:
            return TransferError(
                "connection_lost", f"“{exchange.url.host}” ended the answer too early."
            )
        return None
