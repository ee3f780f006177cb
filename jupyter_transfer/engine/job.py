"""A whole job: its files one after the other, its progress, its outcome. Doing it again is safe.

For each file: an earlier process may have published it already (its journal tells), or have left a
part to go on from; an earlier job may have delivered it (size, time and validators tell). Only
what is left is fetched. Journals of published files are forgotten last, by `JobRun.close`, when
whoever drives the job has had the time to save what was delivered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from traceback import format_exc
from typing import Any

from ..backends import find
from ..backends.base import Context, Entry
from ..errors import TransferError
from ..names import split_path
from ..parts import Part
from ..paths import Root
from ..secrets import redact
from .control import Control, Message, Report, Stopped, Tally, as_transfer_error
from .delivery import Delivery, Setting, row
from .journal import find_part
from .target import Row, Targets
from .transport import Transport

_log = logging.getLogger(__name__)

PROGRESS_INTERVAL = 0.25
"""Seconds between two reports of progress."""

_FATAL = {"disk_full", "read_only", "needs_credentials", "address_refused", "internal"}
"""Codes that would meet every other file of the job too."""


@dataclass(frozen=True)
class JobRequest:
    """What a job is to do."""

    id: str
    source: str
    destination: str
    options: dict[str, Any] = field(default_factory=dict)
    delivered: tuple[Row, ...] = ()

    @classmethod
    def from_dict(cls, job: Message, delivered: Iterable[Row] = ()) -> JobRequest:
        """The request in the message ``run``. Raises ``bad_request`` for another kind of job."""
        if job.get("kind", "fetch") != "fetch":
            raise TransferError("bad_request", "This kind of job is not supported here.")
        return cls(
            job["id"],
            job["source"],
            job["destination"],
            dict(job.get("options") or {}),
            tuple(delivered),
        )

    def targets(self, root: Root) -> Targets:
        """Where its files land. Raises ``bad_request``."""
        return Targets(
            root, self.destination, self.options.get("conflict"), self.source, self.delivered
        )


@dataclass(frozen=True)
class Outcome:
    """How a job ended: done, failed, paused, cancelled, or waiting for a person."""

    state: str
    error: TransferError | None = None
    verified: bool | None = None


class JobRun:
    """One run of a fetch job.

    Parameters
    ----------
    context: policy, certificate authorities, credential and the options of the job.
    """

    def __init__(
        self, root: Root, request: JobRequest, context: Context, control: Control, report: Report
    ) -> None:
        self._root = root
        self._request = request
        self._context = context
        self._control = control
        self._report = report
        self._published: list[Part] = []
        self._errors: list[TransferError] = []
        self._verdicts: list[bool | None] = []
        self._bytes_before = 0
        self._size: int | None = None
        self._files_total: int | None = None
        self._tally = Tally(self._tell)
        self._told = 0.0

    def run(self) -> Outcome:
        """Do it. Never raises: whatever happens is the outcome."""
        try:
            self._run_all()
        except Stopped as stopped:
            self._tell(now=True)
            return Outcome("cancelled" if stopped.how == "cancel" else "paused")
        except TransferError as error:
            self._errors.append(error)
        except Exception as error:
            _log.error("A job failed unexpectedly:\n%s", redact(format_exc()))
            self._errors.append(as_transfer_error(error))
        self._tell(now=True)
        if self._errors:
            return _failure(self._errors)
        return Outcome("done", verified=_together(self._verdicts))

    def close(self) -> None:
        """Forget the journals of what was published."""
        for part in self._published:
            with suppress(TransferError):
                part.forget()
        self._published.clear()

    # -- files --

    def _run_all(self) -> None:
        request, context = self._request, self._context
        targets = request.targets(self._root)
        backend = find(request.source)(context)
        try:
            backend.check(request.source)
            with Transport(context.policy, context.ca_file, self._control.bandwidth) as transport:
                setting = Setting(
                    self._root,
                    request.id,
                    request.source,
                    transport,
                    backend,
                    targets,
                    self._control,
                    self._report,
                )
                single, entries = _peek(backend.entries(request.source))
                self._files_total = 1 if single else None
                for number, entry in enumerate(entries):
                    self._deliver(setting, entry, number, single)
                self._files_total = len(self._verdicts) + len(self._errors)
        finally:
            backend.close()

    def _deliver(self, setting: Setting, entry: Entry, number: int, single: bool) -> None:
        """Deliver one file and report it; raises only what ends the whole job."""
        self._control.check()
        started = time.monotonic()
        self._size = entry.size
        delivery = Delivery(
            setting, entry, number, single=single, tally=self._tally, on_size=self._set_size
        )
        fatal: TransferError | None = None
        try:
            message = delivery.run()
        except TransferError as error:
            message = row(delivery.path, state="failed", error=error.as_dict())
            if error.code in _FATAL:
                fatal = error
            else:
                self._errors.append(error)
        else:
            self._verdicts.append(message["verified"])
            self._bytes_before += self._tally.bytes
            self._tally.bytes = 0
            if delivery.published is not None:
                self._published.append(delivery.published)
        message["seconds"] = round(time.monotonic() - started, 3)
        self._report.file(message)
        if fatal is not None:
            raise fatal
        self._tell(now=True)

    # -- progress --

    def _set_size(self, size: int | None) -> None:
        self._size = size
        self._tell(now=True)

    def _tell(self, *, now: bool = False) -> None:
        moment = time.monotonic()
        if not now and moment - self._told < PROGRESS_INTERVAL:
            return
        self._told = moment
        single = self._files_total == 1
        self._report.progress(
            bytes_done=self._bytes_before + self._tally.bytes,
            bytes_total=self._size if single else None,
            bytes_moved=self._tally.moved,
            files_done=len(self._verdicts),
            files_total=self._files_total,
            files_failed=len(self._errors),
        )


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove the parts and journals that an unfinished job left behind."""
    targets = request.targets(root)
    backend = find(request.source)(context)
    try:
        single, entries = _peek(backend.entries(request.source))
        for number, entry in enumerate(entries):
            folder = (
                targets.folder_of_one()
                if single
                else split_path(targets.path_of_many(entry.path))[0]
            )
            part = find_part(root, folder, f"{request.id}-{number}")
            if part is not None:
                part.discard()
    finally:
        backend.close()


def _peek(entries: Iterator[Entry]) -> tuple[bool, Iterator[Entry]]:
    """Whether there is exactly one entry, and all of them."""
    first = list(islice(entries, 2))
    if not first:
        raise TransferError("remote_not_found", "There is nothing at this address.")
    return len(first) == 1, chain(first, entries)


def _failure(errors: list[TransferError]) -> Outcome:
    """One outcome of all that failed: worth a retry if anything of it is."""
    worst = next((error for error in errors if error.retryable), errors[0])
    state = "waiting" if worst.code in ("needs_credentials", "needs_decision") else "failed"
    return Outcome(state, worst)


def _together(verdicts: list[bool | None]) -> bool | None:
    return True if verdicts and all(verdict is True for verdict in verdicts) else None
