"""Proof that the bytes on disk are the bytes of the source, where the source gives a digest.

Digests that count are those that are defined over the whole file: given by the user, listed by the
backend, or stated by a header whose definition says so. An ETag is not one, unless a backend knows
that its service makes it so (`Locator.stated`). Without a digest a file is "not verifiable"
(None), never "verified", and a code says why:

======================== ==========================================================================
code                     why nothing proves the bytes
======================== ==========================================================================
``no_digest``            the source states none
``composite_checksum``   it states one of the checksums of the parts (S3, ``…-3``)
``multipart_etag``       its ETag is such a one, and nothing else is stated (said by a backend)
``unsupported_algorithm`` this machine cannot compute what it states
``content_coding``       its digest is of the compressed form, which is not what is kept
``switched_off``         the person asked not to verify
``present``              an earlier job delivered it; it was not read again
``skipped``              what stands there is not ours
``resumed``              a copy went on after a break, and its bytes do not come by again
``several``              (of a job) its files differ in why
======================== ==========================================================================
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from functools import lru_cache

from ..backends.base import Digest, Pieces
from ..errors import TransferError
from . import sums
from .follower import Follower
from .parthasher import PartHasher
from .transport import Headers

SWITCHED_OFF = "switched_off"

_CHUNK = 4 << 20

# Our names, strongest first -> bytes.
_SIZES = {
    "sha512": 64,
    "sha384": 48,
    "sha256": 32,
    "sha1": 20,
    "md5": 16,
    "crc64nvme": 8,
    "crc64ecma": 8,
    "crc32c": 4,
    "crc32": 4,
}
# Names in `Digest`, `Repr-Digest` and `x-goog-hash`.
_NAMED = {
    "sha-512": "sha512",
    "sha-256": "sha256",
    "sha": "sha1",
    "md5": "md5",
    "crc32c": "crc32c",
}
_AMAZON = ("sha512", "sha256", "sha1", "md5", "crc64nvme", "crc32c", "crc32")
_HEX = {  # Artifactory, Nexus, Maven Central
    "x-checksum-sha512": "sha512",
    "x-checksum-sha256": "sha256",
    "x-checksum-sha1": "sha1",
    "x-checksum-md5": "md5",
}
_WORDS = re.compile("digest|checksum|hash|md5")
"""One of them is in the name of each of these fields."""

_DECIMAL = ("x-oss-hash-crc64ecma", "x-cos-hash-crc64ecma")


def digest_in(headers: Headers, *, whole: bool) -> Digest | None:
    """The strongest digest of the whole file that an answer states and that we can compute.

    ``Repr-Digest`` (RFC 9530), ``Digest`` (RFC 3230) and ``x-goog-hash`` speak of the whole file
    even in an answer to a range; ``Content-MD5`` (RFC 1864) of the body, so only when `whole`;
    ``x-amz-checksum-…`` of the object, unless it is a checksum of checksums (``…-3``); the CRC-64
    of Alibaba's and Tencent's object stores and the ``X-Checksum-…`` of artifact repositories of
    the object.
    """
    if not _tells(headers):
        return None
    found = {digest.algorithm: digest for digest in _stated(headers, whole=whole)}
    return next((found[name] for name in _SIZES if name in found and sums.known(name)), None)


def doubt_in(headers: Headers, *, whole: bool) -> str:
    """The code for why an answer without a usable digest proves nothing."""
    if not _tells(headers):
        return "no_digest"
    if _composite(headers):
        return "composite_checksum"
    usable = any(True for _ in _stated(headers, whole=whole))
    return "unsupported_algorithm" if usable or _foreign(headers) else "no_digest"


def _tells(headers: Headers) -> bool:
    """Whether any field may be of a digest: of most answers none is, and looking for each kind
    costs more than all else about a small file."""
    return _speak_of_digests(tuple(headers.names()))


@lru_cache(maxsize=256)  # a server sends the same fields with each of a thousand files
def _speak_of_digests(names: tuple[str, ...]) -> bool:
    return _WORDS.search(" ".join(names)) is not None


def _stated(headers: Headers, *, whole: bool) -> Iterator[Digest]:
    for name, value in _items(headers):
        if name in _NAMED:
            yield from _from_base64(_NAMED[name], value)
    if not _composite(headers):
        for algorithm in _AMAZON:
            yield from _from_base64(algorithm, headers.get(f"x-amz-checksum-{algorithm}") or "")
    for header, algorithm in _HEX.items():
        yield from _from_hex(algorithm, headers.get(header) or "")
    for header in _DECIMAL:
        value = headers.get(header) or ""
        if re.fullmatch(r"[0-9]{1,20}", value) and int(value) < 2**64:
            yield Digest("crc64ecma", f"{int(value):016x}")
    if whole:
        yield from _from_base64("md5", headers.get("content-md5") or "")


def _items(headers: Headers) -> Iterator[tuple[str, str]]:
    for header in ("repr-digest", "digest", "x-goog-hash"):
        for item in (headers.get(header) or "").split(","):
            name, _, value = item.strip().partition("=")
            yield name.strip().lower(), value.strip().strip(":")


def _composite(headers: Headers) -> bool:
    """Whether S3's checksum is one of checksums: it says so, or its value ends in ``-3``."""
    if (headers.get("x-amz-checksum-type") or "").upper() == "COMPOSITE":
        return True
    values = (headers.get(f"x-amz-checksum-{algorithm}") or "" for algorithm in _AMAZON)
    return any(re.search(r"-[0-9]+$", value) for value in values)


def _foreign(headers: Headers) -> bool:
    """Whether a digest is stated in an algorithm that is none of ours."""
    return any(name and name not in _NAMED for name, value in _items(headers) if value)


def _from_base64(algorithm: str, value: str) -> Iterator[Digest]:
    if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
        return
    try:
        raw = b64decode(value, validate=True)
    except (Base64Error, ValueError):
        return
    if len(raw) == _SIZES[algorithm]:
        yield Digest(algorithm, raw.hex())


def _from_hex(algorithm: str, value: str) -> Iterator[Digest]:
    if re.fullmatch(f"[0-9a-fA-F]{{{2 * _SIZES[algorithm]}}}", value):
        yield Digest(algorithm, value.lower())


def verify(
    fd: int,
    size: int,
    digest: Digest | None,
    check: Callable[[], None],
    follower: Follower | PartHasher | None = None,
) -> bool | None:
    """Compare the file behind `fd` with `size` and `digest`; `follower` has read some of it.

    True when the digest is right, None when there is none to compare with, or none that this
    machine can compute. `check` is called between the pieces and may raise.

    Raises `TransferError`: ``digest_mismatch``, ``io_error`` (the file has another size).
    """
    if os.fstat(fd).st_size != size:
        raise TransferError("io_error", "The file on disk has not the size that was written.")
    if digest is None or not sums.known(digest.algorithm):
        return None
    found = None
    if follower is not None and follower.algorithm == digest.algorithm:
        found = follower.finish(size, check)
    _compare(digest, found or sum_of(fd, (0, size), digest.algorithm, check))
    return True


def verify_bytes(data: bytes | bytearray, digest: Digest | None) -> bool | None:
    """As `verify`, for a file in memory."""
    if digest is None or not sums.known(digest.algorithm):
        return None
    running = sums.new(digest.algorithm, len(data))
    running.update(memoryview(data))
    _compare(digest, running.hexdigest())
    return True


def _compare(digest: Digest, found: str) -> None:
    if found != digest.value:
        raise TransferError(
            "digest_mismatch",
            f"The bytes that arrived do not have the {digest.algorithm} digest"
            " that they should have.",
            "Compare the digest with its source; if it is right, the file was damaged there or"
            " on the way.",
            detail={"expected": str(digest), "found": f"{digest.algorithm}:{found}"},
        )


def damaged_pieces(
    fd: int, size: int, pieces: Pieces, check: Callable[[], None]
) -> list[tuple[int, int]]:
    """The spans whose digests are wrong; none where `pieces` do not fit a file of `size` bytes."""
    count = -(-size // pieces.length)
    if count != len(pieces.values) or not sums.known(pieces.algorithm):
        return []
    spans = [(n * pieces.length, min(size, (n + 1) * pieces.length)) for n in range(count)]
    return [
        span
        for span, value in zip(spans, pieces.values, strict=True)
        if sum_of(fd, span, pieces.algorithm, check) != value
    ]


def sum_of(fd: int, span: tuple[int, int], algorithm: str, check: Callable[[], None]) -> str:
    """The checksum of `span` (first byte, the one behind the last) of the file behind `fd`, in
    hex. Raises ``io_error`` for a file that ends before it."""
    position, end = span
    running = sums.new(algorithm, end - position)
    buffer = memoryview(bytearray(min(_CHUNK, max(1, end - position))))
    while position < end:
        count = os.preadv(fd, [buffer[: end - position]], position)
        if count == 0:
            raise TransferError("io_error", "The file on disk became shorter while it was read.")
        running.update(buffer[:count])
        position += count
        check()
    return running.hexdigest()
