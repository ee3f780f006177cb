"""What lies in the staging folders, of living and of dead processes, seen from outside."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..errors import TransferError, from_os_error
from ..paths import Root
from ..records import Record, whole_records
from .part import open_staged

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _LOOK | os.O_DIRECTORY


def has_journal(root: Root, folder: str, id: str) -> bool:
    """Whether the journal of the part `id` is in `folder`'s staging folder."""
    try:
        with root.staging(folder) as staging:
            os.stat(f"{id}.journal", dir_fd=staging, follow_symlinks=False)
    except (OSError, TransferError):
        return False
    return True


def read_journal(root: Root, folder: str, id: str) -> list[Record]:
    """The records of a journal that another may be writing at this moment; none if it is gone."""
    try:
        with root.staging(folder) as staging:
            fd = open_staged(staging, f"{id}.journal", _LOOK)
    except TransferError as error:
        if error.code != "not_found":
            raise
        return []
    try:
        with os.fdopen(fd, "rb") as file:
            return whole_records(file.read())[0]
    except OSError as error:
        raise from_os_error(error) from None


def left_journals(root: Root, folder: str) -> list[str]:
    """Ids of the journals in `folder`'s staging folder, of living and of dead processes."""
    try:
        with root.staging(folder) as staging:
            names = os.listdir(staging)
    except TransferError:
        return []
    return [name.removesuffix(".journal") for name in names if name.endswith(".journal")]


@dataclass(frozen=True)
class Staged:
    """What lies in a staging folder under one id.

    Parameters
    ----------
    size: bytes that it takes on the disk.
    modified: seconds since 1970 of the latest change.
    busy: whether a process holds its journal.
    """

    id: str
    size: int
    modified: float
    busy: bool


def staged(root: Root, folder: str) -> list[Staged]:
    """All that lies in `folder`'s staging folder, by id."""
    try:
        with root.staging(folder) as staging:
            names_of: dict[str, list[str]] = {}
            for name in sorted(os.listdir(staging)):
                names_of.setdefault(_id_of(name), []).append(name)
            return [_staged(staging, id, names) for id, names in sorted(names_of.items())]
    except (OSError, TransferError):
        return []


def staged_as(root: Root, folder: str, id: str) -> Staged | None:
    """What lies in `folder`'s staging folder under `id`; None where nothing does."""
    try:
        with root.staging(folder) as staging:
            names = _names_of(id, os.listdir(staging))
            return _staged(staging, id, names) if names else None
    except (OSError, TransferError):
        return None


def remove_staged(root: Root, folder: str, id: str) -> None:
    """Remove all that lies in `folder`'s staging folder under `id`. Raises ``conflict`` for what a
    process holds."""
    try:
        with root.staging(folder) as staging:
            names = _names_of(id, os.listdir(staging))
            if _staged(staging, id, names).busy:
                raise TransferError("conflict", "A transfer is using this.", "Leave it alone.")
            for name in names:
                remove_tree(staging, name)
    except OSError as error:
        raise from_os_error(error) from None
    root.remove_staging(folder)


def _id_of(name: str) -> str:
    return name.partition(".")[0]


def _names_of(id: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if _id_of(name) == id]


def _staged(staging: int, id: str, names: list[str]) -> Staged:
    statuses = [status for name in names for status in _statuses(staging, name)]
    return Staged(
        id,
        sum(status.st_blocks * 512 for status in statuses),
        max((status.st_mtime for status in statuses), default=0.0),
        f"{id}.journal" in names and _is_busy(staging, f"{id}.journal"),
    )


def _statuses(parent: int, name: str) -> Iterator[os.stat_result]:
    """The status of a file, or of a folder and all the files in it; nothing for what is gone."""
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        yield status
        if stat.S_ISDIR(status.st_mode):
            fd = os.open(name, _FOLDER, dir_fd=parent)
            try:
                for inner in os.listdir(fd):
                    yield from _statuses(fd, inner)
            finally:
                os.close(fd)


def _is_busy(staging: int, name: str) -> bool:
    fd = os.open(name, _LOOK, dir_fd=staging)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # a network file system without locks
    finally:
        os.close(fd)
    return False


def remove_tree(parent: int, name: str) -> None:
    """Remove `name` in an open folder, with all that is in it; links are not followed."""
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            fd = os.open(name, _FOLDER, dir_fd=parent)
            try:
                for inner in os.listdir(fd):
                    remove_tree(fd, inner)
            finally:
                os.close(fd)
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
