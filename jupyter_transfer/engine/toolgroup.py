"""Small files that a program of the backend's own sends together: what stands there, the copies,
the names and the last look are asked for all of a group at a time.

A group only saves time. What it does not bring to its end, for whatever reason, is sent like any
single file by whoever asked for the group: that finds in the journal what was begun, and says what
is wrong.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

from ..backends.base import Backend, Entry
from ..backends.sink import Sink
from ..errors import TransferError
from ..paths import Root
from .control import Report
from .filling import Way
from .local import LocalFile
from .outgoing import Finished, Known, Lane, Outgoing
from .sendjournal import SendJournal, Target
from .toolsend import Interrupted, ToolFileSend, bring
from .walk import Found


@dataclass(frozen=True)
class _Member:
    """One file that the group sends."""

    found: Found
    target: Target
    file: LocalFile
    send: ToolFileSend
    sink: Sink


class ToolGroup:
    """Sends one group after the other.

    Parameters
    ----------
    way: how all of them get there.
    """

    def __init__(
        self, root: Root, journal: SendJournal, outgoing: Outgoing, lane: Lane, way: Way
    ) -> None:
        self._root = root
        self._journal = journal
        self._outgoing = outgoing
        self._lane = lane
        self._way = way
        self.finished: list[Finished] = []
        """What came of the files of the last group; those that are not among them are left."""
        self.left: list[Found] = []

    @property
    def _backend(self) -> Backend:
        return self._lane.backend

    @property
    def _report(self) -> Report:
        return self._lane.report

    def send(self, group: list[Found]) -> None:
        """Send `group`. Raises `Stopped` only."""
        self.finished, self.left = [], []
        started = time.monotonic()
        with ExitStack() as stack:
            members = self._members(group, stack)
            try:
                ended = self._send(members) if members else []
            except TransferError:
                self.left += [member.found for member in members]
                return
        seconds = (time.monotonic() - started) / max(1, len(group))
        for finished in ended:
            finished.row["seconds"] = round(seconds, 3)
        self.finished += ended

    def _members(self, group: list[Found], stack: ExitStack) -> list[_Member]:
        """The files of `group` that are to be sent, open, their sinks in the journal."""
        try:
            known = self._outgoing.known(self._backend, group)
        except TransferError:
            self.left += group
            return []
        members: list[_Member] = []
        for found in group:
            self._lane.control.check()
            try:
                member = self._member(found, known, stack)
            except TransferError:
                self.left.append(found)
            else:
                if member is not None:
                    members.append(member)
        return members

    def _member(self, found: Found, known: Known, stack: ExitStack) -> _Member | None:
        verdict = self._outgoing.judge(self._lane, self._way, found, known)
        if isinstance(verdict, Finished):
            self.finished.append(verdict)
            return None
        if verdict is None or found.path in self._journal.begun:
            self.left.append(found)
            return None
        file = stack.enter_context(LocalFile.opened(self._root, found.path))
        send = ToolFileSend(
            lambda: LocalFile.opened(self._root, found.path),
            found.path,
            verdict,
            self._backend,
            way=self._way,
            journal=self._journal,
            report=self._report,
            on_size=lambda _: None,
        )
        return _Member(found, verdict, file, send, send.prepare(file))

    def _send(self, members: list[_Member]) -> list[Finished]:
        try:
            outcomes = bring(self._backend, self._way, [(m.file.fd, m.sink) for m in members])
        except Interrupted as interrupted:
            for member, gone in zip(members, interrupted.gone, strict=True):
                if gone:
                    self._journal.drop(member.found.path)
            raise interrupted.stopped from None
        whole = [m for m, error in zip(members, outcomes, strict=True) if self._confirmed(m, error)]
        if not whole:
            return []
        for member in whole:
            self._journal.whole(member.found.path, sync=member is whole[-1])
        entries = self._backend.finish([member.sink for member in whole])
        return [
            finished
            for member, entry in zip(whole, entries, strict=True)
            if (finished := self._ended(member, entry)) is not None
        ]

    def _confirmed(self, member: _Member, error: TransferError | None) -> bool:
        """Whether the file is whole in its sink and is still what was sent."""
        if error is None:
            try:
                member.file.confirm()
            except TransferError as failure:
                error = failure
        if error is not None:
            self.left.append(member.found)
        return error is None

    def _ended(self, member: _Member, entry: Entry | TransferError) -> Finished | None:
        try:
            if isinstance(entry, TransferError):
                raise entry
            sent = member.send.ended(member.file, member.sink, entry)
        except TransferError:
            self.left.append(member.found)
            return None
        return self._outgoing.sent(member.found, member.target, sent)
