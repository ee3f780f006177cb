"""What the runs of all kinds of jobs share: the request, progress, outcome.

Doing a job again is always safe. Each kind (`fetch`, `send` …) is a `Run` of its own in
a module of its own; `jupyter_transfer.engine.job` knows which.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from traceback import format_exc
from typing import Any

from ..ambient import Ambient, from_text
from ..backends import secret_names
from ..backends.base import Context
from ..backends.pins import Pins
from ..backends.tree import Watch
from ..errors import TransferError
from ..joboptions import JOB_SECRETS
from ..paths import Root
from ..secrets import is_reference, redact
from .authorities import authorities, ca_file_of_environment
from .control import Control, Message, Report, Stopped, Tally, as_transfer_error
from .delivered import Delivered, Row
from .target import Targets

_log = logging.getLogger(__name__)

PROGRESS_INTERVAL = 0.25
"""Seconds between two reports of progress."""

_FATAL = {"disk_full", "read_only", "needs_credentials", "address_refused", "internal"}
"""Codes that would meet every other file of the job too."""

_REMEMBERED = 100
"""Errors that are kept to find the one that the job is said to have failed of."""


@dataclass(frozen=True)
class JobRequest:
    """What a job is to do."""

    id: str
    source: str
    destination: str
    options: dict[str, Any] = field(default_factory=dict)
    delivered: Delivered | Iterable[Row] = ()
    kind: str = "fetch"
    ambient: Ambient = "none"
    """Why it may use the credentials of this server's account."""

    @classmethod
    def from_dict(cls, job: Message, delivered: Delivered | Iterable[Row] = ()) -> JobRequest:
        """The request in the message ``run``."""
        return cls(
            job["id"],
            job["source"],
            job["destination"],
            dict(job.get("options") or {}),
            delivered,
            job.get("kind", "fetch"),
            from_text(job.get("ambient")),
        )

    @property
    def open_options(self) -> dict[str, Any]:
        """The options without values that are secret; references to such are none. Raises
        ``unsupported_scheme``."""
        hidden = secret_names(self.source, self.destination) | JOB_SECRETS
        return {
            name: value
            for name, value in self.options.items()
            if name not in hidden or is_reference(value)
        }

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
    unverified: str | None = None
    """Why it is not verified (a code of `verify`), where it is done."""


class Run(ABC):
    """One run of a job.

    Parameters
    ----------
    context: policy, certificate authorities, credential and the options of the job.
    """

    def __init__(
        self, root: Root, request: JobRequest, context: Context, control: Control, report: Report
    ) -> None:
        self._root = root
        self._request = request
        self._context = replace(context, job=request.id, hidden=root.allow_hidden)
        self._is_over = False
        self._control = control
        self._report = report
        self._errors: list[TransferError] = []
        self._files_failed = 0
        self._verdicts: list[bool | None] = []
        self._doubts: set[str] = set()
        self._bytes_before = 0
        self._size: int | None = None
        """Bytes of the file that is on its way."""
        self._bytes_total: int | None = None
        """Bytes of all files, where there are several and they are known beforehand."""
        self._files_total: int | None = None
        self._tally = Tally(self._tell)
        self._told = 0.0

    def run(self) -> Outcome:
        """Do it. Never raises: whatever happens is the outcome."""
        outcome = self._run()
        self._is_over = outcome.state in ("done", "cancelled")
        return outcome

    def _run(self) -> Outcome:
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
        return Outcome("done", None, _together(self._verdicts), self._doubt())

    def close(self) -> None:
        """Forget what is only needed until whoever drives the job has saved its report."""
        if self._is_over:
            with suppress(TransferError):
                forget_pins(self._request, self._context)

    @abstractmethod
    def _run_all(self) -> None:
        """Do the job, file by file."""

    # -- one file --

    def _failed(self, error: TransferError) -> None:
        """One file failed: go on with the next, or raise where that would fare no better."""
        if error.code in _FATAL:
            raise error
        self._files_failed += 1
        if len(self._errors) < _REMEMBERED or (error.retryable and not self._errors[-1].retryable):
            self._errors.append(error)

    def _succeeded(self, verified: bool | None, doubt: str | None = None) -> None:
        self._judge(verified, doubt)
        self._bytes_before += self._tally.bytes
        self._tally.bytes = 0

    def _judge(self, verified: bool | None, doubt: str | None) -> None:
        self._verdicts.append(verified)
        if doubt is not None:
            self._doubts.add(doubt)

    def _doubt(self) -> str | None:
        """The one code for why not all is verified."""
        return "several" if len(self._doubts) > 1 else next(iter(self._doubts), None)

    # -- progress --

    def _set_size(self, size: int | None) -> None:
        self._size = size
        self._tell(now=True)

    def _under_way(self) -> tuple[int, int]:
        """Bytes of files that are not finished, and bytes that this run has moved."""
        return self._tally.bytes, self._tally.moved

    def _watch(self) -> Watch:
        """What a program that makes or sends a folder is told, and tells: its bytes are a guess
        from the part that it has done."""

        def progress(fraction: float, received: int) -> None:
            total = int(received / fraction) if fraction else 0
            self._bytes_total = self._size = max(total, received) or None
            self._tally.bytes = int((self._bytes_total or 0) * fraction)
            self._tally.moved = max(self._tally.moved, received)
            self._tell()

        trusted = authorities(self._context.ca_file or ca_file_of_environment())
        return Watch(self._control.check, progress, self._report.note, trusted)

    def _watch_quietly(self) -> Watch:
        return replace(self._watch(), progress=lambda fraction, received: None)

    def _tell(self, *, now: bool = False) -> None:
        moment = time.monotonic()
        if not now and moment - self._told < PROGRESS_INTERVAL:
            return
        self._told = moment
        single = self._files_total == 1
        under_way, moved = self._under_way()
        self._report.progress(
            bytes_done=self._bytes_before + under_way,
            bytes_total=self._size if single else self._bytes_total,
            bytes_moved=moved,
            files_done=len(self._verdicts),
            files_total=self._files_total,
            files_failed=self._files_failed,
        )


def forget_pins(request: JobRequest, context: Context) -> None:
    """Forget what the sources of a job stood for when it was planned."""
    Pins(context.state_dir, request.id).remove()


def _failure(errors: list[TransferError]) -> Outcome:
    """One outcome of all that failed: worth a retry if anything of it is."""
    worst = next((error for error in errors if error.retryable), errors[0])
    state = "waiting" if worst.code in ("needs_credentials", "needs_decision") else "failed"
    return Outcome(state, worst)


def _together(verdicts: list[bool | None]) -> bool | None:
    return True if verdicts and all(verdict is True for verdict in verdicts) else None
