"""Sending to hubs: files become a commit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from ..errors import TransferError
from ..names import alternative_names
from .base import Ability, Entry
from .committing import CommittingBackend
from .hub import HubBackend
from .hub_address import Place
from .hub_known import Branch
from .hub_listing import File


class HubSending(HubBackend, CommittingBackend):
    """What a backend of a hub adds in order to be written to."""

    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse", "send", "delete"})

    @abstractmethod
    def branch_of(self, place: Place) -> Branch:
        """The branch of `place`, as all threads of the job know it."""

    def alternatives(self, address: str) -> Iterator[str]:
        """As `Backend.alternatives`; paths are not encoded."""
        place = self.place(address)
        folder, slash, last = place.path.rpartition("/")
        for name in alternative_names(last):
            yield place.below(f"{folder}{slash}{name}").address

    def find(self, address: str) -> Entry | None:
        """As `Backend.find`, as it was when the job began."""
        place = self.place(address)
        branch = self.branch_of(place)
        last = place.path.rpartition("/")[2]
        if not place.path:
            return None if branch.head() is None else Entry(f"{self.name_for(address)}/", address)
        (found,) = branch.look([place.path])
        if isinstance(found, File):
            return self.entry(place, found, last)
        return None if found is None else Entry(f"{last}/", address)

    def held(self, address: str) -> Iterator[Entry]:
        """As `Backend.held`, without ``.gitattributes``, which says what goes by LFS."""
        place = self.place(address)
        start = len(place.path) + 1 if place.path else 0
        at_head = replace(place, revision=self.branch_of(place).head())
        for found in self.client.tree(at_head, recursive=True):
            if isinstance(found, File) and found.path.rpartition("/")[2] != ".gitattributes":
                yield replace(self.entry(place, found, found.path[start:]), member=True)

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """As `Backend.delete`, in a commit."""
        if entries:
            self.commit([], entries)
        return [None] * len(entries)


def message_of(paths: Sequence[str], gone: Sequence[object]) -> str:
    """What a commit is called that nobody has named."""
    added = f"Upload {paths[0] if len(paths) == 1 else f'{len(paths)} files'}" if paths else ""
    files = "1 file" if len(gone) == 1 else f"{len(gone)} files"
    deleted = f"{'delete' if added else 'Delete'} {files}" if gone else ""
    return ", ".join(one for one in (added, deleted) if one)
