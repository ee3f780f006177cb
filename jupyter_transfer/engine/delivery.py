"""One file of a job, from its entry to its final name: recover, look, decide, fetch, publish."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ..backends.base import Backend, Entry
from ..errors import TransferError
from ..names import Conflict, split_path
from ..parts import Part
from ..paths import Root
from .control import Control, Message, Report, Stopped, Tally
from .fetch import FileFetch
from .filters import Filters
from .journal import Journal
from .places import Places
from .plan import Remote
from .target import Targets
from .task import Task
from .transport import Transport

LOCK_PATIENCE = 5.0
"""Seconds to wait for a predecessor that is dying and still holds the part."""


_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Setting:
    """What all files of a job share."""

    root: Root
    job: str
    source: str
    transport: Transport
    backend: Backend
    targets: Targets
    control: Control
    report: Report
    filters: Filters
    folder: str | None = None
    """Where many files go; None for the only file of a source."""


class LeftOut(Exception):  # noqa: N818 - not an error
    """The filters leave the file out, now that more of it is known than its listing said."""


class Delivery:
    """The way of one entry into the destination; `run` returns its row of the report.

    Parameters
    ----------
    id: names its part.
    on_size: told the size of the file as soon as it is known (None: it stays unknown).
    """

    def __init__(
        self,
        setting: Setting,
        entry: Entry,
        id: str,
        *,
        tally: Tally,
        on_size: Callable[[int | None], None],
    ) -> None:
        self._setting = setting
        self._entry = entry
        self._id = id
        self._tally = tally
        self._on_size = on_size
        self._places = Places(setting.transport, setting.backend, entry, setting.control)
        self.path = entry.path
        """Where the file lands, as far as it is known yet."""
        self.published: Part | None = None
        """The part whose journal has to be forgotten when the delivery is saved."""

    def run(self) -> Message:
        """Deliver the file. Raises `TransferError`, `Stopped`, `LeftOut`; a part worth keeping is
        kept."""
        setting = self._setting
        if setting.folder is None:
            folder = setting.targets.folder_of_one()
        else:
            self.path = setting.targets.path_of_many(setting.folder, self._entry.path)
            folder = split_path(self.path)[0]
        find = partial(Journal.open, setting.root, folder, self._id, setting.source)
        journal = patiently(setting.control, find)
        try:
            if journal is not None:
                path = journal.part.published()
                if path is not None:
                    return self._row_of_published(journal, path)
            return self._deliver(journal)
        except (TransferError, Stopped) as error:
            if journal is not None and self.published is None:
                cancelled = isinstance(error, Stopped) and error.how == "cancel"
                _leave(journal, keep=not cancelled)
            raise

    def _deliver(self, journal: Journal | None) -> Message:
        setting = self._setting
        remote = self._places.look()
        if not setting.filters.admit_state(remote.size, remote.mtime_ns or self._entry.mtime_ns):
            if journal is not None:
                journal.part.discard()
            raise LeftOut
        self._on_size(remote.size)
        if setting.folder is None:
            name = remote.name if self._entry.guessed and remote.name else self._entry.path
            chosen = not self._entry.guessed
            self.path = setting.targets.path_of_one(name, chosen=chosen)
        decision = setting.targets.decide(self.path, remote)
        self.path = decision.path
        if decision.act != "fetch":
            if journal is not None:
                journal.part.discard()
            return self._row_of_present(decision.act, remote)
        journal = self._prepare(journal, remote)
        try:
            return self._fetch(journal, remote, decision.conflict)
        except Stopped as stopped:
            _leave(journal, keep=stopped.how == "pause" and journal.resumable)
            raise
        except TransferError as error:
            _leave(journal, keep=journal.resumable and error.code != "digest_mismatch")
            raise self._with_space(error, journal) from None

    # -- the part --

    def _prepare(self, journal: Journal | None, remote: Remote) -> Journal:
        """A journal that fits `remote`, and room on the disk for what is missing."""
        root, folder = self._setting.root, split_path(self.path)[0]
        done = 0
        if journal is not None and journal.matches(remote):
            done = journal.spans.total
        if remote.size is not None:
            _check_space(root, folder, remote.size - done)
        if journal is None:
            return Journal.create(root, folder, self._id, self._setting.source, remote)
        if not journal.matches(remote):
            if journal.resumable and journal.changed(remote) and journal.spans:
                self._setting.report.note(
                    "remote_changed",
                    "The file changed at its source; it is fetched from its start.",
                )
            journal.restart(remote)
        return journal

    def _fetch(self, journal: Journal, remote: Remote, conflict: Conflict) -> Message:
        setting = self._setting
        task = Task(setting.transport, journal, remote, setting.control, self._tally)
        remote, verified = FileFetch(task, self._places, setting.report).run()
        self._on_size(remote.size)
        setting.control.check()
        journal.finish(remote, verified)
        inode = os.fstat(journal.part.fd).st_ino
        path = journal.part.publish(self.path, conflict, mtime_ns=remote.mtime_ns)
        self.path = path
        if setting.root.lstat(path).st_ino != inode:
            return self._row_of_present("skipped", remote)
        return self._row_of_published(journal, path)

    def _with_space(self, error: TransferError, journal: Journal) -> TransferError:
        """`error`; a full disk with how much is needed and how much is there."""
        size = journal.plan.get("size")
        if error.code == "disk_full" and not error.detail and size is not None:
            with suppress(TransferError):
                free = self._setting.root.free_bytes(split_path(self.path)[0])
                error.detail = {"needed_bytes": size - journal.spans.total, "free_bytes": free}
        return error

    # -- rows --

    def _row_of_published(self, journal: Journal, path: str) -> Message:
        message = row_of_published(self._setting.root, journal, path)
        self._on_size(message["size"])
        self._tally.set(message["size"])
        self.published, self.path = journal.part, path
        return message

    def _row_of_present(self, state: str, remote: Remote) -> Message:
        """What stands there already, whether it is the file itself or something in its place."""
        status = self._setting.root.lstat(self.path)
        self._on_size(status.st_size)
        self._tally.set(status.st_size)
        return row(
            self.path,
            state=state,
            size=status.st_size,
            unverified=state,
            mtime_ns=status.st_mtime_ns,
            validators=remote.validators.as_dict() if state == "present" else {},
        )


def row_of_published(root: Root, journal: Journal, path: str) -> Message:
    """The row of the file that stands at `path`, by what its `journal` tells of it."""
    status = root.lstat(path)
    return row(
        path,
        state="done",
        size=status.st_size,
        digest=journal.whole.get("digest"),
        verified=journal.whole.get("verified"),
        unverified=journal.whole.get("unverified"),
        mtime_ns=status.st_mtime_ns,
        validators=journal.whole.get("validators", {}),
    )


def patiently(control: Control, find: Callable[[], _Found | None]) -> _Found | None:
    """What an earlier process left, which `find` opens, once it has let go of it."""
    waited = 0.0
    while True:
        try:
            return find()
        except TransferError as error:
            if error.code != "conflict" or waited >= LOCK_PATIENCE:
                raise
        control.sleep(0.1)
        waited += 0.1


def row(path: str, **values: Any) -> Message:
    """A row of the report, with every key of the contract."""
    empty: Message = {
        "path": path,
        "size": None,
        "digest": None,
        "verified": None,
        "unverified": None,
        "seconds": 0.0,
        "state": "done",
        "error": None,
        "mtime_ns": None,
        "validators": {},
    }
    return {**empty, **values}


def _leave(journal: Journal, *, keep: bool) -> None:
    if keep:
        journal.part.close()
    else:
        journal.part.discard()


def _check_space(root: Root, folder: str, needed: int) -> None:
    free = root.free_bytes(folder)
    if needed > free:
        raise TransferError(
            "disk_full",
            f"The file needs {needed} bytes more, and {free} are free on the disk of the server.",
            detail={"needed_bytes": needed, "free_bytes": free},
        )
