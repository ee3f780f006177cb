"""Files that were taken out of a part, on their way to names of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from ..errors import TransferError, from_os_error
from ..names import Conflict
from ..paths import Folders, Root, sync_filesystem
from ..records import Buffer, Record, as_line, read, write_all
from .part import open_staged

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC

_INTENT = "intent"
_PROBE = "prob\u00e9"
_PROBE_APART = "probe\u0301"


class StagedFiles:
    """Files that were taken out of the part `id` and have no name yet, in ``<id>.files`` beside
    it, and what is to become of them (`intend`). Nothing is synced but by `sync` and `intend`.

    Raises ``disk_full`` and others.
    """

    def __init__(self, root: Root, folder: str, id: str) -> None:
        name = f"{id}.files"
        try:
            with root.staging(folder) as staging:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=staging)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                self.fd = os.open(name, flags, dir_fd=staging)
        except OSError as error:
            raise from_os_error(error) from None
        try:
            self._intent_fd = open_staged(self.fd, _INTENT, _OPEN | os.O_CREAT)
        except TransferError:
            os.close(self.fd)
            raise

    def write(
        self,
        name: str,
        pieces: Iterable[Buffer],
        mtime_ns: int | None,
        executable: bool = False,
    ) -> os.stat_result:
        """Make the file `name` of `pieces`, last changed at `mtime_ns` (None: now); its status."""
        mode = 0o777 if executable else 0o666
        try:
            fd = os.open(name, _OPEN | os.O_CREAT | os.O_EXCL, mode, dir_fd=self.fd)
            try:
                for piece in pieces:
                    write_all(fd, piece)
                if mtime_ns is not None:
                    os.utime(fd, ns=(mtime_ns, mtime_ns))
                return os.fstat(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise from_os_error(error) from None

    def sync(self) -> None:
        """Bring the files, and all else on their file system, to the disk."""
        try:
            sync_filesystem(self.fd)
        except OSError as error:
            raise from_os_error(error) from None

    def intend(self, record: Record) -> None:
        """Say what is to become of the files; on disk when this returns. Replaces what was said
        before: a half-written record counts as none."""
        data = as_line(record)
        try:
            os.ftruncate(self._intent_fd, 0)
            os.lseek(self._intent_fd, 0, os.SEEK_SET)
            write_all(self._intent_fd, data)
            os.fdatasync(self._intent_fd)
        except OSError as error:
            raise from_os_error(error) from None

    def intent(self) -> Record | None:
        """What was said last, if it was said whole."""
        records = read(self._intent_fd, repair=False)
        return records[0] if records else None

    def names(self) -> set[str]:
        """The files that are here."""
        try:
            return {name for name in os.listdir(self.fd) if name not in (_INTENT, _PROBE)}
        except OSError as error:
            raise from_os_error(error) from None

    def publish(
        self,
        folders: Folders,
        name: str,
        path: str,
        conflict: Conflict,
        *,
        inode: int = 0,
        left: set[str] | None = None,
    ) -> str:
        """Give the file `name` its final name `path`, by `Folders.publish`; the name that it got.

        With `left`, the names that were still here when a process came back to finish what another
        had intended: then the file `inode` may have its final name already, and surely has if it
        is not among them. The caller syncs afterwards.
        """
        found = None if left is None else folders.find(path, inode, conflict)
        if found is None and (left is None or name in left):
            found = folders.publish(self.fd, name, path, conflict)
        return found or path

    def folding(self) -> tuple[bool, bool]:
        """Whether this file system takes names for the same that differ in upper and lower case
        only, or in how their letters are composed."""
        try:
            _open_new(self.fd, _PROBE)
            case, form = _exists(self.fd, _PROBE.upper()), _exists(self.fd, _PROBE_APART)
        finally:
            self.remove(_PROBE)
        return case, form

    def remove(self, *names: str) -> None:
        """Remove files; those that are gone already are no error."""
        for name in names:
            try:
                os.unlink(name, dir_fd=self.fd)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise from_os_error(error) from None

    def close(self) -> None:
        """Let go of the folder; the files stay."""
        for name in ("fd", "_intent_fd"):
            descriptor = getattr(self, name)
            if descriptor >= 0:
                os.close(descriptor)
                setattr(self, name, -1)

    @staticmethod
    def discard(root: Root, folder: str, id: str) -> None:
        """Remove all staged files of the part `id`, before the part itself goes."""
        name = f"{id}.files"
        try:
            with root.staging(folder) as staging:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(name, flags, dir_fd=staging)
                try:
                    for entry in os.listdir(fd):
                        os.unlink(entry, dir_fd=fd)
                finally:
                    os.close(fd)
                os.rmdir(name, dir_fd=staging)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise from_os_error(error) from None
        except TransferError as error:
            if error.code != "not_found":
                raise


def _open_new(folder_fd: int, name: str) -> None:
    try:
        os.close(os.open(name, _OPEN | os.O_CREAT, 0o600, dir_fd=folder_fd))
    except OSError as error:
        raise from_os_error(error) from None


def _exists(folder_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except OSError:
        return False
    return True
