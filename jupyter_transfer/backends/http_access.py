"""Who a person is to a web server: the headers that belong to one origin and to no other, and the
query that belongs to one address and what lies below it.

They are the header lines that the person gives, or a bearer token, or user name and password, or
what ``.netrc`` holds for the host. The origin is that of the job's address: whatever else a
listing, a checksum file, a mirror or a redirect names (RFC 6454: another scheme, host or port)
gets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import TransferError
from ..net import Url, parse_url
from ..secrets import Credential, from_netrc
from .base import Answer, Caller

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]{0,8000}")

_OURS = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-range",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "proxy-authorization",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
"""Headers that the engine decides on: another value of theirs would break what it relies on."""


def parse_headers(text: str) -> dict[str, str]:
    """Header lines, one ``Name: value`` a line. Raises ``bad_request``, without the value."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise TransferError(
                "bad_request",
                f"Line {number} of the option “headers” is no header.",
                "Write one “Name: value” a line.",
            )
        if name.lower() in _OURS:
            raise TransferError(
                "bad_request", f"The header “{name}” cannot be set: the transfer needs it itself."
            )
        found[name] = value
    return found


class Access:
    """The headers for the origin of `home`, and its secret query.

    Parameters
    ----------
    query: of `home`, where it holds a signature or a token; a whole address counts by its query.
    headers: given by the person; they come before everything else.
    credential: given by the person.
    ambient: whether ``.netrc`` may be looked into where none is given.
    """

    def __init__(
        self,
        home: Url,
        headers: Mapping[str, str],
        credential: Credential | None,
        query: str | None = None,
        *,
        ambient: bool = False,
    ) -> None:
        self._home = home
        self._query = (query or "").strip().rpartition("?")[2]
        given = {name.lower() for name in headers}
        if "authorization" not in given:
            if credential is None and ambient:
                credential = from_netrc(home.host)
            if credential is not None:
                headers = {"Authorization": credential.authorization(), **headers}
        self._headers = dict(headers)

    def headers_for(self, url: Url) -> dict[str, str]:
        """What may be sent to `url`: nothing, unless it is of the same origin."""
        return dict(self._headers) if url.origin == self._home.origin else {}

    def address_for(self, address: str) -> str:
        """Where to ask for `address`: with the secret query, if it is that of the job or one below
        it. This goes to the server, and into nothing that is written down."""
        if not self._query:
            return address
        url, home = parse_url(address, ("http", "https")), self._home
        below = url.path == home.path or url.path.startswith(home.path.rstrip("/") + "/")
        if url.origin != home.origin or not below or url.query not in ("", home.query):
            return address
        return str(replace(url, query=self._query))


class SignedCaller:
    """The engine's `Caller`, asking with the secret query that `access` knows."""

    def __init__(self, caller: Caller, access: Access) -> None:
        self._caller = caller
        self._access = access
        self.check, self.beside = caller.check, caller.beside

    def call(self, url: str, **options: Any) -> Answer:
        """See `Caller`; the answer's address is again the one without the query."""
        asked = self._access.address_for(url)
        answer = self._caller.call(asked, **options)
        same = asked != url and answer.url == str(parse_url(asked, ("http", "https")))
        return replace(answer, url=url) if same else answer
