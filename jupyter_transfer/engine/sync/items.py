"""The files at the two ends of a sync, as both see them: by their path below the folder."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...backends.base import Digest, Entry, Validators
from ...errors import TransferError
from ...names import is_sent_part, join_path
from ...paths import Root
from ..filters import Filters
from ..walk import led_to


@dataclass(frozen=True, slots=True)
class Item:
    """A file at one end.

    Parameters
    ----------
    path: below the folder; untrusted where a service says it.
    address: the service's, "" on the disk.
    meant: whether the job is about it; else it is left alone, and what stands at the same path at
        the other end too.
    link: whether it is a link on the disk.
    """

    path: str
    address: str
    size: int | None
    mtime_ns: int | None
    meant: bool = True
    validators: Validators = field(default_factory=Validators)
    digest: Digest | None = None
    link: bool = False
    inode: int = 0

    def as_row(self) -> list[Any]:
        """The item as plain JSON, its path first."""
        known = self.validators
        return [
            self.path,
            self.address,
            self.size,
            self.mtime_ns,
            self.meant,
            [known.etag, known.last_modified, known.version, known.settled],
            None if self.digest is None else [self.digest.algorithm, self.digest.value],
            self.link,
            self.inode,
        ]

    @classmethod
    def from_row(cls, row: list[Any]) -> Item:
        """The item that `as_row` wrote."""
        path, address, size, mtime_ns, meant, known, digest, link, inode = row
        return cls(
            path,
            address,
            size,
            mtime_ns,
            meant,
            Validators(*known),
            None if digest is None else Digest(*digest),
            link,
            inode,
        )

    def entry(self) -> Entry:
        """The item of a service as its backend knows it."""
        return Entry(
            self.path,
            self.address,
            self.size,
            self.validators,
            self.digest,
            mtime_ns=self.mtime_ns,
            member=True,
        )

    @classmethod
    def of_entry(cls, path: str, entry: Entry, *, meant: bool = True) -> Item:
        """`entry` of a service, which stands at `path`."""
        return cls(
            path,
            entry.address,
            entry.size,
            entry.mtime_ns,
            meant,
            entry.validators,
            entry.digest,
        )


def remote_items(entries: Iterable[Entry], filters: Filters, trash: str) -> Iterator[Item]:
    """The files that a service lists, without what lies in the folder `trash`, and without what is
    on its way there. Raises `TransferError`."""
    for entry in entries:
        if not _within(entry.path, trash) and not is_sent_part(entry.path):
            meant = filters.admit(entry.path, entry.size, entry.mtime_ns)
            yield Item.of_entry(entry.path, entry, meant=meant)


def sent_items(root: Root, folder: str, filters: Filters, trash: str) -> Iterator[Item]:
    """The files of the disk that a sync sends: links to files below the root as what they lead
    to; what cannot be sent is not meant. Raises `TransferError`."""
    for path, own in _entries(root, folder, trash):
        status, mode = own, own.st_mode
        if stat.S_ISLNK(mode):
            status, mode = led_to(root, join_path(folder, path), own)
        meant = stat.S_ISREG(mode) and filters.admit(path, status.st_size, status.st_mtime_ns)
        yield Item(path, "", status.st_size, status.st_mtime_ns, meant)


def kept_items(root: Root, folder: str, filters: Filters, trash: str) -> Iterator[Item]:
    """The files of the disk that a sync changes: links as links. Of what is neither file nor link
    it is no business. Raises `TransferError`."""
    for path, status in _entries(root, folder, trash):
        link = stat.S_ISLNK(status.st_mode)
        if not (link or stat.S_ISREG(status.st_mode)):
            continue
        meant = filters.admit(path, status.st_size, status.st_mtime_ns)
        yield Item(
            path,
            "",
            status.st_size,
            status.st_mtime_ns,
            meant,
            link=link,
            inode=status.st_ino,
        )


def _entries(root: Root, folder: str, trash: str) -> Iterator[tuple[str, Any]]:
    """All that is no folder, by its path below `folder`, with its own status."""
    folders = [""]
    while folders:
        below = folders.pop()
        for entry in root.scan(join_path(folder, below) if below else folder):
            path = join_path(below, entry.name)
            if _within(path, trash):
                continue
            if stat.S_ISDIR(entry.status.st_mode):
                folders.append(path)
            else:
                yield path, entry.status


def _within(path: str, trash: str) -> bool:
    return bool(trash) and (path == trash or path.startswith(trash + "/"))


def require_folder(entry: Entry | None, what: str) -> None:
    """Raise ``remote_not_found`` or ``not_a_directory`` unless `entry` is a folder."""
    if entry is None:
        raise TransferError("remote_not_found", f"There is nothing at the address of {what}.")
    if not entry.path.endswith("/"):
        raise TransferError(
            "not_a_directory",
            f"At the address of {what} stands a file; only folders are made equal.",
            "Choose a folder, or transfer the file by itself.",
        )
