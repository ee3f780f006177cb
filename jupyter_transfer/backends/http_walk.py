"""Walking through the folders of a web server, lazily and within limits.

Only folders below the first one are entered, one step at a time, and only where the server answers
at the very address that was asked for: so no link and no redirect can lead in a circle. A link in
the server's own file system can (each round is one step deeper), which the limit of the depth ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from ..errors import TransferError
from ..net import Url
from .base import Entry, Validators
from .http_checksums import Checksums
from .http_listing import Item

DEPTH = 20
FILES = 1_000_000
"""Limits where the person sets none: folders into each other, files and folders in all."""


@dataclass(frozen=True)
class Limits:
    """How much a walk may find.

    Parameters
    ----------
    depth: folders below the first that are entered; None for `DEPTH`, behind which it is an error
        that there is more. A depth that the person chose leaves the rest out, and says so.
    files: files and folders in all.
    bytes: of all files together; None for any number.
    """

    depth: int | None = None
    files: int = FILES
    bytes: int | None = None


@dataclass(frozen=True)
class Folder:
    """The page at `url`, which is where redirects ended; `items` is what lies directly in the
    folder, None where the page is no listing."""

    url: Url
    items: list[Item] | None


class Walk:
    """The files below `root`, as entries.

    Parameters
    ----------
    page: the page at an address; None where there is none to be had.
    measure: the size of a file whose listing does not state it; asked only where bytes are
        limited.
    allows: whether an address may be visited.
    note: told what was left out.
    checksums: told which folder the walk is in; asked for the digests of its files.
    """

    def __init__(
        self,
        root: Folder,
        limits: Limits,
        *,
        page: Callable[[str], Folder | None],
        measure: Callable[[str], int | None],
        allows: Callable[[str], bool],
        note: Callable[[str, str], None],
        checksums: Checksums,
    ) -> None:
        self._root = root
        self._limits = limits
        self._page = page
        self._measure = measure
        self._allows = allows
        self._note = note
        self._checksums = checksums
        self._found = count(1)
        self._bytes = 0
        self._forbidden = 0
        self._deep = 0
        self._elsewhere = 0
        self._unlisted = 0

    def entries(self) -> Iterator[Entry]:
        """Files of a folder first, then its folders, each in the order of the server.

        Raises ``limit_reached``; ``remote_forbidden`` where robots.txt allows nothing.
        """
        if not self._allows(str(self._root.url)):
            raise TransferError(
                "remote_forbidden",
                f"The robots.txt of “{self._root.url.host}” asks programs to stay out of this"
                " folder.",
                "Set the option “ignore_robots” if the server is yours or its owner agrees.",
            )
        yield from self._below(self._root, "", 0)
        self._tell()

    def _below(self, folder: Folder, prefix: str, depth: int) -> Iterator[Entry]:
        allowed = [item for item in folder.items or () if self._allows(item.url)]
        self._forbidden += len(folder.items or ()) - len(allowed)
        self._checksums.enter(prefix, allowed)
        folders: list[Item] = []
        for item in allowed:
            self._count()
            if item.folder:
                folders.append(item)
            else:
                yield self._entry(item, prefix + item.name)
        for item in folders:
            if self._may_enter(depth + 1):
                yield from self._inside(item, f"{prefix}{item.name}/", depth + 1)

    def _inside(self, item: Item, prefix: str, depth: int) -> Iterator[Entry]:
        folder = self._page(item.url)
        if folder is not None and str(folder.url) != item.url:
            self._elsewhere += 1
        elif folder is not None and folder.items is not None:
            yield from self._below(folder, prefix, depth)
        else:
            # A page of its own, a refusal, a failure: fetching it tells which.
            self._unlisted += 1
            yield self._entry(replace(item, size=None), f"{prefix}index.html")

    def _entry(self, item: Item, path: str) -> Entry:
        size = item.size
        if self._limits.bytes is not None:
            size = self._measure(item.url) if size is None else size
            self._weigh(size, path)
        validators, digest = item.validators, self._checksums.of_member(path)
        if digest is None:
            digest = item.digest
        else:
            validators = Validators()  # a neighbour's digest is not bound to what was listed
        return Entry(path, item.url, size, validators, digest, mtime_ns=item.mtime_ns, member=True)

    # -- limits --

    def _count(self) -> None:
        if next(self._found) > self._limits.files:
            raise _reached(f"more than {self._limits.files} files and folders", "max_files")

    def _weigh(self, size: int | None, path: str) -> None:
        if size is None:
            raise TransferError(
                "limit_reached",
                f"The size of “{path}” is not known, so “max_bytes” cannot be kept.",
                "Leave the option “max_bytes” out.",
            )
        self._bytes += size
        if self._limits.bytes is not None and self._bytes > self._limits.bytes:
            raise _reached(f"more than {self._limits.bytes} bytes", "max_bytes")

    def _may_enter(self, depth: int) -> bool:
        if self._limits.depth is None:
            if depth > DEPTH:
                raise _reached(f"folders more than {DEPTH} deep, or a circle of links", "depth")
            return True
        if depth <= self._limits.depth:
            return True
        self._deep += 1
        return False

    def _tell(self) -> None:
        """What was left out is told, never silently."""
        if self._forbidden:
            self._note(
                "left_out",
                f"{self._forbidden} files and folders were left out, as robots.txt asks"
                " (option “ignore_robots”).",
            )
        if self._elsewhere:
            self._note(
                "left_out",
                f"{self._elsewhere} folders were left out that lead to other addresses.",
            )
        if self._unlisted:
            self._note(
                "left_out",
                f"{self._unlisted} folders show a page and no list of their files; what else lies"
                " in them is not known.",
            )
        if self._deep:
            self._note(
                "left_out",
                f"{self._deep} folders were left out that lie deeper than asked for"
                " (option “depth”).",
            )


def _reached(what: str, option: str) -> TransferError:
    return TransferError(
        "limit_reached",
        f"There are {what} below this address.",
        f"Raise the option “{option}”, or choose a smaller folder.",
        detail={"option": option},
    )
