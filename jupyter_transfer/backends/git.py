"""Repositories of git: cloned whole, or brought up to date where a clone of them is there; and what
was committed to a clone pushed.

``git+https://host/owner/x.git@ref``, ``git+http:``, ``git+ssh:``, and web addresses that end in
``.git``. git moves its packs itself (a pack cannot be fetched in ranges); the objects of LFS are
moved by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import TransferError
from ..net import Url
from ..paths import Root
from . import git_access, git_clone, git_lfs, git_refs, git_submodules
from .base import Context, Entry, Locator
from .git_clone import Wanted
from .git_place import Place
from .git_program import REMEDY, Git, lfs_program, program
from .git_progress import Progress
from .git_push import GitPush
from .git_remote import headers_of, shape_of
from .tree import Large, Made, Watch


class GitBackend(GitPush):
    """Repositories of git."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._objects: list[git_lfs.Object] = []
        self._batch: git_lfs.Batch | None = None

    # -- a clone --

    def make(self, root: Root, watch: Watch) -> Made:
        """See `TreeBackend`."""
        program()
        refs, place, _ = self._look()
        progress = Progress(watch.progress)
        with self._git(root, watch) as (git, access):
            wanted = Wanted(*refs.find(place.ref))
            url = place.text(self._user())
            shown = self._parsed(self._address).text(self._user())
            made = git_clone.clone(git, url, wanted, shape_of(self.option), progress, shown=shown)
            if self.option("submodules"):
                self._make_submodules(git, access, place, progress)
            return made

    def _make_submodules(
        self, git: Git, access: git_access.Access, place: Place, progress: Progress
    ) -> None:
        """Fetch them from addresses that are judged one by one; who asks is told to the origin of
        the repository alone."""
        program(git_submodules.OLDEST)
        _, home, credential = self._look()

        def find(one: Place) -> Place:
            known = one.url.origin == home.url.origin
            _, there = git_refs.ask(self.caller, one, headers_of(credential if known else None))
            git.allow(access.allow(there, self.context.policy))
            return there

        depth = shape_of(self.option).depth
        flags = [f"--depth={depth}"] if depth else []
        git_submodules.update(git, place, find, flags, progress)

    def renew(self, root: Root, watch: Watch, *, dry_run: bool = False) -> Made:
        """See `TreeBackend`."""
        if not root.exists(".git"):
            raise TransferError("exists", "The folder is there already, and is no clone.")
        with self._git(root, watch) as (git, _):
            remote = git_clone.remote_of(git, self._parsed(self._address))
            if lfs_program() is None and git_lfs.objects_of(git):
                raise TransferError(
                    "tool_missing",
                    "A clone with files of LFS can only be brought up to date with git-lfs.",
                    REMEDY,
                )
            git_clone.require_clean(git)
            refs, place, _ = self._look()
            wanted = self._wanted(git, refs, place.ref)
            if dry_run:
                return Made(git_clone.commit_of(git, "HEAD"))
            progress = Progress(watch.progress)
            made = git_clone.renew(git, remote, place.text(self._user()), wanted, progress)
        if made.changed and self.option("submodules"):
            watch.note("left_out", "The submodules of the clone were left as they are.")
        return made

    @staticmethod
    def _wanted(git: Git, refs: git_refs.Refs, ref: str | None) -> Wanted:
        """What to bring forward: without a ref the branch that the clone shows."""
        if ref is not None:
            return Wanted(*refs.find(ref))
        shown = git.read("symbolic-ref", "--quiet", "--short", "HEAD", wrong=(1,)) or b""
        return Wanted(*refs.find(shown.decode().strip() or None))

    # -- objects of LFS --

    def large(self, root: Root) -> Iterator[Large]:
        """The objects that the checkout needs and the clone has not."""
        if not self.option("lfs"):
            return
        self._objects = git_lfs.objects_of(self._local(root))
        found = list(git_lfs.missing(root, self.store, self._objects))
        if not found:
            return
        batch = self._batch = self._new_batch(git_lfs.stated(self._local(root)))
        for one in found:
            batch.expect(one.entry)
        with root.folder(self.store, create=True):
            pass
        yield from found

    def locate(self, entry: Entry) -> Locator:
        """Where an object of LFS is."""
        assert self._batch is not None
        return self._batch.locate(entry)

    def settle(self, root: Root, watch: Watch) -> None:
        """Let objects be files, and git know that they are as they should be."""
        git = self._local(root)
        settled = git_lfs.settle(root, self.store, self._objects, watch.check)
        if settled and lfs_program() is not None:
            git_lfs.set_up(git, settled)

    def _new_batch(self, stated: Url | None) -> git_lfs.Batch:
        return git_lfs.Batch(self.caller, *self._lfs_server(stated, "download"))
