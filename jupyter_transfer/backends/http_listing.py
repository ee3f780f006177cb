"""Listings of folders that web servers make: what a page says lies directly in a folder.

HTML of nginx, Apache (fancy, table, plain), lighttpd, Python's ``http.server``, IIS, Tomcat,
``rclone serve http`` and their kind; JSON of nginx (``autoindex_format json``) and Caddy. A page
counts as a listing only if it says that it is one; of its links only those count that lead one
step down from its own address. Sizes and times are taken from JSON alone: those of the pages are
rounded and of an unknown time zone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urljoin, urlsplit

from ..errors import TransferError
from ..net import Url, parse_url
from .base import Answer, Digest, Validators

ACCEPT = "application/json, text/html;q=0.9, */*;q=0.1"
"""What to ask for: Caddy answers JSON to it, others what they always do."""

TYPES = ("text/html", "application/xhtml+xml", "application/json")
"""Media types that a listing may have."""

_SCHEMES = ("http", "https")
_HEADINGS = ("index of", "directory listing", "directory: ", "folder listing")
_PARENTS = ("[to parent directory]", "parent directory")
_SAFE = "%/:?#[]@!$&'()*+,;=-._~|"

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._~-]*/?")
"""A relative address that is one step down to every parser."""

_UNKNOWN = Validators()


@dataclass(frozen=True)
class Item:
    """What lies directly in a folder: its `name` is the other side's word, without slash; `url`
    is absolute, that of a folder ends in ``/``. Only WebDAV tells `validators` and `digest`."""

    name: str
    url: str
    folder: bool
    size: int | None = None
    mtime_ns: int | None = None
    validators: Validators = _UNKNOWN
    digest: Digest | None = None


def media_type(headers: Any) -> str:
    """The media type of an answer, in lower case and without parameters."""
    return str(headers.get("content-type") or "").partition(";")[0].strip().lower()


def read_listing(answer: Answer, folder: Url) -> list[Item] | None:
    """What `answer`, the page at `folder`, lists; None for a page that is no listing."""
    if media_type(answer.headers) == "application/json":
        return _read_json(answer.body, folder)
    page = _Page()
    page.feed(answer.body.decode("utf-8", "surrogateescape"))
    page.close()
    return list(_children(page.links, folder)) if page.is_listing else None


# ---- HTML ---------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Collects the addresses of links, and whether the page calls itself a listing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.is_listing = False
        self._within: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("title", "h1", "h2", "a"):
            self._end_text()
            self._within = tag
        if tag == "a":
            href = next((value for name, value in attrs if name == "href" and value), None)
            if href is not None:
                self.links.append(href)
                self.is_listing |= _sorts(href)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._end_text()

    def handle_data(self, data: str) -> None:
        if self._within is not None:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._end_text()

    def _end_text(self) -> None:
        text = " ".join("".join(self._text).split()).lower()
        if self._within == "a":
            self.is_listing |= text in _PARENTS
        elif self._within is not None:
            self.is_listing |= text.startswith(_HEADINGS) or " - directory listing" in text
        self._within = None
        self._text.clear()


def _sorts(href: str) -> bool:
    """Whether a link is one of Apache's that sort a listing by another column."""
    return re.fullmatch(r"\?C=[NMSD](;|&)O=[AD]", href) is not None


def _children(links: Iterable[str], folder: Url) -> Iterator[Item]:
    seen: set[bytes] = set()
    above, base = _segments(folder.path)[:-1], _base(folder)
    for href in links:
        segment = href if _PLAIN.fullmatch(href) else _step_down(href, folder, above)
        if segment is None:
            continue
        name = segment.rstrip("/")
        raw = unquote_to_bytes(name)
        if raw not in seen:
            seen.add(raw)
            yield Item(unquote(name, errors="replace"), base + segment, segment.endswith("/"))


def _step_down(href: str, folder: Url, above: list[bytes]) -> str | None:
    """The last segment of the address of `href`, with its slash, if that lies directly in
    `folder`; None for any other address."""
    href = quote(href.strip(), safe=_SAFE, errors="surrogateescape")
    try:
        joined = urljoin(str(folder), href)
        if urlsplit(joined).query or href.startswith(("?", "#")):
            return None
        target = parse_url(joined, _SCHEMES)
    except (TransferError, ValueError):
        return None
    segments = target.path.split("/")
    slash = "/" if segments[-1] == "" else ""
    last = segments[-2] if slash else segments[-1]
    before = _segments(target.path)[: -2 if slash else -1]
    if target.origin != folder.origin or before != above:
        return None
    return None if unquote(last) in ("", ".", "..") else last + slash


def _segments(path: str) -> list[bytes]:
    return [unquote_to_bytes(segment) for segment in path.split("/")]


def _base(folder: Url) -> str:
    """What stands in front of a last segment: the folder's own spelling, without its query."""
    return str(replace(folder, query=""))


# ---- JSON ---------------------------------------------------------------------------------------


def _read_json(body: bytes, folder: Url) -> list[Item] | None:
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    base = _base(folder)
    items = [_read_row(row, base) for row in rows]
    return None if None in items else [item for item in items if item is not None]


def _read_row(row: Any, base: str) -> Item | None:
    """One row of nginx (`type`, `mtime`) or Caddy (`is_dir`, `mod_time`); None for a foreign
    one."""
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"]:
        return None
    if isinstance(row.get("is_dir"), bool):
        is_folder = row["is_dir"]
    elif row.get("type") in ("file", "directory", "other"):
        is_folder = row["type"] == "directory"
    else:
        return None
    name = row["name"].removesuffix("/") if is_folder else row["name"]
    # A folder that leads elsewhere is no folder to walk: as a file, its path is refused.
    is_folder = is_folder and name not in ("", ".", "..") and "/" not in name
    segment = quote(name, safe="", errors="surrogatepass") + "/" * is_folder
    size = row.get("size")
    exact = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63
    return Item(
        name,
        base + segment,
        is_folder,
        size=size if exact and not is_folder else None,
        mtime_ns=_moment(row.get("mtime") or row.get("mod_time")),
    )


def _moment(text: Any) -> int | None:
    """A time as nginx (RFC 9110) or Caddy (RFC 3339) writes it, nanoseconds since 1970."""
    if not isinstance(text, str):
        return None
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    try:
        if match is None:
            return int(parsedate_to_datetime(text).timestamp()) * 10**9
        zone = "+00:00" if match[3] == "Z" else match[3]
        whole = int(datetime.fromisoformat(match[1] + zone).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
    return whole * 10**9 + int((match[2] or "0").ljust(9, "0"))
