"""A repository of git as it is at its host: its address, what it shows, who asks for it, and how
git reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Literal

from ..errors import TransferError
from ..net import Url
from ..paths import Root
from ..secrets import Credential, Login
from . import git_access, git_lfs, git_refs
from .base import Context, Option, Whoami
from .git_clone import Shape
from .git_place import SCHEMES, Place, is_repository
from .git_program import NO_HOME, Git, base_environment, program
from .tree import QUIET, TreeBackend, Watch

PARTIAL = "blob:none"


class GitRemote(TreeBackend):
    """What all that is done with a repository takes: its address, its refs, who asks."""

    name = "git"
    store = ".git/lfs"
    title = "Git repository"
    schemes = SCHEMES
    signs_in_by = ("username", "token")
    options: ClassVar[tuple[Option, ...]] = (
        Option("ref", help="Branch, tag or commit; else the one in the address, or the default"),
        Option("depth", "integer", help="Only so many commits of the history", side="source"),
        Option(
            "partial",
            "flag",
            help="Leave out old versions of files, until they are needed (blob:none)",
            default=False,
            side="source",
        ),
        Option("sparse", help="Check out only these folders, one a line", side="source"),
        Option(
            "submodules",
            "flag",
            help="Fetch the repositories that it names as its parts, too, into a new clone",
            default=False,
            side="source",
        ),
        Option(
            "lfs",
            "flag",
            help="Fetch large files that LFS keeps, not only the pointers to them",
            default=True,
            side="source",
        ),
        Option(
            "commit_message",
            help="Commit changed files first, with this message",
            side="destination",
        ),
        Option(
            "paths",
            help="The files to commit, one a line; else all that git keeps and that were changed",
            side="destination",
        ),
        Option("username", help="User name; with a token the host's own convention by default"),
        Option("token", help="Access token or password", secret=True),
        Option("key_file", type="path", help="Private key, else those in ~/.ssh and of ssh-agent"),
        Option("host_key", help="Fingerprint (SHA256:…) of a server that known_hosts has not yet"),
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._found: tuple[git_refs.Refs, Place, Credential | None] | None = None
        self._address = ""
        self._service = git_refs.FETCH

    @classmethod
    def claims(cls, address: str) -> int:
        """Also a web address that ends in ``.git``, before that of HTTP."""
        scheme = address.partition(":")[0].lower()
        if scheme in ("http", "https"):
            return 3 if is_repository(address) else 0
        return super().claims(address)

    @classmethod
    def signs_in_with(cls, address: str) -> tuple[str, ...]:
        """As `Backend.signs_in_with`; keys, not tokens, lead into SSH."""
        return () if Place.parse(address).ssh else cls.signs_in_by

    @classmethod
    def service_of(cls, address: str) -> str:
        """As `Backend.service_of`: the host, whatever the form of the address."""
        return super().service_of(address).removeprefix("git+")

    def check(self, address: str) -> None:
        """As `Backend.check`; also what would be no repository, no ref, no folder."""
        super().check(address)
        place = self._parsed(address)
        self._address = address
        shape_of(self.option)
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
            lfs = git_lfs.is_served(self.caller, url, headers_of(credential))
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

    def whoami(self, address: str) -> Whoami:
        """See `Backend`: the host is asked about the repository of `address`."""
        self.check(address)
        place = self._parsed(address)
        if place.ssh:
            return super().whoami(address)
        credential = git_access.given(self._optional, self.context.credential, place.url.host)
        if credential is None:
            raise TransferError("bad_request", "There is no token.", "Type it, or paste it.")
        git_refs.ask(self.caller, place, headers_of(credential), self._service)
        return Whoami(place.url.host, credential.username)

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

    def _user(self) -> str:
        """The user name in the address of an SSH server."""
        credential = self.context.credential
        named = self._optional("username") or (credential.username if credential else "")
        return str(named or "git")

    def _look(self) -> tuple[git_refs.Refs, Place, Credential | None]:
        """What the remote shows, where it really is, and who asks there; looked up once."""
        if self._found is None:
            place = self._parsed(self._address)
            found = self._look_by_ssh(place) if place.ssh else self._look_by_http(place)
            if place.page is not None:
                refs, there, credential = found
                found = refs, there.at(refs.ref_of_page(place.page)), credential
            self._found = found
        return self._found

    def _look_by_http(self, place: Place) -> tuple[git_refs.Refs, Place, Credential | None]:
        credential = git_access.given(self._optional, self.context.credential, place.url.host)
        try:
            refs, target = git_refs.ask(self.caller, place, headers_of(credential), self._service)
        except TransferError as error:
            found = None if credential or not self.context.ambient else git_access.ambient(place)
            if error.code != "needs_credentials" or found is None:
                raise
            credential = found
            refs, target = git_refs.ask(self.caller, place, headers_of(credential), self._service)
        if target.url.origin != place.url.origin:
            credential = None
        return refs, target, credential

    def _look_by_ssh(self, place: Place) -> tuple[git_refs.Refs, Place, Credential | None]:
        watch = replace(QUIET, check=self.caller.check)
        with self._access(place, None, watch) as access:
            printed = access.alone("ls-remote", "--symref", values=[place.text(self._user())])
        return git_refs.listed(printed), place, None

    def _lfs_server(
        self, stated: Url | None, operation: Literal["download", "upload"]
    ) -> tuple[Url, dict[str, str]]:
        """The LFS server that the repository has `stated`, or that of its host, and who asks."""
        _, place, credential = self._look()
        if stated is not None:
            known = not place.ssh and stated.origin == place.url.origin
            return stated, headers_of(credential if known else None)
        if not place.ssh:
            return git_lfs.endpoint(place.url), headers_of(credential)
        watch = replace(QUIET, check=self.caller.check)
        with self._access(place, None, watch) as access:
            user, environment = self._user(), access.environment
            return git_lfs.authenticate(access.ssh, place, user, environment, operation)

    def _local(self, root: Root) -> Git:
        """A git that calls nobody."""
        caller = self.context.caller
        check = (lambda: None) if caller is None else caller.check
        return Git(root, base_environment(NO_HOME), (), check)

    def _access(
        self, place: Place, credential: Credential | None, watch: Watch
    ) -> git_access.Access:
        login = Login(
            key_file=self.option("key_file"),
            ambient=self.context.ambient,
            host_key=self.option("host_key"),
        )
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


def headers_of(credential: Credential | None) -> dict[str, str]:
    """The headers that tell who asks."""
    return {} if credential is None else {"Authorization": credential.authorization()}


def shape_of(option: Callable[[str], Any]) -> Shape:
    """How much of a repository a job wants. Raises ``bad_request``."""
    depth = option("depth")
    if depth is not None and not 0 < depth < 2**31:
        raise TransferError("bad_request", "The option “depth” must be 1 or more.")
    filter = PARTIAL if option("partial") else None
    return Shape(depth, filter, folders_of(option("sparse") or ""))


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
