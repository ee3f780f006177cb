"""A copy: the file or the files of one service, to another one, or elsewhere in the same.

What is sent, what stands there already and the report are those of any send; only that the bytes
come from a service. Where both ends are one service it copies by itself; else they pass through
memory, never the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from ..backends import find, secret_names
from ..backends.base import Backend, Context, Digest, Entry
from ..backends.committing import CommittingBackend
from ..backends.ends import context_of, name_at_destination
from ..errors import TransferError
from ..paths import Root
from .client import opened_over
from .control import Control, Report, Tally
from .fetchrun import peek
from .filling import Way
from .filters import Filters
from .lanes import SMALL
from .original import Opener, State
from .outgoing import Lane, Outgoing
from .remotefile import RemoteOpener, RemoteState, at_source
from .retry import Retries
from .run import JobRequest
from .send import FileSend, Sent
from .sendjournal import SendJournal, Target
from .sendleft import held
from .sendrun import SendRun, discard_begun, require_send
from .sendtarget import SendTargets
from .servicecopy import ServiceFile
from .transport import Transport
from .walk import Found

KNOWN = 10_000
"""Files that are listed before the first is copied; of more the total stays unknown."""

_CANNOT = ("remote_refused", "remote_forbidden")
"""Codes of a service that does not copy by itself; its bytes may pass through us all the same."""


@dataclass(frozen=True)
class FoundEntry(Found):
    """A file of the source: `path` and `relative` are both its path below the source."""

    entry: Entry = field(default_factory=lambda: Entry("", ""))

    @property
    def state(self) -> RemoteState:
        """The state that is listed."""
        entry = self.entry
        digest = None if entry.digest is None else str(entry.digest)
        return RemoteState(entry.size or 0, entry.mtime_ns, entry.validators, digest)

    @property
    def is_known(self) -> bool:
        """Whether the listing tells this state from others, as answers to requests will."""
        known = self.entry.validators
        return self.entry.size is not None and bool(known.etag or known.version) and known.strong


@dataclass(frozen=True)
class Work:
    """The files of a copy, and where they go; the only one of its source is `single`."""

    targets: SendTargets
    files: Iterator[FoundEntry]
    address_of: Callable[[str], str]
    single: bool


class CopyRun(SendRun):
    """One run of a copy job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._context = replace(self._context, hidden=True)  # nothing lands on this disk
        self._openers: dict[str, RemoteOpener] = {}
        self._by_service = True

    def _run_all(self) -> None:
        self._filters = Filters(self._request.options)
        self._journal = self._open_journal()
        with (
            self._at_ends(),
            self._taking_back(),
            self._open_lane(self._control, self._report) as lane,
        ):
            self._copy_all(lane)

    def _make_journal(self) -> SendJournal:
        return journal_of(self._request, self._context)

    @property
    def _there(self) -> Context:
        return destination_of(self._request, self._context)

    @contextmanager
    def _open_lane(self, control: Control, report: Report) -> Iterator[Lane]:
        request, context = self._request, replace(self._context, note=report.note)
        here = context_of(context, request.source, request.destination, "source")
        there = destination_of(request, context)
        tally = self._tally if control is self._control else Tally(lambda: None)
        with (
            Transport(context.policy, context.ca_file, control.bandwidth) as transport,
            opened_over(request.source, here, transport, control.check) as source,
            opened_over(request.destination, there, transport, control.check) as backend,
        ):
            with at_source():
                source.check(request.source)
            backend.check(request.destination)
            yield Lane(backend, transport, control, tally, report, source)

    # -- whose fault it is --

    @contextmanager
    def _at_ends(self) -> Iterator[None]:
        try:
            yield
        except TransferError as error:
            raise self._named(error) from None

    def _failed(self, error: TransferError) -> None:
        super()._failed(self._named(error))

    def _named(self, error: TransferError) -> TransferError:
        """`error`, which says what is needed at the destination by the names of the job's
        options."""
        if error.detail.get("end") or error.code not in ("needs_credentials", "needs_decision"):
            return error
        request = self._request
        wanted = {"username", "password"} | {o.name for o in find(request.destination).options}
        names = {
            name: name_at_destination(request.source, request.destination, name) for name in wanted
        }
        error.detail = {**error.detail, "end": "destination"}
        if error.code == "needs_decision":
            error.detail["option"] = names.get("host_key", "host_key")
        else:
            secret = secret_names(request.destination) | {"username", "password"}
            error.detail["options"] = sorted(names[name] for name in secret)
        return error

    # -- files --

    def _look(self, lane: Lane) -> Work:
        """What there is to do."""
        request, source = self._request, lane.source
        assert source is not None
        require_copy(lane.backend)
        targets = SendTargets(
            lane.backend,
            request.destination,
            request.options.get("conflict"),
            request.source,
            request.delivered,
        )
        way = Way(lane.transport, lane.control, lane.tally, Retries())
        with at_source():
            single, entries = peek(source, request.source)
        if not single:
            way.patiently(targets.expect_nothing)
            return Work(targets, self._found(entries), self._address_below(targets), single)
        files = list(self._found(entries))
        if not files:
            return Work(targets, iter(()), targets.address_of_one, single)
        name = files[0].entry.path
        if files[0].entry.guessed:
            name = self._opener(lane, way, files[0]).look().name or name
        address = way.patiently(lambda: targets.address_of_one(name))
        return Work(targets, iter(files), lambda _: address, single)

    def _copy_all(self, lane: Lane) -> None:
        work = self._look(lane)
        outgoing = self._outgoing(work.targets, work.address_of)
        if work.single:
            found = next(work.files, None)
            self._files_total = 0 if found is None else 1
            if found is not None:
                self._send_one(lane, outgoing, found)
            return
        with at_source():
            first = list(islice(work.files, KNOWN + 1))
            if len(first) <= KNOWN:
                self._count(iter(first))
                if any(one.entry.size is None for one in first):
                    self._bytes_total = None
            self._send_many(lane, outgoing, chain(first, work.files))
        self._files_total = len(self._verdicts) + self._files_failed

    def _lanes_for(self, lane: Lane) -> int:
        """See `SendRun`. An end that is a program would be one for each lane."""
        assert lane.source is not None
        if lane.source.tool or lane.backend.tool:
            return 0
        return min(super()._lanes_for(lane), lane.source.parallel)

    def _new_pool(self, lane: Lane, outgoing: Outgoing) -> None:
        """See `SendRun`."""

    def _found(self, entries: Iterator[Entry]) -> Iterator[FoundEntry]:
        for entry in self._filters.apply(entries):
            size = entry.size if entry.size is not None else SMALL + 1
            yield FoundEntry(entry.path, entry.path, size, entry.mtime_ns, entry=entry)

    def _address_below(self, targets: SendTargets) -> Callable[[str], str]:
        def address_of(relative: str) -> str:
            if not targets.takes_any_name and leads_elsewhere(relative):
                raise TransferError("invalid_path", "The destination takes no file of this name.")
            return targets.address_of_many(relative)

        return address_of

    def _opener(self, lane: Lane, way: Way, found: Found) -> RemoteOpener:
        """What opens `found`; it keeps what it saw until it is opened."""
        assert lane.source is not None
        assert isinstance(found, FoundEntry)
        known = self._openers.pop(found.path, None)
        return known or RemoteOpener(lane.source, found.entry, way)

    def _state_of(self, lane: Lane, way: Way, found: Found) -> RemoteState:
        """The state as it is listed, where that tells it from others; else as a look tells it."""
        assert isinstance(found, FoundEntry)
        if found.is_known:
            return found.state
        opener = self._opener(lane, way, found)
        state = opener.state()
        self._openers[found.path] = opener
        return state

    def _digest_of(
        self, lane: Lane, way: Way, found: Found, state: State, algorithm: str
    ) -> Digest | None:
        """See `SendRun`: what its service states."""
        assert isinstance(state, RemoteState)
        stated, _, value = (state.digest or "").partition(":")
        return Digest(algorithm, value) if stated == algorithm else None

    def _bring(self, lane: Lane, way: Way, found: Found, target: Target) -> Sent:
        """Bring one file to the service; called in the thread of the lane."""
        assert isinstance(found, FoundEntry)
        if self._is_copied_there(lane, found, target):
            copied = partial(
                ServiceFile.opened, found.entry, partial(self._state_of, lane, way, found)
            )
            try:
                return self._sender(lane, way, found, target, copied).run()
            except TransferError as error:
                if error.code not in _CANNOT or lane.backend.tool:
                    raise
                self._by_service = False
        opener = self._opener(lane, way, found)
        return self._sender(lane, way, found, target, opener.opened).run()

    def _is_copied_there(self, lane: Lane, found: FoundEntry, target: Target) -> bool:
        """Whether the service is to copy a file by itself."""
        assert lane.source is not None
        if not self._by_service:
            return False
        return lane.backend.copies(found.entry, target.address, lane.source)

    def _sender(
        self, lane: Lane, way: Way, found: Found, target: Target, opener: Opener
    ) -> FileSend:
        assert self._journal is not None
        return FileSend(
            opener,
            found.path,
            target,
            lane.backend,
            way=way,
            journal=self._journal,
            report=lane.report,
            on_size=self._learn_size,
        )


def require_copy(backend: Backend) -> None:
    """Raise ``bad_request`` unless files of other services can be brought to `backend`."""
    require_send(backend)
    # It wants to know digests before the first byte, or reads files of this disk only.
    if isinstance(backend, CommittingBackend) or (backend.tool and not backend.streams):
        raise TransferError(
            "bad_request",
            f"{backend.title}: files of other services cannot be copied there.",
            "Fetch them to this server, and send them from there.",
        )


def leads_elsewhere(relative: str) -> bool:
    """Whether a path that a source proposes may be understood as one that leads out of the folder
    below which it is to go."""
    parts = relative.split("/")
    return any(part in ("", ".", "..") or "\0" in part for part in parts)


def destination_of(request: JobRequest, context: Context) -> Context:
    """What the backend of the destination works with."""
    return context_of(context, request.source, request.destination, "destination")


def journal_of(request: JobRequest, context: Context) -> SendJournal:
    """The journal of the job. Raises ``conflict`` while another process has it."""
    return SendJournal(
        context.state_dir,
        request.id,
        request.source,
        request.destination,
        kind="copy",
        options=request.open_options,
        ambient=request.ambient,
        read_state=RemoteState.from_json,
    )


def left(request: JobRequest, context: Context) -> int:
    """Bytes that the destination holds of what an unfinished copy has begun. Raises
    `TransferError`."""
    there = destination_of(request, context)
    return held(journal_of(request, context), request.destination, there)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished copy left at the destination, and its journal."""
    there = destination_of(request, context)
    discard_begun(journal_of(request, context), request.destination, there)
