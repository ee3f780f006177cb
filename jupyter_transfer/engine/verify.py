"""Proof that the bytes on disk are the bytes of the source, where the source gives a digest.

Digests that count are those that are defined over the whole file: given by the user, listed by the
backend, or stated by a header whose definition says so. An ETag is not one: nothing says that it
is a digest. Without a digest a file is "not verifiable" (None), never "verified".
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable

from ..backends.base import Digest
from ..errors import TransferError
from .transport import Headers

_CHUNK = 4 << 20

# Names in headers -> names of hashlib, strongest first.
_ALGORITHMS = {
    "sha-512": "sha512",
    "sha-256": "sha256",
    "sha": "sha1",
    "md5": "md5",
}
_SIZES = {"sha512": 64, "sha256": 32, "sha1": 20, "md5": 16}


def digest_in(headers: Headers, *, whole: bool) -> Digest | None:
    """The strongest digest of the whole file that an answer states.

    ``Repr-Digest`` (RFC 9530), ``Digest`` (RFC 3230) and ``x-goog-hash`` speak of the whole file
    even in an answer to a range; ``Content-MD5`` (RFC 1864) of the body, so only when `whole`;
    ``x-amz-checksum-sha256`` of the object, unless it is a checksum of checksums (``…-3``).
    """
    found: dict[str, str] = {}
    for name in ("repr-digest", "digest", "x-goog-hash"):
        for item in (headers.get(name) or "").split(","):
            algorithm, _, value = item.strip().partition("=")
            found.setdefault(algorithm.strip().lower(), value.strip().strip(":"))
    if amazon := headers.get("x-amz-checksum-sha256"):
        found.setdefault("sha-256", amazon)
    if whole and (md5 := headers.get("content-md5")):
        found.setdefault("md5", md5)
    for name, algorithm in _ALGORITHMS.items():
        if name in found and (digest := _from_base64(algorithm, found[name])):
            return digest
    return None


def _from_base64(algorithm: str, value: str) -> Digest | None:
    if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
        return None
    try:
        raw = b64decode(value, validate=True)
    except (Base64Error, ValueError):
        return None
    return Digest(algorithm, raw.hex()) if len(raw) == _SIZES[algorithm] else None


def verify(fd: int, size: int, digest: Digest | None, check: Callable[[], None]) -> bool | None:
    """Compare the file behind `fd` with `size` and `digest`.

    True when the digest is right, None when there is none to compare with. `check` is called
    between the pieces and may raise.

    Raises `TransferError`: ``digest_mismatch``, ``io_error`` (the file has another size).
    """
    if os.fstat(fd).st_size != size:
        raise TransferError("io_error", "The file on disk has not the size that was written.")
    if digest is None:
        return None
    sums = hashlib.new(digest.algorithm, usedforsecurity=False)
    buffer = memoryview(bytearray(_CHUNK))
    position = 0
    while position < size:
        count = os.preadv(fd, [buffer], position)
        if count == 0:
            raise TransferError("io_error", "The file on disk became shorter while it was read.")
        sums.update(buffer[:count])
        position += count
        check()
    if sums.hexdigest() != digest.value:
        raise TransferError(
            "digest_mismatch",
            f"The bytes that arrived do not have the {digest.algorithm} digest"
            " that they should have.",
            "Compare the digest with its source; if it is right, the file was damaged there or"
            " on the way.",
            detail={"expected": str(digest), "found": f"{digest.algorithm}:{sums.hexdigest()}"},
        )
    return True
