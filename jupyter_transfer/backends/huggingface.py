"""Models, datasets and spaces of the hub of Hugging Face: ``hf://owner/name``.

A branch or a tag is looked up once, when a job is planned; all files of the job are those of the
commit that it stood for then. Listings are asked for by huggingface_hub, files by their address at
the hub (``resolve``), from where large ones are redirected to a store: the token stays at the hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, cast
from urllib.parse import quote

from .. import secrets
from ..errors import TransferError
from ..names import safe_name
from ..net import parse_url
from . import hub_address
from .base import Ability, Backend, Digest, Entry, Locator, Option, Validators
from .hub_address import COMMIT, HUB, HUBS, Kind, Place
from .hub_cache import HubCache
from .hub_client import Facts, File, HubClient
from .pins import Pins


class HuggingFaceBackend(Backend):
    """Repositories of a hub."""

    name = "huggingface"
    title = "Hugging Face"
    schemes = ("hf",)
    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse"})
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "revision",
            help="Branch, tag or commit, where the address names none",
            side="source",
        ),
        Option(
            "repo_type",
            help="Kind of the repository, where the address does not say it",
            choices=("model", "dataset", "space"),
            side="source",
        ),
        Option(
            "token",
            help="Access token (hf_…), instead of the one that the official client would use",
            secret=True,
            side="source",
        ),
        Option(
            "target",
            help="“cache”: the files go into the cache that the official client and libraries look"
            " in, not to the destination",
            choices=("folder", "cache"),
            default="folder",
            side="source",
        ),
        Option(
            "endpoint",
            help="Address of a mirror or a hub of your own, instead of https://huggingface.co",
            side="source",
        ),
    )
    who = ("endpoint", "token")

    @classmethod
    def claims(cls, address: str) -> int:
        """``hf:`` addresses; pages of repositories before any other backend."""
        if hub_address.is_page(address, _hubs()):
            return 2
        return super().claims(address)

    @classmethod
    def service_of(cls, address: str) -> str:
        """Options and the environment say which hub it is."""
        return cls.name

    def check(self, address: str) -> None:
        """As `Backend.check`; also what is wrong with the address, the revision and the hub."""
        super().check(address)
        self._place(address)
        if (endpoint := self.option("endpoint")) and "://" not in endpoint:
            raise TransferError(
                "bad_request", "The option “endpoint” must begin with https:// or http://."
            )
        self.context.policy.check_host(parse_url(self.hub, ("http", "https")).host)

    # -- addresses --

    def _place(self, address: str) -> Place:
        """The place at `address`, with what the options add to it. Raises ``bad_request`` where
        they contradict it."""
        place = hub_address.parse(address, _hubs())
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
        hub_address.check_revision(revision or None)
        return replace(
            place,
            kind=place.kind or cast(Kind, kind or "model"),
            revision=place.revision or revision or None,
        )

    def join(self, address: str, path: str) -> str:
        """As `Backend.join`; paths are not encoded."""
        place = self._place(address)
        return place.below(f"{place.path}/{path}".lstrip("/")).address

    def means_folder(self, address: str) -> bool:
        """As `Backend.means_folder`; a repository is a folder."""
        return self._place(address).is_folder

    def name_for(self, address: str) -> str:
        """The last segment of the path, or the name of the repository."""
        place = self._place(address)
        return safe_name(place.path or place.repo)

    # -- the hub --

    @cached_property
    def hub(self) -> str:
        """The address of the hub, without ``/`` at the end."""
        return (self.option("endpoint") or secrets.hugging_face_endpoint() or HUB).rstrip("/")

    @cached_property
    def _token(self) -> str | None:
        """Who asks: what the job was given, else whom the official client would ask as, where the
        job may use that. The latter goes to the hub of the environment only, never to one that a
        job names."""
        if token := self.option("token"):
            return str(token).strip()
        if given := self.context.credential:
            return given.token or given.password or given.username or None
        own = self.hub in (HUB, secrets.hugging_face_endpoint())
        if not own or not self.context.ambient:
            return None
        found = secrets.from_hugging_face()
        return found.token if found else None

    @cached_property
    def _client(self) -> HubClient:
        return HubClient(self.hub, self._token, self.caller)

    # -- what is there --

    def entries(self, address: str) -> Iterator[Entry]:
        """The file at `address`, or all files below it, of one commit."""
        place = self._place(address)
        place = replace(place, revision=self._commit(address, place))
        if place.path and not place.is_folder:
            found = self._client.look(place)
            if found is None:
                raise TransferError(
                    "remote_not_found",
                    f"“{place.repo}” has no such file or folder.",
                    detail={"kind": "no_entry"},
                )
            if isinstance(found, File):
                # As guessed: like any name that a service proposes, it is made safe.
                name = place.path.rpartition("/")[2]
                yield replace(self._entry(place, found, name), guessed=True)
                return
        yield from self._below(place)

    def _below(self, place: Place) -> Iterator[Entry]:
        start = len(place.path) + 1 if place.path else 0
        left_out = 0
        for found in self._client.tree(place, recursive=True):
            if not isinstance(found, File):
                continue
            path = found.path[start:]
            if not self.context.hidden and _is_hidden(path):
                left_out += 1
                continue
            yield replace(self._entry(place, found, path), member=True)
        if left_out:
            self.context.note(
                "left_out",
                f"{left_out} files whose names begin with a dot were left out: this server shows"
                " none.",
            )

    def browse(self, address: str) -> Iterator[Entry]:
        """One level of a repository."""
        place = self._place(address)
        start = len(place.path) + 1 if place.path else 0
        for found in self._client.tree(place, recursive=False):
            path = found.path[start:]
            if isinstance(found, File):
                yield self._entry(place, found, path)
            else:
                there = place.below(found.path, is_folder=True)
                yield Entry(f"{path}/", there.address, member=True)

    def about(self, address: str) -> dict[str, Any]:
        """Kind, revision, commit, licence, last change, and who may have it."""
        place = self._place(address)
        facts = self._facts(place)
        return {
            "repository": place.repo,
            "repo_type": place.kind,
            "revision": place.revision or "main",
            "commit": facts.commit,
            "licence": facts.licence,
            "changed": facts.changed,
            "gated": facts.gated,
            "private": facts.private,
            "page": place.page(self.hub),
        }

    def cache(self, address: str) -> HubCache:
        """The cache of huggingface_hub, where the environment says that it is."""
        return HubCache(secrets.hugging_face_cache(), self._place(address))

    def locate(self, entry: Entry) -> Locator:
        """The file at the hub, which knows where its bytes lie."""
        place = hub_address.parse(entry.address)
        path = quote(place.path, safe="/", errors="surrogateescape")
        revision = quote(place.revision or "main", safe="")
        return Locator(
            f"{place.page(self.hub)}/resolve/{revision}/{path}",
            {"Authorization": f"Bearer {self._token}"} if self._token else {},
            size=entry.size,
            validators=entry.validators,
            digest=entry.digest,
        )

    def _entry(self, place: Place, file: File, path: str) -> Entry:
        digest = Digest("git-blob-sha1", file.blob)
        if file.sha256 is not None:
            digest = Digest("sha256", file.sha256)
        return Entry(
            path,
            place.below(file.path).address,
            file.size,
            Validators(version=str(digest)),
            digest,
        )

    # -- one commit --

    def _commit(self, address: str, place: Place) -> str:
        """The commit of this job. Raises ``needs_credentials`` where the repository is gated."""
        pins = Pins(self.context.state_dir, self.context.job)
        pin = pins.read(address)
        if pin is not None:
            try:
                facts = self._facts(replace(place, revision=pin["commit"]))
            except TransferError as error:
                if error.detail.get("kind") != "no_revision":
                    raise
                self.context.note(
                    "remote_changed",
                    "The commit that this transfer began with is gone (its history was rewritten);"
                    f" it goes on with what “{place.revision or 'main'}” is now.",
                )
                pin = None
        if pin is None:
            facts = self._facts(place)
            pins.keep(address, {"commit": facts.commit})
        if facts.gated:
            self._client.enter(place)
        return facts.commit

    def _facts(self, place: Place) -> Facts:
        place = place.below("", is_folder=True)
        if place not in self._known:
            facts = self._client.facts(place)
            if not COMMIT.fullmatch(facts.commit):
                raise TransferError("remote_lied", "The hub names no commit.")
            self._known[place] = facts
        return self._known[place]

    @cached_property
    def _known(self) -> dict[Place, Facts]:
        return {}


def _hubs() -> tuple[str, ...]:
    """The hubs whose pages are known."""
    own = secrets.hugging_face_endpoint()
    return (*HUBS, own) if own else HUBS


def _is_hidden(path: str) -> bool:
    return any(one.startswith(".") and one not in (".", "..") for one in path.split("/"))
