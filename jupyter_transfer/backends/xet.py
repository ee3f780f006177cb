"""Files of the hub of Hugging Face that Xet holds: in chunks, which hf_xet puts together again.

Most of them have a plain address beside it, and come from there. By Xet come those that have none,
and those that are larger than what the hub gives out by one (huggingface_hub:
``MAX_HTTP_DOWNLOAD_SIZE``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urljoin

from ..errors import TransferError
from ..net import MAX_REDIRECTS, parse_url
from .base import Answer, Caller, Entry, Locator
from .hub_address import Place
from .hub_client import SCHEMES, HubClient
from .hub_errors import error_of
from .hub_listing import patiently
from .xet_grants import Grant, Grants
from .xet_server import XetServer, home

LARGEST_PLAIN = 50_000_000_000
"""Bytes up to which the hub gives out a file by a plain address."""

WHOLE = 4 << 20
"""Bytes up to which a file comes by one request, for which the hub is not asked beforehand."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HASH = re.compile(r"[0-9a-f]{64}")

_LINK = re.compile(r"<([^>]*)>\s*;[^,]*\brel=\"?xet-auth\b")


@dataclass(frozen=True)
class Known:
    """What Xet knows a file by.

    Parameters
    ----------
    route: the address at which the hub gives out what it is read by.
    """

    hash: str
    route: str

    @classmethod
    def of(cls, answer: Answer, hub: str, public: str) -> Known | None:
        """What the headers of `answer` tell; None where Xet does not hold the file. The address
        of a mirror takes the place of that of the `public` hub."""
        headers = answer.headers
        found = headers.get("x-xet-hash", "").lower()
        link = _LINK.search(headers.get("link", ""))
        route = link[1] if link else headers.get("x-xet-refresh-route", "")
        if not _HASH.fullmatch(found) or not route:
            return None
        route = urljoin(f"{hub}/", route)
        if route.startswith(f"{public}/"):
            route = hub + route.removeprefix(public)
        return cls(found, route)


class Xet:
    """How one job reads what Xet holds.

    Parameters
    ----------
    client: the hub.
    public: the address of the hub that all mirrors stand for.
    threshold: bytes from which on a file comes by Xet if it can.
    note: told what a person should know.
    """

    def __init__(
        self,
        client: HubClient,
        caller: Caller,
        public: str,
        threshold: int,
        note: Callable[[str, str], None],
    ) -> None:
        self._client = client
        self._caller = caller
        self._public = public
        self._threshold = threshold
        self._note = note
        self._places: dict[str, Place] = {}
        self._grants = Grants(self._ask)
        self._server = XetServer(caller, self._grants)

    def locator(self, plain: Locator, entry: Entry, place: Place) -> Locator:
        """Where the bytes of `entry` lie, for which the hub has the address `plain`: in the store
        that it leads to, at our own hf_xet, or where the hub says nothing of use, at `plain`.

        Raises ``tool_missing`` and what the hub says to whoever wants to read by Xet.
        """
        answer, store = self._look(plain)
        known = Known.of(answer, self._client.hub, self._public)
        large = entry.size is not None and entry.size > self._threshold
        if known is not None and (store is None or large) and _is_told(answer):
            try:
                return self._served(known, plain, entry, place)
            except TransferError as error:
                if error.code != "tool_missing" or store is None:
                    raise
                self._note("tool_missing", f"{error.message} A large file comes without it.")
        return plain if store is None else replace(plain, url=store, headers={})

    def close(self) -> None:
        """End our hf_xet."""
        self._server.close()

    def _look(self, plain: Locator) -> tuple[Answer, str | None]:
        """What the hub says of the file, and the address in its store, if it names one."""
        url = plain.url
        for _ in range(MAX_REDIRECTS):
            answer = self._caller.call(
                url, method="HEAD", headers=dict(plain.headers), follow=False
            )
            onward = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not onward:
                return answer, None
            onward = urljoin(url, onward)
            if _origin(onward) != _origin(url):
                return answer, onward
            url = onward  # the repository was renamed
        return answer, None

    def _served(self, known: Known, plain: Locator, entry: Entry, place: Place) -> Locator:
        home()
        self._places[known.route] = place
        number = self._grants.number(known.route)
        self._grants.grant(number, self._caller)
        version = plain.validators
        if entry.digest is None:
            version = replace(version, version=known.hash)
        return Locator(
            f"http://xet/{number}/{known.hash}/{entry.size}",
            size=entry.size,
            validators=version,
            digest=entry.digest,
            unix_socket=self._server.socket(),
            recheck=plain.recheck,
        )

    def _ask(self, route: str, caller: Caller) -> Grant:
        def ask() -> Answer:
            headers = self._client.authorization(route)
            answer = caller.call(route, headers=headers)
            if answer.status >= 400:
                place, known = self._places[route], self._client.has_token
                raise error_of(answer, self._client.hub, place, with_token=known)
            return answer

        secure = parse_url(self._client.hub, SCHEMES).scheme == "https"
        return Grant.of(patiently(caller, ask).headers, ("https",) if secure else SCHEMES)


def _is_told(answer: Answer) -> bool:
    """Whether the hub has told how the file is to be had, and not only that it is not now."""
    return answer.status < 500 and answer.status not in (401, 404, 429)


def _origin(url: str) -> tuple[str, str, int]:
    return parse_url(url, SCHEMES).origin
