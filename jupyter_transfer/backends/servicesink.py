"""Files that a service copies within itself: no byte passes through us."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import TransferError
from .base import Digest, Entry
from .sink import Outlet, Sink, SourceFile, Span

if TYPE_CHECKING:
    from .base import Backend


@dataclass(frozen=True)
class Watch:
    """Who looks on while a program of ours acts for a service, and limits it.

    Parameters
    ----------
    rate: bytes a second that it may move; None for no limit.
    told: told how many bytes of the piece are there.
    """

    rate: Callable[[], int | None] = lambda: None
    told: Callable[[int], None] = lambda count: None


class ServiceSink(Sink):
    """A sink that the service fills. Its `state` has the key ``service``."""

    proof: Digest | None = None
    """The digest that the service states of the source, once all is taken."""

    watch = Watch()
    """Who looks on."""

    @abstractmethod
    def take(self, span: Span) -> None:
        """Let the service copy `span`. Raises ``remote_changed`` where the source is not what it
        was when it was listed."""

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`: there is none."""
        raise AssertionError("a service needs no bytes of us")


def pieces_of(sink: Sink, size: int) -> list[Span]:
    """A file of `size` bytes, cut as `sink` wants it."""
    step = sink.piece_size
    return [(a, min(a + step, size)) for a in range(0, size, step)] or [(0, 0)]


def source_of(entry: Entry, **what: Any) -> SourceFile:
    """`entry` as what a `ServiceSink` takes."""
    name = entry.path.rpartition("/")[2]
    return SourceFile(name, entry.size or 0, entry.mtime_ns, entry=entry, **what)


def copy_by_service(backend: Backend, entry: Entry, address: str) -> Entry:
    """See `Backend.copy`."""
    sink = backend.sink(address, source_of(entry, replace=True))
    assert isinstance(sink, ServiceSink)
    sink.begin(None)
    try:
        for span in pieces_of(sink, entry.size or 0):
            sink.take(span)
        return sink.finish([])
    except BaseException:
        with suppress(TransferError):
            sink.abort()
        raise
