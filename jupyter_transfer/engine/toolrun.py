"""A send by a program of the backend's own: where files go, what stands there already, what was
sent before and the report are those of any send; only the bytes take another way.

A file is not gone on with in its middle: what was stopped is sent from its start, what was
finished stays and is known by the job's journal.
"""

from __future__ import annotations

from ..backends.base import Backend
from ..backends.sending import Sending
from ..errors import TransferError
from .client import Client
from .control import Stopped
from .filling import Way
from .local import LocalFile
from .outgoing import Lane
from .send import Sent
from .sendjournal import Target
from .sendrun import SendRun
from .verify import verify
from .walk import Found

POLL = 0.1
"""Seconds between two looks at how far a file is."""


class ToolSendRun(SendRun):
    """One run of a send job whose bytes a program moves."""

    lanes = 0  # the program is one, and starting it anew for each file costs more

    def _bring(self, lane: Lane, way: Way, found: Found, target: Target) -> Sent:
        return way.patiently(lambda: self._try(lane.backend, way, found.path, target))

    def _try(self, backend: Backend, way: Way, path: str, target: Target) -> Sent:
        with LocalFile.opened(self._root, path) as file:
            self._set_size(file.size)
            self._tally.set(0)
            sending = backend.start(
                file.fd,
                target.address,
                new=not target.replace,
                rate=self._control.bandwidth.rate,
            )
            try:
                self._follow(sending)
                file.confirm()
                return self._verified(backend, sending, file, target.address)
            except Stopped:
                sending.stop(Client(way.transport, lambda: None))
                raise

    def _follow(self, sending: Sending) -> None:
        """Wait until all of it is there."""
        wait = 0.01
        while True:
            sending.limit(self._control.bandwidth.rate)
            done, moved = sending.poll()
            self._tally.moved += max(0, moved - self._tally.bytes)
            self._tally.set(moved)
            if done:
                return
            self._control.sleep(wait)
            wait = min(POLL, wait * 2)

    def _verified(self, backend: Backend, sending: Sending, file: LocalFile, address: str) -> Sent:
        """What stands there now, and whether the service states the digest of what was sent."""
        entry = backend.find(address)
        if entry is None or entry.size not in (None, file.size):
            raise TransferError("connection_lost", "What was sent is not whole at the service.")
        digest = sending.stated()
        if digest is None:
            return Sent(file.identity, entry, None, None, "no_digest")
        self._report.state("checking")
        try:
            verified = verify(file.fd, file.size, digest, self._control.check)
        except TransferError as error:
            if error.code == "digest_mismatch":
                backend.delete([entry])
            raise
        return Sent(file.identity, entry, digest, verified, None)
