"""Sending by a program of the backend's own: sinks, journal, digests and repeats are those of any
send, only the bytes take another way.

A file is not gone on with in its middle: what was stopped is sent from its start. What is whole
stays and is known by the job's journal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..backends.base import Backend, Digest, Entry
from ..backends.sending import Sending
from ..backends.sink import Sink, Span
from ..errors import TransferError
from .client import Client
from .control import Stopped
from .digests import digest_of
from .filling import Way
from .local import LocalFile
from .original import Original, Sums
from .send import FileSend, Sent, sink_of
from .spans import Spans

POLL = 0.1
"""Seconds between two looks at how far a file is."""

STOPPING = 1.5
"""Seconds that stopping the program and removing what it wrote may take."""


class ToolFileSend(FileSend):
    """One file that a program sends; `prepare` and `ended` are for those who send several at a
    time."""

    def prepare(self, file: LocalFile) -> Sink:
        """The sink of a file that nobody has begun, in the journal from then on."""
        sink = self._sink(file)
        self._begin(sink, file, None)
        return sink

    def ended(self, file: LocalFile, sink: Sink, entry: Entry) -> Sent:
        """What became of a file that stands at the service as `entry` says. Raises
        ``digest_mismatch``."""
        return self._verified(file, entry, file.sums(sink))

    def _sink(self, file: Original) -> Sink:
        assert isinstance(file, LocalFile)

        def prefix(size: int, algorithm: str) -> Digest:
            return digest_of(file.fd, size, algorithm, self._check)

        return sink_of(self._backend, self._path, file.identity, self._target, prefix)

    def _fill(self, sink: Sink, file: Original, digests: Sums, held: Sequence[Span]) -> None:
        if held and Spans(held).total == file.size:
            return
        assert isinstance(file, LocalFile)
        self._way.patiently(lambda: self._copy(sink, file.fd))

    def _copy(self, sink: Sink, fd: int) -> None:
        try:
            (error,) = bring(self._backend, self._way, [(fd, sink)])
        except Interrupted as interrupted:
            if interrupted.gone[0]:
                self._journal.drop(self._path)
            raise interrupted.stopped from None
        if error is not None:
            raise error


class Interrupted(Exception):  # noqa: N818 - as `Stopped`
    """The job was stopped while several files were on their way; of those that are `gone` nothing
    is left at the service."""

    def __init__(self, stopped: Stopped, gone: list[bool]) -> None:
        super().__init__(stopped.how)
        self.stopped = stopped
        self.gone = gone


def bring(
    backend: Backend, way: Way, files: Sequence[tuple[int, Sink]]
) -> list[TransferError | None]:
    """Have the program of `backend` bring the open `files` into their sinks; what each failed of.
    Raises what all failed of, `Interrupted`."""
    way.tally.set(0)
    sending = backend.start(files, rate=way.control.bandwidth.rate)
    try:
        _follow(sending, way)
    except Stopped as stopped:
        until = time.monotonic() + STOPPING

        def check() -> None:
            if time.monotonic() > until:
                raise TransferError("timeout", "The service does not answer.")

        gone = sending.stop(Client(way.transport, check), keep=stopped.how == "pause")
        raise Interrupted(stopped, gone) from None
    return sending.outcomes()


def _follow(sending: Sending, way: Way) -> None:
    """Wait until it is over."""
    wait = 0.01
    while True:
        sending.limit(way.control.bandwidth.rate)
        done, moved = sending.poll()
        way.tally.moved += max(0, moved - way.tally.bytes)
        way.tally.set(moved)
        if done:
            return
        way.control.sleep(wait)
        wait = min(POLL, wait * 2)
