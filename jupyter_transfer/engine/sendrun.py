"""A send: a file or the files of a folder of the disk, to an address of a service.

For each file: an earlier process may have finished it already, or begun it (the job's journal in
the state folder tells); an earlier job may have sent it (what was delivered and what stands there
now tell). Only what is left is sent. The journal is removed last, by `SendRun.close`, when whoever
drives the job has had the time to save what was delivered.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from ..backends import is_repository_name, said_of_repository
from ..backends.base import Backend, Context, Digest
from ..errors import TransferError
from ..names import split_path
from ..paths import Root
from .client import opened
from .control import Control, Report, Stopped, Tally
from .filling import Way
from .filters import Filters
from .lanes import LANES, SMALL, Lanes
from .local import Identity, LocalFile, digest_on_disk
from .original import State
from .outgoing import Finished, Lane, Outgoing
from .retry import Retries
from .run import JobRequest, Run
from .send import FileSend, Sent, begun_sink
from .sendjournal import SendJournal, Target
from .sendpool import SendPool
from .sendtarget import SendTargets
from .smallsends import SmallSends
from .transport import Transport
from .walk import Found, files_below

LOCK_PATIENCE = 5.0
"""Seconds to wait for a predecessor that is dying and still has the journal."""

CLEANING = 10.0
"""Seconds that removing what was sent of a cancelled job may take."""

PASSES = (0.0, 0.3)
"""Seconds before each time that what was sent is removed: a request that was cut off a moment ago
may leave its bytes behind after the first time."""

COUNTED = 100_000
"""Files that are counted before the first is sent; of more the total stays unknown."""


class SendRun(Run):
    """One run of a send job."""

    lanes: ClassVar[int] = LANES
    """Small files that are under way at a time, at most; 0 to send all one after the other."""

    file_send: ClassVar[type[FileSend]] = FileSend
    """How one file is sent."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._journal: SendJournal | None = None
        self._small: SmallSends | None = None
        self._is_paused = False
        self._filters = Filters({})

    def close(self) -> None:
        """Remove the journal, unless something is left to go on with."""
        super().close()
        journal, self._journal = self._journal, None
        if journal is None:
            return
        if journal.begun or self._errors or self._is_paused:
            journal.close()
        else:
            journal.remove()

    def _run_all(self) -> None:
        request, control = self._request, self._control
        path, is_file = look_at(self._root, request.source)
        self._filters = Filters(request.options)
        self._journal = self._open_journal()
        context = replace(self._context, note=self._report.note)
        with (
            self._taking_back(),
            opened(request.destination, context, control.check, control.bandwidth) as (
                backend,
                transport,
            ),
        ):
            require_send(backend)
            backend.check(request.destination)
            self._send_all(backend, transport, path, is_file)

    def _open_journal(self) -> SendJournal:
        waited = 0.0
        while True:
            try:
                return self._make_journal()
            except TransferError as error:
                if error.code != "conflict" or waited >= LOCK_PATIENCE:
                    raise
            self._control.sleep(0.1)
            waited += 0.1

    def _make_journal(self) -> SendJournal:
        return journal_of(self._request, self._context)

    @property
    def _there(self) -> Context:
        """What the backend of the destination works with."""
        return self._context

    @contextmanager
    def _taking_back(self) -> Iterator[None]:
        """Remove from the service what was sent of a job that is cancelled, and is not whole."""
        try:
            yield
        except Stopped as stopped:
            if stopped.how == "cancel":
                self._take_back()
            else:
                self._is_paused = True
            raise

    def _take_back(self) -> None:
        assert self._journal is not None
        try:
            take_back(self._journal, self._request.destination, self._there)
        except TransferError as error:
            self._report.note(
                "cancelled", f"What was sent could not be removed there: {error.message}"
            )

    def _send_all(self, backend: Backend, transport: Transport, path: str, is_file: bool) -> None:
        request = self._request
        targets = SendTargets(
            backend,
            request.destination,
            request.options.get("conflict"),
            request.source,
            request.delivered,
        )
        lane = Lane(backend, transport, self._control, self._tally, self._report)
        if is_file:
            self._files_total = 1
            size = self._root.stat(path).st_size
            outgoing = self._outgoing(targets, targets.address_of_one)
            self._send_one(lane, outgoing, Found(path, split_path(path)[1], size))
            return
        self._count(files_below(self._root, path, self._filters))
        way = Way(transport, self._control, self._tally, Retries())
        way.patiently(targets.expect_nothing)
        outgoing = self._outgoing(targets, targets.address_of_many)
        self._send_many(lane, outgoing, files_below(self._root, path, self._filters))
        self._files_total = len(self._verdicts) + self._files_failed

    def _outgoing(self, targets: SendTargets, address_of: Callable[[str], str]) -> Outgoing:
        assert self._journal is not None
        return Outgoing(
            self._state_of,
            self._journal,
            targets,
            address_of,
            self._bring,
            digest_of=self._digest_of,
        )

    def _state_of(self, lane: Lane, way: Way, found: Found) -> State:
        """The state of a file now."""
        return Identity.of(self._root.stat(found.path))

    def _digest_of(
        self, lane: Lane, way: Way, found: Found, state: State, algorithm: str
    ) -> Digest | None:
        """A digest of a file, if it is in `state`; called in the thread of the lane."""
        return digest_on_disk(self._root, found, algorithm, lane.control.check, state)

    def _bring(self, lane: Lane, way: Way, found: Found, target: Target) -> Sent:
        """Bring one file to the service; called in the thread of the lane."""
        return self._sender_of(lane, way, found, target).run()

    def _sender_of(self, lane: Lane, way: Way, found: Found, target: Target) -> FileSend:
        """What sends one file of the disk."""
        assert self._journal is not None
        return self.file_send(
            lambda: LocalFile.opened(self._root, found.path),
            found.path,
            target,
            lane.backend,
            way=way,
            journal=self._journal,
            report=lane.report,
            on_size=self._learn_size,
        )

    def _learn_size(self, size: int) -> None:
        if self._files_total == 1:
            self._size = size

    def _count(self, files: Iterator[Found]) -> None:
        """Count what there is to send."""
        number = size = 0
        for found in files:
            self._control.check()
            number, size = number + 1, size + found.size
            if number > COUNTED:
                return
        self._files_total, self._bytes_total = number, size
        self._size = size if number == 1 else None

    # -- files --

    def _send_one(self, lane: Lane, outgoing: Outgoing, found: Found) -> None:
        self._settle(outgoing.deliver(lane, found))
        self._tell()

    def _lanes_for(self, lane: Lane) -> int:
        """Small files that may be under way at a time, each over a connection beside our own."""
        most = self._control.connections
        if most is None:
            most = LANES
        elif not lane.backend.sends_at_once:  # else ours is shared out with the pool
            most -= 1
        return min(self.lanes, lane.backend.parallel, most)

    def _send_many(self, lane: Lane, outgoing: Outgoing, files: Iterable[Found]) -> None:
        """Small files in the pool and in lanes; large ones meanwhile here, over several
        connections each."""
        count = self._lanes_for(lane)
        with Lanes(outgoing, self._control, self._report, self._open_lane, count) as lanes:
            pool = self._new_pool(lane, outgoing)
            small = self._small = SmallSends(lanes, pool, self._control, lane.transport)
            try:
                for found in files:
                    self._control.check()
                    if found.size > SMALL or not count:
                        self._send_one(lane, outgoing, found)
                        continue
                    while not small.has_room(found):
                        self._collect(small)
                    small.put(found)
                while small.busy:
                    self._collect(small)
            finally:
                if pool is not None:
                    pool.stop()

    def _new_pool(self, lane: Lane, outgoing: Outgoing) -> SendPool | None:
        """What sends small files of the disk; None where they lie elsewhere, or take more than a
        request each."""
        assert self._journal is not None
        if not lane.backend.sends_at_once:
            return None
        return SendPool(
            outgoing, lane, self._journal, lambda found: LocalFile.opened(self._root, found.path)
        )

    def _collect(self, small: SmallSends) -> None:
        self._control.check()
        for finished in small.collect(0.1):
            self._settle(finished)
        self._tell()

    @contextmanager
    def _open_lane(self, control: Control, report: Report) -> Iterator[Lane]:
        with opened(self._request.destination, self._context, control.check, control.bandwidth) as (
            backend,
            transport,
        ):
            backend.check(self._request.destination)
            yield Lane(backend, transport, control, Tally(lambda: None), report)

    def _settle(self, finished: Finished) -> None:
        """Report a file; raises only what ends the whole job."""
        message = finished.row
        self._tally.bytes = 0
        self._report.file(message)
        if finished.error is not None:
            self._failed(finished.error)
        else:
            self._succeeded(message["verified"], message["unverified"])
            self._bytes_before += finished.bytes

    def _under_way(self) -> tuple[int, int]:
        size, moved = super()._under_way()
        if self._small is not None:
            size, moved = size + self._small.bytes, moved + self._small.moved
        return size, moved


def look_at(root: Root, source: str) -> tuple[str, bool]:
    """The normal path of what is sent, and whether it is a file.

    Raises ``not_found``, ``not_a_file``, ``invalid_path``, ``hidden_path``.
    """
    path = root.parse(source)
    try:
        mode = root.stat(path).st_mode
    except TransferError as error:
        if error.code == "not_found" and is_repository_name(source):
            error.remedy = f"Check the name. {said_of_repository(source)}"
        raise
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise TransferError("not_a_file", "Only files and folders can be sent.")
    return path, stat.S_ISREG(mode)


def require_send(backend: Backend) -> None:
    """Raise ``bad_request`` unless `backend` can be written to."""
    if "send" not in backend.can:
        raise TransferError(
            "bad_request",
            f"Nothing can be sent to addresses of the kind “{backend.title}”.",
            "Use an address of another kind.",
        )


def journal_of(request: JobRequest, context: Context) -> SendJournal:
    """The journal of the job. Raises ``conflict`` while another process has it."""
    return SendJournal(
        context.state_dir,
        request.id,
        request.source,
        request.destination,
        options=request.open_options,
        ambient=request.ambient,
    )


def take_back(journal: SendJournal, destination: str, context: Context) -> None:
    """Remove from the service what `journal` says was begun. Raises `TransferError`."""
    until = time.monotonic() + CLEANING

    def check() -> None:
        if time.monotonic() > until:
            raise TransferError("timeout", "The service does not answer.")

    if not journal.begun:
        return
    with opened(destination, context, check) as (backend, _):
        sinks = [sink for item in journal.begun.items() if (sink := begun_sink(backend, *item))]
        for pause in PASSES:
            time.sleep(pause)
            for sink in sinks:
                sink.abort()
    for path in list(journal.begun):
        journal.drop(path)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished send left at the service, and its journal."""
    discard_begun(journal_of(request, context), request.destination, context)


def discard_begun(journal: SendJournal, destination: str, context: Context) -> None:
    """Remove what `journal` says was begun, and the journal. Raises `TransferError`; then it
    stays."""
    try:
        take_back(journal, destination, context)
    except TransferError:
        journal.close()
        raise
    journal.remove()
