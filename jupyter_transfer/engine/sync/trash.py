"""Where files go that a sync replaces or deletes, if a person wants them kept: a folder for each
sync, in a folder of the destination that no sync lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from ...backends.base import Backend
from ...errors import TransferError
from ...names import alternative_names, join_path, split_path
from ...paths import Root
from .items import Item


class Trash(ABC):
    """The folder of one sync; `folder` is relative to the destination."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @abstractmethod
    def keep(self, item: Item) -> None:
        """Keep what is about to be replaced; it stays where it is until then. Raises
        `TransferError`."""

    @abstractmethod
    def take(self, item: Item) -> str:
        """Move what is to be deleted; where it is then, relative to the destination. Raises
        `TransferError`."""


class LocalTrash(Trash):
    """On the disk, by names alone: no byte is copied.

    Parameters
    ----------
    top: the destination.
    """

    def __init__(self, root: Root, top: str, folder: str) -> None:
        super().__init__(folder)
        self._root = root
        self._top = top

    def keep(self, item: Item) -> None:
        """A further name for it."""
        path = join_path(self._top, item.path)
        target = join_path(self._top, join_path(self.folder, item.path))
        with suppress(TransferError):
            if self._root.lstat(target).st_ino == item.inode:
                return  # an earlier process was here
        try:
            self._place(self._root.link, path, item.path)
        except TransferError as error:
            if error.code != "permission_denied":
                raise
            raise TransferError(
                "permission_denied",
                "This disk cannot keep what is replaced: it has no hard links.",
                "Leave out the option “trash”, or choose another folder.",
            ) from None

    def take(self, item: Item) -> str:
        """Another name for it."""
        return self._place(self._root.move, join_path(self._top, item.path), item.path)

    def forget(self, item: Item) -> None:
        """Take back `keep` of a file that was not replaced after all."""
        target = join_path(self._top, join_path(self.folder, item.path))
        with suppress(TransferError):
            still = self._root.lstat(join_path(self._top, item.path)).st_ino == item.inode
            if still and self._root.lstat(target).st_ino == item.inode:
                self._root.remove(target)
                self._root.remove_empty(split_path(target)[0], self._top)

    def _place(self, act: Callable[[str, str], None], path: str, relative: str) -> str:
        """A name of the trash that is free."""
        folder, name = split_path(join_path(self.folder, relative))
        for candidate in alternative_names(name):
            place = join_path(folder, candidate)
            try:
                act(path, join_path(self._top, place))
            except TransferError as error:
                if error.code != "exists":
                    raise
            else:
                return place
        raise AssertionError("alternatives have no end")


class RemoteTrash(Trash):
    """At a service that copies within itself.

    Parameters
    ----------
    top: the address of the destination.
    """

    def __init__(self, backend: Backend, top: str, folder: str) -> None:
        super().__init__(folder)
        self._backend = backend
        self._top = top

    def keep(self, item: Item) -> None:
        """A copy of it."""
        self._copy(item)

    def take(self, item: Item) -> str:
        """A copy of it; then it goes."""
        place = self._copy(item)
        for error in self._backend.delete([item.entry()]):
            if error is not None:
                raise error
        return place

    def _copy(self, item: Item) -> str:
        place = join_path(self.folder, item.path)
        self._backend.copy(item.entry(), self._backend.join(self._top, place))
        return place
