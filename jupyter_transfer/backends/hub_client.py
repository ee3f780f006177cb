"""The small requests to the hub of Hugging Face: huggingface_hub makes them and reads the answers;
they go over the engine's transport, so the address policy, proxies and cancelling hold for them.

It is never left to find a token by itself, and never waits by itself: what is refused or busy
leaves it as a `TransferError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from itertools import islice
from typing import Any

from ..errors import TransferError
from ..net import parse_url
from . import hub_buckets
from .base import Answer, Caller, Content
from .hub_address import Place
from .hub_errors import error_of
from .hub_listing import LONGEST, Facts, File, Folder, patiently

ASKED_AT_ONCE = 900
"""Paths of one question: fields of a form, of which servers usually take 1,000."""

REQUESTS = 20
"""Pull requests among which one is looked for, at most."""

SCHEMES = ("http", "https")

_NOT_SENT = frozenset({"accept-encoding", "connection", "content-length", "host", "user-agent"})
"""Headers that the transport makes itself."""


class HubClient:
    """One hub as one job uses it.

    Parameters
    ----------
    hub: its address, without ``/`` at the end.
    token: None to come as a stranger.
    """

    def __init__(self, hub: str, token: str | None, caller: Caller) -> None:
        self.hub = hub
        self._token = token
        self._caller = caller
        self._made: Any = None

    @property
    def _api(self) -> Any:
        if self._made is None:
            _bind()
            from huggingface_hub import HfApi  # noqa: PLC0415 - heavy: in workers only

            self._made = HfApi(endpoint=self.hub, token=self._token or False)
        return self._made

    def facts(self, place: Place) -> Facts:
        """What the hub tells of the repository of `place` at its revision."""
        if place.kind == "bucket":
            with self._asking(place):
                return hub_buckets.facts(self._api, place)
        expand = ["sha", "lastModified", "private", "cardData"]
        if place.kind != "space":
            expand += ["gated", "tags"]
        with self._asking(place):
            told = self._api.repo_info(
                place.repo, repo_type=place.kind, revision=place.revision, expand=expand
            )
        if not told.sha:
            raise TransferError("remote_lied", "The hub names no commit.")
        changed = getattr(told, "last_modified", None)
        return Facts(
            told.sha,
            bool(getattr(told, "gated", None)),
            bool(told.private),
            _licence(told),
            None if changed is None else changed.isoformat().replace("+00:00", "Z"),
        )

    def enter(self, place: Place) -> None:
        """Raise ``needs_credentials`` unless files of a gated repository are given out to us."""
        with self._asking(place):
            self._api.auth_check(place.repo, repo_type=place.kind)

    def look(self, place: Place) -> File | Folder | None:
        """What lies at the path of `place`; None when nothing does."""
        if place.kind == "bucket":
            with self._asking(place):
                return hub_buckets.look(self._api, place)
        with self._asking(place):
            found = self._api.get_paths_info(
                place.repo, [place.path], repo_type=place.kind, revision=place.revision
            )
        return next((_item(one) for one in found if one.path == place.path), None)

    def tree(self, place: Place, *, recursive: bool) -> Iterator[File | Folder]:
        """What lies below the folder `place`, page by page."""
        asking = self._asking(place)
        with asking:
            rows = self._rows(place, recursive=recursive)
        while True:
            with asking:
                row = next(rows, None)
            if row is None:
                return
            yield row

    def _rows(self, place: Place, *, recursive: bool) -> Iterator[File | Folder]:
        if place.kind == "bucket":
            return hub_buckets.tree(self._api, place, recursive=recursive)
        rows = self._api.list_repo_tree(
            place.repo,
            place.path or None,
            recursive=recursive,
            repo_type=place.kind,
            revision=place.revision,
        )
        return map(_item, rows)

    def at(self, place: Place, paths: Sequence[str]) -> dict[str, File | Folder]:
        """What lies at each of `paths` of the commit of `place`, as far as something does."""
        found: dict[str, File | Folder] = {}
        for start in range(0, len(paths), ASKED_AT_ONCE):
            group = list(paths[start : start + ASKED_AT_ONCE])
            with self._asking(place):
                rows = self._api.get_paths_info(
                    place.repo, group, repo_type=place.kind, revision=place.revision
                )
            found.update((row.path, _item(row)) for row in rows if row.path in group)
        return found

    def pull_requests(self, place: Place) -> list[int]:
        """The numbers of the newest open pull requests of a repository, some."""
        with self._asking(place):
            found = self._api.get_repo_discussions(
                place.repo,
                repo_type=place.kind,
                discussion_type="pull_request",
                discussion_status="open",
            )
            return [one.num for one in islice(found, REQUESTS)]

    # -- writing --

    @property
    def has_token(self) -> bool:
        """Whether we come as somebody."""
        return bool(self._token)

    def create(self, place: Place, *, private: bool) -> None:
        """Make the repository of `place`; one that is there is left as it is."""
        with self._asking(place, writing=True):
            self._api.create_repo(place.repo, repo_type=place.kind, private=private)

    def ask(self, place: Place, url: str, payload: Any, kind: str = "application/json") -> Any:
        """What the hub answers, as JSON, to `payload`; `kind` is the media type of both. Raises
        what an answer means that is no success."""
        with self._asking(place, writing=True):
            return json.loads(self.tell(place, url, payload, kind).body)

    def tell(self, place: Place, url: str, payload: Any, kind: str) -> Answer:
        """As `ask`, of an answer that says no more than that it is one."""
        headers = {"Content-Type": kind, "Accept": kind, **self.authorization(url)}
        with self._asking(place, writing=True):
            return self.call("POST", url, headers, json.dumps(payload).encode())

    def send(self, place: Place, url: str, content: Content, kind: str) -> Answer:
        """The answer to `content`, whatever it is; sent once."""
        headers = {"Content-Type": kind, **self.authorization(url)}
        return self._caller.call(url, method="POST", headers=headers, content=content)

    def error(self, place: Place, answer: Answer) -> TransferError:
        """What an answer to a request that writes means."""
        return error_of(answer, self.hub, place, with_token=bool(self._token), writing=True)

    def authorization(self, url: str) -> dict[str, str]:
        """The header that says who asks, for addresses of the hub."""
        mine = parse_url(url, SCHEMES).origin == parse_url(self.hub, SCHEMES).origin
        return {"Authorization": f"Bearer {self._token}"} if self._token and mine else {}

    def _asking(self, place: Place, *, writing: bool = False) -> _Asking:
        return _Asking(self, place, writing=writing)

    def call(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Send a request of huggingface_hub; tried again where that may help. Raises what the
        answer means, if it is no success."""
        asking = _asked_for.get()
        assert asking is not None

        def ask() -> Answer:
            answer = self._caller.call(
                url, method=method, headers=headers, body=body, limit=LONGEST
            )
            if answer.status >= 400:
                raise error_of(
                    answer,
                    self.hub,
                    asking.place,
                    with_token=bool(self._token),
                    writing=asking.writing,
                )
            return answer

        return patiently(self._caller, ask)


_asked_for: ContextVar[_Asking | None] = ContextVar("asked_for", default=None)
"""Who asks at present, and for what: huggingface_hub has one client for all of a process."""


class _Asking:
    """While it is entered, requests of huggingface_hub are those of `client`."""

    def __init__(self, client: HubClient, place: Place, *, writing: bool) -> None:
        self.client = client
        self.place = place
        self.writing = writing

    def __enter__(self) -> None:
        self._token = _asked_for.set(self)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _asked_for.reset(self._token)
        if isinstance(error, (AttributeError, KeyError, TypeError, ValueError)):
            raise TransferError("remote_lied", "The answer is none of a hub.") from error


@cache
def _bind() -> None:
    """Have huggingface_hub send over the transport, and tell nothing of this machine."""
    import httpx2  # noqa: PLC0415 - heavy: in workers only
    from huggingface_hub import constants, set_client_factory  # noqa: PLC0415

    class OverCaller(httpx2.BaseTransport):
        """Hands each request to whoever asks."""

        def handle_request(self, request: Any) -> Any:
            asking = _asked_for.get()
            if asking is None:
                raise RuntimeError("huggingface_hub asks for something of its own")
            kept = {k: v for k, v in request.headers.items() if k.lower() not in _NOT_SENT}
            answer = asking.client.call(
                request.method, str(request.url), kept, request.read() or None
            )
            headers = {k: v for k, v in answer.headers.items() if k != "content-encoding"}
            return httpx2.Response(
                answer.status, headers=headers, content=answer.body, request=request
            )

    constants.HF_HUB_DISABLE_TELEMETRY = True
    set_client_factory(lambda: httpx2.Client(transport=OverCaller(), timeout=None))


def _item(row: Any) -> File | Folder:
    if not hasattr(row, "blob_id"):
        return Folder(row.path)
    if row.lfs is None:
        return File(row.path, row.size, row.blob_id, xet=row.xet_hash)
    return File(row.path, row.lfs.size, row.blob_id, row.lfs.sha256, xet=row.xet_hash)


def _licence(told: Any) -> str | None:
    card = getattr(told, "card_data", None)
    named = getattr(card, "license_name", None) or getattr(card, "license", None)
    if isinstance(named, list):
        named = ", ".join(str(one) for one in named)
    return str(named)[:100] if named else None
