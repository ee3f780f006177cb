"""What is on disk of a job over many files while it runs: files without a name, and a journal.

Beside the destination lie the journal (`<job>-many.journal`) and the files that have no name yet
(`<job>-many.files`). Names are given in groups: a thousand files cost two syncs and not three
thousand::

    files of the group written, syncfs
    journal record: what each is, its inode, where it goes
    files renamed to where they belong, syncfs
    journal record: the names that they got; rows reported

The journal also holds the rows of earlier groups, until whoever drives the job has saved them: a
process that comes back believes them, and finishes the last group. A staged file that is gone by
then has its name already. Records::

    {"kind": "fetch-many", "version": 1, "source": "<sha256 of the address>"}
    {"part": id, "folder": folder}          a large file may have a part of its own there
    {"group": [{"name", "inode", "conflict", "row"}]}      about to get their names
    {"done": {name: path or null}}          they have them; those that differ from the row's path
    {"rows": [row]}                         large files that are published
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from contextlib import suppress
from os import stat_result

from ..errors import TransferError
from ..parts import Part, StagedFiles
from ..paths import Folders, Root
from ..records import Buffer
from .control import Control, Message
from .delivery import patiently, row_of_published
from .journal import Journal, find_part
from .target import Delivered

VERSION = 1

Names = dict[str, tuple[str | None, TransferError | None]]
"""By the name in the staging folder: the path that a file got, or None and why."""

_FATAL = ("disk_full", "io_error", "read_only")
"""What concerns the disk and not the one file."""


class Groups:
    """The journal and the staged files of `job`; made when they are first needed.

    Parameters
    ----------
    folder: below which all files go.
    source: the job's; only its digest is kept, for it may hold a signature.
    """

    def __init__(self, root: Root, folder: str, job: str, source: str) -> None:
        self._root = root
        self._folder = folder
        self._id = many_id(job)
        self._source = source
        self._part: Part | None = None
        self._staged: StagedFiles | None = None
        self._count = 0
        self._unfinished = False
        self._lock = threading.RLock()

    # -- taking over --

    def take_over(self, control: Control, delivered: Delivered) -> None:
        """Finish what an earlier process has begun; `delivered` learns what is there."""
        part = patiently(control, lambda: find_part(self._root, self._folder, self._id))
        if part is None:
            return
        header = next(part.each_record(), None)
        if header is None or header.get("source") != _hash(self._source):
            discard_many(part)
            return
        self._part = part
        group: list[Message] | None = None
        alone: dict[str, str] = {}
        for record in part.each_record():
            if "part" in record:
                alone[record["part"]] = record["folder"]
            group = record.get("group", group)
            if "done" in record and group is not None:
                delivered.extend(self._rows(group, record["done"]))
                group = None
            delivered.extend(self._sure(row) for row in record.get("rows", ()))
        _, staged = self._opened()
        if group is not None:
            names = self._finish(group, staged.names())
            delivered.extend(self._rows(group, {name: path for name, (path, _) in names.items()}))
        staged.remove(*staged.names())
        for id, folder in alone.items():
            delivered.extend(self._published_alone(control, id, folder))

    def _published_alone(self, control: Control, id: str, folder: str) -> Iterable[Message]:
        """A file with a part of its own may have got its name before its row was recorded."""
        journal = patiently(control, lambda: Journal.open(self._root, folder, id, self._source))
        if journal is None:
            return
        path = journal.part.published()
        if path is None:
            journal.part.close()
            return
        message = row_of_published(self._root, journal, path)
        self.note_rows([message], [journal.part])
        yield self._sure(kept(message))

    def _rows(self, group: list[Message], names: dict[str, str | None]) -> Iterable[Message]:
        for file in group:
            path = names.get(file["name"], file["row"]["path"])
            if path is not None:
                yield self._sure({**file["row"], "path": path})

    def _sure(self, row: Message) -> Message:
        return {**row, "source": self._source, "sure": True}

    # -- a group --

    def stage(
        self, pieces: Iterable[Buffer], mtime_ns: int | None, *, executable: bool = False
    ) -> tuple[str, stat_result]:
        """Write a file that has no name yet: how it is called until then, and its status. Raises
        also what `pieces` raise; then nothing of it is left."""
        name = str(self._count)
        self._count += 1
        _, staged = self._opened()
        try:
            return name, staged.write(name, pieces, mtime_ns, executable)
        except BaseException:
            with suppress(TransferError):
                staged.remove(name)
            raise

    def publish(self, group: list[Message]) -> Names:
        """Give the files of `group` (name, inode, conflict, row) their names; on disk when this
        returns. Raises what concerns the disk itself; then the next process finishes it."""
        _, staged = self._opened()
        staged.sync()
        self._unfinished = True
        self._append({"group": [{**file, "row": kept(file["row"])} for file in group]})
        return self._finish(group, None)

    def _finish(self, group: list[Message], left: set[str] | None) -> Names:
        """`publish` what is recorded; of what an earlier process recorded only `left` is staged."""
        _, staged = self._opened()
        self._unfinished = True
        names = self._name(group, left)
        staged.sync()
        moved = {
            file["name"]: path
            for file in group
            if (path := names[file["name"]][0]) != file["row"]["path"]
        }
        self._append({"done": moved}, sync=False)
        self._unfinished = False
        staged.remove(*(name for name, path in moved.items() if path is None))
        return names

    def _name(self, group: list[Message], left: set[str] | None) -> Names:
        names: Names = {}
        _, staged = self._opened()
        with Folders(self._root) as folders:
            for file in group:
                name, path, policy = file["name"], file["row"]["path"], file["conflict"]
                try:
                    path = staged.publish(
                        folders, name, path, policy, inode=file["inode"], left=left
                    )
                    names[name] = path, None
                except TransferError as error:
                    if error.code in _FATAL:
                        raise
                    names[name] = None, error
        return names

    # -- large files, which publish themselves --

    def note_part(self, id: str, folder: str) -> None:
        """Record that a part `id` may be staged for `folder`."""
        self._append({"part": id, "folder": folder}, sync=False)

    def note_rows(self, rows: list[Message], parts: list[Part]) -> None:
        """Record the rows of files that `parts` have published, whose journals go then."""
        self._append({"rows": [kept(row) for row in rows]})
        for part in parts:
            with suppress(TransferError):
                part.forget()

    # -- the end --

    def forget(self) -> None:
        """Remove all of it, when the rows are saved; it stays if a group was not finished."""
        if self._staged is not None:
            self._staged.close()
        if self._part is not None and not self._unfinished:
            with suppress(TransferError):
                discard_many(self._part)
        elif self._part is not None:
            self._part.close()
        self._part = self._staged = None

    def folding(self) -> tuple[bool, bool]:
        """See `StagedFiles.folding`."""
        return self._opened()[1].folding()

    def _append(self, record: Message, *, sync: bool = True) -> None:
        with self._lock:
            self._opened()[0].append(record, sync=sync)

    def _opened(self) -> tuple[Part, StagedFiles]:
        with self._lock:
            return self._open()

    def _open(self) -> tuple[Part, StagedFiles]:
        if self._part is None:
            header = {"kind": "fetch-many", "version": VERSION, "source": _hash(self._source)}
            self._part = Part.create(self._root, self._folder, self._id, header)
        if self._staged is None:
            self._staged = StagedFiles(self._root, self._part.folder, self._part.id)
        return self._part, self._staged


def many_id(job: str) -> str:
    """The id of the part that stands for the many files of `job`."""
    return f"{job}-many"


def discard_many(part: Part) -> None:
    """Remove the journal of many files and all that is staged beside it."""
    StagedFiles.discard(part.root, part.folder, part.id)
    part.discard()


def kept(row: Message) -> Message:
    """What the journal keeps of a row."""
    names = ("path", "size", "mtime_ns", "digest", "verified", "unverified", "validators")
    return {name: row[name] for name in names}


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
