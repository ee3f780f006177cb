"""A branch of a repository while a job sends files to it: the commit that it stood for when the job
began, and what lies there. All threads of a job share what is known of it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import TransferError
from .hub_address import COMMIT, Place
from .hub_listing import File, Folder

_OWN = ("/.git/", "/.cache/huggingface/")
"""Folders of which nothing is sent: git's own, and what the official client notes in a folder."""


@dataclass
class Known:
    """What the threads of a job know of one branch.

    Parameters
    ----------
    place: the root of the repository at the branch that is committed to.
    head: its commit, or what stands for it; None where there is no repository yet.
    request: the page of the pull request that the branch belongs to.
    tried: whether one may have been opened, and nobody knows which.
    """

    place: Place
    head: str | None = None
    asked: bool = False
    request: str | None = None
    tried: bool = False
    there: dict[str, File | Folder | None] = field(default_factory=dict)
    folders: dict[str, tuple[str, dict[str, File | Folder] | None]] = field(default_factory=dict)
    """By the paths of folders a commit and all that lies below in it; None where it is a lot."""
    modes: dict[str, Any] = field(default_factory=dict)
    """How files are sent, where the hub says that."""
    expected: dict[str, Any] = field(default_factory=dict)
    """What the store has said of files that are about to be sent, by their paths."""
    lock: threading.RLock = field(default_factory=threading.RLock)


class Branch(ABC):
    """The branch as one thread uses it.

    Parameters
    ----------
    create: whether a repository that is not there is made.
    """

    exact: ClassVar[bool] = False
    """Whether what lies at a head never becomes anything else."""

    def __init__(self, known: Known, *, create: bool) -> None:
        self.known = known
        self._create = create

    @property
    def place(self) -> Place:
        """The root of the repository at the branch."""
        return self.known.place

    @abstractmethod
    def _head_now(self) -> str | None:
        """The commit that the branch stands for; None where the repository is yet to be made."""

    @abstractmethod
    def _at(self, head: str, paths: Sequence[str]) -> Mapping[str, File | Folder]:
        """What lies at each of `paths` of the commit `head`, as far as something does."""

    @abstractmethod
    def _require_token(self) -> None:
        """Raise ``needs_credentials`` if we come as nobody."""

    @abstractmethod
    def _make(self) -> None:
        """Make the repository; one that somebody else has made meanwhile is left as it is."""

    def head(self) -> str | None:
        """The commit that the job began with; None where the repository is yet to be made."""
        known = self.known
        with known.lock:
            if not known.asked:
                known.head, known.asked = self._head_now(), True
            return known.head

    def look(self, paths: Iterable[str]) -> list[File | Folder | None]:
        """What lay at each of `paths` when the job began."""
        paths, known = list(paths), self.known
        with known.lock:
            asked = [path for path in paths if path not in known.there]
            head = self.head()
            if asked and head is not None:
                found = self._at(head, asked)
                known.there.update((path, found.get(path)) for path in asked)
            return [known.there.get(path) for path in paths]

    def renew(self) -> str:
        """The commit that the branch stands for now; what was known of another one is forgotten."""
        known = self.known
        with known.lock:
            before, known.head, known.asked = known.head, self._head_now(), True
            if not self.exact or before != known.head:
                known.there.clear()
            return self.prepare()

    def prepare(self) -> str:
        """The commit of `head`; the repository is made if it is not there. Raises what keeps us
        from writing."""
        self._require_token()
        if COMMIT.fullmatch(self.place.revision or ""):
            raise TransferError(
                "bad_request",
                "Nothing can be sent to a commit: it stays what it is.",
                "Name a branch.",
            )
        with self.known.lock:
            head = self.head()
            if head is None:
                self._make()
                self.known.asked = False
                self._create = False
                head = self.head()
            assert head is not None
            return head

    def moved(self, head: str) -> None:
        """The branch stands for the commit `head` now."""
        with self.known.lock:
            self.known.head, self.known.asked = head, True
            self.known.there.clear()


def require_name(path: str) -> None:
    """Raise ``invalid_path`` for a name that git cannot hold at the hub."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise TransferError("invalid_path", "The hub takes names in UTF-8 only.") from None


def is_own(path: str) -> bool:
    """Whether a file is git's or the official client's, and never sent."""
    return any(part in f"/{path}" for part in _OWN)
