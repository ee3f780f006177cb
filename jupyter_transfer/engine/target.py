"""Where a file lands, and what to do when something stands there already."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from ..backends.base import Digest, Entry, Validators
from ..errors import TransferError
from ..names import CONFLICTS, Conflict, alternative_names, join_path, safe_name, split_path
from ..paths import Root
from .delivered import Delivered, Row

__all__ = ["Decision", "Delivered", "Described", "Listed", "Row", "Targets", "matches"]


class Described(Protocol):
    """A file as far as it is known; a `Remote`, or what a listing states."""

    @property
    def size(self) -> int | None:
        """Bytes."""

    @property
    def validators(self) -> Validators:
        """What tells its states apart."""

    @property
    def digest(self) -> Digest | None:
        """What the person or the backend says of its bytes."""

    @property
    def proof(self) -> Digest | None:
        """The digest that its bytes must have."""

    @property
    def presumed(self) -> bool:
        """Whether that is only presumed; see `Locator`."""


@dataclass(frozen=True)
class Listed:
    """What a listing states of an entry."""

    size: int | None
    validators: Validators
    digest: Digest | None
    presumed: bool = False

    @classmethod
    def of(cls, entry: Entry) -> Listed:
        """What is stated of `entry`."""
        return cls(entry.size, entry.validators, entry.digest)

    @property
    def proof(self) -> Digest | None:
        """See `Described`."""
        return self.digest


@dataclass(frozen=True)
class Decision:
    """What to do about a file: ``fetch`` it to `path` under the policy `conflict`, or nothing,
    because it is ``present`` or its name is taken and has to be left alone (``skipped``), or
    ``ask`` the remote side whether it is still the one that `row` tells of."""

    act: Literal["fetch", "present", "skipped", "ask"]
    path: str
    conflict: Conflict = "fail"
    row: Row | None = None


class Targets:
    """The names for the files of one job.

    Parameters
    ----------
    destination: the job's, below the root; "" is the root itself.
    conflict: the policy that the person chose; None replaces what we delivered ourselves from the
        same source and has not been changed since, and fails for anything else.
    source: the job's source.
    delivered: what earlier jobs delivered from it.
    """

    def __init__(
        self,
        root: Root,
        destination: str,
        conflict: str | None,
        source: str,
        delivered: Delivered | Iterable[Row] = (),
    ) -> None:
        if conflict is not None and conflict not in CONFLICTS:
            raise TransferError(
                "bad_request",
                "The option “conflict” has an unknown value.",
                f"Use one of: {', '.join(CONFLICTS)}.",
            )
        self._root = root
        self._destination = destination
        self._conflict: Conflict | None = next((c for c in CONFLICTS if c == conflict), None)
        self.delivered = Delivered.of(source, delivered)

    def folder_of_one(self) -> str:
        """The folder in which the only file of a job lands; known before its name is."""
        path, into = self._place()
        return path if into else split_path(path)[0]

    def _place(self) -> tuple[str, bool]:
        """The destination as a normal path, and whether the file lands *in* it."""
        path = self._root.parse(self._destination, new=True)
        return path, not path or self._destination.endswith("/") or self._is_folder(path)

    def path_of_one(self, name: str, *, chosen: bool = False) -> str:
        """Where the only file of a job lands: at the destination, or in it when that is a folder,
        ends in ``/`` or is empty. A name that the person has `chosen` is taken as it is or
        refused; one that the remote side proposes is made safe.

        Raises ``invalid_path``, ``hidden_path``, ``not_a_directory``.
        """
        path, into = self._place()
        if not into:
            return path
        if chosen and "/" in name:
            raise TransferError("invalid_path", "A file name cannot hold a slash.")
        name = name if chosen else safe_name(name)
        return self._root.parse(join_path(path, name), new=True)

    def folder_of_many(self, name: str) -> str:
        """The folder into which many files go: the destination, or, without one, a folder with
        the `name` of the source below the root (“.” is the root). Raises as `path_of_one`."""
        return self._root.parse(self._destination or safe_name(name), new=True)

    def path_of_many(self, folder: str, entry: str) -> str:
        """Where one of many files lands: at `entry`, a path that the remote side proposes, below
        `folder`. Raises as `path_of_one`; ``invalid_path`` also for a path that leads anywhere
        else."""
        relative = self._root.parse(entry, new=True)
        if not relative or entry.endswith("/"):
            raise TransferError("invalid_path", "A file of the source has no name.")
        return join_path(folder, relative)

    def decide(self, path: str, remote: Described, *, ask: bool = False) -> Decision:
        """What to do about the file `remote` that lands at `path`. With `ask`, more can be learned
        of it where what is known does not decide.

        Raises ``exists`` where the policy says so, ``is_a_directory``.
        """
        for candidate in self._candidates(path):
            row = self.delivered.get(candidate)
            if row is None or not self._untouched(candidate, row):
                continue
            verdict = matches(row, remote)
            if verdict:
                return Decision("present", candidate, row=row)
            if verdict is None and ask:
                return Decision("ask", candidate, row=row)
        if not self._root.exists(path):
            return Decision("fetch", path, self._conflict or "fail")
        if self._is_folder(path):
            raise TransferError("is_a_directory", f"“{path}” is a folder.")
        if self._conflict == "skip":
            return Decision("skipped", path)
        if self._conflict in ("rename", "overwrite"):
            return Decision("fetch", path, self._conflict)
        if self._conflict is None and self._untouched(path, self.delivered.get(path)):
            return Decision("fetch", path, "overwrite")
        raise TransferError("exists", f"“{path}” is there already.", detail={"path": path})

    @property
    def renames(self) -> bool:
        """Whether a file whose name is taken gets another one."""
        return self._conflict == "rename"

    def twin(self, path: str) -> Decision:
        """What to do about a second file of the source that lands at `path`, to this disk: never
        replace the first. Raises ``exists`` unless such files are to be skipped."""
        if self._conflict == "skip":
            return Decision("skipped", path)
        raise TransferError(
            "exists",
            f"“{path}” has the same name, to this disk, as another file of the source.",
            "Fetch one of the two alone, or use the conflict policy “rename”.",
            detail={"path": path, "twin": True},
        )

    def _candidates(self, path: str) -> Iterator[str]:
        """Where an earlier run may have put this file: under ``rename`` also beside it."""
        yield path
        if self._conflict != "rename" or not len(self.delivered):
            return
        folder, name = split_path(path)
        others = (join_path(folder, other) for other in alternative_names(name))
        for other in others:
            if not self._root.exists(other):
                return
            if other != path:
                yield other

    def _untouched(self, path: str, row: Row | None) -> bool:
        """Whether what stands at `path` is what `row` says we delivered, as far as size and time
        tell."""
        if row is None:
            return False
        try:
            status = self._root.lstat(path)
        except TransferError:
            return False
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_size == row["size"]
            and status.st_mtime_ns == row["mtime_ns"]
        )

    def _is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._root.stat(path).st_mode)
        except TransferError as error:
            if error.code in ("not_found", "not_a_directory"):
                return False
            raise


def matches(row: Row, remote: Described) -> bool | None:
    """Whether `remote` is the very file that `row` tells of; None when that cannot be told."""
    known = Validators.from_dict(row["validators"])
    if remote.size not in (None, row["size"]) or known.contradicts(remote.validators):
        return False
    proof = remote.proof
    if proof is not None and row["digest"] is not None:
        algorithm, _, value = row["digest"].partition(":")
        if algorithm == proof.algorithm and not remote.presumed:
            return Digest(algorithm, value) == proof
    if row.get("sure"):
        return True
    if (remote.digest is None or remote.presumed) and known.proves(remote.validators):
        return True
    return None
