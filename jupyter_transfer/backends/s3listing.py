"""Reads pages of listings (``ListObjectsV2``) with expat, several times as fast as a reader that
builds a tree: a bucket may hold a hundred million keys. Entities and document types are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_plus
from xml.parsers import expat

from ..errors import TransferError

FetchPage = Callable[[list[tuple[str, str]]], bytes]


@dataclass
class Page:
    """One page: the fields of each object, the common prefixes, and where the next one begins."""

    objects: list[dict[str, str]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    token: str | None = None


def pages(fetch: FetchPage, prefix: str, *, delimiter: str = "", most: int = 0) -> Iterator[Page]:
    """The pages of what begins with `prefix`, one in memory at a time.

    Parameters
    ----------
    fetch: GET of the bucket with a query.
    delimiter: ``/`` for one level only.
    most: entries of a page, and only one page then; 0 for all, as many a page as the service gives.
    """
    query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)]
    if delimiter:
        query.append(("delimiter", delimiter))
    if most:
        query.append(("max-keys", str(most)))
    token: str | None = None
    while True:
        page = read_page(fetch(query + ([("continuation-token", token)] if token else [])))
        yield page
        if most or page.token is None:
            return
        if page.token == token:
            raise _nonsense("it continues where it began")
        token = page.token


def read_page(body: bytes) -> Page:
    """A page from its XML. Raises ``remote_lied``."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise _nonsense("it is no XML") from None
    return reader.page()


class _Reader:
    """Handlers of expat; text of an element is what stood since its start."""

    def __init__(self) -> None:
        self._depth = 0
        self._text = ""
        self._fields: dict[str, str] = {}
        self._top: dict[str, str] = {}
        self._objects: list[dict[str, str]] = []
        self._prefixes: list[str] = []

    def start(self, _name: str, _attributes: Any) -> None:
        self._depth += 1
        self._text = ""
        if self._depth == 2:
            self._fields = {}

    def text(self, data: str) -> None:
        self._text += data

    def end(self, name: str) -> None:
        self._depth = depth = self._depth - 1
        if depth == 2:
            self._fields[name] = self._text
        elif depth == 1:
            if name == "Contents":
                self._objects.append(self._fields)
            elif name == "CommonPrefixes":
                self._prefixes.append(self._fields.get("Prefix", ""))
            else:
                self._top[name] = self._text
        elif depth == 0 and name != "ListBucketResult":
            raise _nonsense("it is no listing")
        self._text = ""

    def page(self) -> Page:
        """What was read."""
        more = self._top.get("IsTruncated", "").strip().lower() == "true"
        token = self._top.get("NextContinuationToken") or None
        if more and token is None:
            raise _nonsense("it is cut short")
        if self._top.get("EncodingType") == "url":
            for found in self._objects:
                key = found.get("Key", "")
                if "%" in key or "+" in key:
                    found["Key"] = unquote_plus(key, errors="surrogateescape")
            self._prefixes = [unquote_plus(p, errors="surrogateescape") for p in self._prefixes]
        return Page(self._objects, self._prefixes, token if more else None)


def moment_ns(text: str | None) -> int | None:
    """``2026-11-27T07:10:30.000Z`` in nanoseconds since 1970; None when it is malformed."""
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1000) * 1_000_000


def _refuse(*_: Any) -> None:
    raise _nonsense("it declares a document type")


def _nonsense(why: str) -> TransferError:
    return TransferError("remote_lied", f"The service's listing makes no sense: {why}.")
