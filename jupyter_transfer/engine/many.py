"""Many files of one source into one folder: small ones many at a time, large ones one by one.

The listing is read ahead as far as `AHEAD` goes, which tells the totals of most sources; a source
of a million files takes no more memory than one of ten thousand. What the listing proves to be
there already costs no request. While a large file is being fetched small ones go on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ..backends.base import Entry
from ..errors import TransferError
from ..names import split_path
from ..parts import Part
from ..paths import Root
from .control import Message, Stopped, Tally
from .delivery import Setting, row
from .groups import Groups
from .publisher import Publisher
from .small import SMALL, Want
from .smallpool import CONNECTIONS, MAX_CONNECTIONS, Ending, SmallPool
from .target import Decision, Listed
from .twins import Names

AHEAD = 10_000
"""Entries of the listing that are read before their turn comes."""

_STRIDE = 100
"""Entries that are read from the listing between two looks at the network."""

_FOLDERS = 1000
"""Folders whose disk is remembered."""

Settle = Callable[[Message, TransferError | None], None]
Deliver = Callable[[Entry, str], tuple[Message, TransferError | None, Part | None] | None]


def connections_of(options: dict[str, Any]) -> int:
    """How many connections to one host the job may have. Raises ``bad_request``."""
    value = options.get("connections")
    if value is None or value == "":
        return CONNECTIONS
    good = isinstance(value, int) and not isinstance(value, bool)
    if not good or not 1 <= value <= MAX_CONNECTIONS:
        raise TransferError(
            "bad_request",
            f"The option “connections” must be a whole number from 1 to {MAX_CONNECTIONS}.",
        )
    return int(value)


class ManyFiles:
    """Delivers `entries` into the folder of `setting`.

    Parameters
    ----------
    settle: told the row of each file that is finished, and what it failed of.
    deliver: fetches a large file by itself, under a part of the given id; None if it is left out.
    on_total: told the number of files and of bytes (None: unknown) when the listing has ended, and
        again when a file turns out to be left out.
    """

    def __init__(
        self,
        setting: Setting,
        connections: int,
        tally: Tally,
        *,
        settle: Settle,
        deliver: Deliver,
        on_total: Callable[[int, int | None], None],
    ) -> None:
        assert setting.folder is not None
        self._setting = setting
        self._folder = setting.folder
        self._settle = settle
        self._deliver = deliver
        self._on_total = on_total
        self._tally = tally
        self._groups = Groups(setting.root, self._folder, setting.job, setting.source)
        self._publisher = Publisher(self._groups)
        self._pool = SmallPool(
            setting,
            self._publisher.put,
            self._publisher.is_full,
            tally,
            connections,
        )
        self._ahead: deque[Entry] = deque()
        self._large: deque[Want] = deque()
        self._listed = False
        self._files = 0
        self._bytes: int | None = 0
        self._names = Names()
        self._disks: dict[str, int] = {}
        self._taken_over = False

    def take_over(self) -> None:
        """Finish what an earlier process has begun, and learn what it delivered. Raises what ends
        the whole job."""
        if not self._taken_over:
            self._groups.take_over(self._setting.control, self._setting.targets.delivered)
            self._taken_over = True

    def run(
        self, entries: Iterator[Entry], then: Callable[[], Iterator[Entry]] | None = None
    ) -> None:
        """Deliver everything; `then`, when all that is settled, what that gives. Raises what ends
        the whole job, `Stopped`; what is whole by then is published, unless the job was
        cancelled."""
        cancelled = False
        try:
            self.take_over()
            self._names = names_on(self._groups)
            self._run(entries)
            if then is not None:
                self._await_names()
                self._listed = False
                self._run(then())
        except Stopped as stopped:
            cancelled = stopped.how == "cancel"
            raise
        finally:
            self._pool.stop()
            self._publisher.close(keep=not cancelled)
            self.drain()
        self._publisher.check()

    def forget(self) -> None:
        """Remove the journal, when whoever drives the job has saved the rows."""
        self._groups.forget()

    def drain(self) -> None:
        """Settle what is finished."""
        results = self._publisher.results
        while results:
            self._settle(*results.popleft())

    def _run(self, entries: Iterator[Entry]) -> None:
        while True:
            self._check()
            self._read_ahead(entries)
            while self._ahead and self._pool.wants_more and len(self._large) < _STRIDE:
                self._take(self._ahead.popleft())
            self._pool.pump()
            while self._pool.endings:
                self._end(self._pool.endings.popleft())
            if self._large and (self._busy_enough() or not self._ahead):
                self._fetch_large(self._large.popleft())
            elif self._pool.moving:
                self._setting.transport.run(0.05)
            elif not self._pool.idle:
                self._setting.control.sleep(0.01)  # for a retry, or for the disk
            elif self._listed and not self._ahead and not self._large:
                return

    def _await_names(self) -> None:
        """Wait until all that was fetched has its name, and is settled."""
        while not self._publisher.is_idle():
            self._check()
            self._setting.control.sleep(0.01)
        self._check()

    def _check(self) -> None:
        self._setting.control.check()
        self._publisher.check()
        self.drain()
        self._tally.tell()

    def _busy_enough(self) -> bool:
        return not self._pool.wants_more or len(self._large) >= _STRIDE

    def _read_ahead(self, entries: Iterator[Entry]) -> None:
        for _ in range(_STRIDE):
            if self._listed or len(self._ahead) >= AHEAD:
                return
            entry = next(entries, None)
            if entry is None:
                self._listed = True
                self._on_total(self._files, self._bytes)
            elif self._setting.filters.admit(entry.path, entry.size, entry.mtime_ns):
                self._ahead.append(entry)
                self._files += 1
                known = self._bytes is not None and entry.size is not None
                self._bytes = (self._bytes or 0) + (entry.size or 0) if known else None

    # -- one file --

    def _take(self, entry: Entry) -> None:
        """Decide about a file by what its listing states."""
        path = entry.path
        try:
            path = self._setting.targets.path_of_many(self._folder, entry.path)
            decision = self._setting.targets.decide(path, Listed.of(entry), ask=True)
            if not self._names.take(path) and not self._setting.targets.renames:
                decision = self._setting.targets.twin(path)
        except TransferError as error:
            self._fail(path, error)
            return
        if decision.act in ("present", "skipped"):
            self._there(decision)
            return
        want = Want(entry, path, decision.conflict, decision.row)
        small = entry.size is None or entry.size <= SMALL
        if small and self._same_disk(split_path(path)[0]):
            self._pool.add(want)
        else:
            self._large.append(want)

    def _end(self, ending: Ending) -> None:
        """What came of a file that the pool has not fetched."""
        if ending.error is not None:
            self._fail(ending.want.path, ending.error)
        elif ending.turn == "large":
            self._large.append(ending.want)
        elif ending.turn == "left out":
            self._leave_out(ending.want.entry)
        elif ending.turn in ("present", "skipped"):
            self._there(Decision(ending.turn, ending.path, row=ending.want.row))

    def _there(self, decision: Decision) -> None:
        """Report what stands there already."""
        self._settle(row_of_what_is_there(self._setting.root, decision), None)

    def _leave_out(self, entry: Entry) -> None:
        """The filters leave `entry` out, though its listing did not show it."""
        self._files -= 1
        if self._bytes is not None:
            self._bytes -= entry.size or 0
        if self._listed:
            self._on_total(self._files, self._bytes)

    def _fail(self, path: str, error: TransferError) -> None:
        self._settle(row(path, state="failed", error=error.as_dict()), error)

    def _fetch_large(self, want: Want) -> None:
        id = part_id(self._setting.job, want.entry)
        self._groups.note_part(id, split_path(want.path)[0])
        finished = self._deliver(want.entry, id)
        if finished is None:
            self._leave_out(want.entry)
            return
        message, error, part = finished
        if error is not None or message["state"] != "done":
            self._settle(message, error)
        else:
            self._publisher.put_row(message, part)

    # -- the disk --

    def _same_disk(self, folder: str) -> bool:
        """Whether what is staged beside the destination can be renamed into `folder`."""
        return self._disk_of(folder) == self._disk_of(self._folder)

    def _disk_of(self, folder: str) -> int:
        if folder not in self._disks:
            root = self._setting.root
            if len(self._disks) >= _FOLDERS:
                self._disks.clear()
            try:
                self._disks[folder] = root.stat(root.nearest_folder(folder)).st_dev
            except TransferError:
                return -1  # a file stands in the way: whoever publishes says so
        return self._disks[folder]


def names_on(groups: Groups) -> Names:
    """The names that a job gives, as the disk of `groups` tells them apart."""
    try:
        case, form = groups.folding()
    except TransferError:
        return Names()  # whoever writes there will say what is wrong
    return Names(case=case, form=form)


def row_of_what_is_there(root: Root, decision: Decision) -> Message:
    """The row of a file that is not delivered, because something stands there already."""
    message = row(decision.path, state="skipped", unverified="skipped")
    with suppress(TransferError):  # the first of two twins may not be published yet
        status = root.lstat(decision.path)
        message |= {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if decision.act == "present":
        known = decision.row or {}
        message |= {
            "state": "present",
            "unverified": "present",
            "validators": known.get("validators", {}),
        }
        if known.get("sure"):
            # The process that published it died before its row was saved.
            names = ("digest", "verified", "unverified")
            message |= {"state": "done", **{name: known[name] for name in names}}
    return message


def part_id(job: str, entry: Entry) -> str:
    """The id of the part of one of many files: by its path, for its place in the listing changes
    with the listing."""
    name = hashlib.sha256(entry.path.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{job}-{name[:24]}"
