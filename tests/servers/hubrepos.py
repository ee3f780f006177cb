"""Repositories as the hub of Hugging Face keeps them: commits of files, named by refs; large ones
lie in a store of their own (git LFS), by the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property

from .xet import Cas

LFS_SUFFIXES = (".bin", ".safetensors", ".parquet")
"""As the ``.gitattributes`` of new repositories have them."""

LFS_FROM = 10 << 20
"""Bytes from which on the hub takes a file by LFS only."""


def git_blob_sha1(data: bytes) -> str:
    """The name of `data` as a blob of git (gitformat-pack: "blob <size>\\0<bytes>")."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class Blob:
    """One file of a commit.

    Parameters
    ----------
    xet: the hash that Xet has for it, if Xet holds it.
    plain: whether there is an address beside it, at which it is one piece.
    """

    data: bytes
    lfs: bool
    xet: str | None = None
    plain: bool = True

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def md5(self) -> str:
        return hashlib.md5(self.data).hexdigest()

    @cached_property
    def pointer(self) -> bytes:
        """What git keeps of it (git-lfs specification, "The Pointer")."""
        lines = ["version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}"]
        return "\n".join([*lines, f"size {len(self.data)}", ""]).encode()

    @cached_property
    def oid(self) -> str:
        """The blob of git: of an LFS file that of its pointer."""
        return git_blob_sha1(self.pointer if self.lfs else self.data)

    @property
    def etag(self) -> str:
        """By what clients know it."""
        return self.sha256 if self.lfs else self.oid

    def described(self, path: str) -> dict[str, object]:
        """Its row in the answer to ``tree``."""
        row = {"type": "file", "oid": self.oid, "size": len(self.data), "path": path}
        if self.lfs:
            row["lfs"] = {
                "oid": self.sha256,
                "size": len(self.data),
                "pointerSize": len(self.pointer),
            }
        if self.xet:
            row["xetHash"] = self.xet
        return row


Tree = dict[str, Blob]


@dataclass
class Repo:
    """One repository.

    Parameters
    ----------
    kind: ``models``, ``datasets`` or ``spaces``.
    members: who may see it, if it is `private`, and write to it.
    gated: False, ``auto`` or ``manual``; then only who is in `granted` gets files.
    """

    kind: str
    id: str
    private: bool = False
    gated: bool | str = False
    members: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    card: dict[str, object] = field(default_factory=dict)
    commits: dict[str, Tree] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    """What the commits are called that clients have made."""
    lfs: bool | None = None
    """Whether all files that clients send are to come by LFS, or none; None goes by the name."""
    requests: int = 0
    """Pull requests."""
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def commit(
        self,
        files: Mapping[str, bytes | None],
        revision: str = "main",
        *,
        lfs: bool | None = None,
        anew: bool = False,
        cas: Cas | None = None,
        plain: bool = True,
    ) -> str:
        """Add, replace or (None) remove `files`; the new commit. `lfs` None goes by the name;
        `anew` begins with an empty tree; `cas` is the store of Xet that holds those in LFS."""
        tree = {} if anew else dict(self.commits.get(self.refs.get(revision, ""), {}))
        for path, data in files.items():
            if data is None:
                tree.pop(path)
            else:
                large = path.endswith(LFS_SUFFIXES) or len(data) >= LFS_FROM
                in_lfs = large if lfs is None else lfs
                xet = cas.put(data) if cas is not None and in_lfs else None
                tree[path] = Blob(data, in_lfs, xet, plain or xet is None)
        return self.add(tree, revision)

    def add(self, tree: Tree, revision: str = "main") -> str:
        """A new commit of exactly `tree`."""
        named = f"{self.kind}/{self.id} {next(self.numbers)}".encode()
        sha = hashlib.sha1(named + repr(sorted(tree)).encode()).hexdigest()
        self.commits[sha] = tree
        self.dates[sha] = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.refs[revision] = sha
        return sha

    def squash(self, revision: str = "main") -> str:
        """Rewrite history (``super_squash_history``, or a forced push): one new commit of what is
        there; those before it are gone."""
        tree = self.commits[self.refs[revision]]
        sha = self.commit({}, revision)
        self.commits = {sha: tree}
        self.refs = {revision: sha}
        return sha

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, a tag or the name of a commit stands for."""
        return self.refs.get(revision) or (revision if revision in self.commits else None)

    def listed(self, sha: str, folder: str, *, recursive: bool) -> list[dict[str, object]] | None:
        """The answer to ``tree``; None where there is no such folder."""
        prefix = f"{folder}/" if folder else ""
        rows: list[dict[str, object]] = []
        folders: set[str] = set()
        for path, blob in sorted(self.commits[sha].items()):
            if not path.startswith(prefix):
                continue
            above = path[len(prefix) :].split("/")[:-1]
            for depth in range(1, len(above) + 1 if recursive else min(len(above), 1) + 1):
                name = prefix + "/".join(above[:depth])
                if name not in folders:
                    folders.add(name)
                    rows.append(folder_row(name))
            if recursive or not above:
                rows.append(blob.described(path))
        return rows if rows or not folder else None

    def one(self, sha: str, path: str) -> dict[str, object] | None:
        """The answer to ``paths-info`` for one path."""
        tree = self.commits[sha]
        if path in tree:
            return tree[path].described(path)
        if any(name.startswith(f"{path}/") for name in tree):
            return folder_row(path)
        return None


def folder_row(path: str) -> dict[str, object]:
    """The row of a folder in the answer to ``tree``."""
    oid = hashlib.sha1(path.encode("utf-8", "surrogateescape")).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path}
