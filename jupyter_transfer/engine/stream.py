"""Fetching one file in one piece: where ranges do not work, or nothing proves that two answers
belong together, or the length is unknown. One answer is always of one state of the file."""

from __future__ import annotations

from dataclasses import replace

from ..errors import TransferError
from .coding import Decoder
from .drain import Drain
from .fileprotocols import FILE_SCHEMES
from .partial import EXPIRED, Expired, StartAgain
from .plan import (
    Remote,
    coding_in,
    content_length,
    error_of_status,
    told_by,
    validators_in,
)
from .task import Task
from .transport import Enough, Exchange
from .verify import SWITCHED_OFF
from .writer import Writer


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
        self._drain: Drain | None = None
        self._writer: Writer | None = None
        self._decoder: Decoder | None = None

    def run(self) -> Remote:
        """Fetch. Raises `TransferError` when the budget is spent, `Expired`, `StartAgain`,
        `Stopped`."""
        while True:
            error = self._try_once()
            if error is None:
                assert self._writer is not None
                return replace(self._remote, size=self._writer.position)
            self._control.sleep(self._retries.wait_for(error))

    def _try_once(self) -> TransferError | None:
        self._tally.set(0)
        self._journal.restart(replace(self._remote, ranges=False))
        exchange = Exchange(
            self._remote.url,
            self._remote.headers,
            on_head=self._read_head,
            on_data=self._take,
            unix_socket=self._remote.unix_socket,
            login=self._remote.login,
        )
        drain = self._drain = Drain(self._journal, self._remote)
        writer = self._writer = Writer(drain, 0, self._tally)
        self._transport.hold = drain.is_full
        try:
            self._transport.perform(exchange, self._check)
        finally:
            self._transport.hold = None
            writer.close()
            drain.close()
        return exchange.error or self._shortfall(exchange, writer)

    def _check(self) -> None:
        self._control.check()
        self._tally.tell()
        if self._drain is not None:
            self._drain.check()

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
            coding=coding,
            **told_by(headers, whole=True, reader=self._remote.reader, doubt=self._off()),
        )
        self._decoder = Decoder(coding) if coding else None

    def _off(self) -> str | None:
        return SWITCHED_OFF if self._remote.doubt == SWITCHED_OFF else None

    def _take(self, data: memoryview) -> None:
        assert self._writer is not None
        if self._decoder is None:
            self._writer.write(data)
        else:
            for piece in self._decoder.feed(bytes(data)):
                self._writer.write(memoryview(piece))

    def _shortfall(self, exchange: Exchange, writer: Writer) -> TransferError | None:
        """What is missing in an answer that came to an end without an error."""
        if exchange.url.scheme in FILE_SCHEMES:
            if self._remote.size not in (None, writer.position):
                raise StartAgain("changed")
            return None
        if exchange.status in EXPIRED:
            raise Expired(error_of_status(exchange))
        if exchange.status != 200:
            return error_of_status(exchange)
        complete = writer.position == self._remote.size or self._remote.size is None
        if not complete or (self._decoder is not None and not self._decoder.finished):
            return TransferError(
                "connection_lost", f"“{exchange.url.host}” ended the answer too early."
            )
        return None
