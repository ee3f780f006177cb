"""Metalink 4 (RFC 5854) and the ``Link`` headers that lead to it or to mirrors (RFC 6249)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import TransferError
from ..net import Url, redirect_target
from .base import Digest, Locator, Pieces
from .http_sums import make_digest

TYPE = "application/metalink4+xml"

_SPACE = "{urn:ietf:params:xml:ns:metalink}"
_STRENGTH = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
_MOST = 200
"""Mirrors of one file that are remembered."""

_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class File:
    """One file of a Metalink; `urls` with the best first."""

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    digest: Digest | None = None
    pieces: Pieces | None = None

    def locator(self) -> Locator:
        """Where it lies. Without a digest nothing vouches for the mirrors: they are left out."""
        first, *rest = self.urls
        return Locator(
            first,
            size=self.size,
            digest=self.digest,
            mirrors=tuple(rest) if self.digest else (),
            pieces=self.pieces if self.digest else None,
        )


def read_metalink(body: bytes, base: Url) -> list[File]:
    """The files of a Metalink that can be fetched by HTTP. Raises ``remote_lied`` for one that
    is malformed."""
    from defusedxml import DefusedXmlException, ElementTree  # noqa: PLC0415 - in workers only

    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, DefusedXmlException, ValueError):
        raise TransferError(
            "remote_lied", f"The Metalink of “{base.host}” is no well-formed XML."
        ) from None
    if root.tag != f"{_SPACE}metalink":
        raise TransferError("remote_lied", f"“{base.host}” sent no Metalink of version 4.")
    files = [_file(element, base) for element in root.findall(f"{_SPACE}file")]
    return [file for file in files if file.name and file.urls]


def _file(element: Any, base: Url) -> File:
    ranked = sorted(
        ((_priority(url.get("priority")), number, (url.text or "").strip()))
        for number, url in enumerate(element.findall(f"{_SPACE}url"))
    )
    urls = [resolved for *_, text in ranked if (resolved := _resolve(text, base))]
    digests = [
        digest
        for found in element.findall(f"{_SPACE}hash")
        if (digest := make_digest(found.get("type") or "", (found.text or "").strip()))
    ]
    digests = [d for d in digests if d.algorithm in _STRENGTH]
    size = (element.findtext(f"{_SPACE}size") or "").strip()
    return File(
        name=(element.get("name") or "").strip(),
        urls=tuple(dict.fromkeys(urls))[:_MOST],
        size=int(size) if re.fullmatch(r"\d{1,18}", size) else None,
        digest=min(digests, key=lambda d: _STRENGTH.index(d.algorithm), default=None),
        pieces=_pieces(element.find(f"{_SPACE}pieces")),
    )


def _pieces(element: Any) -> Pieces | None:
    if element is None or not re.fullmatch(r"[1-9]\d{0,17}", element.get("length") or ""):
        return None
    hashes = element.findall(f"{_SPACE}hash")
    found = [make_digest(element.get("type") or "", (h.text or "").strip()) for h in hashes]
    values = [digest.value for digest in found if digest is not None]
    if not values or len(values) != len(found):
        return None
    algorithm = next(digest.algorithm for digest in found if digest is not None)
    return Pieces(int(element.get("length")), algorithm, tuple(values))


def _priority(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"\d{1,6}", text) else 999_999


def _resolve(text: str, base: Url) -> str | None:
    """An address in a document or header of `base`; None for what may not be called."""
    try:
        return str(redirect_target(base, text, _SCHEMES)) if text else None
    except (TransferError, ValueError):
        return None


# ---- Link headers -------------------------------------------------------------------------------

_LINK = re.compile(r'<([^<>\s]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:"[^"]*"|[^\s",;]*))?)*)')
_PARAMETER = re.compile(r';\s*([\w!#$&+.^`|~*-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s",;]*)))?')


def links(header: str, base: Url) -> Iterator[tuple[str, dict[str, str]]]:
    """Address and parameters of each link in the header ``Link`` (RFC 8288) of `base`."""
    for match in _LINK.finditer(header[:65536]):
        address = _resolve(match[1].strip(), base)
        parameters: dict[str, str] = {}
        for name, quoted, plain in _PARAMETER.findall(match[2]):
            parameters.setdefault(name.lower(), quoted or plain)
        if address is not None:
            yield address, parameters


def mirrors_in(header: str, base: Url) -> tuple[str, ...]:
    """Addresses of the same bytes (``rel=duplicate``), the preferred first."""
    found = [
        (_priority(parameters.get("pri")), address)
        for address, parameters in links(header, base)
        if "duplicate" in parameters.get("rel", "").lower().split()
    ]
    best = [address for _, address in sorted(found, key=lambda pair: pair[0])]
    return tuple(address for address in dict.fromkeys(best) if address != str(base))[:_MOST]


def described_in(header: str, base: Url) -> str | None:
    """The address of a Metalink of this file (``rel=describedby``)."""
    for address, parameters in links(header, base):
        described = "describedby" in parameters.get("rel", "").lower().split()
        if described and parameters.get("type", "").lower() == TYPE:
            return address
    return None
