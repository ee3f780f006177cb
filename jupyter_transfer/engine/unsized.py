"""A remote file whose size is not known beforehand (made as it is read, or compressed on the way):
it is held in memory before it is sent on, for every service wants to know how much will come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..backends.base import Digest, Entry
from ..backends.sink import Sink, Span
from ..errors import TransferError
from . import sums
from .coding import Decoder
from .fileprotocols import FILE_SCHEMES
from .original import OnRead, Original
from .plan import Remote, coding_in, content_length, error_of_status, told_by, validators_in
from .sumsonway import SumsOnWay
from .transport import Enough, Exchange
from .verify import verify_bytes

if TYPE_CHECKING:
    from .filling import Way

LARGEST = 32 << 20
"""Bytes that are held in memory."""


def read_whole(way: Way, remote: Remote, entry: Entry) -> tuple[Any, Remote, bytes]:
    """The file in one answer, after all retries: its state, what the answer said, its bytes.
    Raises ``too_large`` for one that the memory is not to hold, ``digest_mismatch``."""
    from .remotefile import RemoteState  # noqa: PLC0415 - it imports this module

    while True:
        reading = _Reading(remote)
        way.transport.perform(reading.exchange, way.control.check)
        error = reading.exchange.error or reading.shortfall()
        if error is None:
            break
        way.control.sleep(way.retries.wait_for(error))
    data, found = bytes(reading.data), replace(reading.remote, size=len(reading.data))
    verify_bytes(data, found.proof)
    return RemoteState.of(found, entry), found, data


class _Reading:
    """One try."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.data = bytearray()
        self._decoder: Decoder | None = None
        self.exchange = Exchange(
            remote.url,
            remote.headers,
            on_head=self._read_head,
            on_data=self._take,
            metered=False,
            unix_socket=remote.unix_socket,
            login=remote.login,
        )

    def _read_head(self, exchange: Exchange) -> None:
        if exchange.status != 200:
            raise Enough
        headers = exchange.headers
        coding = coding_in(headers, self.remote.name)
        self.remote = replace(
            self.remote,
            size=None if coding else content_length(headers),
            validators=replace(validators_in(headers), version=self.remote.validators.version),
            coding=coding,
            **told_by(headers, whole=True, reader=self.remote.reader, doubt=self.remote.doubt),
        )
        self._decoder = Decoder(coding) if coding else None

    def _take(self, data: memoryview) -> None:
        pieces = [data] if self._decoder is None else self._decoder.feed(bytes(data))
        for piece in pieces:
            self.data += piece
            if len(self.data) > LARGEST:
                raise TransferError(
                    "too_large",
                    "The source does not say how large the file is, and it is too large to be"
                    " held in memory until that is known.",
                    "Fetch it to this server, and send it from there.",
                )

    def shortfall(self) -> TransferError | None:
        """What is missing in an answer that came to an end without an error."""
        exchange, size = self.exchange, self.remote.size
        if exchange.url.scheme in FILE_SCHEMES:
            return None
        if exchange.status != 200:
            return error_of_status(exchange)
        if size not in (None, len(self.data)) or (self._decoder and not self._decoder.finished):
            host = exchange.url.host
            return TransferError("connection_lost", f"“{host}” ended the answer too early.")
        return None


class UnsizedFile(Original):
    """The file that `read_whole` has read."""

    moves = "remote_changed"

    def __init__(self, read: tuple[Any, Remote, bytes]) -> None:
        self.identity, self._remote, data = read
        self._data = memoryview(data)

    @property
    def can_go_on(self) -> bool:
        """See `Original`: another answer may have other bytes."""
        return False

    def sums(self, sink: Sink) -> SumsOnWay:
        """See `Original`."""
        return self._summed((0, self.size), [*sink.digests, *sink.states])

    def sums_of(self, span: Span, algorithms: Sequence[str]) -> SumsOnWay:
        """See `Original`."""
        return self._summed(span, algorithms)

    def _summed(self, span: Span, algorithms: Sequence[str]) -> SumsOnWay:
        total = SumsOnWay(span[1], algorithms, span[0])
        total.feed(span[0], self._data[span[0] : span[1]])
        return total

    def body(self, span: Span, on_read: OnRead) -> HeldBody:
        """See `Original`."""
        return HeldBody(self._data, span, on_read)

    def check(self) -> None:
        """See `Original`."""

    def confirm(self) -> None:
        """See `Original`: it was verified when it was read."""

    def digest(self, algorithm: str, check: Callable[[], None]) -> Digest | None:
        """See `Original`."""
        if not sums.known(algorithm):
            return None
        return self._summed((0, self.size), [algorithm]).finish(check)[0]

    def doubt(self, stated: Digest | None) -> str | None:
        """See `Original`."""
        return self._remote.unverified or (None if stated is not None else "no_digest")


class HeldBody:
    """A span of what is in memory, as the `Body` of a request."""

    def __init__(self, data: memoryview, span: Span, on_read: OnRead) -> None:
        self._data = data[span[0] : span[1]]
        self._start = span[0]
        self._on_read = on_read
        self.size = len(self._data)
        self.position = 0

    def read(self, count: int) -> memoryview:
        """See `Body`."""
        piece = self._data[self.position : self.position + count]
        if piece:
            self._on_read(self._start + self.position, piece)
        self.position += len(piece)
        return piece

    def seek(self, position: int) -> None:
        """See `Body`."""
        self.position = position
