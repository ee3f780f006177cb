"""What a clone shows, and what was changed in it since: read by ``git status``, which looks into no
submodule and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import TransferError
from .git_program import Git

MOST = 1000
"""Changed files that are told of."""

ALL = "."
"""The path of everything."""

_UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
}

Kind = Literal["added", "modified", "deleted", "untracked", "conflicted"]


@dataclass(frozen=True)
class Changed:
    """A file that is another one than in the last commit; bytes of what lies there now. `link` is
    whether it is no regular file."""

    path: str
    kind: Kind
    size: int | None = None


@dataclass
class Status:
    """What a clone shows.

    Parameters
    ----------
    branch: None where a single commit is checked out.
    commit: empty where nothing was committed yet.
    busy: what was begun and not finished in it, such as ``merge``.
    more: whether there are more changes than `MOST`.
    """

    branch: str | None = None
    commit: str = ""
    busy: str | None = None
    changes: list[Changed] = field(default_factory=list)
    more: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON."""
        changes = [{"path": one.path, "kind": one.kind, "size": one.size} for one in self.changes]
        return {
            "branch": self.branch,
            "commit": self.commit or None,
            "busy": self.busy,
            "changes": changes,
            "more": self.more,
        }


def status_of(git: Git, paths: Sequence[str] = (ALL,), most: int = MOST) -> Status:
    """The status of the clone, which must be one that git may be let loose on; of the changes
    those of `paths` only, for none of those files that git keeps already."""
    status = Status()
    untracked = "all" if paths else "no"
    flags = ["--porcelain=v2", "--branch", f"--untracked-files={untracked}", "--no-renames", "-z"]
    # Not a look into submodules: git would make it by configurations of theirs.
    flags += ["--ignore-submodules=all", "--no-ahead-behind"]
    values = None if ALL in paths or not paths else paths
    for line in git.acting({}, ()).pieces("status", *flags, values=values, end=b"\0"):
        if line.startswith(b"# branch."):
            _head(status, line.decode("utf-8", "surrogateescape"))
        elif (one := _changed(git, line)) is not None:
            if len(status.changes) >= most:
                status.more = True
                break
            status.changes.append(one)
    status.busy = next(_under_way(git), None)
    return status


def _head(status: Status, line: str) -> None:
    _, name, value = line.split(" ", 2)
    if name == "branch.oid" and value != "(initial)":
        status.commit = value
    elif name == "branch.head" and value != "(detached)":
        status.branch = value


def _changed(git: Git, line: bytes) -> Changed | None:
    """One entry (git-status(1), "Porcelain Format Version 2"); None for what is no file of the
    repository's own."""
    sort = line[:1]
    fields = {b"1": 8, b"u": 10, b"?": 1}.get(sort)
    if fields is None:
        return None
    parts = line.split(b" ", fields)
    path = parts[-1].decode("utf-8", "surrogateescape")
    if path.endswith("/") or (sort != b"?" and parts[2][:1] == b"S"):
        return None  # a repository within this one
    size = _size(git, path)
    if sort == b"u":
        return Changed(path, "conflicted", size)
    if sort == b"?":
        return Changed(path, "untracked", size)
    if size is None:
        return Changed(path, "deleted")
    return Changed(path, "added" if parts[1][:1] == b"A" else "modified", size)


def _size(git: Git, path: str) -> int | None:
    """Bytes; None where nothing is."""
    with suppress(TransferError):
        return git.root.lstat(path).st_size
    return None


def _under_way(git: Git) -> Iterator[str]:
    return (what for name, what in _UNDER_WAY.items() if git.root.exists(f".git/{name}"))
