"""WebDAV (RFC 4918), as far as transfers need it: what a server states about a file, and folders.

Owncloud's property ``checksums`` (Nextcloud, ownCloud, ``rclone serve webdav``) holds digests.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from io import BytesIO
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from ..errors import TransferError
from .base import Answer, Digest, Entry, Validators

PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<propfind xmlns="DAV:" xmlns:oc="http://owncloud.org/ns"><prop><resourcetype/>'
    b"<getcontentlength/><getetag/><getlastmodified/><oc:checksums/></prop></propfind>"
)
"""The body of a PROPFIND for everything that `entries_in` reads."""

SETTLED = 60.0
"""Seconds after which a modification time is a strong validator (RFC 9110 section 8.8.2.2)."""

_DAV = "{DAV:}"
_OWNCLOUD = "{http://owncloud.org/ns}"
_ALGORITHMS = {"SHA256": "sha256", "SHA1": "sha1", "MD5": "md5"}
_SIZES = {"sha256": 64, "sha1": 40, "md5": 32}


def entries_in(answer: Answer) -> list[Entry]:
    """What a multi-status answer to `PROPFIND` describes; the `path` of an entry is its last
    segment, that of a folder ends in ``/``. Raises ``remote_lied``."""
    return [entry for _, entry in _described(answer)]


def _described(answer: Answer) -> Iterator[tuple[str, Entry]]:
    from defusedxml import DefusedXmlException  # noqa: PLC0415 - in a worker only
    from defusedxml.ElementTree import iterparse  # noqa: PLC0415

    date = answer.headers.get("date")
    try:
        for _, item in iterparse(BytesIO(answer.body), ("end",), forbid_dtd=True):
            if item.tag == f"{_DAV}response":
                href = (item.findtext(f"{_DAV}href") or "").strip()
                if href:
                    yield _path(href, answer.url), _entry(item, href, answer.url, date)
                item.clear()  # or the tree of a large folder takes ten times its bytes
    except (ParseError, DefusedXmlException, ValueError):
        host = urlsplit(answer.url).hostname
        raise TransferError("remote_lied", f"“{host}” sent an answer that is no XML.") from None


def _path(href: str, base: str) -> str:
    """The decoded path of an address in an answer."""
    try:
        return unquote(urlsplit(href).path)
    except ValueError:
        host = urlsplit(base).hostname
        raise TransferError("remote_lied", f"“{host}” lists what is no address.") from None


def members_in(answer: Answer) -> list[Entry]:
    """What a multi-status answer to `PROPFIND` with ``Depth: 1`` describes directly in the folder
    that was asked about, as `entries_in` does, but each with its own address. Raises
    ``remote_lied``."""
    folder = answer.url.rstrip("/") + "/"
    here = unquote(urlsplit(folder).path)
    members = []
    for path, entry in _described(answer):
        name = entry.path.removesuffix("/")
        if name in ("", ".", "..") or "/" in name:
            continue  # it is no member: what is asked for by it lies elsewhere
        if path.rstrip("/") == here + name:
            tail = "/" if entry.path.endswith("/") else ""
            members.append(replace(entry, address=folder + quote(name) + tail))
    return members


def holds_nothing(answer: Answer) -> bool:
    """Whether a multi-status answer to `PROPFIND` with ``Depth: 1`` describes the folder that was
    asked about and nothing else at all. Raises ``remote_lied``."""
    here = unquote(urlsplit(answer.url).path).rstrip("/")
    return [path.rstrip("/") for path, _ in _described(answer)] == [here]


def describes_folder(answer: Answer) -> bool:
    """Whether a multi-status answer to `PROPFIND` describes what was asked about, and that as a
    folder. Raises ``remote_lied``."""
    here = unquote(urlsplit(answer.url).path).rstrip("/")
    return any(
        path.rstrip("/") == here and entry.path.endswith("/") for path, entry in _described(answer)
    )


def _entry(item: Element, href: str, base: str, date: str | None) -> Entry:
    found = {}
    for group in item.iter(f"{_DAV}propstat"):
        if " 200" in (group.findtext(f"{_DAV}status") or " 200"):
            found.update({prop.tag: prop for box in group.iter(f"{_DAV}prop") for prop in box})
    kind = found.get(f"{_DAV}resourcetype")
    folder = kind is not None and kind.find(f"{_DAV}collection") is not None
    name = unquote(urlsplit(href).path.rstrip("/").rpartition("/")[2])
    length = _text(found.get(f"{_DAV}getcontentlength")) or ""
    return Entry(
        path=f"{name}/" if folder else name,
        address=base,
        size=int(length) if re.fullmatch(r"[0-9]{1,18}", length) and not folder else None,
        validators=validators(
            _text(found.get(f"{_DAV}getetag")), _text(found.get(f"{_DAV}getlastmodified")), date
        ),
        digest=_digest(found.get(f"{_OWNCLOUD}checksums")),
    )


def _text(element: Element | None) -> str | None:
    return None if element is None else (element.text or "").strip() or None


def _digest(checksums: Element | None) -> Digest | None:
    """The strongest digest in ``SHA1:… MD5:…``."""
    if checksums is None:
        return None
    stated = dict(
        pair.split(":", 1) for pair in " ".join(checksums.itertext()).split() if ":" in pair
    )
    for name, algorithm in _ALGORITHMS.items():
        value = stated.get(name, "").lower()
        if re.fullmatch(r"[0-9a-f]+", value) and len(value) == _SIZES[algorithm]:
            return Digest(algorithm, value)
    return None


def validators(etag: str | None, modified: str | None, date: str | None) -> Validators:
    """ETag and Last-Modified of an answer that was given at `date`."""
    moment, today = _seconds(modified), _seconds(date) or time.time()
    return Validators(
        etag or None,
        modified or None,
        settled=moment is not None and today - moment >= SETTLED,
    )


def validators_of(headers: Mapping[str, str]) -> Validators:
    """`validators` in the headers of an answer."""
    return validators(headers.get("etag"), headers.get("last-modified"), headers.get("date"))


def modified_ns(known: Validators) -> int | None:
    """``Last-Modified`` in nanoseconds since 1970; None where there is none that can be read."""
    moment = _seconds(known.last_modified)
    return None if moment is None else int(moment) * 10**9


def _seconds(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (TypeError, ValueError, OverflowError):
        return None
