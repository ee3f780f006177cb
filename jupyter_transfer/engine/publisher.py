"""The thread that brings small files to the disk, and gives them their names in groups.

Beside the destination lie the journal of the job's many files (`<job>-many.journal`) and the files
that have no name yet (`<job>-many.files`). A thousand files cost two syncs and not three thousand:

    files of the group written, syncfs
    journal record: what each is, its inode, where it goes
    files renamed to where they belong, syncfs
    journal record: the names that they got; rows reported

The journal also holds the rows of earlier groups, until whoever drives the job has saved them: a
process that comes back believes them, and finishes the last group. A staged file that is gone by
then has its name already.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import TransferError
from ..names import Conflict
from ..parts import Part, StagedFiles
from ..paths import Folders
from .control import Message, as_transfer_error
from .delivery import Setting, patiently, row, row_of_published
from .journal import Journal, find_part
from .small import Arrival
from .target import Delivered

VERSION = 1

GROUP_FILES = 2000
GROUP_BYTES = 32 << 20
GROUP_SECONDS = 1.0
"""A group is published when it has so many files or bytes, or its first file is so old."""

BACKLOG = 32 << 20
"""Bytes that may wait for the disk before the network has to."""

_FATAL = ("disk_full", "io_error", "read_only")
"""What concerns the disk and not the one file."""


@dataclass
class _Group:
    staged: list[Message] = field(default_factory=list)
    """Of each file: name in the staging folder, inode, conflict, seconds, row."""
    rows: list[Message] = field(default_factory=list)
    """Of files that have their names already."""
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    since: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.staged or self.rows)


class Publisher:
    """Publishes what is `put`. Its rows are in `results`; `check` raises what went wrong.

    Parameters
    ----------
    folder: below which all files go.
    """

    def __init__(self, setting: Setting, folder: str, delivered: Delivered) -> None:
        self._setting = setting
        self._folder = folder
        self._delivered = delivered
        self._id = many_id(setting.job)
        self.results: deque[tuple[Message, TransferError | None]] = deque()
        self._part: Part | None = None
        self._staged: StagedFiles | None = None
        self._numbers = 0
        self._group = _Group()
        self._waiting: deque[Arrival] = deque()
        self._backlog = 0
        self._closing: str | None = None
        self._error: TransferError | None = None
        self._settled = True
        self._change = threading.Condition()
        self._appending = threading.Lock()
        self._thread: threading.Thread | None = None

    # -- taking over --

    def recover(self) -> None:
        """Finish what an earlier process has begun, and learn what it delivered."""
        setting = self._setting
        part = patiently(setting.control, lambda: find_part(setting.root, self._folder, self._id))
        if part is None:
            return
        header = next(part.each_record(), None)
        if header is None or header.get("source") != _hash(setting.source):
            discard_many(part)
            return
        self._part = part
        staged = self._open_staged(part)
        unfinished = None
        alone: dict[str, str] = {}
        for record in part.each_record():
            if "part" in record:
                alone[record["part"]] = record["folder"]
            if "group" in record:
                unfinished = record
            if "done" in record:
                self._learn((unfinished or {}).get("group", ()), record["done"])
                unfinished = None
            if "rows" in record:
                self._remember(record["rows"])
        if unfinished is not None:
            self._finish_interrupted(staged, unfinished["group"])
        staged.remove(*staged.names())
        for id, folder in alone.items():
            self._learn_published(id, folder)

    def _learn_published(self, id: str, folder: str) -> None:
        """A file with a part of its own may have got its name before its row was recorded."""
        setting = self._setting
        journal = patiently(
            setting.control, lambda: Journal.open(setting.root, folder, id, setting.source)
        )
        if journal is None:
            return
        path = journal.part.published()
        if path is None:
            journal.part.close()
            return
        message = row_of_published(setting.root, journal, path)
        self._remember([message])
        self._append({"rows": [_kept(message)]})
        journal.part.forget()

    def _learn(self, files: Any, names: dict[str, str | None]) -> None:
        """What was published in a group, under the `names` that it got."""
        for file in files:
            path = names.get(file["name"], file["row"]["path"])
            if path is not None:
                self._remember([{**file["row"], "path": path}])

    def _remember(self, rows: list[Message]) -> None:
        source = self._setting.source
        self._delivered.extend({**old, "source": source, "sure": True} for old in rows)

    def _finish_interrupted(self, staged: StagedFiles, files: list[Message]) -> None:
        names = self._name_all(staged, files, staged.names())
        staged.sync()
        self._learn(files, {name: path for name, (path, _) in names.items()})

    # -- the side of the network --

    def put(self, arrival: Arrival) -> None:
        """Publish a file soon."""
        with self._change:
            self._waiting.append(arrival)
            self._backlog += len(arrival.data)
            self._start()
            self._change.notify()

    def put_row(self, message: Message, part: Part | None) -> None:
        """Record and report a file that `part` has published itself."""
        with self._change:
            self._group.rows.append(message)
            if part is not None:
                self._group.parts.append(part)
            self._group.since = self._group.since or time.monotonic()
            self._start()
            self._change.notify()

    def note_part(self, id: str, folder: str) -> None:
        """Record that a part `id` may be staged for `folder`."""
        self._append({"part": id, "folder": folder}, sync=False)

    def is_full(self) -> bool:
        """Whether the network has to wait for the disk."""
        return self._backlog > BACKLOG

    def check(self) -> None:
        """Raise what went wrong, such as ``disk_full``."""
        if self._error is not None:
            raise self._error

    def close(self, *, keep: bool = True) -> None:
        """Publish everything, or nothing more if not `keep`, and end the thread."""
        with self._change:
            self._closing = "keep" if keep else "drop"
            self._change.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def forget(self) -> None:
        """Remove the journal, when the rows are saved; it stays if a group was not finished."""
        if self._staged is not None:
            self._staged.close()
            self._staged = None
        if self._part is not None and self._settled:
            with suppress(TransferError):
                discard_many(self._part)
        elif self._part is not None:
            self._part.close()
        self._part = None

    def folding(self) -> tuple[bool, bool]:
        """See `StagedFiles.folding`."""
        return self._opened()[1].folding()

    # -- the thread --

    def _start(self) -> None:
        if self._thread is None and self._closing is None:
            self._thread = threading.Thread(target=self._work, name="publish", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            for arrival in self._arrivals():
                self._stage(arrival)
                if len(self._group.staged) >= GROUP_FILES or self._group.size >= GROUP_BYTES:
                    self._commit()
            if self._closing == "drop":
                self._group.staged.clear()
            if self._group:
                self._commit()
        except Exception as error:
            self._error = as_transfer_error(error)

    def _arrivals(self) -> Iterator[Arrival]:
        """What is to be staged; commits when the group is old enough."""
        while self._closing != "drop":
            with self._change:
                if not self._waiting:
                    if self._closing:
                        return
                    self._change.wait(self._patience())
                arrival = self._waiting.popleft() if self._waiting else None
            if self._group and time.monotonic() - self._group.since >= GROUP_SECONDS:
                self._commit()
            if arrival is not None:
                yield arrival

    def _patience(self) -> float | None:
        if not self._group:
            return None
        return max(0.0, self._group.since + GROUP_SECONDS - time.monotonic())

    def _stage(self, arrival: Arrival) -> None:
        _, staged = self._opened()
        want, remote = arrival.want, arrival.remote
        name = str(self._numbers)
        self._numbers += 1
        mtime_ns = remote.mtime_ns or want.entry.mtime_ns
        status = staged.write(name, [arrival.data], mtime_ns)
        message = row(
            want.path,
            size=status.st_size,
            digest=str(remote.proof) if remote.proof else None,
            verified=arrival.verified,
            unverified=remote.unverified,
            mtime_ns=status.st_mtime_ns,
            validators=_merged(arrival),
            seconds=round(time.monotonic() - want.started, 3),
        )
        with self._change:
            group = self._group
            group.staged.append(
                {"name": name, "inode": status.st_ino, "conflict": want.conflict, "row": message}
            )
            group.size += status.st_size
            group.since = group.since or time.monotonic()
            self._backlog -= len(arrival.data)

    def _commit(self) -> None:
        with self._change:
            group, self._group = self._group, _Group()
        self._settled = False
        outcomes = self._publish_group(group) if group.staged else []
        if group.rows:
            self._append({"rows": [_kept(message) for message in group.rows]})
        for part in group.parts:
            with suppress(TransferError):
                part.forget()
        self._settled = True
        self.results.extend(outcomes)
        self.results.extend((row, None) for row in group.rows)

    def _publish_group(self, group: _Group) -> list[tuple[Message, TransferError | None]]:
        _, staged = self._opened()
        staged.sync()
        self._append({"group": [{**file, "row": _kept(file["row"])} for file in group.staged]})
        names = self._name_all(staged, group.staged, None)
        changed = {
            file["name"]: names[file["name"]][0]
            for file in group.staged
            if names[file["name"]][0] != file["row"]["path"]
        }
        staged.sync()
        self._append({"done": changed}, sync=False)
        outcomes = []
        for file in group.staged:
            path, error = names[file["name"]]
            if path is None:
                staged.remove(file["name"])
            outcomes.append((_outcome(file, path, error), error))
        return outcomes

    def _name_all(
        self, staged: StagedFiles, files: list[Message], left: set[str] | None
    ) -> dict[str, tuple[str | None, TransferError | None]]:
        """Name each file; the name that it got, or None and why, by its staged name."""
        names: dict[str, tuple[str | None, TransferError | None]] = {}
        with Folders(self._setting.root) as folders:
            for file in files:
                name, policy = file["name"], file["conflict"]
                try:
                    path: str = file["row"]["path"]
                    path = staged.publish(
                        folders, name, path, policy, inode=file["inode"], left=left
                    )
                    names[name] = path, None
                except TransferError as error:
                    if error.code in _FATAL:
                        raise
                    names[name] = None, error
        return names

    # -- the journal --

    def _append(self, record: Message, *, sync: bool = True) -> None:
        with self._appending:
            self._opened()[0].append(record, sync=sync)

    def _opened(self) -> tuple[Part, StagedFiles]:
        """The part and its staging folder, made when they are first needed."""
        if self._part is None:
            header = {
                "kind": "fetch-many",
                "version": VERSION,
                "source": _hash(self._setting.source),
            }
            self._part = Part.create(self._setting.root, self._folder, self._id, header)
        if self._staged is None:
            self._open_staged(self._part)
        assert self._staged is not None
        return self._part, self._staged

    def _open_staged(self, part: Part) -> StagedFiles:
        self._staged = StagedFiles(part.root, part.folder, part.id)
        return self._staged


def many_id(job: str) -> str:
    """The id of the part that stands for the many files of `job`."""
    return f"{job}-many"


def discard_many(part: Part) -> None:
    """Remove the journal of many files and all that is staged beside it."""
    StagedFiles.discard(part.root, part.folder, part.id)
    part.discard()


def _outcome(file: Message, path: str | None, error: TransferError | None) -> Message:
    message: Message = file["row"]
    if path is not None:
        return {**message, "path": path}
    policy: Conflict = file["conflict"]
    assert error is not None
    if error.code == "exists" and policy == "skip":
        return row(message["path"], state="skipped", size=message["size"], unverified="skipped")
    return row(message["path"], state="failed", error=error.as_dict())


def _kept(message: Message) -> Message:
    """What the journal keeps of a row; not the address of its source, which may be signed."""
    names = ("path", "size", "mtime_ns", "digest", "verified", "unverified", "validators")
    return {name: message[name] for name in names}


def _merged(arrival: Arrival) -> Message:
    """The validators of the answer; what only the listing states of them is kept too."""
    stated, listed = arrival.remote.validators, arrival.want.entry.validators
    values = stated.as_dict()
    if stated.etag is None and stated.last_modified is None:
        values = listed.as_dict()
    if stated.version is None:
        values["version"] = listed.version
    return values


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
