"""A file that its service copies by itself: nothing of it comes by here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..backends.base import Digest, Entry
from ..backends.servicesink import ServiceSink, Watch, pieces_of
from ..backends.sink import Sink, Span
from ..errors import TransferError
from .body import Body
from .original import OnRead, Original
from .remotefile import RemoteState
from .sumsonway import SumsOnWay

if TYPE_CHECKING:
    from .filling import Way


class ServiceFile(Original):
    """The file `entry` in the state that `state` tells."""

    moves = "remote_changed"
    identity: RemoteState

    def __init__(self, entry: Entry, state: RemoteState) -> None:
        self.identity = state
        self.entry = replace(
            entry, size=state.size, mtime_ns=state.mtime_ns, validators=state.validators
        )

    @classmethod
    @contextmanager
    def opened(cls, entry: Entry, look: Callable[[], RemoteState]) -> Iterator[Original]:
        """The file as `look` finds it, for the length of a ``with`` block."""
        yield cls(entry, look())

    def sums(self, sink: Sink) -> SumsOnWay:
        """See `Original`: there are none."""
        return SumsOnWay(self.size, [])

    def sums_of(self, span: Span, algorithms: Sequence[str]) -> SumsOnWay:
        """See `Original`."""
        return SumsOnWay(span[1], [], span[0])

    def body(self, span: Span, on_read: OnRead) -> Body:
        """See `Original`."""
        raise AssertionError("its bytes are not here")

    def check(self) -> None:
        """See `Original`."""

    def confirm(self) -> None:
        """See `Original`: each piece was copied under the condition that it is the same."""

    def digest(self, algorithm: str, check: Callable[[], None]) -> Digest | None:
        """See `Original`."""
        return None

    def doubt(self, stated: Digest | None) -> str | None:
        """See `Original`."""
        etag = self.identity.validators.etag
        return "multipart_etag" if etag and "-" in etag else "no_digest"


def let_copy(way: Way, size: int, sink: ServiceSink, held: Iterable[Span]) -> None:
    """Have the service fill `sink`, piece by piece, except for what is `held`."""
    there = set(held)
    for span in pieces_of(sink, size):
        way.control.check()
        if span not in there:
            sink.watch = Watch(lambda: way.control.bandwidth.rate, partial(_tell, way, span[0]))
            way.patiently(partial(sink.take, span))
        way.tally.set(span[1])
        way.retries.progressed()


def _tell(way: Way, start: int, count: int) -> None:
    way.tally.set(start + count)


def proven(entry: Entry, sink: ServiceSink) -> bool | None:
    """Whether the service states one digest of both. Raises ``digest_mismatch``."""
    stated, proof = entry.digest, sink.proof
    if stated is None or proof is None or stated.algorithm != proof.algorithm:
        return None
    if stated != proof:
        raise TransferError(
            "digest_mismatch",
            "The copy that the service has made is not what it was made of.",
            detail={"expected": str(proof), "found": str(stated)},
        )
    return True
