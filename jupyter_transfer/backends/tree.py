"""Backends whose sources are one folder that a program of their own makes, such as a repository.

The engine gives the folder, which has no name yet or is an earlier one of the same source, and
publishes it; what of it is large the backend lists as entries, which the engine fetches like all
others (`jupyter_transfer.engine.treerun`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

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


@dataclass(frozen=True)
class Change:
    """A file of a folder that is another one than at the remote, or than in the last version:
    ``copy`` where it is new, ``replace``, ``delete``; bytes of what is sent or deleted."""

    action: Literal["copy", "replace", "delete"]
    path: str
    size: int | None = None


@dataclass(frozen=True)
class Bundle:
    """What of a folder its remote has not got.

    Parameters
    ----------
    version: what the folder shows, or would after the versions that are still to be made.
    before: what the remote shows; empty where it has nothing of that name.
    name: under which it goes there.
    versions: what is to be sent, newest first, at most `SHOWN` of `count`: as the contract's JSON.
    changes: the files that differ then.
    objects: large ones that the versions name; the remote may have some.
    pending: whether a version is to be made first, from files that were changed.
    """

    version: str
    before: str
    name: str
    versions: Sequence[Mapping[str, Any]]
    count: int
    changes: Sequence[Change]
    objects: Sequence[Large]
    pending: bool = False


SHOWN = 50


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

    # -- sending: those that `can` --

    def status(self, root: Root) -> dict[str, Any]:
        """What the folder shows, and which of its files were changed since: plain JSON, by the
        names in docs/architecture.md. Asks nobody."""
        raise self._cannot("send")

    def bundle(self, root: Root, watch: Watch, *, pending: bool = True) -> Bundle:
        """What there is to send; with `pending` also what the job is to make a version of first.
        Raises ``conflict``, ``remote_forbidden`` … where that cannot be."""
        raise self._cannot("send")

    def record(self, root: Root, watch: Watch) -> str | None:
        """Make a version of the files that the job names; None where none of them was changed."""
        raise self._cannot("send")

    def lacking(self, root: Root, bundle: Bundle) -> list[Large]:
        """The large objects that the remote lacks: the `address` of each is a sink's."""
        return []

    def deliver(self, root: Root, bundle: Bundle, watch: Watch) -> None:
        """Send it; all large objects are there. Nothing at the remote is ever forced."""
        raise self._cannot("send")
