"""What S3 deletes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import TransferError
from .base import Entry

if TYPE_CHECKING:
    from .s3 import S3Backend

DELETE_AT_ONCE = 1000
"""Keys of one DeleteObjects."""

_NO_BULK = {"MissingContentMD5", "InvalidRequest", "NotImplemented", "MalformedXML", "501", "405"}
"""What services say that cannot do DeleteObjects as boto3 asks for it today."""


def delete(backend: S3Backend, entries: Sequence[Entry]) -> list[TransferError | None]:
    """Delete objects; for each what went wrong, or None."""
    from .s3 import split  # noqa: PLC0415 - imports this module

    outcomes: dict[int, TransferError | None] = {}
    places = [split(entry.address) for entry in entries]
    for group in _groups(places):
        bucket = places[group[0]][0]
        keys = [places[number][1] for number in group]
        outcomes.update(zip(group, _delete_some(backend, bucket, keys), strict=True))
    return [outcomes[number] for number in range(len(entries))]


def _groups(places: Sequence[tuple[str, str]]) -> Iterator[list[int]]:
    """Numbers of what one request may delete: of one bucket, with keys that XML can hold."""
    group: list[int] = []
    for number, (bucket, key) in enumerate(places):
        alone = any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF or ord(c) > 0xFFFD for c in key)
        full = len(group) == DELETE_AT_ONCE or alone
        if group and (full or places[group[0]][0] != bucket):
            yield group
            group = []
        group.append(number)
        if alone:
            yield group
            group = []
    if group:
        yield group


def _delete_some(backend: S3Backend, bucket: str, keys: list[str]) -> list[TransferError | None]:
    if len(keys) == 1 or not backend.bulk_delete:
        return [_delete_one(backend, bucket, key) for key in keys]
    wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    try:
        answer = backend.service.ask(
            "delete_objects", bucket, Delete=wanted, RequestPayer=backend.payer
        )
    except TransferError as error:
        if error.detail.get("s3_code") in _NO_BULK:
            backend.bulk_delete = False
            return _delete_some(backend, bucket, keys)
        return [error] * len(keys)
    failed = {row.get("Key"): row for row in answer.get("Errors", [])}
    return [_refused(failed[key]) if key in failed else None for key in keys]


def _delete_one(backend: S3Backend, bucket: str, key: str) -> TransferError | None:
    try:
        backend.service.ask("delete_object", bucket, Key=key, RequestPayer=backend.payer)
    except TransferError as error:
        return None if error.code == "remote_not_found" else error
    return None


def _refused(row: dict[str, Any]) -> TransferError:
    code = str(row.get("Code") or "")
    return TransferError(
        "remote_forbidden" if code == "AccessDenied" else "remote_refused",
        f"The service did not delete this object ({code}).",
        detail={"s3_code": code[:100]},
    )
