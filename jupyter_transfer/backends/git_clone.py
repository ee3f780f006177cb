"""Clones and their updates, by git itself. A clone is never forced to anything: what somebody has
changed in it, or has committed to it, stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import TransferError
from .git_config import left_alone, require_safe
from .git_place import Place
from .git_program import Git
from .git_progress import Progress
from .tree import Made


@dataclass(frozen=True)
class Shape:
    """How much of a repository is wanted.

    Parameters
    ----------
    depth: commits of history, None for all.
    filter: what is left out until it is needed (git-rev-list(1), ``--filter``).
    sparse: the folders that are checked out, with what lies directly in those above; empty: all.
    """

    depth: int | None = None
    filter: str | None = None
    sparse: tuple[str, ...] = ()

    def flags(self) -> list[str]:
        """As flags of clone and fetch."""
        depth = [f"--depth={self.depth}"] if self.depth else []
        return depth + ([f"--filter={self.filter}"] if self.filter else [])


@dataclass(frozen=True)
class Wanted:
    """What `ref` is at the remote: its kind (``branch``, ``tag``, ``commit``) and name."""

    kind: str
    name: str


def clone(
    git: Git, url: str, wanted: Wanted, shape: Shape, progress: Progress, *, shown: str
) -> Made:
    """Clone `url` into the empty folder of `git`; its configuration will say `shown`."""
    flags = ["--no-checkout", "--template=", "--no-recurse-submodules", "--progress"]
    flags += ["--no-local", "--origin=origin", *shape.flags()]
    if wanted.kind != "commit":
        flags.append(f"--branch={wanted.name}")
    if shape.depth:
        flags.append("--single-branch")
    git.run("clone", *flags, values=[url, "."], progress=progress)
    target = wanted.name if wanted.kind == "commit" else "HEAD"
    if wanted.kind == "commit" and not _has(git, wanted.name):
        progress.next()
        _fetch(git, url, [wanted.name], shape.flags(), progress)
    if shape.sparse:
        paths = "".join(f"{path}\n" for path in shape.sparse).encode()
        git.run("sparse-checkout", "set", "--cone", "--stdin", input=paths)
    checkout = ["checkout", "--progress", "--force"]
    if wanted.kind == "commit":
        checkout += ["--detach", target]
    git.run(*checkout, progress=progress)
    if shown != url:  # what was left out was fetched from behind the redirect
        git.run("remote", "set-url", values=["origin", shown])
    return Made(commit_of(git, "HEAD"))


def _fetch(
    git: Git, url: str, refs: Sequence[str], flags: Sequence[str], progress: Progress
) -> None:
    git.run(
        "fetch",
        "--progress",
        "--no-recurse-submodules",
        "--no-write-fetch-head",
        *flags,
        values=[url, *refs],
        progress=progress,
    )


def _has(git: Git, commit: str) -> bool:
    try:
        return git.read("cat-file", "-e", f"{commit}^{{commit}}", wrong=(1, 128)) is not None
    except TransferError:
        return False


def commit_of(git: Git, name: str) -> str:
    """The id of the commit `name`, which is ours to write. Raises ``remote_refused``."""
    printed = git.read("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}") or b""
    return printed.decode().strip()


# ---- an existing clone ------------------------------------------------------------------------


def remote_of(git: Git, place: Place) -> str:
    """The name of the remote of the clone that is `place`. Raises ``exists`` where there is none,
    ``conflict`` for a clone that git must not be let loose on."""
    remote = find_remote(require_safe(git), place)
    if remote is None:
        raise TransferError(
            "exists",
            "Another repository has been cloned to this folder.",
            "Choose another folder.",
        )
    return remote


def find_remote(settings: Mapping[str, Sequence[str]], place: Place) -> str | None:
    """The name of the remote that is `place`, by the `settings` of a clone. Raises ``conflict`` for
    a clone that gets what it lacks from another address: git would call that by itself."""
    for name in _promisors(settings):
        if not all(place.is_same(url) for url in settings.get(f"remote.{name}.url", [""])):
            raise left_alone("what it lacks it gets from another address")
    for name, values in settings.items():
        if name.startswith("remote.") and name.endswith(".url"):
            remote = name.removeprefix("remote.").removesuffix(".url")
            if len(values) == 1 and place.is_same(values[0]) and not remote.startswith("-"):
                return remote
    return None


def _promisors(settings: Mapping[str, Sequence[str]]) -> set[str]:
    """Remotes that a partial clone gets from what it lacks (git-config(1), ``partialClone``)."""
    names = {
        name.removeprefix("remote.").removesuffix(".promisor")
        for name in settings
        if name.startswith("remote.") and name.endswith(".promisor")
    }
    return names | set(settings.get("extensions.partialclone", ()))


def require_clean(git: Git) -> None:
    """Raise ``conflict`` where a file that git keeps was changed, or where something was begun."""
    # Not a look into submodules: git would make it by configurations of theirs.
    flags = ["--null", "--untracked-files=no", "--ignore-submodules=all", "--no-renames"]
    changed = git.read("status", "--porcelain=v1", *flags) or b""
    first = changed.split(b"\0")[0][3:].decode("utf-8", "replace")
    if changed:
        raise TransferError(
            "conflict",
            f"Files of the clone were changed and not committed, “{first[:80]}” among them.",
            "Commit them or put them aside (“git stash”), and fetch again.",
        )


def renew(git: Git, remote: str, url: str, wanted: Wanted, progress: Progress) -> Made:
    """Fetch from `url`, and bring the branch or the commit that is checked out forward."""
    before = commit_of(git, "HEAD")
    branch = (git.read("symbolic-ref", "--quiet", "--short", "HEAD", wrong=(1,)) or b"").decode()
    branch = branch.strip()
    if wanted.kind == "branch" and branch != wanted.name:
        raise _elsewhere(branch, wanted.name)
    if wanted.kind != "branch" and branch:
        raise _elsewhere(branch, wanted.name)
    target, refspec = f"refs/remotes/{remote}/{wanted.name}", ""
    if wanted.kind == "branch":
        refspec = f"+refs/heads/{wanted.name}:{target}"
    elif wanted.kind == "tag":
        target = f"refs/tags/{wanted.name}"
        refspec = f"{target}:{target}"
    else:
        target = refspec = wanted.name
    if wanted.kind != "commit" or not _has(git, wanted.name):
        _fetch(git, url, [refspec], [], progress)
    after = commit_of(git, target)
    if after == before:
        return Made(before, changed=False)
    if wanted.kind == "branch":
        return _forward(git, before, after, progress)
    if not _is_kept(git, before):
        raise TransferError(
            "conflict",
            "The clone shows a commit of its own that no branch holds.",
            "Give it a branch (“git branch NAME”), and fetch again.",
        )
    git.run("checkout", "--progress", "--detach", after, progress=progress)
    return Made(after)


def _forward(git: Git, before: str, after: str, progress: Progress) -> Made:
    if is_ancestor(git, after, before):
        return Made(before, changed=False)  # the clone has commits that are not pushed yet
    if not is_ancestor(git, before, after):
        raise TransferError(
            "conflict",
            "The clone and its remote have both gone on, each with commits of its own.",
            "Merge or rebase in a terminal (“git pull”), then fetch again.",
        )
    git.run("merge", "--ff-only", "--no-verify", "--progress", after, progress=progress)
    return Made(after)


def is_ancestor(git: Git, older: str, newer: str) -> bool:
    """Whether `newer` follows on `older`."""
    return git.read("merge-base", "--is-ancestor", older, newer, wrong=(1,)) is not None


def _is_kept(git: Git, commit: str) -> bool:
    """Whether a branch, a tag or a branch of the remote holds `commit`."""
    return bool(git.read("for-each-ref", "--count=1", f"--contains={commit}"))


def _elsewhere(branch: str, wanted: str) -> TransferError:
    here = f"the branch “{branch[:60]}”" if branch else "a single commit"
    return TransferError(
        "conflict",
        f"The clone shows {here}, and not “{wanted[:60]}”.",
        "Check that out in the clone first, or fetch to another folder.",
    )
