"""Models, datasets and spaces of the hub of Hugging Face: ``hf://owner/name``.

A branch or a tag is looked up once, when a job is planned; all files of the job are those of the
commit that it stood for then. Listings are asked for by huggingface_hub, files by their address at
the hub (``resolve``), from where large ones are redirected to a store: the token stays at the hub.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote

from .. import secrets
from ..errors import TransferError
from ..net import parse_url
from ..sizes import parse_size
from . import hub_address, hub_notes, hub_whoami, xet
from .base import Entry, Locator, Option, Validators, Whoami
from .hub import COMMIT_MESSAGE, CREATED, REVISION, TARGET, Addresses
from .hub_address import COMMIT, HUB, HUBS, Place
from .hub_cache import HubCache, repo_folder
from .hub_client import HubClient
from .hub_listing import Facts, File
from .huggingface_sending import HuggingFaceSending
from .pins import Pins


class HuggingFaceBackend(HuggingFaceSending):
    """Repositories of a hub of Hugging Face."""

    name = "huggingface"
    title = "Hugging Face"
    schemes = ("hf",)
    public = HUB
    pages = HUBS
    addresses: ClassVar[Addresses] = hub_address
    branch = "main"
    options: ClassVar[tuple[Option, ...]] = (
        REVISION,
        Option(
            "repo_type",
            help="Kind of the repository, where the address does not say it",
            choices=("model", "dataset", "space"),
        ),
        Option(
            "token",
            help="Access token (hf_…), instead of the one that the official client would use",
            secret=True,
        ),
        TARGET,
        Option(
            "hub_metadata",
            "flag",
            help="Note in the folder, as the official client does (.cache/huggingface), which files"
            " it holds: then that fetches none of them again",
            default=False,
            side="source",
        ),
        Option(
            "xet_threshold",
            "bytes",
            help="Size from which on a file comes by Xet, where the hub has it there; else 50 GB",
            side="source",
        ),
        Option(
            "endpoint",
            help="Address of a mirror or a hub of your own, instead of https://huggingface.co",
        ),
        COMMIT_MESSAGE,
        Option(
            "create_pr",
            "flag",
            help="Open a pull request instead of committing to the branch",
            default=False,
            side="destination",
        ),
        *CREATED,
    )

    @staticmethod
    def named() -> str | None:
        """See `HubBackend`."""
        return secrets.hugging_face_endpoint()

    def login(self) -> secrets.Credential | None:
        """See `HubBackend`."""
        return secrets.from_hugging_face()

    @cached_property
    def client(self) -> HubClient:
        """See `HubBackend`."""
        return HubClient(self.hub, self.token, self.caller)

    def whoami(self, address: str) -> Whoami:
        """See `Backend`; of the address no more is heeded than that it is one of the hub."""
        url, page = f"{self.hub}/api/whoami-v2", f"{self.hub}/settings/tokens"
        told = hub_whoami.ask(self.caller, url, self.token, page)
        name = hub_whoami.text(told, "name")
        token = hub_whoami.text(told, "auth", "accessToken", "displayName")
        host = parse_url(self.hub, ("https", "http")).host
        return Whoami(host, name, token or name, self.is_own)

    # -- what is there --

    def entry(self, place: Place, file: File, path: str) -> Entry:
        """See `HubBackend`; of a file in a bucket no digest is known."""
        entry = super().entry(place, file, path)
        if place.kind != "bucket":
            return entry
        return replace(entry, validators=Validators(version=file.xet), mtime_ns=file.mtime_ns)

    def about(self, address: str) -> dict[str, Any]:
        """Kind, revision, commit, licence, last change, and who may have it."""
        place = self.place(address)
        facts = self._facts(place)
        if place.kind == "bucket":
            return {
                "repository": place.repo,
                "repo_type": place.kind,
                "private": facts.private,
                "page": place.page(self.hub),
            }
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

    def cache(self, address: str) -> HubCache | None:
        """The cache of huggingface_hub, where the environment says that it is."""
        if self.place(address).kind == "bucket":
            return None
        return HubCache(secrets.hugging_face_cache(), self.place(address))

    def notes(self, address: str, landed: Collection[str]) -> Iterator[tuple[str, str]]:
        """See `Backend`. A file of a folder of the repository has no place in them."""
        place = self.pinned(address, self.place(address))
        if place.kind == "bucket" or "/" in place.path or (place.path and place.is_folder):
            self.context.note(
                "left_out", "The official client notes files of whole repositories only."
            )
            return
        yield from hub_notes.ABOUT
        commit, files = str(place.revision), self._files(place)
        here = [file for file in files if file.path in landed]
        for file in here:
            yield hub_notes.of(file, commit)
        if len(here) == len(files):  # else that client takes the folder for one that lacks some
            yield hub_notes.tree(files, commit, hub_notes.FOLDER)

    def cache_notes(self, address: str) -> Iterator[tuple[str, str]]:
        """See `Backend`: the files of the whole commit, when it was the source."""
        place = self.pinned(address, self.place(address))
        if not place.path:
            folder = repo_folder(place)
            yield hub_notes.tree(self._files(place), str(place.revision), folder)

    def _files(self, place: Place) -> list[File]:
        """All files of the commit of `place`."""
        root = place.below("", is_folder=True)
        rows = self.client.tree(root, recursive=True)
        return [row for row in rows if isinstance(row, File)]

    def locate(self, entry: Entry) -> Locator:
        """The file at the hub, which knows where its bytes lie."""
        place = hub_address.parse(entry.address)
        path = quote(place.path, safe="/", errors="surrogateescape")
        revision = quote(place.revision or "main", safe="")
        within = path if place.kind == "bucket" else f"{revision}/{path}"
        plain = Locator(
            f"{place.page(self.hub)}/resolve/{within}",
            {"Authorization": f"Bearer {self.token}"} if self.token else {},
            size=entry.size,
            validators=entry.validators,
            digest=entry.digest,
            recheck=place.kind == "bucket",  # its store hands out what the bucket held
        )
        stored = place.kind == "bucket" or (entry.digest and entry.digest.algorithm == "sha256")
        if not stored or (entry.size or 0) <= xet.WHOLE:
            return plain
        return self._xet.locator(plain, entry, place)

    @cached_property
    def _xet(self) -> xet.Xet:
        given = self.option("xet_threshold")
        threshold = xet.LARGEST_PLAIN if given is None else parse_size(given, "xet_threshold")
        return xet.Xet(self.client, self.caller, self.public, threshold, self.context.note)

    def close(self) -> None:
        """End what was started."""
        if "_xet" in vars(self):
            self._xet.close()

    # -- one commit --

    def pinned(self, address: str, place: Place) -> Place:
        """See `HubBackend`. Raises ``needs_credentials`` where the repository is gated."""
        if place.kind == "bucket":
            return place
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
            self.client.enter(place)
        return replace(place, revision=facts.commit)

    def _facts(self, place: Place) -> Facts:
        place = place.below("", is_folder=True)
        if place not in self._known:
            facts = self.client.facts(place)
            if place.kind != "bucket" and not COMMIT.fullmatch(facts.commit):
                raise TransferError("remote_lied", "The hub names no commit.")
            self._known[place] = facts
        return self._known[place]

    @cached_property
    def _known(self) -> dict[Place, Facts]:
        return {}
