"""The digest that an ETag of S3 is for an object that came in parts: the MD5 of the MD5s of the
parts, with their number (AWS, "Checking object integrity in Amazon S3").

Its name is ``s3-etag-`` and the bytes of every part but the last: of the same bytes in other parts
it is another one.
"""

from __future__ import annotations

import re

from .base import Digest

PART_ALGORITHM = "md5"

_STEM = "s3-etag-"


def algorithm_of_parts(length: int) -> str:
    """The name of the digest of a file in parts of `length` bytes."""
    return f"{_STEM}{length}"


def part_length(algorithm: str) -> int | None:
    """Bytes of every part but the last; None for the name of another digest."""
    match = re.fullmatch(rf"{_STEM}([1-9][0-9]{{0,12}})", algorithm)
    return int(match[1]) if match else None


def parts_in(etag: str | None) -> int | None:
    """The number of parts that an ETag, quoted or not, says its object came in; None for one that
    says none."""
    match = re.fullmatch(r'"?[0-9a-f]{32}-([1-9][0-9]{0,4})"?', etag or "")
    return int(match[1]) if match else None


def digest_of_parts(etag: str | None, size: int, length: int) -> Digest | None:
    """The digest of an object of `size` bytes in parts of `length`, as its ETag states it; None
    where they do not go together."""
    parts = parts_in(etag)
    if etag is None or parts is None or max(1, -(-size // length)) != parts:
        return None
    return Digest(algorithm_of_parts(length), etag.strip('"'))
