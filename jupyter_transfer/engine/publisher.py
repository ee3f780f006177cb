"""Brings small files to the disk and gives them their names, group by group (`groups`).

Files are written by the thread that fetches them: on a disk that takes them at once, two threads
that pass the interpreter lock to and fro for each file cost half as much again. Where the disk
makes it wait (a network file system), and for files of some size, a second thread writes them. It
also syncs and names the groups, so that the network goes on meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import stat_result

from ..errors import TransferError
from ..names import Conflict
from ..parts import Part
from ..records import Buffer
from .control import Message, as_transfer_error
from .delivery import row
from .groups import Groups, Names
from .small import Arrival

GROUP_FILES = 2000
GROUP_BYTES = 32 << 20
GROUP_SECONDS = 1.0
"""A group is published when it has so many files or bytes, or its first file is so old."""

GROUPS = 2
"""Groups that may wait for the disk before the network has to."""

BACKLOG = 32 << 20
"""Bytes in memory that may wait to be written before the network has to."""

DIRECT = 256 << 10
"""Bytes up to which a file is written by the thread that fetches."""
PATIENCE = 0.001
"""Seconds that such a write may take on average; then the other thread does it."""


@dataclass
class _Group:
    staged: list[Message] = field(default_factory=list)
    """Of each file: name in the staging folder, inode, conflict, row."""
    rows: list[Message] = field(default_factory=list)
    """Of files that have their names already."""
    parts: list[Part] = field(default_factory=list)
    size: int = 0
    since: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.staged or self.rows)

    def is_full(self) -> bool:
        return len(self.staged) >= GROUP_FILES or self.size >= GROUP_BYTES


class Publisher:
    """Publishes what is `put`. Its rows are in `results`; `check` raises what went wrong."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self.results: deque[tuple[Message, TransferError | None]] = deque()
        self._group = _Group()
        self._full: deque[_Group] = deque()
        self._waiting: deque[Arrival] = deque()
        self._backlog = 0
        self._cost: float | None = 0.0
        self._closing: str | None = None
        self._error: TransferError | None = None
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_working = False

    # -- the side of the network --

    def put(self, arrival: Arrival) -> None:
        """Publish a file soon. Never raises: see `check`."""
        if self._cost is None or len(arrival.data) > DIRECT or self._waiting:
            with self._change:
                self._waiting.append(arrival)
                self._backlog += len(arrival.data)
                self._wake()
            return
        started = time.monotonic()
        try:
            self._stage(arrival)
        except Exception as error:
            self._error = self._error or as_transfer_error(error)
        self._cost += (time.monotonic() - started - self._cost) / 16
        if self._cost > PATIENCE:
            self._cost = None

    def put_pieces(
        self,
        message: Message,
        conflict: Conflict,
        pieces: Iterable[Buffer],
        *,
        executable: bool = False,
    ) -> None:
        """Write a file of any size as its `pieces` come, and publish it soon under the path of
        `message`, its row. Raises what they raise, and what is wrong with the disk."""
        started = time.monotonic()
        name, status = self._groups.stage(pieces, message["mtime_ns"], executable=executable)
        message = {
            **message,
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "seconds": round(time.monotonic() - started, 3),
        }
        self._add(name, status, conflict, message)

    def put_row(self, message: Message, part: Part | None) -> None:
        """Record and report a file that `part` has published itself."""
        with self._change:
            self._group.rows.append(message)
            if part is not None:
                self._group.parts.append(part)
            self._began()

    def is_full(self) -> bool:
        """Whether the network has to wait for the disk."""
        return self._backlog > BACKLOG or len(self._full) >= GROUPS

    def is_idle(self) -> bool:
        """Whether nothing waits for the disk; what does is published now, its group full or not."""
        with self._change:
            if self._group:
                self._group.since = -GROUP_SECONDS
                self._wake()
            return not (self._group or self._full or self._waiting or self._is_working)

    def check(self) -> None:
        """Raise what went wrong, such as ``disk_full``."""
        if self._error is not None:
            raise self._error

    def close(self, *, keep: bool = True) -> None:
        """Publish everything, or nothing more if not `keep`, and end the thread."""
        with self._change:
            if self._group:
                self._wake()
            self._closing = "keep" if keep else "drop"
            self._change.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # -- both --

    def _stage(self, arrival: Arrival) -> None:
        want, remote = arrival.want, arrival.remote
        name, status = self._groups.stage([arrival.data], remote.mtime_ns or want.entry.mtime_ns)
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
        self._add(name, status, want.conflict, message)

    def _add(self, name: str, status: stat_result, conflict: Conflict, message: Message) -> None:
        """A staged file joins the group."""
        file = {"name": name, "inode": status.st_ino, "conflict": conflict, "row": message}
        with self._change:
            self._group.staged.append(file)
            self._group.size += status.st_size
            self._began()
            if self._group.is_full():
                self._full.append(self._group)
                self._group = _Group()
                self._wake()

    def _began(self) -> None:
        """The group has something in it: the thread must look at the clock."""
        if not self._group.since:
            self._group.since = time.monotonic()
            self._wake()

    def _wake(self) -> None:
        if self._thread is None and self._closing is None:
            self._thread = threading.Thread(target=self._work, name="publish", daemon=True)
            self._thread.start()
        self._change.notify()

    # -- the thread --

    def _work(self) -> None:
        try:
            while (task := self._next()) is not None:
                if isinstance(task, _Group):
                    self._commit(task)
                else:
                    self._stage(task)
                    with self._change:
                        self._backlog -= len(task.data)
        except Exception as error:
            self._error = self._error or as_transfer_error(error)

    def _next(self) -> _Group | Arrival | None:
        """What is to be done next; None at the end."""
        with self._change:
            self._is_working = False
            task = self._await_task()
            self._is_working = task is not None
            return task

    def _await_task(self) -> _Group | Arrival | None:
        while True:
            if self._closing == "drop":
                self._drop()
            if self._full:
                return self._full.popleft()
            if self._is_due():
                group, self._group = self._group, _Group()
                return group
            if self._waiting:
                return self._waiting.popleft()
            if self._closing:
                return None
            self._change.wait(self._until_due())

    def _is_due(self) -> bool:
        if not self._group:
            return False
        return (self._closing is not None and not self._waiting) or self._until_due() == 0

    def _until_due(self) -> float | None:
        if not self._group:
            return None
        return max(0.0, self._group.since + GROUP_SECONDS - time.monotonic())

    def _drop(self) -> None:
        """Forget what has no name yet; what has one is still told."""
        self._waiting.clear()
        for group in (*self._full, self._group):
            group.staged.clear()

    def _commit(self, group: _Group) -> None:
        names: Names = self._groups.publish(group.staged) if group.staged else {}
        if group.rows:
            self._groups.note_rows(group.rows, group.parts)
        for file in group.staged:
            path, error = names[file["name"]]
            self.results.append((_outcome(file, path, error), error))
        self.results.extend((message, None) for message in group.rows)


def _outcome(file: Message, path: str | None, error: TransferError | None) -> Message:
    message: Message = file["row"]
    if path is not None:
        return {**message, "path": path}
    policy: Conflict = file["conflict"]
    assert error is not None
    if error.code == "exists" and policy == "skip":
        return row(message["path"], state="skipped", size=message["size"], unverified="skipped")
    return row(message["path"], state="failed", error=error.as_dict())


def _merged(arrival: Arrival) -> Message:
    """The validators of the answer; what only the listing states of them is kept too."""
    stated, listed = arrival.remote.validators, arrival.want.entry.validators
    values = stated.as_dict()
    if stated.etag is None and stated.last_modified is None:
        values = listed.as_dict()
    if stated.version is None:
        values["version"] = listed.version
    return values
