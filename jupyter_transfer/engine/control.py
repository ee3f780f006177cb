"""What drives the engine and what it tells: the seam to a worker, the CLI or a notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal, Protocol

from ..errors import TransferError
from .limits import Bandwidth

Stop = Literal["pause", "cancel"]

Message = dict[str, Any]


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The job was asked to pause or to be cancelled."""

    def __init__(self, how: Stop) -> None:
        super().__init__(how)
        self.how = how


class Control:
    """What a job is asked from outside, by any thread, while it runs.

    Parameters
    ----------
    bandwidth: bytes a second, None for no limit.
    connections: to one host at most, None for no limit.
    """

    def __init__(self, bandwidth: int | None = None, connections: int | None = None) -> None:
        self.bandwidth = Bandwidth(bandwidth)
        self.connections = connections
        self._stop: Stop | None = None
        self._asked = threading.Event()

    def pause(self) -> None:
        """Stop moving bytes and keep what is there."""
        if self._stop is None:
            self._stop = "pause"
        self._asked.set()

    def cancel(self) -> None:
        """Stop moving bytes and throw away what is not whole."""
        self._stop = "cancel"
        self._asked.set()

    def check(self) -> None:
        """Raise `Stopped` if somebody asked for it."""
        if self._stop is not None:
            raise Stopped(self._stop)

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `Stopped` as soon as somebody asks for it."""
        self._asked.wait(seconds)
        self.check()


class Tally:
    """Bytes of one file that are on disk or on their way there, for the progress bar.

    `tell` passes them on; whoever moves bytes calls it now and then.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.bytes = 0
        self.moved = 0
        """Bytes that came over the network, of all files and tries: what a rate is made of."""
        self.tell = tell

    def add(self, count: int) -> None:
        """`count` more bytes have come in."""
        self.bytes += count
        self.moved += count

    def set(self, count: int) -> None:
        """So many bytes are there: after a look at the journal, or a new beginning."""
        self.bytes = count
        self.tell()


class Report(Protocol):
    """What the engine tells about a job; calls come from one thread."""

    def progress(self, **counts: int | None) -> None:
        """Counts of a job: bytes_done, bytes_total, bytes_moved (in this run), files_done,
        files_total, files_failed."""

    def state(self, note: str) -> None:
        """What goes on beside moving bytes, such as ``checking``."""

    def note(self, code: str, message: str) -> None:
        """Something that a person should know and that is no failure."""

    def file(self, file: Message) -> None:
        """A file is finished: its path, size, digest, verified, seconds, state, error …"""


class Silent:
    """A `Report` that tells nobody."""

    def progress(self, **counts: int | None) -> None:
        """See `Report`."""

    def state(self, note: str) -> None:
        """See `Report`."""

    def note(self, code: str, message: str) -> None:
        """See `Report`."""

    def file(self, file: Message) -> None:
        """See `Report`."""


def as_transfer_error(error: Exception) -> TransferError:
    """Any exception of the engine as one that may leave it."""
    if isinstance(error, TransferError):
        return error
    return TransferError(
        "internal", f"The transfer met an unexpected {type(error).__name__}.", retryable=False
    )
