"""Into which parts an object was cut when it was sent, which its ETag does not say.

The size of the first part is asked for (``HeadObject`` with ``partNumber=1``); services that do not
tell it have got their objects from tools whose parts are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import TransferError
from .base import Digest, Entry, Locator
from .etags import digest_of_parts, parts_in

if TYPE_CHECKING:
    from .s3 import S3Backend

USUAL = tuple(n << 20 for n in (8, 5, 16, 50, 64, 10, 15, 25, 32, 100, 128, 20, 40, 256, 512, 1024))
"""Bytes of a part: aws and boto3, rclone and SDKs, minio, s5cmd, Hadoop, s3fs, s3cmd, …"""


def presumed(backend: S3Backend, entry: Entry, headers: Mapping[str, str]) -> Locator | None:
    """What the ETag in the `headers` of an answer says of the bytes of an object that came in parts
    of one size; None where it says nothing."""
    etag, parts = headers.get("etag"), parts_in(headers.get("etag"))
    size = _size_in(headers, entry)
    encryption = headers.get("x-amz-server-side-encryption") or "AES256"
    if etag is None or parts is None or size is None or encryption != "AES256":
        return None
    if backend.customer_key:
        return None
    first = _first_part(backend, entry) if parts > 1 else size
    lengths = USUAL if first in (None, size) and parts > 1 else (first or size,)
    found = (digest_of_parts(etag, size, length) for length in lengths if length)
    digest: Digest | None = next((one for one in found if one is not None), None)
    return None if digest is None else Locator("", digest=digest, presumed=True)


def _size_in(headers: Mapping[str, str], entry: Entry) -> int | None:
    match = re.search(r"/([0-9]{1,15})$", headers.get("content-range") or "")
    return int(match[1]) if match else entry.size


def _first_part(backend: S3Backend, entry: Entry) -> int | None:
    """Bytes of the first part, or of the whole object; None where the service does not tell."""
    from .s3 import object_of  # noqa: PLC0415 - imports this module

    bucket, key = object_of(entry.address)
    try:
        head = backend.service.ask(
            "head_object",
            bucket,
            Key=key,
            PartNumber=1,
            VersionId=backend.option("version"),
            RequestPayer=backend.payer,
            **backend.customer_parameters,
        )
    except TransferError:
        return None
    length: int | None = head.get("ContentLength")
    return length
