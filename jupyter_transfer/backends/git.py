"""Repositories of git: cloned whole, or brought up to date where a clone of them is there.

``git+https://host/owner/x.git@ref``, ``git+http:``, ``git+ssh:``, and web addresses that end in
``.git``. git moves its packs itself (a pack cannot be fetched in ranges); the objects of LFS are
fetched by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from ..errors import TransferError
from ..net import Url
from ..paths import Root
from ..secrets import Credential, Login
from . import git_access, git_clone, git_lfs, git_refs, git_submodules
from .base import Context, Entry, Locator, Option
from .git_clone import Shape, Wanted
from .git_place import SCHEMES, Place, is_repository
from .git_program import NO_HOME, REMEDY, Git, base_environment, lfs_program, program
from .git_progress import Progress
from .tree import QUIET, Large, Made, TreeBackend, Watch

PARTIAL = "blob:none"


class GitBackend(TreeBackend):
    """Repositories of git."""

    name = "git"
    store = ".git/lfs"
    title = "Git repository"
    schemes = SCHEMES
    options: ClassVar[tuple[Option, ...]] = (
        Option("ref", help="Branch, tag or commit; else the one in the address, or the default"),
        Option("depth", "integer", help="Only so many commits of the history"),
        Option(
            "partial",
            "flag",
            help="Leave out old versions of files, until they are needed (blob:none)",
            default=False,
        ),
        Option("sparse", help="Check out only these folders, one a line"),
        Option(
            "submodules",
            "flag",
            help="Fetch the repositories that it names as its parts, too, into a new clone",
            default=False,
        ),
        Option(
            "lfs",
            "flag",
            help="Fetch large files that LFS keeps, not only the pointers to them",
            default=True,
        ),
        Option("username", help="User name; with a token the host's own convention by default"),
        Option("token", help="Access token or password", secret=True),
        Option("key_file", type="path", help="Private key, else those in ~/.ssh and of ssh-agent"),
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._found: tuple[git_refs.Refs, Place, Credential | None] | None = None
        self._address = ""
        self._objects: list[git_lfs.Object] = []
        self._batch: git_lfs.Batch | None = None

    @classmethod
    def claims(cls, address: str) -> int:
        """Also a web address that ends in ``.git``, before that of HTTP."""
        scheme = address.partition(":")[0].lower()
        if scheme in ("http", "https"):
            return 3 if is_repository(address) else 0
        return super().claims(address)

    @classmethod
    def service_of(cls, address: str) -> str:
        """As `Backend.service_of`: the host, whatever the form of the address."""
        return super().service_of(address).removeprefix("git+")

    def check(self, address: str) -> None:
        """As `Backend.check`; also what would be no repository, no ref, no folder."""
        super().check(address)
        place = self._parsed(address)
        self._address = address
        self._shape()
        git_access.given(self._optional, self.context.credential, place.url.host)
        self.context.policy.check_host(place.url.host)

    def name_for(self, address: str) -> str:
        """The last segment of the path, without ``.git``."""
        return Place.parse(address).name

    # -- what is there --

    def about(self, address: str) -> dict[str, Any]:
        """The branch, tag or commit that is shown or asked for, how many branches and tags there
        are, and whether the host has LFS (None where only a clone would tell)."""
        refs, place, credential = self._look()
        kind, name = refs.find(place.ref)
        lfs = None
        if not place.ssh:
            url = git_lfs.endpoint(place.url)
            lfs = git_lfs.is_served(self.caller, url, _headers(credential))
        return {
            "repository": place.name,
            "revision": name,
            "kind": kind,
            "commit": refs.commit(kind, name),
            "default": refs.default,
            "branches": refs.count("branch"),
            "tags": refs.count("tag"),
            "lfs": lfs,
        }

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
            made = git_clone.clone(git, url, wanted, self._shape(), progress, shown=shown)
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
            _, there = git_refs.ask(self.caller, one, _headers(credential if known else None))
            git.allow(access.allow(there, self.context.policy))
            return there

        depth = self._shape().depth
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

    def _local(self, root: Root) -> Git:
        """A git that calls nobody."""
        return Git(root, base_environment(NO_HOME), (), self.caller.check)

    def _new_batch(self, stated: Url | None) -> git_lfs.Batch:
        """The LFS server that the repository has `stated`, or that of its host."""
        _, place, credential = self._look()
        if stated is not None:
            known = not place.ssh and stated.origin == place.url.origin
            return git_lfs.Batch(self.caller, stated, _headers(credential if known else None))
        if place.ssh:
            return git_lfs.Batch(self.caller, *self._lfs_by_ssh(place))
        return git_lfs.Batch(self.caller, git_lfs.endpoint(place.url), _headers(credential))

    def _lfs_by_ssh(self, place: Place) -> tuple[Url, dict[str, str]]:
        """What the host says where its LFS server is."""
        watch = replace(QUIET, check=self.caller.check)
        with self._access(place, None, watch) as access:
            return git_lfs.authenticate(access.ssh, place, self._user(), access.environment)

    # -- details --

    def _optional(self, name: str) -> Any:
        return self.context.options.get(name)

    def _parsed(self, address: str) -> Place:
        place, ref = Place.parse(address), self.option("ref")
        if ref and place.ref and ref != place.ref:
            raise TransferError(
                "bad_request",
                "The address and the option “ref” name different branches.",
                "Give one of them.",
            )
        return place.at(ref) if ref else place

    def _shape(self) -> Shape:
        depth = self.option("depth")
        if depth is not None and not 0 < depth < 2**31:
            raise TransferError("bad_request", "The option “depth” must be 1 or more.")
        filter = PARTIAL if self.option("partial") else None
        return Shape(depth, filter, folders_of(self.option("sparse") or ""))

    def _user(self) -> str:
        """The user name in the address of an SSH server."""
        credential = self.context.credential
        named = self._optional("username") or (credential.username if credential else "")
        return str(named or "git")

    def _look(self) -> tuple[git_refs.Refs, Place, Credential | None]:
        """What the remote shows, where it really is, and who asks there; looked up once."""
        if self._found is None:
            place = self._parsed(self._address)
            self._found = self._look_by_ssh(place) if place.ssh else self._look_by_http(place)
        return self._found

    def _look_by_http(self, place: Place) -> tuple[git_refs.Refs, Place, Credential | None]:
        credential = git_access.given(self._optional, self.context.credential, place.url.host)
        try:
            refs, target = git_refs.ask(self.caller, place, _headers(credential))
        except TransferError as error:
            found = None if credential or not self.context.ambient else git_access.ambient(place)
            if error.code != "needs_credentials" or found is None:
                raise
            credential = found
            refs, target = git_refs.ask(self.caller, place, _headers(credential))
        if target.url.origin != place.url.origin:
            credential = None
        return refs, target, credential

    def _look_by_ssh(self, place: Place) -> tuple[git_refs.Refs, Place, Credential | None]:
        watch = replace(QUIET, check=self.caller.check)
        with self._access(place, None, watch) as access:
            printed = access.alone("ls-remote", "--symref", values=[place.text(self._user())])
        return git_refs.listed(printed), place, None

    def _access(
        self, place: Place, credential: Credential | None, watch: Watch
    ) -> git_access.Access:
        login = Login(key_file=self.option("key_file"), ambient=self.context.ambient)
        return git_access.Access(place, self.context.policy, watch, credential, login)

    @contextmanager
    def _git(self, root: Root, watch: Watch) -> Iterator[tuple[Git, git_access.Access]]:
        program()
        _, place, credential = self._look()
        with self._access(place, credential, watch) as access:
            git = access.git(root)
            try:
                yield git, access
            finally:
                git.close()


def _headers(credential: Credential | None) -> dict[str, str]:
    return {} if credential is None else {"Authorization": credential.authorization()}


def folders_of(text: str) -> tuple[str, ...]:
    """The folders that the option ``sparse`` names, one a line or between commas. Raises
    ``bad_request``."""
    folders = [one.strip().strip("/") for one in text.replace(",", "\n").splitlines()]
    for folder in filter(None, folders):
        bad = any(mark in folder for mark in ("\0", "\\", '"', "*", "?", "[", "!", "#"))
        if bad or ".." in folder.split("/") or ".git" in folder.lower().split("/"):
            raise TransferError(
                "bad_request",
                f"“{folder[:60]}” is no folder of a repository.",
                "Name folders from the top of the repository, without wildcards.",
            )
    return tuple(filter(None, folders))
