"""The frozen list of what goes into an archive.

A manifest is made once, by walking the selection through `paths.Root`; whoever sends the archive
sends exactly these members or cuts the connection. It knows what identifies each file's content
(device, inode, size, time of change), so that nobody mixes two versions.

Links: a link to a file inside the root is stored as that file. A link to a folder inside the root
is followed unless that folder, or one above the selection, is in the archive already; so there are
no loops. Links that lead out of the root or nowhere, sockets, fifos, devices and what the server
may not read are left out and listed as skipped.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from ..errors import TransferError, from_os_error
from ..names import join_path, shown_path, split_path
from ..paths import Root
from .names import Names

MAX_MEMBERS = 500_000
"""Members of one archive at most: their list is kept in memory."""

SKIPPED_SHOWN = 1000
"""Skipped entries that are listed by name; further ones are only counted."""

_MODES = list(range(0o1000))

Identity = tuple[int, int, int, int, int]
"""Device, inode, size (bytes), mtime and ctime (ns): equal only if the content is. Whoever writes
into a file and sets its mtime back cannot set its ctime back."""


def identity_of(status: os.stat_result) -> Identity:
    """What identifies the content of the file with this status."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


@dataclass(frozen=True, slots=True)
class Member:
    """One file or folder of an archive."""

    path: str
    """Where it lies, below the root."""
    name: str
    """What it is called in the archive; a folder's name ends in ``/``."""
    mode: int
    """Permission bits."""
    identity: Identity

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder, which has no content of its own."""
        return self.name.endswith("/")

    @property
    def size(self) -> int:
        """Bytes of content."""
        return 0 if self.is_folder else self.identity[2]

    @property
    def mtime_ns(self) -> int:
        """Time of the last change in nanoseconds since 1970."""
        return self.identity[3]

    def check(self, fd: int) -> None:
        """Raise ``changed`` unless the open file `fd` is what the manifest lists."""
        if identity_of(os.fstat(fd)) != self.identity:
            raise self.changed()

    def read(self, fd: int, buffer: memoryview, position: int) -> int:
        """Read the open file `fd` at `position` into `buffer`; returns the bytes read, at least
        one. What was read is what the manifest lists, for it was so afterwards.

        Raises `TransferError`: ``changed``, ``io_error`` …
        """
        try:
            count = os.preadv(fd, [buffer], position)
            # Without the ctime: renaming or linking an open file does not change its content.
            unchanged = identity_of(os.fstat(fd))[:4] == self.identity[:4]
        except OSError as error:
            raise from_os_error(error, self.path) from None
        if count == 0 or not unchanged:
            raise self.changed()
        return count

    def changed(self) -> TransferError:
        """The error for a file that is no longer what was promised."""
        return TransferError(
            "changed",
            f"{shown_path(self.path)} changed while it was being sent.",
            "Start the download again.",
            retryable=False,
        )


@dataclass(frozen=True)
class Skipped:
    """An entry that is not in the archive, and why (a sentence)."""

    path: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """All members in the order in which they are sent."""

    members: tuple[Member, ...]
    skipped: tuple[Skipped, ...]
    skipped_total: int

    @cached_property
    def files(self) -> int:
        """Number of files."""
        return sum(not member.is_folder for member in self.members)


@contextmanager
def opened_member(root: Root, member: Member) -> Iterator[int]:
    """The descriptor of the file `member`, for the length of a ``with`` block. Raises ``changed``
    if it is no longer what the manifest lists, and what `Root.open` raises."""
    try:
        fd = root.open(member.path)
    except TransferError as error:
        if error.code in ("not_found", "not_a_file", "not_a_directory", "invalid_path"):
            raise member.changed() from None
        raise
    try:
        member.check(fd)
        yield fd
    finally:
        os.close(fd)


def freeze(
    root: Root,
    paths: Iterable[str],
    *,
    max_size: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Manifest:
    """The manifest of the files and folders `paths`, with all that lies below them.

    `max_size` bounds the bytes of all files together; `stopped` is asked often whether the work
    is still wanted.

    Raises `TransferError`: what `Root.parse` and `Root.stat` raise for a selected path,
    ``not_a_file`` when nothing selected can be archived, ``too_large``, ``cancelled``.
    """
    selected = _outermost([root.parse(path) for path in paths])
    if not selected:
        raise TransferError("bad_request", "No files are selected.", "Select files or folders.")
    walk = _Walk(root, max_size, stopped)
    for path in selected:
        walk.mark_ancestors(path)
    top = Names()
    for path in selected:
        walk.add_tree(path, top)
    if not walk.members and walk.skipped:
        first = walk.skipped[0]
        raise TransferError(
            "not_a_file", f"{shown_path(first.path)} cannot be archived: {first.reason}"
        )
    return Manifest(tuple(walk.members), tuple(walk.skipped), walk.skipped_total)


def _outermost(paths: list[str]) -> list[str]:
    """`paths` without doubles and without those that lie below another of them."""
    chosen = set(paths)
    return [path for path in dict.fromkeys(paths) if not any(p in chosen for p in _above(path))]


def _above(path: str) -> Iterable[str]:
    while path:
        path = split_path(path)[0]
        yield path


class _Walk:
    """Collects members depth first, names in order."""

    def __init__(self, root: Root, max_size: int | None, stopped: Callable[[], bool]) -> None:
        self._root = root
        self._max_size = max_size
        self._stopped = stopped
        self._size = 0
        self._folders: set[tuple[int, int]] = set()
        self._devices: dict[int, int] = {}
        self.members: list[Member] = []
        self.skipped: list[Skipped] = []
        self.skipped_total = 0

    def mark_ancestors(self, path: str) -> None:
        """A link to a folder above the selection must not draw in everything beside it."""
        for folder in _above(path):
            status = self._root.stat(folder)
            self._folders.add((status.st_dev, status.st_ino))

    def add_tree(self, path: str, top: Names) -> None:
        """Add the selected `path`; its name is taken from the names `top` of the archive."""
        status = self._root.stat(path)
        if not path:
            self._folders.add((status.st_dev, status.st_ino))
            pending = self._children("", "", top)
        else:
            pending = [(path, top.take(split_path(path)[1]), status)]
        # A stack, not recursion: a path may be 2,000 folders deep.
        while pending:
            if self._stopped():
                raise TransferError("cancelled", "The download was cancelled.")
            here, name, status = pending.pop()
            if stat.S_ISDIR(status.st_mode):
                self._folders.add((status.st_dev, status.st_ino))
                self._append(here, name + "/", status)
                pending += self._children(here, name + "/", Names())
            elif stat.S_ISREG(status.st_mode):
                self._add_file(here, name, status)
            else:
                self._skip(here, "It is not a regular file.")

    def _children(
        self, folder: str, prefix: str, names: Names
    ) -> list[tuple[str, str, os.stat_result]]:
        """What is to be added of `folder`, the last first, as a stack wants it."""
        try:
            entries = self._root.scan(folder)
        except TransferError as error:
            self._skip(folder, error.message)
            return []
        # Real folders first: a link beside one must not bring its content in under two names.
        for entry in entries:
            if stat.S_ISDIR(entry.status.st_mode):
                self._folders.add((entry.status.st_dev, entry.status.st_ino))
        children = []
        for entry in entries:
            path = join_path(folder, entry.name)
            status: os.stat_result | None = entry.status
            if stat.S_ISLNK(entry.status.st_mode):
                status = self._follow(path)
            if status is not None:
                children.append((path, prefix + names.take(entry.name), status))
        children.reverse()
        return children

    def _follow(self, path: str) -> os.stat_result | None:
        try:
            status = self._root.stat(path)
        except TransferError as error:
            self._skip(path, error.message)
            return None
        folder = (status.st_dev, status.st_ino)
        if stat.S_ISDIR(status.st_mode):
            if folder in self._folders:
                self._skip(path, "It is a link to a folder that is in the archive or above it.")
                return None
            self._folders.add(folder)
        return status

    def _add_file(self, path: str, name: str, status: os.stat_result) -> None:
        if status.st_mode & 0o444 != 0o444 and not self._readable(path):
            return
        self._size += status.st_size
        if self._max_size is not None and self._size > self._max_size:
            raise TransferError(
                "too_large",
                f"The selection is larger than the {self._max_size} bytes that one archive may"
                " have on this server.",
                "Select less, or ask the administrator to raise the limit.",
                detail={"max_size": self._max_size},
            )
        self._append(path, name, status)

    def _readable(self, path: str) -> bool:
        """One unreadable file must not make the whole archive impossible."""
        try:
            os.close(self._root.open(path))
        except TransferError as error:
            self._skip(path, error.message)
            return False
        return True

    def _append(self, path: str, name: str, status: os.stat_result) -> None:
        if len(self.members) >= MAX_MEMBERS:
            raise TransferError(
                "too_large",
                f"The selection has more than {MAX_MEMBERS} files.",
                "Select less.",
                detail={"max_files": MAX_MEMBERS},
            )
        # Equal objects are shared: there may be hundreds of thousands of members.
        identity = identity_of(status)
        identity = (self._devices.setdefault(identity[0], identity[0]), *identity[1:])
        mode = _MODES[status.st_mode & 0o777]
        self.members.append(Member(path, path if name == path else name, mode, identity))

    def _skip(self, path: str, reason: str) -> None:
        self.skipped_total += 1
        if len(self.skipped) < SKIPPED_SHOWN:
            self.skipped.append(Skipped(path, reason))
