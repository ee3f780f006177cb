"""What the remote side has: one small request, redirects resolved, before any byte is fetched.

The probe is ``GET`` with ``Range: bytes=0-0`` and not ``HEAD``: presigned addresses are signed for
GET, and many servers answer HEAD differently. It tells whether ranges work, how large the file is,
by what its state is known (ETag, Last-Modified), and what it is called.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from os.path import splitext
from typing import Any
from urllib.parse import unquote

from ..backends.base import Digest, Locator, Pieces, Stated, Validators
from ..errors import TransferError, from_http_status
from ..names import safe_name
from ..net import MAX_REDIRECTS, Url, redirect_target
from ..secrets import Login
from .disposition import filename_of
from .sums import known
from .transport import SCHEMES, Enough, Exchange, Headers, Transport, parse
from .verify import SWITCHED_OFF, digest_in, doubt_in

REDIRECTS = {301, 302, 303, 307, 308}

SETTLED = 60.0
"""Seconds after which a modification time is a strong validator (RFC 9110 section 8.8.2.2)."""

_CODED_NAMES = {
    "gzip": {".gz", ".tgz", ".svgz", ".gzip"},
    "x-gzip": {".gz", ".tgz", ".svgz", ".gzip"},
    "br": {".br"},
    "zstd": {".zst", ".zstd"},
    "compress": {".z"},
    "x-compress": {".z"},
}
"""Content codings that servers state for files that simply *are* compressed (Apache's AddEncoding);
their bytes are the file."""

Check = Callable[[], None]
Reader = Callable[[Mapping[str, str]], Stated]


@dataclass(frozen=True)
class Remote:
    """A file as the remote side describes it.

    `url` is where the redirects ended, `headers` what may be sent there. `ranges` says whether a
    part may be asked for, `size` is None while unknown, `coding` a Content-Encoding that has to
    be undone, `name` a safe name (None when nothing better than the address is known), `digest`
    was given by the user or the backend, `stated` by a header of the answer, `doubt` is the code
    for why there is neither (see `verify`), `reader` reads what is the service's own in an answer.
    `if_match` says whether requests for parts carry ``If-Match``. `pieces` are digests of pieces;
    `mirrored` says that the digest alone tells what belongs together, wherever it is from;
    `answer` is the head of what the probe got, names in lower case; `presumed` and `recheck` are as
    in `Locator`.
    """

    url: Url
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    unix_socket: str | None = None
    size: int | None = None
    validators: Validators = field(default_factory=Validators)
    ranges: bool = False
    coding: str | None = None
    name: str | None = None
    digest: Digest | None = None
    stated: Digest | None = None
    doubt: str = "no_digest"
    mtime_ns: int | None = None
    if_match: bool = False
    login: Login | None = None
    reader: Reader | None = field(default=None, repr=False, compare=False)
    pieces: Pieces | None = field(default=None, repr=False)
    presumed: bool = False
    mirrored: bool = False
    answer: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    recheck: bool = False

    @property
    def proof(self) -> Digest | None:
        """The digest that the bytes must have; None when they cannot be verified."""
        return self.digest or (None if self.coding else self.stated)

    @property
    def unverified(self) -> str | None:
        """The code for why the bytes cannot be verified (see `verify`); None when they can."""
        if self.proof is not None:
            return None if known(self.proof.algorithm) else "unsupported_algorithm"
        return "content_coding" if self.stated else self.doubt

    @property
    def in_parts(self) -> bool:
        """Whether parts fetched at different times are known to belong together: by the
        validators, or because a digest proves the whole afterwards."""
        together = self.validators.strong or self.unverified is None
        return self.ranges and together and self.size is not None and self.coding is None


def probe(transport: Transport, locator: Locator, check: Check) -> Remote:
    """Ask for the first byte of `locator`. `check` is called all the while and may raise.

    Raises `TransferError`: ``address_refused``, ``too_many_redirects``, ``needs_credentials``,
    ``remote_not_found``, ``remote_forbidden``, ``remote_busy`` … and what the transport raises.
    """
    first = parse(locator.url)
    url, headers = first, dict(locator.headers)
    ask_range = True
    for _ in range(MAX_REDIRECTS + 1):
        exchange = Exchange(
            url,
            {**headers, "Want-Repr-Digest": "sha-256=10, sha-512=5"},
            byte_range=(0, 0) if ask_range else None,
            on_head=_skip_long_body,
            unix_socket=locator.unix_socket,
        )
        transport.perform(exchange, check)
        if exchange.error:
            raise exchange.error
        location = exchange.headers.get("location")
        if exchange.status in REDIRECTS and location:
            target = redirect_target(url, location, SCHEMES)
            if target.origin != url.origin:
                headers = {}
            url = target
        elif exchange.status in (400, 405, 416, 501) and ask_range and not _is_empty(exchange):
            ask_range = False  # it may only dislike the range
        else:
            remote = describe(exchange, locator, first)
            return replace(remote, headers=headers)
    raise TransferError(
        "too_many_redirects", f"“{first.host}” redirects more than {MAX_REDIRECTS} times."
    )


def _skip_long_body(exchange: Exchange) -> None:
    """Read a short body to its end, which keeps the connection for the next request."""
    length = exchange.headers.get("content-length")
    if status_of(exchange) == 200 or not (length and length.isdigit() and int(length) <= 65536):
        raise Enough


def status_of(exchange: Exchange) -> int:
    """The status of an answer; 206 also where a server sends exactly the part that was asked for
    and says 200 to it (``rclone serve s3``)."""
    asked, status = exchange.byte_range, exchange.status
    if status != 200 or asked is None or content_range(exchange.headers)[0] != asked:
        return status
    return 206 if content_length(exchange.headers) == asked[1] - asked[0] + 1 else 200


def _is_empty(exchange: Exchange) -> bool:
    return exchange.status == 416 and content_range(exchange.headers) == (None, 0)


def describe(exchange: Exchange, locator: Locator, first: Url, name: str | None = None) -> Remote:
    """What the answer of `exchange` tells of the file at `locator`; `first` is the address that
    was asked before any redirect; `name` what the file is called, where that is settled. Raises
    what its status means, if it is no success."""
    headers, status = exchange.headers, status_of(exchange)
    if status not in (200, 206) and not _is_empty(exchange):
        raise error_of_status(exchange)
    span, total = content_range(headers)
    ranges = status == 206 and span == (0, 0) and total is not None
    size = total if ranges or status == 416 else content_length(headers)
    if status == 206 and not ranges:
        size = total  # it cannot count: take the file in one piece, by a request without a range
    name = name or name_in(headers, exchange.url, first)
    coding = coding_in(headers, name)
    there = validators_in(headers)
    version = locator.validators.version
    return Remote(
        url=exchange.url,
        unix_socket=locator.unix_socket,
        size=None if coding else size,
        validators=replace(there, version=version) if version else there,
        ranges=ranges and coding is None,
        coding=coding,
        name=name,
        digest=_digest_of(locator, there),
        if_match=locator.if_match,
        reader=locator.stated,
        answer=headers.as_dict(),
        **told_by(
            headers,
            whole=status == 200,
            reader=locator.stated,
            doubt=locator.unverified,
        ),
        recheck=locator.recheck,
    )


def _digest_of(locator: Locator, there: Validators) -> Digest | None:
    """The digest of `locator`, unless it is that of another state than is `there`."""
    digest, state = locator.digest, locator.digest_of
    if digest is not None and state and Validators(etag=state).contradicts(there):
        return None
    return digest


# ---- reading an answer ------------------------------------------------------------------------


def content_length(headers: Headers) -> int | None:
    """The length of the body; None when unknown or malformed."""
    value = headers.get("content-length")
    return int(value) if value and value.isdigit() and len(value) < 19 else None


_CONTENT_RANGE = re.compile(
    r"bytes\s+(?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)", re.IGNORECASE
)


def content_range(headers: Headers) -> tuple[tuple[int, int] | None, int | None]:
    """``bytes 5-9/100`` as ``((5, 9), 100)``; ``bytes */100`` as ``(None, 100)``; an unknown or
    malformed part is None (RFC 9110 section 14.4)."""
    value = headers.get("content-range")
    match = _CONTENT_RANGE.fullmatch(value.strip()) if value else None
    if not match:
        return None, None
    span = (int(match[1]), int(match[2])) if match[1] else None
    return span, int(match[3]) if match[3] else None


def validators_in(headers: Headers) -> Validators:
    """ETag and Last-Modified of an answer."""
    etag = headers.get("etag")
    modified = headers.get("last-modified")
    moment, today = _seconds(modified), _seconds(headers.get("date")) or time.time()
    settled = moment is not None and today - moment >= SETTLED
    return Validators(etag or None, modified or None, settled=settled)


def told_by(
    headers: Headers, *, whole: bool, reader: Reader | None, doubt: str | None = None
) -> dict[str, Any]:
    """Digest, why there is none, and time of change by an answer, as fields of `Remote`; `whole`
    says whether it is no part, `doubt` what the backend knows better than the headers tell."""
    own = reader(headers.as_dict()) if reader else Stated()
    modified = own.mtime_ns or modified_ns(headers)
    if doubt == SWITCHED_OFF:
        return {"stated": None, "doubt": doubt, "mtime_ns": modified}
    return {
        "stated": digest_in(headers, whole=whole) or own.digest,
        "doubt": doubt or own.unverified or doubt_in(headers, whole=whole),
        "mtime_ns": modified,
    }


def modified_ns(headers: Headers) -> int | None:
    """Last-Modified in nanoseconds since 1970."""
    moment = _seconds(headers.get("last-modified"))
    return None if moment is None or moment < 0 else int(moment) * 1_000_000_000


@lru_cache(maxsize=1024)
def _seconds(value: str | None) -> float | None:
    if not value:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def coding_in(headers: Headers, name: str | None) -> str | None:
    """The content coding that must be undone; None when the bytes are the file."""
    coding = (headers.get("content-encoding") or "identity").strip().lower()
    if coding in ("", "identity"):
        return None
    extension = splitext(name or "")[1].lower()
    return None if extension in _CODED_NAMES.get(coding, ()) else coding


def name_in(headers: Headers, last: Url, first: Url) -> str | None:
    """What the file is called: by Content-Disposition, else by the last segment of the address
    asked for, else (it has no extension, as in ``/latest``) of the one that it redirects to."""
    stated = filename_of(headers.get("content-disposition"))
    if stated and (name := safe_name(stated, "")):
        return name
    names = [
        safe_name(unquote(url.path.rpartition("/")[2], errors="replace"), "")
        for url in (first, last)
    ]
    return next((name for name in names if splitext(name)[1]), names[0] or names[1]) or None


def error_of_status(exchange: Exchange) -> TransferError:
    """What a status that is no success means."""
    return from_http_status(exchange.status, exchange.url.host, exchange.retry_after)
