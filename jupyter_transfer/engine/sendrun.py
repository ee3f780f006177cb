"""A send: files of the disk, one after the other, to an address of a service.

For each file: an earlier process may have finished it already, or begun it (the job's journal in
the state folder tells); an earlier job may have sent it (what was delivered and what stands there
now tell). Only what is left is sent. The journal is removed last, by `SendRun.close`, when whoever
drives the job has had the time to save what was delivered.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..backends.base import Backend, Context
from ..errors import TransferError
from ..names import split_path
from ..paths import Root
from .client import opened
from .control import Message, Stopped
from .delivery import row
from .filling import Way
from .local import Identity
from .retry import Retries
from .run import JobRequest, Run
from .send import FileSend, Sent, withdraw
from .sendjournal import SendJournal, Target
from .sendtarget import SendTargets
from .transport import Transport
from .walk import Found, files_below

LOCK_PATIENCE = 5.0
"""Seconds to wait for a predecessor that is dying and still has the journal."""

CLEANING = 10.0
"""Seconds that removing what was sent of a cancelled job may take."""

COUNTED = 100_000
"""Files that are counted before the first is sent; of more the total stays unknown."""

_HOPELESS = {"exists", "changed", "digest_mismatch", "not_found", "is_a_directory", "gone"}
"""Codes of failures after which what was sent of a file is of no use."""


class SendRun(Run):
    """One run of a send job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._journal: SendJournal | None = None

    def close(self) -> None:
        """Remove the journal, unless something is left to go on with."""
        journal, self._journal = self._journal, None
        if journal is None:
            return
        if journal.begun or self._errors:
            journal.close()
        else:
            journal.remove()

    def _run_all(self) -> None:
        request, control = self._request, self._control
        path, is_file = look_at(self._root, request.source)
        self._journal = self._open_journal()
        try:
            with opened(request.destination, self._context, control.check, control.bandwidth) as (
                backend,
                transport,
            ):
                require_send(backend)
                backend.check(request.destination)
                self._send_all(backend, transport, path, is_file)
        except Stopped as stopped:
            if stopped.how == "cancel":
                self._take_back()
            raise

    def _open_journal(self) -> SendJournal:
        request, waited = self._request, 0.0
        while True:
            try:
                return SendJournal(
                    self._context.state_dir, request.id, request.source, request.destination
                )
            except TransferError as error:
                if error.code != "conflict" or waited >= LOCK_PATIENCE:
                    raise
            self._control.sleep(0.1)
            waited += 0.1

    def _take_back(self) -> None:
        """Remove from the service what was sent of a cancelled job and is not whole."""
        assert self._journal is not None
        try:
            take_back(self._journal, self._request, self._context)
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
        if is_file:
            self._files_total = 1
            found = Found(path, split_path(path)[1], self._root.stat(path).st_size)
            self._deliver(backend, transport, targets, found, targets.address_of_one)
            return
        self._count(files_below(self._root, path))
        self._way(transport).patiently(targets.expect_nothing)
        for found in files_below(self._root, path):
            self._deliver(backend, transport, targets, found, targets.address_of_many)
        self._files_total = len(self._verdicts) + self._files_failed

    def _count(self, files: Iterator[Found]) -> None:
        """Count what there is to send."""
        number = size = 0
        for found in files:
            self._control.check()
            number, size = number + 1, size + found.size
            if number > COUNTED:
                return
        self._files_total, self._bytes_total = number, size

    def _way(self, transport: Transport) -> Way:
        return Way(transport, self._control, self._tally, Retries())

    # -- one file --

    def _deliver(
        self,
        backend: Backend,
        transport: Transport,
        targets: SendTargets,
        found: Found,
        address_of: Callable[[str], str],
    ) -> None:
        """Send one file and report it; raises only what ends the whole job."""
        self._control.check()
        started = time.monotonic()
        self._size = found.size
        failure: TransferError | None = None
        message: Message
        way = self._way(transport)
        try:
            message = self._send(backend, way, targets, found, address_of)
        except TransferError as error:
            failure = error
            message = row(found.path, state="failed", error=error.as_dict())
            self._give_up(backend, found.path, error)
        else:
            self._succeeded(message["verified"], message["unverified"])
        message["seconds"] = round(time.monotonic() - started, 3)
        self._report.file(message)
        if failure is not None:
            self._failed(failure)
        self._tell(now=True)

    def _send(
        self,
        backend: Backend,
        way: Way,
        targets: SendTargets,
        found: Found,
        address_of: Callable[[str], str],
    ) -> Message:
        journal = self._journal
        assert journal is not None
        if found.left_out:
            return row(found.path, state="skipped", unverified="skipped")
        local = Identity.of(self._root.stat(found.path))
        done = journal.done.get(found.path)
        if done is not None and done[0] == local:
            self._tally.set(local.size)
            return dict(done[1])
        begun = journal.begun.get(found.path)
        if begun is not None:
            target = begun.target
        else:
            verdict = way.patiently(lambda: targets.decide(address_of(found.relative), local))
            target = verdict.target
            if verdict.act != "send":
                self._tally.set(local.size)
                entry = verdict.entry
                return row(
                    found.path,
                    state=verdict.act,
                    size=local.size,
                    mtime_ns=local.mtime_ns,
                    address=target.address,
                    validators=entry.validators.as_dict() if entry else {},
                    unverified=verdict.act,
                )
        sent = self._bring(backend, way, found.path, target)
        self._tally.set(sent.identity.size)
        message = row_of(found.path, target.address, sent)
        journal.finish(found.path, sent.identity, message)
        return message

    def _bring(self, backend: Backend, way: Way, path: str, target: Target) -> Sent:
        """Bring one file to the service."""
        assert self._journal is not None
        return FileSend(
            self._root,
            path,
            target,
            backend,
            way=way,
            journal=self._journal,
            report=self._report,
            on_size=self._set_size,
        ).run()

    def _give_up(self, backend: Backend, path: str, error: TransferError) -> None:
        """Remove what was sent of a file that is of no use any more."""
        assert self._journal is not None
        begun = self._journal.begun.get(path)
        if begun is None or error.code not in _HOPELESS or error.retryable:
            return
        try:
            withdraw(backend, path, begun)
        except TransferError:
            return  # it stays in the journal, for `discard`
        self._journal.drop(path)


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
        validators=sent.entry.validators.as_dict(),
    )


def look_at(root: Root, source: str) -> tuple[str, bool]:
    """The normal path of what is sent, and whether it is a file.

    Raises ``not_found``, ``not_a_file``, ``invalid_path``, ``hidden_path``.
    """
    path = root.parse(source)
    mode = root.stat(path).st_mode
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


def take_back(journal: SendJournal, request: JobRequest, context: Context) -> None:
    """Remove from the service what `journal` says was begun. Raises `TransferError`."""
    until = time.monotonic() + CLEANING

    def check() -> None:
        if time.monotonic() > until:
            raise TransferError("timeout", "The service does not answer.")

    if not journal.begun:
        return
    with opened(request.destination, context, check) as (backend, _):
        for path, begun in list(journal.begun.items()):
            withdraw(backend, path, begun)
            journal.drop(path)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished send left at the service, and its journal."""
    journal = SendJournal(context.state_dir, request.id, request.source, request.destination)
    try:
        take_back(journal, request, context)
    except TransferError:
        journal.close()
        raise
    journal.remove()
