"""What S3 says about an object, as entries: sizes, times, ETags, checksums.

What counts as a digest (AWS, "Checking object integrity in Amazon S3"):

* a checksum of the type FULL_OBJECT; a value that ends in ``-N``, or is of the type COMPOSITE, is
  one of the checksums of N parts, and none of the object;
* an ETag of 32 hex digits: the MD5 of the object, unless it is encrypted with SSE-KMS or SSE-C,
  which only an answer to HEAD or GET tells and no listing does. ``…-N`` stands for N parts.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import datetime
from hashlib import md5
from typing import Any

from ..errors import TransferError
from .base import Digest, Entry, Stated, Validators
from .s3listing import moment_ns

_SIZES = {"sha256": 32, "sha1": 20, "crc64nvme": 8, "crc32c": 4, "crc32": 4}


def entry_of_listing(address: str, path: str, found: Mapping[str, str]) -> Entry:
    """An object as ``ListObjectsV2`` lists it."""
    size = found.get("Size", "")
    return Entry(
        path,
        address,
        int(size) if size.isascii() and size.isdigit() else None,
        Validators(_quoted(found.get("ETag"))),
        mtime_ns=moment_ns(found.get("LastModified")),
    )


def _quoted(etag: str | None) -> str | None:
    """An ETag of a listing as headers have it: some services leave its quotes out there."""
    if not etag or etag.startswith(('"', 'W/"')):
        return etag or None
    return f'"{etag}"'


def entry_of_head(address: str, key: str, head: Mapping[str, Any]) -> Entry:
    """An object as ``HeadObject`` describes it."""
    modified = head.get("LastModified")
    return Entry(
        key.rpartition("/")[2],
        address,
        head.get("ContentLength"),
        Validators(head.get("ETag") or None, version=version_of(head)),
        digest_of_head(head),
        mtime_ns=kept_mtime_ns(head.get("Metadata", {}))
        or (int(modified.timestamp()) * 1_000_000_000 if isinstance(modified, datetime) else None),
    )


def stated_by(headers: Mapping[str, str]) -> Stated:
    """What the headers of an answer to GET say in the manner of S3 alone."""
    stem = "x-amz-meta-"
    meta = {k.removeprefix(stem): v for k, v in headers.items() if k.startswith(stem)}
    head = {
        "ETag": headers.get("etag"),
        "ServerSideEncryption": headers.get("x-amz-server-side-encryption"),
        "SSECustomerAlgorithm": headers.get("x-amz-server-side-encryption-customer-algorithm"),
    }
    digest, modified = digest_of_etag(head), kept_mtime_ns(meta) if meta else None
    parts = digest is None and re.fullmatch(r'"[0-9a-f]{32}-[0-9]{1,5}"', head["ETag"] or "")
    return Stated(digest, "multipart_etag" if parts else None, modified)


def digest_of_head(head: Mapping[str, Any]) -> Digest | None:
    """The digest of the whole object that an answer to HEAD states; None when it states none."""
    if head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
        for name in _SIZES:
            value = head.get(f"Checksum{name.upper()}")
            digest = _from_base64(name, value) if value else None
            if digest is not None and name.startswith("sha"):
                return digest
            if digest is not None:
                return digest_of_etag(head) or digest
    return digest_of_etag(head)


def digest_of_etag(head: Mapping[str, Any]) -> Digest | None:
    """The MD5 that an ETag is, where it is one."""
    etag = str(head.get("ETag") or "").strip('"')
    encrypted = (head.get("ServerSideEncryption") or "AES256") != "AES256"
    if encrypted or head.get("SSECustomerAlgorithm") or not re.fullmatch(r"[0-9a-f]{32}", etag):
        return None
    return Digest("md5", etag)


def kept_mtime_ns(metadata: Mapping[str, str]) -> int | None:
    """The time of the file that was sent, nanoseconds since 1970, in the metadata ``mtime``: as
    seconds with a fraction (rclone) or without (s3fs)."""
    value = next((v for k, v in metadata.items() if k.lower() == "mtime"), "")
    match = re.fullmatch(r"(\d{1,11})(?:\.(\d{1,9})\d*)?", value)
    return int(match[1]) * 10**9 + int((match[2] or "0").ljust(9, "0")) if match else None


def written_mtime(mtime_ns: int) -> str:
    """`mtime_ns` as the metadata ``mtime`` holds it."""
    return f"{mtime_ns // 10**9}.{mtime_ns % 10**9:09}"


def customer_key(value: str | None) -> dict[str, str]:
    """The headers of SSE-C for a key in base64. Raises ``bad_request``."""
    if not value:
        return {}
    try:
        raw = b64decode(value, validate=True)
    except (Base64Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise TransferError("bad_request", "The customer key must be 32 bytes in base64.")
    stem = "x-amz-server-side-encryption-customer-"
    digest = b64encode(md5(raw, usedforsecurity=False).digest()).decode()
    return {f"{stem}algorithm": "AES256", f"{stem}key": value, f"{stem}key-MD5": digest}


def version_of(head: Mapping[str, Any]) -> str | None:
    """The version id in an answer; None where there are no versions."""
    version = head.get("VersionId")
    return None if version in (None, "", "null") else str(version)


def _from_base64(algorithm: str, value: str) -> Digest | None:
    try:
        raw = b64decode(value, validate=True)
    except (Base64Error, ValueError):
        return None  # "…-3": of the checksums of three parts
    return Digest(algorithm, raw.hex()) if len(raw) == _SIZES[algorithm] else None
