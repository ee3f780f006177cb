"""The files of a folder that is sent: lazily, in the same order always, no link followed out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import TransferError
from ..names import join_path
from ..paths import Root
from .filters import Filters


@dataclass(frozen=True)
class Found:
    """A file at `path` below the root; `relative` to the folder that is sent. `left_out` says why
    it cannot be sent: it is no regular file, or a link to anything but a file below the root."""

    path: str
    relative: str
    size: int
    mtime_ns: int | None = None
    left_out: bool = False


def files_below(root: Root, folder: str, filters: Filters) -> Iterator[Found]:
    """The files below `folder` that `filters` admit, by name; hidden ones only where `root` allows
    them.

    Links to files below the root are files, those to folders are left out: they may lead in a
    circle. Raises ``not_found``, ``permission_denied`` …
    """
    for found in _below(root, folder, ""):
        if filters.admit(found.relative, found.size, found.mtime_ns):
            yield found


def _below(root: Root, folder: str, relative: str) -> Iterator[Found]:
    for entry in root.scan(join_path(folder, relative) if relative else folder):
        inner = join_path(relative, entry.name)
        path = join_path(folder, inner)
        status, mode = entry.status, entry.status.st_mode
        if stat.S_ISDIR(mode):
            yield from _below(root, folder, inner)
            continue
        if stat.S_ISLNK(mode):
            status, mode = led_to(root, path, status)
        yield Found(
            path, inner, status.st_size, status.st_mtime_ns, left_out=not stat.S_ISREG(mode)
        )


def led_to(root: Root, path: str, status: os.stat_result) -> tuple[os.stat_result, int]:
    """What the link at `path`, whose own status is `status`, leads to: its status and its mode; a
    mode of 0 if it leads nowhere, or out of the root."""
    try:
        status = root.stat(path)
    except TransferError:
        return status, 0
    return status, status.st_mode
