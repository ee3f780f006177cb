"""What the answers of ModelScope say: an envelope with a number, a message and data."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any

from ..errors import TransferError
from .base import Answer
from .hub_address import COMMIT, Place
from .hub_errors import forbidden
from .hub_listing import File, Folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_START = re.compile(r"[0-9a-f]{7,40}")
_LATEST = 253_402_300_800
"""Seconds from 1970 to the year 10000."""

Rows = list[dict[str, Any]]


def data_of(answer: Answer, place: Place) -> Any:
    """What lies in the envelope of `answer`. Raises ``remote_lied``; and what the hub says that is
    in the way, though with the status of a success."""
    envelope = _envelope(answer)
    if envelope is None:
        raise TransferError("remote_lied", "The answer is none of a hub.")
    if not is_success(answer):
        raise forbidden(place, message_of(answer))
    return envelope.get("Data", envelope.get("data", envelope))


def is_success(answer: Answer) -> bool:
    """Whether the envelope says so, too: the status of a failure may be that of a success."""
    told = _envelope(answer) or {}
    return answer.status < 400 and told.get("Success", told.get("success", True)) is not False


def message_of(answer: Answer) -> str:
    """What the hub says of what is in the way."""
    told = _envelope(answer) or {}
    return str(told.get("Message") or told.get("message") or "")


def code_of(answer: Answer) -> int | None:
    """The number of what is in the way."""
    code = (_envelope(answer) or {}).get("Code")
    return code if isinstance(code, int) else None


def _envelope(answer: Answer) -> dict[str, Any] | None:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def commit_in(listing: dict[str, Any], place: Place) -> str | None:
    """The commit that a listing is of, as far as it tells."""
    if COMMIT.fullmatch(place.revision or ""):
        return place.revision
    told = listing.get("LatestCommitter") or {}
    if not isinstance(told, dict):
        raise TransferError("remote_lied", "The answer is none of a hub.")
    if COMMIT.fullmatch(str(told.get("Id"))):
        return str(told["Id"])
    start = str(told.get("ShortId"))
    names = {str(row.get("Revision")) for row in rows_of(listing)}
    whole = [one for one in names if COMMIT.fullmatch(one) and one.startswith(start)]
    return whole[0] if len(whole) == 1 and _START.fullmatch(start) else None


def rows_of(listing: dict[str, Any]) -> Rows:
    """What a listing shows. Raises ``remote_lied``."""
    rows = listing["Files"]
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("Path"), str) for row in rows
    ):
        raise TransferError("remote_lied", "The answer is none of a hub.")
    return rows


def is_folder(row: dict[str, Any]) -> bool:
    """Whether a row is one of a folder."""
    return bool(row.get("Type") == "tree")


def item_of(row: dict[str, Any]) -> File | Folder:
    """What a row tells of."""
    if is_folder(row):
        return Folder(row["Path"])
    size, sha256, touched = row.get("Size"), str(row.get("Sha256")), str(row.get("Revision"))
    return File(
        row["Path"],
        size if isinstance(size, int) and size >= 0 else None,
        sha256=sha256 if _SHA256.fullmatch(sha256) else None,
        touched=touched if COMMIT.fullmatch(touched) else None,
    )


def moment_of(told: Any) -> str | None:
    """A time as ISO 8601; the hub tells seconds since 1970, or a text."""
    if isinstance(told, int) and 0 < told < _LATEST:
        told = datetime.fromtimestamp(told, timezone.utc).isoformat()
    return told.replace("+00:00", "Z") if isinstance(told, str) else None
