"""What the backends of hubs share: repositories of models and data, whose files are those of a
branch, a tag or a commit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Protocol, cast

from ..errors import TransferError
from ..names import safe_name
from ..net import parse_url
from ..secrets import Credential
from .base import Ability, Backend, Digest, Entry, Option, Validators
from .hub_address import Kind, Place, check_revision
from .hub_errors import no_entry
from .hub_listing import File, Folder

REVISION = Option("revision", help="Branch, tag or commit, where the address names none")

TARGET = Option(
    "target",
    help="“cache”: the files go into the cache that the official client and libraries look"
    " in, not to the destination",
    choices=("folder", "cache"),
    default="folder",
    side="source",
)


COMMIT_MESSAGE = Option(
    "commit_message",
    help="What the commit is called in the history",
    side="destination",
)

CREATED = (
    Option(
        "create_repo",
        "flag",
        help="Make the repository if it is not there",
        default=False,
        side="destination",
    ),
    Option(
        "private",
        "flag",
        help="A repository that is made can be seen by its members only",
        default=False,
        side="destination",
    ),
)
"""About a repository that is made."""


class Addresses(Protocol):
    """The module that knows how a hub writes its addresses."""

    def parse(self, address: str, hubs: Collection[str]) -> Place:
        """The place at `address`. Raises ``invalid_address``."""

    def is_page(self, address: str, hubs: Collection[str]) -> bool:
        """Whether `address` is the page of a repository at one of `hubs`."""


class Client(Protocol):
    """How a hub is asked what it holds."""

    def look(self, place: Place) -> File | Folder | None:
        """What lies at the path of `place`; None when nothing does."""

    def tree(self, place: Place, *, recursive: bool) -> Iterator[File | Folder]:
        """What lies below the folder `place`, lazily."""


class HubBackend(Backend):
    """Repositories of a hub."""

    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse"})
    who = ("endpoint", "token")
    signs_in_by = ("token",)

    public: ClassVar[str]
    """The address of the hub that is meant where none is named."""

    pages: ClassVar[tuple[str, ...]]
    """Addresses of the hub at which pages of its repositories are known."""

    addresses: ClassVar[Addresses]

    branch: ClassVar[str]
    """What a repository shows first."""

    @classmethod
    def claims(cls, address: str) -> int:
        """As `Backend.claims`; pages of repositories before any other backend."""
        if cls.addresses.is_page(address, cls._hubs()):
            return 2
        return super().claims(address)

    @classmethod
    def parse(cls, address: str) -> Place:
        """The place at `address`. Raises ``invalid_address``."""
        return cls.addresses.parse(address, cls._hubs())

    @classmethod
    def _hubs(cls) -> tuple[str, ...]:
        """The hubs whose pages are known."""
        own = cls.named()
        return (*cls.pages, own) if own else cls.pages

    @staticmethod
    @abstractmethod
    def named() -> str | None:
        """The hub that the environment names."""

    @abstractmethod
    def login(self) -> Credential | None:
        """Whom the official client would ask as."""

    @property
    @abstractmethod
    def client(self) -> Client:
        """How the hub is asked."""

    @abstractmethod
    def pinned(self, address: str, place: Place) -> Place:
        """`place` at the commit of this job."""

    @classmethod
    def service_of(cls, address: str) -> str:
        """Options and the environment say which hub it is."""
        return cls.name

    def check(self, address: str) -> None:
        """As `Backend.check`; also what is wrong with the address, the revision and the hub."""
        super().check(address)
        self.place(address)
        if (endpoint := self.option("endpoint")) and "://" not in endpoint:
            raise TransferError(
                "bad_request", "The option “endpoint” must begin with https:// or http://."
            )
        self.context.policy.check_host(parse_url(self.hub, ("http", "https")).host)

    # -- addresses --

    def place(self, address: str) -> Place:
        """The place at `address`, with what the options add to it. Raises ``bad_request`` where
        they contradict it."""
        place = self.parse(address)
        kind, revision = self.option("repo_type"), self.option("revision")
        for name, given, there in (
            ("repo_type", kind, place.kind),
            ("revision", revision, place.revision),
        ):
            if given and there and given != there:
                raise TransferError(
                    "bad_request",
                    f"The option “{name}” contradicts the address.",
                    "Leave one of the two out.",
                )
        check_revision(revision or None)
        return replace(
            place,
            kind=place.kind or cast(Kind, kind or "model"),
            revision=place.revision or revision or None,
        )

    def join(self, address: str, path: str) -> str:
        """As `Backend.join`; paths are not encoded."""
        place = self.place(address)
        return place.below(f"{place.path}/{path}".lstrip("/")).address

    def means_folder(self, address: str) -> bool:
        """As `Backend.means_folder`; a repository is a folder."""
        return self.place(address).is_folder

    def name_for(self, address: str) -> str:
        """The last segment of the path, or the name of the repository."""
        place = self.place(address)
        return safe_name(place.path or place.repo)

    # -- the hub --

    @cached_property
    def hub(self) -> str:
        """The address of the hub, without ``/`` at the end."""
        return (self.option("endpoint") or self.named() or self.public).rstrip("/")

    @cached_property
    def token(self) -> str | None:
        """Who asks: what the job was given, else whom the official client would ask as, where the
        job may use that. The latter goes to the hub of the environment only, never to one that a
        job names."""
        if token := self.option("token"):
            return str(token).strip()
        if given := self.context.credential:
            return given.token or given.password or given.username or None
        if not self.is_own or not self.context.ambient:
            return None
        found = self.login()
        return found.token if found else None

    @property
    def is_own(self) -> bool:
        """Whether it is the hub that the official client would ask."""
        return self.hub in (self.public, self.named())

    # -- what is there --

    def entries(self, address: str) -> Iterator[Entry]:
        """The file at `address`, or all files below it, of one commit."""
        place = self.pinned(address, self.place(address))
        if place.path and not place.is_folder:
            found = self.client.look(place)
            if found is None:
                raise no_entry(place)
            if isinstance(found, File):
                yield self.entry(self.kept(place, found), found, safe_name(place.path))
                return
        yield from self._below(place)

    def _below(self, place: Place) -> Iterator[Entry]:
        start = len(place.path) + 1 if place.path else 0
        left_out = 0
        for found in self.client.tree(place, recursive=True):
            if not isinstance(found, File):
                continue
            path = found.path[start:]
            if not self.context.hidden and _is_hidden(path):
                left_out += 1
                continue
            yield replace(self.entry(self.kept(place, found), found, path), member=True)
        if left_out:
            self.context.note(
                "left_out",
                f"{left_out} files whose names begin with a dot were left out: this server shows"
                " none.",
            )

    def browse(self, address: str) -> Iterator[Entry]:
        """One level of a repository."""
        place = self.place(address)
        start = len(place.path) + 1 if place.path else 0
        for found in self.client.tree(place, recursive=False):
            path = found.path[start:]
            if isinstance(found, File):
                yield self.entry(place, found, path)
            else:
                there = place.below(found.path, is_folder=True)
                yield Entry(f"{path}/", there.address, member=True)

    def kept(self, place: Place, file: File) -> Place:
        """Where the very `file` that was listed in `place` will be found later."""
        return place

    def entry(self, place: Place, file: File, path: str) -> Entry:
        """`file` of the repository of `place`, which lands at `path`."""
        digest = Digest("git-blob-sha1", file.blob) if file.blob else None
        if file.sha256 is not None:
            digest = Digest("sha256", file.sha256)
        return Entry(
            path,
            place.below(file.path).address,
            file.size,
            Validators(version=None if digest is None else str(digest)),
            digest,
        )


def _is_hidden(path: str) -> bool:
    return any(one.startswith(".") and one not in (".", "..") for one in path.split("/"))
