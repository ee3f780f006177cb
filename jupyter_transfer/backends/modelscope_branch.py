"""A branch of a repository of ModelScope while a job sends files to it: see `hub_known`; here its
store, and commits (modelscope-hub, `UploadManager`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..errors import TransferError
from ..net import parse_url
from .base import Answer
from .hub_address import Place
from .hub_errors import nobody_writes, refused
from .hub_known import Branch, Known
from .hub_listing import File, Folder
from .modelscope_answers import code_of, data_of, is_success, message_of
from .modelscope_client import BRANCH, ModelScopeClient

ASKED_AT_ONCE = 64
"""Objects of one question to the store."""

_PRIVATE, _PUBLIC = 1, 5
_LICENCE = "Other"
"""What a repository that is made says, until its owner says more."""

_RACE = 10030000001
"""The code for a branch that another commit has moved meanwhile."""

_SCHEMES = ("http", "https")


class ModelScopeBranch(Branch):
    """The branch as one thread uses it.

    Parameters
    ----------
    create: whether a repository that is not there is made; `private`: seen by its members only.
    """

    def __init__(
        self, client: ModelScopeClient, known: Known, *, create: bool, private: bool
    ) -> None:
        super().__init__(known, create=create)
        self.client = client
        self._private = private

    @property
    def name(self) -> str:
        """The name of the branch."""
        return self.place.revision or BRANCH

    # -- what is there --

    def _head_now(self) -> str | None:
        self.client.forget()
        try:
            return self.client.commit_of(self.place) or self.name
        except TransferError as error:
            kind = error.detail.get("kind")
            if self._create and kind == "no_repository":
                return None
            if kind == "no_revision" and self.place.revision is None:
                return self.name  # nobody has put anything there yet
            raise

    def _at(self, head: str, paths: Sequence[str]) -> Mapping[str, File | Folder]:
        try:
            return self.client.at(replace(self.place, revision=head), paths)
        except TransferError as error:
            if error.detail.get("kind") == "no_revision" and self.place.revision is None:
                return {}
            raise

    def _require_token(self) -> None:
        if not self.client.has_token:
            raise nobody_writes(self.client.token_page, self.place)

    def _make(self) -> None:
        owner, _, name = self.place.repo.partition("/")
        about = {
            "Name": name,
            "Visibility": _PRIVATE if self._private else _PUBLIC,
            "License": _LICENCE,
        }
        url = f"{self.client.hub}/api/v1/{self.place.kind}s"
        if self.place.kind == "dataset":
            body, kind = _form({"Owner": owner, **about})
        else:
            body, kind = json.dumps({"Path": owner, **about}).encode(), "application/json"
        answer = self.client.post(url, body, kind=kind)
        try:
            self._took(answer)
        except TransferError as error:
            if error.code != "remote_refused":  # somebody else may have made it meanwhile
                raise

    # -- the store --

    def uploads(self, objects: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        """Where those of `objects` (sizes by SHA-256) go that the store has not: what the store
        says of the request, by SHA-256."""
        found = {}
        items = list(objects.items())
        url = f"{self._writing}/info/lfs/objects/batch"
        for start in range(0, len(items), ASKED_AT_ONCE):
            group = dict(items[start : start + ASKED_AT_ONCE])
            rows = [{"oid": oid, "size": size} for oid, size in group.items()]
            payload = {"operation": "upload", "objects": rows}
            answer = self.client.post(url, json.dumps(payload).encode())
            told = self._took(answer)
            try:
                for row in told.get("objects") or []:
                    action = (row.get("actions") or {}).get("upload")
                    if action and row["oid"] in group:
                        found[row["oid"]] = {**action, "href": str(action["href"])}
            except (AttributeError, KeyError, TypeError):
                message = "The hub does not say where a file goes."
                raise TransferError("remote_lied", message) from None
        return found

    def authorization(self, url: str) -> dict[str, str]:
        """The headers that say who asks, for the hub and its own store; none for the store of
        somebody else, to which an address is signed."""
        there, hub = parse_url(url, _SCHEMES), parse_url(self.client.hub, _SCHEMES)
        if there.origin == hub.origin:
            return self.client.headers()
        base = hub.host.partition(".")[2] if hub.host.count(".") >= 2 else hub.host
        own = there.host in (f"lfs.{base}", f"pre-lfs.{base}")
        return self.client.headers() if own and there.scheme == hub.scheme == "https" else {}

    # -- commits --

    def commit(self, message: str, actions: Sequence[dict[str, Any]]) -> bool:
        """Publish `actions` in one commit; False where the branch has moved on meanwhile."""
        payload = {"commit_message": message, "actions": actions}
        url = f"{self._writing}/commit/{quote(self.name, safe='')}"
        # Once, even where the connection breaks: the hub may have made the commit.
        answer = self.client.post(url, content=_Once(json.dumps(payload).encode()))
        if answer.status == 409 or code_of(answer) == _RACE:
            return False
        self._took(answer)
        return True

    @property
    def _writing(self) -> str:
        place: Place = self.place
        return f"{self.client.hub}/api/v1/repos/{place.kind}s/{place.repo}"

    def _took(self, answer: Answer) -> dict[str, Any]:
        """What the hub says to what was written. Raises what is in the way."""
        if answer.status >= 400:
            raise self.client.error(answer, self.place, writing=True)
        if not is_success(answer):
            raise refused(400, self.place, message_of(answer))
        told = data_of(answer, self.place)
        return told if isinstance(told, dict) else {}


class _Once:
    """A body in memory that is sent once (see `Content`)."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)
        self.position = 0

    def read(self, count: int) -> memoryview:
        piece = self._data[self.position : self.position + count]
        self.position += len(piece)
        return piece

    def seek(self, position: int) -> None:
        self.position = position


def _form(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """`fields` as a form (RFC 7578), and its media type."""
    mark = "jupyter-transfer-form"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return f"{''.join(parts)}--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"
