"""The gate to the disk: the only module that opens a file of the user.

`Root` turns a path (see `names`) into file descriptors with
``openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)`` (Linux 5.6), so that no ``..``, no absolute
path and no symbolic link, not even one swapped in while we look, leads out of the root. Where the
kernel or a seccomp filter refuses openat2, the path is walked one component at a time and links
are not followed at all.

`Root.publish` is the last step of every transfer. The order is fixed, each step measured by power
cuts: the caller has written, synced and verified the file; then fsync, `link` (which never
overwrites) or `rename`, fsync of the folder.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .errors import TransferError, from_os_error
from .names import (
    STAGING,
    Conflict,
    alternative_names,
    join_path,
    parse_path,
    shown_path,
    split_path,
)

MAX_FOLDERS = 64
"""Folders that `Folders` keeps open: descriptors are scarce."""

# ---- openat2 ----------------------------------------------------------------------------------

_SYS_OPENAT2 = 437  # the same number on every Linux architecture but alpha
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08


class _OpenHow(ctypes.Structure):
    _fields_ = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


_libc = ctypes.CDLL(None, use_errno=True)


def _openat2(folder_fd: int, path: str, flags: int, mode: int) -> int:
    how = _OpenHow(
        flags | os.O_CLOEXEC,
        mode if flags & os.O_CREAT else 0,
        _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS,
    )
    for _ in range(64):
        fd: int = _libc.syscall(
            _SYS_OPENAT2, folder_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)
        )
        if fd >= 0:
            return fd
        # EAGAIN: something was renamed meanwhile and the kernel could not prove containment.
        if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


def _open_by_component(folder_fd: int, path: str, flags: int, mode: int) -> int:
    """What `_openat2` does, for kernels without it: no link is followed at all."""
    current = os.dup(folder_fd)
    try:
        *parents, last = path.split("/")
        for name in parents:
            step = _open_entry(current, name, os.O_PATH | os.O_DIRECTORY, 0)
            os.close(current)
            current = step
        return _open_entry(current, last, flags, mode)
    finally:
        os.close(current)


def _open_entry(folder_fd: int, name: str, flags: int, mode: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder_fd)
    except NotADirectoryError:
        # With O_DIRECTORY the kernel says ENOTDIR of a link where it says ELOOP without.
        if stat.S_ISLNK(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _open_unnamed(folder_fd: int, name: str) -> tuple[int, bool]:
    """A new file in a folder, and whether it had to be given the name `name`."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    try:
        return os.open(".", flags | os.O_TMPFILE, 0o600, dir_fd=folder_fd), False
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
    return os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder_fd), True


def openat2_works() -> bool:
    """Whether the kernel, and the seccomp filter above it, let us call openat2."""
    try:
        here = os.open("/", os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        os.close(_openat2(here, ".", os.O_PATH | os.O_DIRECTORY, 0))
    except OSError:
        return False
    finally:
        os.close(here)
    return True


_RENAME_NOREPLACE = 1


def _rename_no_replace(source_fd: int, source: str, target_fd: int, target: str) -> None:
    """renameat2(RENAME_NOREPLACE): for file systems that have no hard links."""
    result = _libc.renameat2(
        source_fd, os.fsencode(source), target_fd, os.fsencode(target), _RENAME_NOREPLACE
    )
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _link(source_fd: int, source: str, target_fd: int, target: str) -> None:
    os.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)


# ---- the root ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One entry of a folder: its name and its own status (`os.lstat`)."""

    name: str
    status: os.stat_result


DIRECT_FROM = 8 << 20
"""What `Root.direct_from` is unless somebody says so."""


class Root:
    """The folder below which all paths of a user lie.

    Parameters
    ----------
    folder: the folder on disk; links in *its* path are resolved once, here.
    allow_hidden: whether names that start with a dot may be read and written.
    direct_from: bytes from which on a new file goes around the page cache, None is never; a
        smaller one may well be read soon.
    use_openat2: None asks the kernel; False forces the walk by component (tests).
    """

    def __init__(
        self,
        folder: str,
        *,
        allow_hidden: bool = False,
        direct_from: int | None = DIRECT_FROM,
        use_openat2: bool | None = None,
    ) -> None:
        self.allow_hidden = allow_hidden
        self.direct_from = direct_from
        self._fd = os.open(os.path.realpath(folder), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        beneath = openat2_works() if use_openat2 is None else use_openat2
        self._open_beneath = _openat2 if beneath else _open_by_component

    def inner(self, path: str) -> Root:
        """The folder at `path` as a root of its own, with hidden names: for a tree that a program
        makes. It stays the same folder when it gets another name. Raises ``not_found`` …"""
        with self.folder(path) as fd:
            return Root(f"/proc/self/fd/{fd}", allow_hidden=True, direct_from=self.direct_from)

    def close(self) -> None:
        """Give the root's descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def parse(self, path: str, *, new: bool = False) -> str:
        """`parse_path` with this root's `allow_hidden`."""
        return parse_path(path, allow_hidden=self.allow_hidden, new=new)

    # -- opening --

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
        """A descriptor of the regular file at `path`, which must be a normal path.

        Raises `TransferError`: ``not_found``, ``invalid_path`` (a link leads out),
        ``not_a_file`` (folder, device, fifo, socket), ``permission_denied`` …
        """
        try:
            # O_NONBLOCK: a fifo must not hang us before we know that it is one.
            fd = self._open_beneath(self._fd, path or ".", flags | os.O_NONBLOCK, mode)
        except OSError as error:
            raise from_os_error(error, path) from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise TransferError("not_a_file", f"{shown_path(path)} is not a regular file.")
        return fd

    @contextmanager
    def folder(self, path: str, *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder at `path` for the length of a ``with`` block; with `create`
        it and its parents are made when they are missing."""
        try:
            fd = self._open_folder(path, create=create)
        except OSError as error:
            raise from_os_error(error, path) from None
        try:
            yield fd
        finally:
            os.close(fd)

    def _open_folder(self, path: str, *, create: bool, sync: bool = True) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY
        missing: list[str] = []
        while True:
            try:
                fd = self._open_beneath(self._fd, path or ".", flags, 0)
                break
            except FileNotFoundError:
                if not create or not path:
                    raise
            path, name = split_path(path)
            missing.append(name)
        for name in reversed(missing):
            path = join_path(path, name)
            try:
                os.mkdir(name, dir_fd=fd)
                if sync:
                    os.fsync(fd)
            except FileExistsError:
                pass  # made by someone else meanwhile, or a dangling link: the open below tells
            finally:
                os.close(fd)
            fd = self._open_beneath(self._fd, path, flags, 0)
        return fd

    # -- looking --

    def stat(self, path: str) -> os.stat_result:
        """The status of what stands at `path`; inner links are followed, outer ones refused."""
        try:
            fd = self._open_beneath(self._fd, path or ".", os.O_PATH, 0)
        except OSError as error:
            raise from_os_error(error, path) from None
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def lstat(self, path: str) -> os.stat_result:
        """The status of the entry at `path` itself, which may be a link."""
        folder, name = split_path(path)
        if not name:
            return self.stat("")
        with self.folder(folder) as fd:
            try:
                return os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError as error:
                raise from_os_error(error, path) from None

    def exists(self, path: str) -> bool:
        """Whether an entry of any kind, even a dangling link, stands at `path`."""
        try:
            os.close(self._open_beneath(self._fd, path or ".", os.O_PATH | os.O_NOFOLLOW, 0))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise from_os_error(error, path) from None
        return True

    def scan(self, path: str) -> list[Entry]:
        """The entries of the folder at `path` by name, without our own staging folder and without
        hidden ones (unless `allow_hidden`). An entry that vanishes meanwhile is left out."""
        entries = []
        with self.folder(path) as fd:
            for name in sorted(os.listdir(fd)):
                if name == STAGING or (name.startswith(".") and not self.allow_hidden):
                    continue
                try:
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                entries.append(Entry(name, status))
        return entries

    def staging_parents(self) -> Iterator[str]:
        """Every folder below the root, the root too, that holds a staging folder; what cannot be
        read, and hidden ones (unless `allow_hidden`), are left out. Looks at the whole tree."""
        folders = [""]
        while folders:
            path = folders.pop()
            try:
                with self.folder(path) as fd, os.scandir(fd) as entries:
                    names = {one.name for one in entries if one.is_dir(follow_symlinks=False)}
            except (OSError, TransferError):
                continue
            if STAGING in names:
                yield path
            folders += [
                join_path(path, name)
                for name in names - {STAGING}
                if self.allow_hidden or not name.startswith(".")
            ]

    def nearest_folder(self, path: str) -> str:
        """The folder at `path`, or its nearest ancestor that is there. Part files are staged in
        it, so that no folder is made before there is something whole to put into it.

        Raises ``not_a_directory`` when a file stands in the way.
        """
        while path:
            try:
                status = self.stat(path)
            except TransferError as error:
                if error.code != "not_found":
                    raise
                path = split_path(path)[0]
                continue
            if not stat.S_ISDIR(status.st_mode):
                raise TransferError("not_a_directory", f"{shown_path(path)} is not a folder.")
            return path
        return ""

    def free_bytes(self, path: str) -> int:
        """Bytes that this process may still write on the file system of `path` or of its nearest
        ancestor that is there."""
        with self.folder(self.nearest_folder(path)) as fd:
            status = os.fstatvfs(fd)
        return status.f_bavail * status.f_frsize

    def write_refusal(self, path: str) -> str | None:
        """Why 4 KiB cannot be written and synced in the folder at `path`, in the words of the
        system; None when they can. The file that is made for it has no name where the file system
        can do that (open(2), O_TMPFILE), and is gone at the end."""
        name = f"{STAGING}-{os.getpid()}"
        with self.folder(path) as folder:
            try:
                fd, named = _open_unnamed(folder, name)
                try:
                    os.write(fd, bytes(4096))
                    os.fsync(fd)
                finally:
                    os.close(fd)
                    if named:
                        os.unlink(name, dir_fd=folder)
            except OSError as error:
                return error.strerror
        return None

    # -- staging and publishing --

    @contextmanager
    def staging(self, folder: str, *, create: bool = False) -> Iterator[int]:
        """A descriptor of the staging folder in `folder`, for the length of a ``with`` block."""
        with self.folder(folder) as parent:
            try:
                made = False
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(STAGING, 0o700, dir_fd=parent)
                        made = True
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(STAGING, flags, dir_fd=parent)
                if made:
                    os.fsync(parent)
            except OSError as error:
                raise from_os_error(error, folder) from None
        try:
            yield fd
        finally:
            os.close(fd)

    def remove_staging(self, folder: str) -> None:
        """Remove the staging folder in `folder` if nothing is left in it."""
        try:
            with self.folder(folder) as parent:
                os.rmdir(STAGING, dir_fd=parent)
        except (OSError, TransferError):
            pass  # still in use, or gone already

    def available_name(self, path: str) -> str:
        """`path`, or the first ``name (n)`` beside it that is free now."""
        folder, name = split_path(path)
        return next(
            candidate
            for candidate in (join_path(folder, other) for other in alternative_names(name))
            if not self.exists(candidate)
        )

    def publish(self, staging_fd: int, part: str, path: str, *, replace: bool) -> None:
        """Give the finished file `part` of a staging folder its final name `path`.

        The data must be synced already. Without `replace` it never overwrites: ``exists``. With
        it the old file is replaced in one step and its permission bits are kept.
        """
        folder, name = split_path(path)
        with self.folder(folder, create=True) as target_fd:
            try:
                if replace:
                    self._keep_mode(target_fd, name, staging_fd, part)
                    os.rename(part, name, src_dir_fd=staging_fd, dst_dir_fd=target_fd)
                else:
                    _link_no_replace(staging_fd, part, target_fd, name)
                os.fsync(target_fd)
            except OSError as error:
                raise from_os_error(error, path) from None

    # -- removing --

    def remove(self, path: str) -> None:
        """Remove the entry at `path`: a file, or a link and not what it leads to. Raises
        ``not_found``, ``is_a_directory`` …"""
        folder, name = split_path(path)
        with self.folder(folder) as fd:
            try:
                os.unlink(name, dir_fd=fd)
            except OSError as error:
                raise from_os_error(error, path) from None

    def remove_empty(self, path: str, top: str) -> None:
        """Remove the folder at `path` if nothing is in it, then those above it that are empty then,
        up to `top`, which stays."""
        while path != top and path:
            folder, name = split_path(path)
            try:
                with self.folder(folder) as fd:
                    os.rmdir(name, dir_fd=fd)
            except (OSError, TransferError):
                return
            path = folder

    def holds_more(self, path: str) -> bool:
        """Whether something in the folder at `path`, at any depth, is not shown by `scan`, or is
        neither file nor folder nor link. False where there is no folder."""
        folders = [path]
        while folders:
            below = folders.pop()
            try:
                with self.folder(below) as fd:
                    count = len(os.listdir(fd))
                shown = self.scan(below)
            except TransferError as error:
                if error.code in ("not_found", "not_a_directory"):
                    continue
                raise
            kinds = {one.name: stat.S_IFMT(one.status.st_mode) for one in shown}
            known = {stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR}
            if len(shown) < count or not known.issuperset(kinds.values()):
                return True
            folders += [
                join_path(below, name) for name, kind in kinds.items() if kind == stat.S_IFDIR
            ]
        return False

    def move(self, path: str, target: str) -> None:
        """Rename the entry at `path` to `target`, whose folders are made; never replaces anything.
        Raises ``exists`` …; ``invalid_path`` for another file system."""
        self._beside(path, target, _rename_no_replace)

    def link(self, path: str, target: str) -> None:
        """Give the entry at `path` the further name `target`, whose folders are made; never
        replaces anything. Raises ``exists`` …; ``permission_denied`` where the disk has no hard
        links."""
        self._beside(path, target, _link)

    def _beside(self, path: str, target: str, act: Callable[[int, str, int, str], None]) -> None:
        (folder, name), (other, new) = split_path(path), split_path(target)
        with self.folder(folder) as fd, self.folder(other, create=True) as target_fd:
            try:
                act(fd, name, target_fd, new)
            except OSError as error:
                raise from_os_error(error, path) from None

    @staticmethod
    def _keep_mode(target_fd: int, name: str, staging_fd: int, part: str) -> None:
        try:
            old = os.stat(name, dir_fd=target_fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISREG(old.st_mode):
            os.chmod(part, stat.S_IMODE(old.st_mode) & 0o777, dir_fd=staging_fd)


class Folders:
    """Folders below `root` kept open while many files go into few of them, unsynced: the caller
    syncs all that was done at once (`sync_filesystem`). Used in a ``with`` block.

    The methods raise what `Root.publish` raises.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._fds: dict[str, int] = {}

    def __enter__(self) -> Folders:
        return self

    def __exit__(self, *error: object) -> None:
        while self._fds:
            os.close(self._fds.popitem()[1])

    def make(self, path: str) -> int:
        """The descriptor of the folder at `path`, which is made if it is missing."""
        fd = self._fds.get(path)
        if fd is None:
            if len(self._fds) >= MAX_FOLDERS:
                self.__exit__()
            try:
                fd = self._root._open_folder(path, create=True, sync=False)
            except OSError as error:
                raise from_os_error(error, path) from None
            self._fds[path] = fd
        return fd

    def publish(self, staging_fd: int, part: str, path: str, conflict: Conflict) -> str:
        """Give the finished file `part` of a staging folder the name `path` or, with ``rename``,
        the first alternative that is free; the name that it got."""
        folder, name = split_path(path)
        target_fd = self.make(folder)
        for candidate in alternative_names(name):
            try:
                if conflict == "overwrite":
                    self._root._keep_mode(target_fd, candidate, staging_fd, part)
                    os.rename(part, candidate, src_dir_fd=staging_fd, dst_dir_fd=target_fd)
                else:
                    _move_no_replace(staging_fd, part, target_fd, candidate)
            except FileExistsError as error:
                if conflict == "rename":
                    continue
                raise from_os_error(error, path) from None
            except OSError as error:
                raise from_os_error(error, path) from None
            return join_path(folder, candidate)
        raise AssertionError  # alternatives have no end

    def find(self, path: str, inode: int, conflict: Conflict) -> str | None:
        """The name that `publish` gave to the file `inode`; None if it has none of them."""
        folder, name = split_path(path)
        target_fd = self.make(folder)
        for candidate in alternative_names(name):
            try:
                status = os.stat(candidate, dir_fd=target_fd, follow_symlinks=False)
            except OSError:
                return None
            if status.st_ino == inode:
                return join_path(folder, candidate)
            if conflict != "rename":
                return None
        raise AssertionError  # alternatives have no end


def sync_filesystem(fd: int) -> None:
    """syncfs(2): bring all that was written to the file system of `fd` to the disk."""
    if _libc.syncfs(fd) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 0x01, 0x02


def release_bytes(fd: int, start: int, end: int) -> None:
    """Give the room of the bytes from `start` to `end` back to the disk, where it can; they read
    as zeros then."""
    flags = _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE
    _libc.fallocate(fd, flags, ctypes.c_int64(start), ctypes.c_int64(end - start))


def _move_no_replace(staging_fd: int, part: str, target_fd: int, name: str) -> None:
    """Rename without ever overwriting: one call where the file system knows it."""
    try:
        _rename_no_replace(staging_fd, part, target_fd, name)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        _link_no_replace(staging_fd, part, target_fd, name)


def _link_no_replace(staging_fd: int, part: str, target_fd: int, name: str) -> None:
    try:
        os.link(part, name, src_dir_fd=staging_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    except OSError as error:
        # vfat, exFAT, some FUSE and CIFS mounts have no hard links.
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        _rename_no_replace(staging_fd, part, target_fd, name)
    else:
        os.unlink(part, dir_fd=staging_fd)
