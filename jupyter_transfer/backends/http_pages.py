"""Small questions to a web server: a listing, a checksum file, a Metalink, the size of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..errors import TransferError, from_http_status
from ..net import Url, parse_url
from .base import Answer, Caller, pause
from .http_dav import DavFolders
from .http_listing import ACCEPT, TYPES, media_type, read_listing
from .http_metalink import TYPE as METALINK
from .http_metalink import File, read_metalink
from .http_walk import Folder

SCHEMES = ("http", "https")

_PAGE = 64 << 20
"""Bytes of one page of a listing: about half a million names."""

_TEXT = 32 << 20
"""Bytes of a checksum file or a Metalink."""

_TRIES = 3
_BETWEEN = 0.2
"""How often a question is asked when the line breaks, and seconds in between."""

_Wants = Callable[[Mapping[str, str]], bool]


class Pages:
    """Asks through `caller`.

    Parameters
    ----------
    headers_for: what may be sent to an address.
    webdav: lists folders of which a page says nothing.
    """

    def __init__(
        self, caller: Caller, headers_for: Callable[[Url], dict[str, str]], webdav: DavFolders
    ) -> None:
        self._caller = caller
        self._headers_for = headers_for
        self._webdav = webdav
        self._metalink: tuple[str, list[File]] | None = None

    def folder(self, address: str, *, strict: bool = False) -> Folder | None:
        """The folder at `address`: its `items` are None where the answer is no listing; None
        where there is none, or with `strict` an error that says why."""
        url = parse_url(address, SCHEMES)
        if (items := self._webdav.first(url)) is not None:
            return Folder(url, items)
        answer = self._get(address, {"Accept": ACCEPT}, limit=_PAGE, wants=_is_page)
        url = parse_url(answer.url, SCHEMES)
        if answer.status == 200 and media_type(answer.headers) in TYPES and url.path.endswith("/"):
            items = read_listing(answer, url)
        if items is None:
            items = self._webdav.instead(url, answer.status)
        if items is None and answer.status != 200:
            if strict:
                raise from_http_status(answer.status, url.host, answer.retry_after)
            return None
        return Folder(url, items)

    def text(self, address: str) -> str | None:
        """A text file; None for a page, for what is not there or may not be seen."""
        answer = self._get(address, {}, limit=_TEXT, wants=_is_text)
        return answer.body.decode("utf-8", "replace") if answer.status == 200 else None

    def metalink(self, address: str) -> list[File]:
        """The files of a Metalink, the last of which is remembered. Raises ``remote_lied`` and
        what the status means."""
        if self._metalink is None or self._metalink[0] != address:
            answer = self._get(address, {"Accept": METALINK}, limit=_TEXT, wants=None)
            url = parse_url(answer.url, SCHEMES)
            if answer.status != 200:
                raise from_http_status(answer.status, url.host, answer.retry_after)
            self._metalink = address, read_metalink(answer.body, url)
        return self._metalink[1]

    def size(self, address: str) -> int | None:
        """The bytes of a file, None where the server does not say."""
        headers = self._headers_for(parse_url(address, SCHEMES))
        answer = self._caller.call(address, method="HEAD", headers=headers)
        return _length(answer.headers) if answer.status == 200 else None

    def _get(
        self, address: str, headers: Mapping[str, str], *, limit: int, wants: _Wants | None
    ) -> Answer:
        sent = {**self._headers_for(parse_url(address, SCHEMES)), **headers}
        for _ in range(_TRIES - 1):
            try:
                return self._caller.call(address, headers=sent, limit=limit, wants=wants)
            except TransferError as error:
                if not error.retryable:
                    raise
            pause(self._caller, _BETWEEN)
        return self._caller.call(address, headers=sent, limit=limit, wants=wants)


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _is_page(headers: Mapping[str, str]) -> bool:
    return media_type(headers) in TYPES


def _is_text(headers: Mapping[str, str]) -> bool:
    """Whether an answer may be a checksum file: servers call it anything, but not a page."""
    return (_length(headers) or 0) <= _TEXT and media_type(headers) != "text/html"
