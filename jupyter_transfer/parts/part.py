"""A part file and its journal: what is on disk while a file is not yet whole.

Both lie in the staging folder of the nearest existing ancestor of the destination, named by the
id of the upload or job: ``<id>.part`` holds the bytes, ``<id>.journal`` the truth about them. The
journal is append-only: one record a line, ``<crc32> <json>``. A torn last line (power cut while it
was written) fails its checksum and is cut off when the journal is opened again. A record speaks
of bytes only after those bytes were synced: `Part.sync` first, `Part.append` second.

Publishing is idempotent. Before the final name is given, a record names it together with the
inode; whoever comes back after a crash finds by it that the work is done (`Part.published`).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress

from ..errors import TransferError, from_os_error
from ..names import Conflict, split_path
from ..paths import Root, release_bytes
from ..records import Record, append, each, read

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _LOOK | os.O_DIRECTORY

_INTENT = "intent"
_PROBE = "prob\u00e9"
_PROBE_APART = "probe\u0301"

_CREATE_TRIES = 100
"""How often a staging folder that vanishes under a new part is made anew."""


class Part:
    """An open part file with its journal, locked against every other process.

    Make one with `create` or `open`; close it with `close` (the bytes stay for later), `forget`
    (after publishing) or `discard` (everything goes).
    """

    def __init__(
        self,
        root: Root,
        folder: str,
        id: str,
        fd: int,
        journal_fd: int,
        *,
        shared: bool = False,
    ) -> None:
        self.root = root
        self.folder = folder
        """Path below the root of the folder whose staging folder holds this part."""
        self.id = id
        self.fd = fd
        """Descriptor of the bytes, open for reading and writing; -1 once published."""
        self.read_only = False
        """Whether its disk took no changes when it was opened: it can be read, and locked."""
        self._journal_fd = journal_fd
        self._shared = shared

    # -- opening and closing --

    @classmethod
    def create(
        cls, root: Root, destination: str, id: str, header: Record, *, shared: str | None = None
    ) -> Part:
        """A new part for a file that will stand in the folder `destination`, its journal
        beginning with `header`; both are on disk when this returns.

        With `shared` the bytes are those of the part of that id, which is made if it is missing;
        they outlive this part.
        """
        for _ in range(_CREATE_TRIES):
            folder = root.nearest_folder(destination)
            try:
                return cls._create(root, folder, id, header, shared)
            except TransferError as error:
                # Whoever ended last in this folder has removed the empty staging folder under us.
                if error.code != "not_found":
                    root.remove_staging(folder)
                    raise
        return cls._create(root, root.nearest_folder(destination), id, header, shared)

    @classmethod
    def _create(cls, root: Root, folder: str, id: str, header: Record, shared: str | None) -> Part:
        with root.staging(folder, create=True) as staging:
            exclusive = os.O_EXCL if shared is None else 0
            fd = open_staged(staging, f"{shared or id}.part", _OPEN | os.O_CREAT | exclusive)
            try:
                journal_fd = open_staged(staging, f"{id}.journal", _OPEN | os.O_CREAT | os.O_EXCL)
            except TransferError:
                os.close(fd)
                if shared is None:
                    os.unlink(f"{id}.part", dir_fd=staging)
                raise
            part = cls(root, folder, id, fd, journal_fd, shared=shared is not None)
            try:
                part._lock()
                part.append(header)
                os.fsync(staging)
            except (OSError, TransferError) as error:
                part.discard()
                raise _as_transfer_error(error) from None
        return part

    @classmethod
    def open(
        cls,
        root: Root,
        folder: str,
        id: str,
        *,
        shared: str | None = None,
        header: Record | None = None,
        look: bool = False,
    ) -> Part:
        """The part that an earlier process left in `folder`'s staging folder. With `header`, a
        journal that is missing is made and begins so. With `look`, where it cannot be written it
        is opened to be read (`read_only`).

        Raises ``not_found`` when its journal is gone, ``conflict`` when another process has it.
        A part whose bytes were published already opens with ``fd == -1``.
        """
        with root.staging(folder) as staging:
            flags, create = _OPEN, 0 if header is None else os.O_CREAT
            try:
                journal_fd = open_staged(staging, f"{id}.journal", flags | create)
            except TransferError as error:
                if error.code != "read_only" or not look:
                    raise
                flags = _LOOK
                journal_fd = open_staged(staging, f"{id}.journal", flags)
            try:
                fd = open_staged(staging, f"{shared or id}.part", flags)
            except TransferError as error:
                if error.code != "not_found":
                    os.close(journal_fd)
                    raise
                fd = -1
        part = cls(root, folder, id, fd, journal_fd, shared=shared is not None)
        part.read_only = flags == _LOOK
        try:
            part._lock()
            if header is not None and not part.records():
                part.append(header)
                with root.staging(folder) as staging:
                    os.fsync(staging)
        except (OSError, TransferError) as error:
            part.close()
            raise _as_transfer_error(error) from None
        return part

    def _lock(self) -> None:
        try:
            fcntl.flock(self._journal_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransferError(
                "conflict",
                "Another process is writing this file.",
                "Wait until it has ended.",
                retryable=True,
            ) from None
        except OSError:
            pass  # a network file system without locks: the queue runs each job once

    def close(self) -> None:
        """Let go of the files; what was synced and recorded stays for `open`."""
        for name in ("fd", "_journal_fd"):
            descriptor = getattr(self, name)
            if descriptor >= 0:
                os.close(descriptor)
                setattr(self, name, -1)

    def forget(self) -> None:
        """Remove the journal and close: the last step, after the row is committed. What cannot be
        removed does no harm: the work is done, and a later start tries again."""
        with suppress(TransferError):
            self._remove(f"{self.id}.journal")

    def discard(self) -> None:
        """Remove bytes, unless they are shared, and journal, and close."""
        self._remove(*([] if self._shared else [f"{self.id}.part"]), f"{self.id}.journal")

    def _remove(self, *names: str) -> None:
        self.close()
        try:
            with self.root.staging(self.folder) as staging:
                for name in names:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=staging)
        except OSError as error:
            raise from_os_error(error) from None
        except TransferError as error:
            if error.code != "not_found":
                raise
        self.root.remove_staging(self.folder)

    # -- the journal --

    def require_writable(self, path: str = "") -> None:
        """Raise ``read_only`` for `path` if this part was only opened to be read."""
        if self.read_only:
            raise from_os_error(OSError(errno.EROFS, ""), path)

    def append(self, record: Record, *, sync: bool = True) -> None:
        """Add a record; it is on disk when this returns, unless `sync` is False: then it survives
        the end of this process only."""
        self.require_writable()
        append(self._journal_fd, record, sync=sync)

    def each_record(self) -> Iterator[Record]:
        """`records`, one after the other, for a journal that may be too long for the memory."""
        return each(self._journal_fd, repair=not self.read_only)

    def records(self) -> list[Record]:
        """All whole records, oldest first; a torn tail is cut off."""
        return read(self._journal_fd, repair=not self.read_only)

    # -- the bytes --

    def sync(self) -> None:
        """fdatasync the bytes: after this they survive a power cut."""
        try:
            os.fdatasync(self.fd)
        except OSError as error:
            raise from_os_error(error) from None

    def open_direct(self, size: int | None) -> int:
        """A second descriptor of the bytes, for writes of whole blocks around the page cache
        (open(2), O_DIRECT), which the caller closes; -1 where that cannot be, or should not for a
        file of `size` bytes (None: nobody knows how many)."""
        least = self.root.direct_from
        if least is None or (size is not None and size < least):
            return -1
        try:
            return os.open(f"/proc/self/fd/{self.fd}", os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        except (OSError, AttributeError):  # a file system, or a kernel, that knows no such thing
            return -1

    def release(self, start: int, end: int) -> None:
        """Give the room of bytes that are needed no more back to the disk, where it can."""
        release_bytes(self.fd, start, end)

    def publish(self, path: str, conflict: Conflict, *, mtime_ns: int | None = None) -> str:
        """Give the file its final name and return that name (a path below the root).

        `conflict` says what to do when something stands there: ``rename`` takes the next free
        name, ``overwrite`` replaces it, ``skip`` discards the new bytes and returns the old name,
        ``fail`` raises ``exists`` (the part stays). The caller commits its row and then calls
        `forget`.
        """
        try:
            if mtime_ns is not None:
                os.utime(self.fd, ns=(mtime_ns, mtime_ns))
            os.fsync(self.fd)
            inode = os.fstat(self.fd).st_ino
        except OSError as error:
            raise from_os_error(error, path) from None
        while True:
            target = self.root.available_name(path) if conflict == "rename" else path
            self.append({"publish": target, "inode": inode})
            try:
                with self.root.staging(self.folder) as staging:
                    name = f"{self.id}.part"
                    self.root.publish(staging, name, target, replace=conflict == "overwrite")
            except TransferError as error:
                if error.code == "exists" and conflict == "rename":
                    continue  # someone took the name between the look and the link
                if error.code == "exists" and conflict == "skip":
                    self.discard()
                    return target
                raise
            os.close(self.fd)
            self.fd = -1
            return target

    def published(self) -> str | None:
        """The final name, if an earlier process gave it before it died; None if not."""
        for record in reversed(self.records()):
            if "publish" not in record:
                continue
            path = str(record["publish"])
            try:
                same = self.root.lstat(path).st_ino == record["inode"]
            except TransferError as error:
                if error.code in ("io_error", "permission_denied"):
                    raise  # it may well stand there
                same = False
            if same:
                self._finish_link(path)
                return path
        return None

    def _finish_link(self, path: str) -> None:
        """Do what was left after `link`: sync the folder's entry, drop the staged name."""
        try:
            with self.root.folder(split_path(path)[0]) as folder:
                os.fsync(folder)
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1
            with self.root.staging(self.folder) as staging, suppress(FileNotFoundError):
                os.unlink(f"{self.id}.part", dir_fd=staging)
        except OSError as error:
            raise from_os_error(error, path) from None


def _as_transfer_error(error: OSError | TransferError) -> TransferError:
    return error if isinstance(error, TransferError) else from_os_error(error)


def open_staged(staging: int, name: str, flags: int) -> int:
    """The descriptor of `name` in a folder that is open. Raises ``not_found``, ``disk_full`` …"""
    try:
        return os.open(name, flags, 0o666, dir_fd=staging)
    except OSError as error:
        raise from_os_error(error) from None
