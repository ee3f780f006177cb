"""An upload that is a tar stream of many files: each is published as it completes.

The part file holds the stream as it arrives, so that offsets, checksums and resuming are those of
every other upload. Behind the durable offset follows a second position, `unpacked`: the files of
all members before it stand under their names. It moves in groups, so that a thousand files cost
four syncs and not four thousand:

    files of the group written beside the part, syncfs
    their inodes recorded as an intent
    files renamed to where they belong, syncfs
    journal record: unpacked, counts, what is not a plain success; the stream's bytes given back

After a crash within the third step a staged file that is gone is one that has its name already:
nothing is published twice, also where the policy chose another name.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..errors import TransferError, from_os_error
from ..names import join_path
from ..parts import Part, StagedFiles, read_journal
from ..paths import Folders, Root
from .digest import Digest
from .rows import Upload
from .session import Session, latest
from .tarstream import Member, TarReader

GROUP_FILES = 2000
"""Members that are published together."""
GROUP_BYTES = 32 << 20
"""Bytes of files after which no other file joins a group."""
MAX_RESULTS = 10_000
"""Files of one pack that are remembered one by one; others are only counted."""

_PIECE = 1 << 20

FileResult = dict[str, Any]
"""One file in the shape of the contract: path, state, size, digest, verified, seconds, error; and
`name`, its name in the pack."""

# What concerns the disk and not the one file.
_FATAL = ("disk_full", "io_error", "read_only")


@dataclass
class _Entry:
    """A member of a group."""

    member: Member
    path: str = ""
    inode: int = 0
    """Of the staged file; 0 if there is none."""
    error: TransferError | None = None


@dataclass
class _Group:
    """Members that follow each other in the stream."""

    start: int
    end: int
    entries: list[_Entry]
    intended: bool = False
    """Whether its intent is surely on disk. Perhaps it is anyway: then its files must stay."""
    interrupted: bool = False
    """Whether an earlier attempt may have published some of them."""


class PackSession(Session):
    """An open upload of a tar stream; see `Session`."""

    is_read_soon = True
    on_published: Callable[[Sequence[str]], None] | None = None
    """Called, in whatever thread, with the paths of files that were published for good."""

    def __init__(self, upload: Upload, part: Part, offset: int, digest: Digest | None) -> None:
        super().__init__(upload, part, offset, digest)
        known = latest(part.records())
        self.unpacked: int = known.get("unpacked", 0)
        """End of the members that are published, or failed for good."""
        self._count: dict[str, int] = known.get("files") or {"done": 0, "failed": 0, "skipped": 0}
        self._listed: int = known.get("listed", 0)
        self.upload = replace(upload, files=dict(self._count))
        self._reader = TarReader(self._read, self.unpacked)
        self._lazy_staged: StagedFiles | None = None
        self._group: _Group | None = None

    # -- Session --

    def checkpoint(self) -> None:
        """Make what is written durable, then publish the files that are whole."""
        super().checkpoint()
        self._unpack()

    def rollback(self, offset: int, *, proven: bool = False) -> None:
        """Give up bytes behind `offset`, but for those of files that are published or about to."""
        kept = self.unpacked if self._group is None else self._group.end
        super().rollback(max(offset, kept), proven=proven)
        self._reader.seek(self.unpacked)

    def publish(self) -> tuple[str, bool]:
        """Publish what is left; the folder, and False: the files were told of one by one.

        Raises ``bad_request`` when the stream has no end, ``disk_full`` …
        """
        self._unpack()
        if not self._reader.ended:
            raise TransferError(
                "bad_request", "The pack ends in the middle of a file.", "Upload the files again."
            )
        return self.upload.spec.destination, False

    def results(self) -> list[FileResult]:
        """What became of the files that are no plain successes."""
        return _results(self._part.records())

    def forget(self) -> None:
        """Remove everything but the published files; what cannot be removed does no harm."""
        with suppress(TransferError):
            self.discard()

    def discard(self) -> None:
        """Remove the stream, the journal and what is staged."""
        self._close_staged()
        StagedFiles.discard(self._part.root, self._part.folder, self._part.id)
        super().discard()

    def close(self) -> None:
        """Let go of the files; what is recorded stays for `open`."""
        self._close_staged()
        super().close()

    def _close_staged(self) -> None:
        if self._lazy_staged is not None:
            self._lazy_staged.close()
            self._lazy_staged = None

    # -- groups --

    def _read(self, position: int, size: int) -> bytes:
        try:
            return os.pread(self._part.fd, size, position)
        except OSError as error:
            raise from_os_error(error, self.upload.spec.destination) from None

    @property
    def _staged(self) -> StagedFiles:
        """What is staged. The first who asks takes over what an earlier session left."""
        if self._lazy_staged is None:
            staged = StagedFiles(self._part.root, self._part.folder, self._part.id)
            self._lazy_staged = staged
            intent = staged.intent()
            if intent is not None and intent["start"] == self.unpacked:
                self._group = self._interrupted(intent)
            else:
                staged.remove(*staged.names())
        return self._lazy_staged

    def _interrupted(self, intent: dict[str, Any]) -> _Group:
        entries = []
        for number, inode in enumerate(intent["inodes"]):
            member = self._reader.next(intent["end"], None)
            assert member is not None
            entry = self._entry(member)
            entry.inode = inode
            error = intent["errors"].get(str(number))
            entry.error = TransferError.from_dict(error) if error else entry.error
            entries.append(entry)
        return _Group(intent["start"], intent["end"], entries, intended=True, interrupted=True)

    def _unpack(self) -> None:
        """Publish all members that are whole."""
        staged = self._staged
        while True:
            if self._group is None:
                self._group = self._stage(staged)
            if not self._group.entries:
                self._group = None
                return
            if not self._group.intended:
                staged.intend(_intent(self._group))
                self._group.intended = True
            self._publish_group(staged, self._group)
            if self._reader.position != self.unpacked:
                self._reader.seek(self.unpacked)

    def _stage(self, staged: StagedFiles) -> _Group:
        group = _Group(self.unpacked, self.unpacked, [])
        size = 0
        try:
            while len(group.entries) < GROUP_FILES and size < GROUP_BYTES:
                member = self._next(group)
                if member is None:
                    break
                entry = self._entry(member)
                if member.kind == "file" and entry.error is None:
                    self._stage_file(staged, str(len(group.entries)), entry)
                    size += member.size
                group.entries.append(entry)
                group.end = member.end
            if group.entries:
                self._sync(staged)
                if self.relaxed:  # this sync has brought to the disk what was only written
                    self._part.append({"offset": self.offset})
        except TransferError:
            self._reader.seek(self.unpacked)
            staged.remove(*staged.names())
            raise
        return group

    def _sync(self, staged: StagedFiles) -> None:
        """Bring everything to the disk; see `Session.prove`."""
        try:
            staged.sync()
        except TransferError:
            if self.relaxed:
                self.give_up_unproven()
            raise

    def _next(self, group: _Group) -> Member | None:
        try:
            return self._reader.next(self.offset, self.upload.length)
        except TransferError:
            if not group.entries:
                raise
            return None  # first what is right before it

    def _entry(self, member: Member) -> _Entry:
        entry = _Entry(member, error=member.error)
        if entry.error is None:
            try:
                composed = unicodedata.normalize("NFC", member.name)
                name = self._part.root.parse(composed, new=True)
                if not name and member.kind == "file":
                    raise TransferError("invalid_path", "The file name names no file.")
                entry.path = join_path(self.upload.spec.destination, name).removesuffix("/")
            except TransferError as error:
                entry.error = error
        return entry

    def _stage_file(self, staged: StagedFiles, name: str, entry: _Entry) -> None:
        member = entry.member
        digest = hashlib.sha256() if member.sha256 is not None else None
        entry.inode = staged.write(name, self._pieces(member, digest), member.mtime_ns).st_ino
        if digest is not None and digest.hexdigest() != member.sha256:
            staged.remove(name)
            entry.inode = 0
            entry.error = TransferError(
                "digest_mismatch",
                "The file that arrived does not have the SHA-256 that was announced.",
                "The bytes were damaged on the way, or the file changed: upload it again.",
            )

    def _pieces(self, member: Member, digest: Any) -> Iterator[bytes]:
        position, end = member.data, member.data + member.size
        while position < end:
            data = self._reader.read(position, min(_PIECE, end - position), self.offset)
            if not data:
                raise TransferError("io_error", "Bytes that are on record are not on the disk.")
            if digest is not None:
                digest.update(data)
            yield data
            position += len(data)

    # -- publishing --

    def _publish_group(self, staged: StagedFiles, group: _Group) -> None:
        left = staged.names() if group.interrupted else None
        count = dict(self._count)
        results: list[FileResult] = []
        published: list[str] = []
        group.interrupted = True  # if this does not end well
        with Folders(self._part.root) as folders:
            for number, entry in enumerate(group.entries):
                state, path, error = self._publish(staged, folders, str(number), entry, left)
                if entry.member.kind == "folder" and error is None:
                    continue
                count[state] += 1
                if state == "done":
                    published.append(path)
                if state != "done" or path != entry.path:
                    results.append(_result(entry, state, path, error))
        self._sync(staged)
        self._record_group(group, count, results)
        staged.remove(*staged.names())
        if self.on_published is not None and published:
            self.on_published(published)

    def _publish(
        self,
        staged: StagedFiles,
        folders: Folders,
        name: str,
        entry: _Entry,
        left: set[str] | None,
    ) -> tuple[str, str, TransferError | None]:
        """State, path and error of the member that is staged as `name`; with `left` it may be
        published already, and surely is if it is not among them."""
        if entry.error is not None:
            return "failed", entry.path, entry.error
        policy = entry.member.conflict or self.upload.spec.conflict
        try:
            if entry.member.kind == "folder":
                folders.make(entry.path)
                return "done", entry.path, None
            path = staged.publish(folders, name, entry.path, policy, inode=entry.inode, left=left)
            return "done", path, None
        except TransferError as error:
            if error.code in _FATAL:
                raise
            if error.code == "exists" and policy == "skip":
                return "skipped", entry.path, None
            return "failed", entry.path, error

    def _record_group(
        self, group: _Group, count: dict[str, int], results: list[FileResult]
    ) -> None:
        results = results[: MAX_RESULTS - self._listed]
        listed = self._listed + len(results)
        self._part.append(
            {"unpacked": group.end, "files": count, "listed": listed, "results": results}
        )
        self._part.release(group.start, group.end)
        self._group = None
        self.unpacked, self._count, self._listed = group.end, count, listed
        self.upload = replace(self.upload, files=dict(count))


def _intent(group: _Group) -> dict[str, Any]:
    return {
        "start": group.start,
        "end": group.end,
        "inodes": [entry.inode for entry in group.entries],
        "errors": {
            number: entry.error.as_dict()
            for number, entry in enumerate(group.entries)
            if entry.error is not None
        },
    }


def _result(entry: _Entry, state: str, path: str, error: TransferError | None) -> FileResult:
    return {
        "name": entry.member.name,
        "path": path or entry.member.name,
        "state": state,
        "size": entry.member.size,
        "digest": entry.member.sha256,
        "verified": True if state == "done" and entry.member.sha256 else None,
        "seconds": None,
        "error": error and error.as_dict(),
    }


def _results(records: Sequence[dict[str, Any]]) -> list[FileResult]:
    return [result for record in records for result in record.get("results", ())]


def results_so_far(root: Root, upload: Upload) -> list[FileResult]:
    """`PackSession.results` of an unfinished pack, be it open in another thread."""
    return _results(read_journal(root, upload.folder, upload.id))
