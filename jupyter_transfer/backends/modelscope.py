"""Models and datasets of the hub of ModelScope: ``modelscope://owner/name``.

A branch or a tag is looked up once, when a job is planned; all files of the job are those of the
commit that it stood for then. Where the hub does not tell that commit, each file is the one that
was listed: it is asked for by the commit that it is from, and has to have the SHA-256 of the
listing. Large files are redirected to a store: the token stays at the hub.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from .. import secrets
from ..errors import TransferError
from ..net import parse_url
from . import hub_whoami, modelscope_address
from .base import Entry, Locator, Option, Whoami
from .hub import COMMIT_MESSAGE, CREATED, REVISION, TARGET, Addresses
from .hub_address import COMMIT, Place
from .hub_listing import File
from .modelscope_address import HUB, HUBS
from .modelscope_cache import ModelScopeCache
from .modelscope_client import BRANCH, ModelScopeClient, page_of
from .modelscope_sending import ModelScopeSending
from .pins import Pins


class ModelScopeBackend(ModelScopeSending):
    """Repositories of a hub of ModelScope."""

    name = "modelscope"
    title = "ModelScope"
    schemes = ("modelscope",)
    public = HUB
    pages = HUBS
    addresses: ClassVar[Addresses] = modelscope_address
    branch = BRANCH
    options: ClassVar[tuple[Option, ...]] = (
        REVISION,
        Option(
            "repo_type",
            help="Kind of the repository, where the address does not say it",
            choices=("model", "dataset"),
        ),
        Option(
            "token",
            help="Access token (ms-…), instead of the one that the official client would use",
            secret=True,
        ),
        TARGET,
        Option(
            "endpoint",
            help="Address of a hub of your own or the international one, instead of"
            " https://modelscope.cn",
        ),
        COMMIT_MESSAGE,
        *CREATED,
    )

    @staticmethod
    def named() -> str | None:
        """See `HubBackend`."""
        return secrets.modelscope_endpoint()

    def login(self) -> secrets.Credential | None:
        """See `HubBackend`."""
        return secrets.from_modelscope(self.hub)

    @cached_property
    def client(self) -> ModelScopeClient:
        """See `HubBackend`."""
        return ModelScopeClient(self.hub, self.token, self.caller, self.context.note)

    def whoami(self, address: str) -> Whoami:
        """See `Backend`; of the address no more is heeded than that it is one of the hub."""
        url = f"{self.hub}/openapi/v1/users/me"
        told = hub_whoami.ask(self.caller, url, self.token, self.client.token_page)
        host = parse_url(self.hub, ("https", "http")).host
        return Whoami(host, hub_whoami.text(told, "data", "username"), keeps=self.is_own)

    # -- what is there --

    def about(self, address: str) -> dict[str, Any]:
        """Kind, revision, commit, licence, last change, and who may have it."""
        place = self.place(address)
        facts = self.client.facts(place)
        try:
            commit = self.client.commit_of(place.below("", is_folder=True))
        except TransferError:
            commit = None  # what is in the way of the files is told when they are listed
        return {
            "repository": place.repo,
            "repo_type": place.kind,
            "revision": place.revision or BRANCH,
            "commit": commit,
            "licence": facts.licence,
            "changed": facts.changed,
            "gated": facts.gated,
            "private": facts.private,
            "page": page_of(self.hub, place),
        }

    def cache(self, address: str) -> ModelScopeCache:
        """The cache of modelscope-hub, where the environment says that it is."""
        return ModelScopeCache(secrets.modelscope_cache(), self.place(address), BRANCH)

    def kept(self, place: Place, file: File) -> Place:
        """See `HubBackend`: by the commit that the file is from, where that of all is not known."""
        known = file.touched is None or COMMIT.fullmatch(place.revision or "")
        return place if known else replace(place, revision=file.touched)

    def locate(self, entry: Entry) -> Locator:
        """The file at the hub, which knows where its bytes lie."""
        place = modelscope_address.parse(entry.address)
        return Locator(
            self.client.file(replace(place, kind=place.kind or "model")),
            self.client.headers(),
            size=entry.size,
            validators=entry.validators,
            digest=entry.digest,
        )

    def pinned(self, address: str, place: Place) -> Place:
        """See `HubBackend`; the revision itself where the hub does not tell the commit."""
        pins = Pins(self.context.state_dir, self.context.job)
        if pin := pins.read(address):
            there = replace(place, revision=pin["commit"])
            try:
                self.client.commit_of(there)
            except TransferError as error:
                if error.detail.get("kind") != "no_revision":
                    raise
                self.context.note(
                    "remote_changed",
                    "The commit that this transfer began with is gone (its history was rewritten);"
                    f" it goes on with what “{place.revision or BRANCH}” is now.",
                )
            else:
                return there
        commit = self.client.commit_of(place)
        if commit is None:
            return place
        pins.keep(address, {"commit": commit})
        return replace(place, revision=commit)
