"""Pushing: what the remote of a clone has not got, and how it gets there. Only commits that
follow on those that the remote shows; nothing is ever forced.

git moves the commits; the objects of LFS that they name are moved by the engine before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..errors import TransferError
from ..paths import Root
from . import git_clone, git_commit, git_lfs, git_lfs_send, git_refs
from .base import Ability
from .git_ahead import Ahead
from .git_config import require_safe
from .git_place import address_of, is_commit
from .git_program import Git
from .git_progress import Progress
from .git_remote import GitRemote
from .git_status import Changed, Status, status_of
from .sink import Sink, SourceFile
from .tree import Bundle, Large, Watch

_SETTINGS = ("push.pushOption=", "push.negotiate=false")


class GitPush(GitRemote):
    """What a clone sends to its remote."""

    can: frozenset[Ability] = frozenset({"fetch", "send"})  # type: ignore[misc]

    def status(self, root: Root) -> dict[str, Any]:
        """See `TreeBackend`: with the `remotes` of the clone, whose addresses a push may have."""
        _require_clone(root)
        git = self._local(root)
        settings = require_safe(git)
        status = status_of(git)
        remotes = [
            {"name": name.removeprefix("remote.").removesuffix(".url"), "address": address}
            for name, values in settings.items()
            if name.startswith("remote.") and name.endswith(".url") and len(values) == 1
            if (address := address_of(values[0])) is not None
        ]
        remotes.sort(key=lambda remote: remote["name"] != "origin")
        status.changes = [
            one for one in status.changes if git_commit.is_offered(one, hidden=self.context.hidden)
        ]
        found = {**status.as_dict(), "remotes": remotes, "ahead": None, "behind": None}
        found["identity"] = self._identity(settings)
        upstream = _upstream(settings, status.branch)
        if status.commit and upstream is not None:
            found |= dict(zip(("ahead", "behind"), _distance(git, upstream), strict=True))
        return found

    def _identity(self, settings: dict[str, list[str]]) -> dict[str, str] | None:
        try:
            who = git_commit.identity(settings, ambient=self.context.ambient)
        except TransferError:
            return None
        return {"name": who["GIT_AUTHOR_NAME"], "email": who["GIT_AUTHOR_EMAIL"]}

    # -- what there is to push --

    def bundle(self, root: Root, watch: Watch, *, pending: bool = True) -> Bundle:
        """See `TreeBackend`."""
        message, paths = self._commit_options()
        _require_clone(root)
        with self._pushing(root, watch) as (git, _):
            self._remote(git)
            status = status_of(git, paths)
            branch = self._branch(status)
            changed = []
            if message and pending:
                changed = self._chosen(root, status, paths)
                if changed:
                    git_commit.identity(require_safe(git), ambient=self.context.ambient)
            refs, _, _ = self._look()
            ahead = Ahead(git, status, refs, branch)
            ahead.require_forward(pending=bool(changed))
            return ahead.bundle(changed)

    def record(self, root: Root, watch: Watch) -> str | None:
        """See `TreeBackend`: a commit."""
        message, paths = self._commit_options()
        if not message:
            return None
        git = self._local(root)
        require_safe(git)
        status = status_of(git, paths)
        self._branch(status)
        changed = self._chosen(root, status, paths)
        if not changed:
            return None
        return git_commit.commit(git, changed, message, ambient=self.context.ambient)

    def _chosen(self, root: Root, status: Status, paths: Sequence[str]) -> list[Changed]:
        return git_commit.chosen(status, paths, root.exists, hidden=self.context.hidden)

    def _commit_options(self) -> tuple[str, list[str]]:
        message, paths = (self.option(name) or "" for name in ("commit_message", "paths"))
        if "\0" in message:
            raise TransferError("bad_request", "The message of the commit holds a NUL.")
        if paths.strip() and not message.strip():
            raise TransferError(
                "bad_request",
                "Files are to be committed, and the message is missing.",
                "Give the option “commit_message”.",
            )
        return message.strip(), git_commit.paths_of(paths)

    def _branch(self, status: Status) -> str:
        """The branch of the remote that is pushed to: that of the address, or that which the clone
        shows. Raises ``conflict``, ``bad_request``."""
        if status.branch is None:
            raise TransferError(
                "conflict",
                "The clone shows a single commit and no branch (“detached HEAD”).",
                "Give it a branch in a terminal (“git switch -c NAME”), and send again.",
            )
        ref = self._look()[1].ref
        if ref is not None and (is_commit(ref) or ref.startswith("refs/tags/")):
            raise TransferError(
                "bad_request",
                "Only to a branch can be pushed.",
                "Put the name of a branch behind the “@”, or nothing.",
            )
        return (ref or status.branch).removeprefix("refs/heads/")

    def _remote(self, git: Git) -> str:
        """The remote of the clone that is the address of the job. Raises ``conflict``."""
        remote = git_clone.find_remote(require_safe(git), self._parsed(self._address))
        if remote is None:
            raise TransferError(
                "conflict",
                "The clone has no remote of this address.",
                "Use the address of one (“git remote -v”), or add it (“git remote add”).",
            )
        return remote

    # -- its large objects --

    def lacking(self, root: Root, bundle: Bundle) -> list[Large]:
        """See `TreeBackend`: by the batch API, many at a time."""
        if not bundle.objects:
            return []
        entries = [one.entry for one in bundle.objects]
        uploads = self._uploads(root, bundle.name)
        wanted = uploads.ask(self.caller, entries)
        return [one for one in bundle.objects if one.entry.address in wanted]

    def _uploads(self, root: Root, branch: str) -> git_lfs_send.Uploads:
        """The LFS server, as all lanes of the job see it."""
        stated = git_lfs.stated(self._local(root))
        _, place, _ = self._look()
        if stated is not None and stated.host != place.url.host:
            raise TransferError(
                "remote_refused",
                f"The clone says that its large files go to another host, “{stated.host}”.",
                "If you trust it, push them in a terminal (“git lfs push”), and send again.",
            )
        url, headers = self._lfs_server(stated, "upload")
        uploads = git_lfs_send.Uploads(url, headers, branch)
        self.context.shared[git_lfs_send.Uploads] = uploads
        return uploads

    def is_free(self, address: str) -> bool:
        """An object of LFS: what the server has is asked for by `lacking`."""
        return address.startswith("lfs:")

    def sink(self, address: str, source: SourceFile) -> Sink:
        """Where an object of LFS goes."""
        uploads = self.context.shared.get(git_lfs_send.Uploads)
        if uploads is None or not address.startswith("lfs:"):
            raise self._cannot("send")
        return git_lfs_send.LfsSink(uploads, self.caller, address, source.size)

    # -- the push --

    def deliver(self, root: Root, bundle: Bundle, watch: Watch) -> None:
        """See `TreeBackend`."""
        if bundle.version == bundle.before:
            return
        progress = Progress(watch.progress)
        with self._pushing(root, watch) as (git, _):
            _, place, _ = self._look()
            remote = self._remote(git)
            git.allow(_SETTINGS)
            git.run(
                "push",
                "--progress",
                "--no-verify",
                "--no-signed",
                "--no-follow-tags",
                "--no-force",
                "--recurse-submodules=no",
                values=[place.text(self._user()), f"{bundle.version}:refs/heads/{bundle.name}"],
                progress=progress,
            )
            _follow(git, remote, bundle)

    def _pushing(self, root: Root, watch: Watch) -> Any:
        if self._service != git_refs.PUSH:
            self._service, self._found = git_refs.PUSH, None
        return self._git(root, watch)


def _require_clone(root: Root) -> None:
    if not root.exists(".git"):
        raise TransferError(
            "conflict",
            "This folder is no clone of a repository, and only a clone can be pushed.",
            "Choose the folder that holds “.git”.",
        )


def _upstream(settings: dict[str, list[str]], branch: str | None) -> str | None:
    """What the clone knows of the branch that `branch` follows."""
    remote = settings.get(f"branch.{branch}.remote", [""])[-1]
    merged = settings.get(f"branch.{branch}.merge", [""])[-1]
    if not remote or not merged.startswith("refs/heads/"):
        return None
    return f"refs/remotes/{remote}/{merged.removeprefix('refs/heads/')}"


def _distance(git: Git, upstream: str) -> tuple[int | None, int | None]:
    """Commits that only the clone has, and those that only its remote has, as far as the clone
    knows."""
    if not git.read("for-each-ref", "--count=1", upstream):
        return None, None
    printed = git.read("rev-list", "--count", "--left-right", f"HEAD...{upstream}", "--") or b""
    ahead, behind = printed.split()
    return int(ahead), int(behind)


def _follow(git: Git, remote: str, bundle: Bundle) -> None:
    """Let the clone know what its remote shows now, as a push to a remote by its name does."""
    with suppress(TransferError):
        name = f"refs/remotes/{remote}/{bundle.name}"
        git.read("update-ref", "-m", "update by push", name, bundle.version)
