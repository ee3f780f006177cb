"""Backends whose sources are one folder that a program of their own makes, such as a repository.

The engine gives the folder, which has no name yet or is an earlier one of the same source, and
publishes it; what of it is large the backend lists as entries, which the engine fetches like all
others (`jupyter_transfer.engine.treerun`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import TransferError
from ..paths import Root
from .base import Backend, Entry, Locator


@dataclass(frozen=True)
class Watch:
    """Whom a program's run is told to.

    Parameters
    ----------
    check: called all the while; may raise, which ends the program.
    progress: told how much of the work is done (0 to 1), and how many bytes have come in.
    note: told (a code of `errors`, a sentence) what a person should know.
    authorities: whom to trust: the path of a bundle, or its bytes.
    """

    check: Callable[[], None]
    progress: Callable[[float, int], None]
    note: Callable[[str, str], None]
    authorities: tuple[str | None, bytes | None] = (None, None)


QUIET = Watch(lambda: None, lambda fraction, size: None, lambda code, message: None)
"""Tells nobody."""


@dataclass(frozen=True)
class Made:
    """What a folder is now: the `version` that it shows, and whether that is new to it."""

    version: str
    changed: bool = True


@dataclass(frozen=True)
class Large:
    """One large object of a folder.

    Parameters
    ----------
    entry: to be fetched to its `path` below `TreeBackend.store`.
    paths: the files of the folder that it becomes.
    """

    entry: Entry
    paths: tuple[str, ...]


class TreeBackend(Backend):
    """Base of these backends. `root` is always the folder itself, open with hidden names."""

    store: str = ""
    """The folder below the tree that objects are fetched into."""

    @abstractmethod
    def make(self, root: Root, watch: Watch) -> Made:
        """Fill the empty folder."""

    @abstractmethod
    def renew(self, root: Root, watch: Watch, *, dry_run: bool = False) -> Made:
        """Bring the folder that holds an earlier state up to date; with `dry_run` only see whether
        it is one that could be. Raises ``exists`` for a folder of something else, ``conflict`` for
        one that somebody has changed: then it is as it was."""

    def large(self, root: Root) -> Iterator[Large]:
        """What the folder lacks yet, lazily."""
        return iter(())

    def settle(self, root: Root, watch: Watch) -> None:
        """Let objects that were fetched become files."""
        return

    def entries(self, address: str) -> Iterator[Entry]:
        """There are none."""
        raise TransferError(
            "bad_request",
            f"{self.title}: the files of a repository come together.",
            "Fetch it to a folder of this server, and go on from there.",
        )

    def locate(self, entry: Entry) -> Locator:
        """Where the bytes of a large object are."""
        raise self._cannot("fetch")
