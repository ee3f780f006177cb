"""What a clone has that a branch of its remote has not: commits, the files that differ, objects of
LFS. What the remote shows is known from its refs; nothing is fetched for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import TransferError
from ..spec import iso_time
from . import git_commit, git_lfs
from .git_clone import is_ancestor
from .git_program import Git
from .git_refs import Refs
from .git_status import Changed, Status
from .tree import SHOWN, Bundle, Change, Large

_HEADS = "refs/heads/"

_LATER = "after the commit"
"""The version that a commit will make, which has no id yet."""


class Ahead:
    """A clone in the state `status`, compared with the branch `branch` of a remote that shows
    `refs`."""

    def __init__(self, git: Git, status: Status, refs: Refs, branch: str) -> None:
        self._git = git
        self._head = status.commit
        self._branch = branch
        self._there = refs.commits.get(_HEADS + branch, "")
        self._known = _known(git, [self._there])
        if not self._there:
            shown = {id for name, id in refs.commits.items() if name.startswith("refs/")}
            self._known = _known(git, sorted(shown))

    def require_forward(self, *, pending: bool) -> None:
        """Raise ``conflict`` where the branch has commits that the clone's do not follow on; with
        `pending` also where those that the clone has would have to go on from them."""
        if not self._head and not pending:
            raise TransferError(
                "conflict",
                "Nothing was committed to this clone yet.",
                "Give the option “commit_message” to commit files first.",
            )
        if not self._there or self._there == self._head:
            return
        if self._there not in self._known:
            raise TransferError(
                "conflict",
                f"The branch “{self._branch[:60]}” has commits that the clone does not have.",
                "Bring the clone up to date (fetch it again from its address, or “git pull”), then "
                "send again. Nothing is ever forced.",
            )
        if self._head and is_ancestor(self._git, self._there, self._head):
            return
        if self._head and is_ancestor(self._git, self._head, self._there) and not pending:
            return
        raise TransferError(
            "conflict",
            f"The clone and the branch “{self._branch[:60]}” have both gone on, each with commits "
            "of its own.",
            "Merge or rebase in a terminal (“git pull --rebase”), then send again. Nothing is ever "
            "forced.",
        )

    @property
    def _is_behind(self) -> bool:
        """Whether the branch has all that the clone has, and more."""
        return (
            self._there in self._known
            and self._there != self._head
            and bool(self._head)
            and is_ancestor(self._git, self._head, self._there)
        )

    def bundle(self, pending: Sequence[Changed]) -> Bundle:
        """What is to be sent, after a commit of `pending`."""
        if self._is_behind:
            return Bundle(self._there, self._there, self._branch, (), 0, (), ())
        count, versions, objects = 0, [], []
        changes: dict[str, Change] = {}
        if self._head and self._head != self._there:
            count = int(self._list("rev-list", "--count", "--stdin"))
            versions = list(self._commits())
            objects = self._objects()
            changes = {one.path: one for one in self._changes()}
        for one in pending:
            _add(changes, git_commit.as_change(one))
        return Bundle(
            _LATER if pending else self._head,
            self._there,
            self._branch,
            versions,
            count,
            [changes[path] for path in sorted(changes)],
            objects + self._pending_objects(pending),
            pending=bool(pending),
        )

    def _list(self, *arguments: str) -> bytes:
        """What git prints of the commits that the remote lacks."""
        asked = "".join(f"{id}\n" for id in [self._head, *(f"^{id}" for id in self._known)])
        return self._git.read(*arguments, input=asked.encode()) or b""

    def _commits(self) -> Iterator[Mapping[str, Any]]:
        shape = "--format=%H%x00%ct%x00%an%x00%s"
        flags = ["-z", "--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap"]
        data = self._list("log", shape, *flags, "--no-patch", f"--max-count={SHOWN}", "--stdin")
        fields = iter(data.decode("utf-8", "replace").split("\0"))
        for id, seconds, author, subject in zip(fields, fields, fields, fields, strict=False):
            when = iso_time(float(seconds))
            yield {"commit": id, "date": when, "author": author[:100], "subject": subject[:200]}

    def _base(self) -> str:
        """What the files are compared with: the branch, else where its commits go on from."""
        if self._there:
            return self._there
        printed = self._list("rev-list", "--boundary", "--stdin").decode().split()
        edges = [one.removeprefix("-") for one in printed if one.startswith("-")]
        if len(edges) == 1:
            return edges[0]
        return (self._git.read("hash-object", "-t", "tree", "--stdin", input=b"") or b"").decode()

    def _changes(self) -> Iterator[Change]:
        flags = [
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-abbrev",
        ]
        ends = [self._base().strip(), self._head]
        data = self._git.read("diff-tree", *flags, *ends, "--") or b""
        fields = iter(data.split(b"\0"))
        found = [
            (what.split(), path.decode("utf-8", "surrogateescape"))
            for what, path in zip(fields, fields, strict=False)
        ]
        found = [one for one in found if one[0][1] != b"160000"]
        sizes = git_lfs.sizes_of(self._git, [what[3] for what, _ in found if what[4] != b"D"])
        for what, path in found:
            if what[4] == b"D":
                yield Change("delete", path)
            else:
                action = "copy" if what[4] == b"A" else "replace"
                yield Change(action, path, sizes.get(what[3]))  # type: ignore[arg-type]

    def _objects(self) -> list[Large]:
        """The objects of LFS that the commits name."""
        lines = self._list("rev-list", "--objects", "--no-object-names", "--stdin").split()
        return [
            git_lfs.as_large(git_lfs.Object(oid, size, ()))
            for oid, size in dict(git_lfs.pointers_among(self._git, lines)).items()
        ]

    def _pending_objects(self, pending: Sequence[Changed]) -> list[Large]:
        """Those that the commit of `pending` will make, whose ids nobody knows yet."""
        files = {one.path.encode("utf-8", "surrogateescape"): one for one in pending if one.size}
        kept = git_lfs.kept_by_lfs(self._git, list(files))
        return [
            git_lfs.as_large(git_lfs.Object("", one.size or 0, (one.path,)))
            for path, one in files.items()
            if path in kept
        ]


def _known(git: Git, ids: Sequence[str]) -> list[str]:
    """Those of `ids` that are commits of the clone."""
    asked = "".join(f"{id}\n" for id in ids if id).encode()
    if not asked:
        return []
    lines = git.pieces("cat-file", "--batch-check", end=b"\n", input=asked)
    return [line.split()[0].decode() for line in lines if b" commit " in line]


def _add(changes: dict[str, Change], later: Change) -> None:
    """Let `later` come on top of what differs already."""
    before = changes.pop(later.path, None)
    if before is not None and before.action == "copy":  # the remote has no such file
        if later.action != "delete":
            changes[later.path] = Change("copy", later.path, later.size)
    elif before is not None and before.action == "delete" and later.action == "copy":
        changes[later.path] = Change("replace", later.path, later.size)
    else:
        changes[later.path] = later
