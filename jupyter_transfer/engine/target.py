"""Where a file lands, and what to do when something stands there already."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..backends.base import Digest, Validators
from ..errors import TransferError
from ..names import CONFLICTS, Conflict, join_path, safe_name, shorten_name, split_path
from ..paths import Root
from .plan import Remote

Row = Mapping[str, Any]
"""What an earlier job delivered: path, source, size, mtime_ns, digest, validators."""


@dataclass(frozen=True)
class Decision:
    """What to do about a file: ``fetch`` it to `path` under the policy `conflict`, or nothing,
    because it is ``present`` or its name is taken and has to be left alone (``skipped``)."""

    act: Literal["fetch", "present", "skipped"]
    path: str
    conflict: Conflict = "fail"


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
        delivered: Iterable[Row] = (),
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
        self._delivered = {row["path"]: row for row in delivered if row["source"] == source}

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

    def path_of_many(self, entry: str) -> str:
        """Where one of many files lands: at `entry`, a path that the remote side proposes, below
        the destination. Raises as `path_of_one`; ``invalid_path`` also for a path that leads
        anywhere else."""
        path = self._root.parse(self._destination, new=True)
        relative = self._root.parse(entry, new=True)
        if not relative:
            raise TransferError("invalid_path", "A file of the source has no name.")
        return join_path(path, relative)

    def decide(self, path: str, remote: Remote) -> Decision:
        """What to do about the file `remote` that lands at `path`.

        Raises ``exists`` where the policy says so, ``is_a_directory``.
        """
        for candidate in self._candidates(path):
            if self._is_present(candidate, remote):
                return Decision("present", candidate)
        if not self._root.exists(path):
            return Decision("fetch", path, self._conflict or "fail")
        if self._is_folder(path):
            raise TransferError("is_a_directory", f"“{path}” is a folder.")
        if self._conflict == "skip":
            return Decision("skipped", path)
        if self._conflict in ("rename", "overwrite"):
            return Decision("fetch", path, self._conflict)
        if self._conflict is None and self._untouched(path):
            return Decision("fetch", path, "overwrite")
        raise TransferError("exists", f"“{path}” is there already.", detail={"path": path})

    def _candidates(self, path: str) -> list[str]:
        """Where an earlier run may have put this file: under ``rename`` also beside it."""
        if self._conflict != "rename":
            return [path]
        folder, name = split_path(path)
        stem = shorten_name(name).rpartition(".")[0] or name
        beside = (
            other
            for other in self._delivered
            if split_path(other)[0] == folder and split_path(other)[1].startswith(stem)
        )
        return [path, *beside]

    def _is_present(self, path: str, remote: Remote) -> bool:
        """Whether what stands at `path` is this very file, delivered earlier."""
        row = self._delivered.get(path)
        if row is None or not self._untouched(path):
            return False
        if remote.size is not None and remote.size != row["size"]:
            return False
        known = Validators.from_dict(row["validators"])
        if known.contradicts(remote.validators):
            return False
        proof = remote.proof
        if proof is not None and row["digest"] is not None:
            algorithm, _, value = row["digest"].partition(":")
            if algorithm == proof.algorithm:
                return Digest(algorithm, value) == proof
        return remote.digest is None and known.proves(remote.validators)

    def _untouched(self, path: str) -> bool:
        """Whether what stands at `path` is what we delivered, as far as size and time tell."""
        row = self._delivered.get(path)
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
