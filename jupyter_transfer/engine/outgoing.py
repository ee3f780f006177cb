"""One file of a job that sends, from where it lies to the row of the report: finished before,
present there already, to be left alone, or sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..backends.base import Backend, Digest, Entry
from ..errors import TransferError
from .control import Control, Message, Report, Tally
from .delivery import row
from .filling import Way
from .original import State
from .retry import Retries
from .send import Sent, withdraw
from .sendjournal import SendJournal, Target
from .sendtarget import SendTargets, Service, Verdict
from .transport import Transport
from .walk import Found

_HOPELESS = {
    "exists",
    "changed",
    "remote_changed",
    "digest_mismatch",
    "not_found",
    "is_a_directory",
    "gone",
}
"""Codes of failures after which what was sent of a file is of no use."""


@dataclass(frozen=True)
class Lane:
    """What one file after the other is sent with, by one thread; `source` is the service that a
    copy comes from."""

    backend: Backend
    transport: Transport
    control: Control
    tally: Tally
    report: Report
    source: Backend | None = None


@dataclass(frozen=True)
class Finished:
    """The row of a file, the bytes of it that count as done, and what it failed of."""

    row: Message
    bytes: int
    error: TransferError | None = None


DigestOf = Callable[[Lane, Way, Found, State, str], Digest | None]


class Known:
    """What stands at some addresses of a service, as it was found a moment ago."""

    def __init__(self, backend: Backend, entries: dict[str, Entry | None]) -> None:
        self._backend = backend
        self._entries = entries

    def find(self, address: str) -> Entry | None:
        """See `Backend.find`."""
        if address in self._entries:
            return self._entries[address]
        return self._backend.find(address)

    def is_free(self, address: str) -> bool:
        """See `Backend.is_free`."""
        return self._backend.is_free(address)


class Outgoing:
    """What the sending of all files of a job shares; used by several threads.

    Parameters
    ----------
    state_of: the state of a file now, asked in the thread of its lane.
    address_of: where the file at a relative path goes.
    bring: brings a file to where it goes, in the thread of its lane.
    digest_of: a digest of a file by its name, in the thread of its lane; None where it cannot be
        had without moving it, or the file is not in the given state.
    """

    def __init__(
        self,
        state_of: Callable[[Lane, Way, Found], State],
        journal: SendJournal,
        targets: SendTargets,
        address_of: Callable[[str], str],
        bring: Callable[[Lane, Way, Found, Target], Sent],
        *,
        digest_of: DigestOf,
    ) -> None:
        self._state_of = state_of
        self._journal = journal
        self._targets = targets
        self._address_of = address_of
        self._bring = bring
        self._digest_of = digest_of

    def deliver(self, lane: Lane, found: Found) -> Finished:
        """Send one file, unless there is no need to. Raises `Stopped` only."""
        lane.control.check()
        started = time.monotonic()
        failure: TransferError | None = None
        lane.tally.bytes = 0
        try:
            message = self._send(lane, found)
        except TransferError as error:
            failure = error
            message = row(found.path, state="failed", error=error.as_dict())
            self._give_up(lane.backend, found.path, error)
        message["seconds"] = round(time.monotonic() - started, 3)
        done = 0 if failure is not None else message["size"] or 0
        return Finished(message, done, failure)

    def known(self, backend: Backend, group: list[Found]) -> Known:
        """What stands where the files of `group` go, asked for at a time. Raises
        `TransferError`."""
        if self._targets.is_new:
            return Known(backend, {})
        addresses = [self._address_of(found.relative) for found in group]
        return Known(backend, dict(zip(addresses, backend.find_many(addresses), strict=True)))

    def judge(
        self, lane: Lane, way: Way, found: Found, known: Service, state: State | None = None
    ) -> Finished | Target | None:
        """What to do about a file of a group, that is in `state`: it is finished, or it is to be
        sent there; None where it is not for a group, since it gets another name or was begun
        before. Raises `TransferError`."""
        if found.path in self._journal.begun:
            return None
        verdict = self._judge(lane, way, found, known, state)
        if isinstance(verdict, Target):
            return verdict if verdict.address == self._address_of(found.relative) else None
        return Finished(verdict, verdict["size"] or 0)

    def sent(self, found: Found, target: Target, sent: Sent, *, hold: bool = False) -> Finished:
        """A file of a group has come to its end; for `hold` see `SendJournal.finish`."""
        message = self._sent(found, target, sent, hold=hold)
        return Finished(message, message["size"] or 0)

    def _send(self, lane: Lane, found: Found) -> Message:
        if found.left_out:
            return row(found.path, state="skipped", unverified="skipped")
        way = Way(lane.transport, lane.control, lane.tally, Retries())
        verdict = self._judge(lane, way, found, lane.backend)
        if not isinstance(verdict, Target):
            return verdict
        return self._sent(found, verdict, self._bring(lane, way, found, verdict))

    def _judge(
        self, lane: Lane, way: Way, found: Found, there: Service, state: State | None = None
    ) -> Message | Target:
        """The row of a file that need not be sent, or where it goes."""
        state = state or self._state_of(lane, way, found)
        done = self._journal.done.get(found.path)
        if done is not None and done[0].is_same(state):
            return dict(done[1])
        begun = self._journal.begun.get(found.path)
        if begun is not None:
            return begun.target

        def has_digest(digest: Digest) -> bool:
            return self._digest_of(lane, way, found, state, digest.algorithm) == digest

        verdict = way.patiently(
            lambda: self._targets.decide(there, self._address_of(found.relative), state, has_digest)
        )
        if verdict.act == "send":
            return verdict.target
        return row_of_verdict(found.path, state, verdict)

    def _sent(self, found: Found, target: Target, sent: Sent, *, hold: bool = False) -> Message:
        message = row_of(found.path, target.address, sent)
        self._journal.finish(found.path, sent.identity, message, hold=hold)
        return message

    def _give_up(self, backend: Backend, path: str, error: TransferError) -> None:
        """Remove what was sent of a file that is of no use any more."""
        begun = self._journal.begun.get(path)
        if begun is None or error.code not in _HOPELESS or error.retryable:
            return
        try:
            withdraw(backend, path, begun)
        except TransferError:
            return  # it stays in the journal, for `discard`
        self._journal.drop(path)


def row_of_verdict(path: str, state: State, verdict: Verdict) -> Message:
    """The row about a file that need not be sent."""
    entry, digest = verdict.entry, verdict.digest
    return row(
        path,
        state=verdict.act,
        size=state.size,
        digest=None if digest is None else str(digest),
        verified=None if digest is None else True,
        mtime_ns=state.mtime_ns,
        address=verdict.target.address,
        validators={**entry.validators.as_dict(), **state.in_row()} if entry else {},
        unverified=verdict.act if digest is None else None,
    )


def row_of(path: str, address: str, sent: Sent) -> Message:
    """The row of the report about a file that was sent: `path` is where it lies here, `address`
    where it went."""
    return row(
        path,
        state="done",
        size=sent.identity.size,
        digest=None if sent.digest is None else str(sent.digest),
        verified=sent.verified,
        unverified=sent.unverified,
        mtime_ns=sent.identity.mtime_ns,
        address=address,
        validators={**sent.entry.validators.as_dict(), **sent.identity.in_row()},
    )
