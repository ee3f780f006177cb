"""Conditional and range requests: the decisions of RFC 9110, sections 13 and 14.

Pure functions of header fields. An entity tag here is always strong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from ..errors import TransferError

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)


@dataclass(frozen=True)
class Validators:
    """What tells one version of a representation from another."""

    etag: str
    """Strong entity tag with its quotes."""
    modified: int | None = None
    """Seconds since 1970; None where no time tells the versions apart."""


def precondition(
    headers: Mapping[str, str], current: Validators
) -> Literal["send", "not_modified"]:
    """What the conditions of a GET or HEAD come to (RFC 9110, 13.2.2).

    Raises ``precondition_failed``.
    """
    if "If-Match" in headers:
        held = _matches(headers["If-Match"], current.etag, weak=False)
    else:
        held = _not_after(current.modified, headers.get("If-Unmodified-Since")) is not False
    if not held:
        raise TransferError("precondition_failed", "The file is not the version that you have.")
    if "If-None-Match" in headers:
        known = _matches(headers["If-None-Match"], current.etag, weak=True)
    else:
        known = _not_after(current.modified, headers.get("If-Modified-Since")) is True
    return "not_modified" if known else "send"


def _matches(field: str, etag: str, *, weak: bool) -> bool:
    """Whether `etag` is among the entity tags of `field` (13.1.1, 13.1.2)."""
    if field.strip() == "*":
        return True
    tags = _ENTITY_TAG.findall(field)
    return etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)


def _not_after(modified: int | None, field: str | None) -> bool | None:
    """Whether the version is no younger than the date of `field`; None if nobody can say."""
    date = _date(field)
    return None if modified is None or date is None else modified <= date


def _date(field: str | None) -> int | None:
    """An HTTP date in seconds since 1970; None for no or no valid one."""
    if not field:
        return None
    try:
        return int(parsedate_to_datetime(field).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def requested_range(
    headers: Mapping[str, str], current: Validators, size: int
) -> tuple[int, int] | None:
    """The bytes ``start`` to ``end`` (exclusive) that a GET asks for; None for all of them.

    A field that is no valid single range of bytes is ignored, as 14.2 allows, and so is one whose
    If-Range names another version: nobody must get two versions spliced.

    Raises ``range_not_satisfiable``.
    """
    match = _RANGE.fullmatch(headers.get("Range", ""))
    if match is None or not _if_range(headers.get("If-Range"), current):
        return None
    first, last = (int(text[:20]) if text else None for text in match.groups())
    if first is None:
        if last is None or (size == 0 and last > 0):
            return None
        start, end = size - min(last, size), size
    else:
        if last is not None and last < first:
            return None
        start, end = first, size if last is None else min(last + 1, size)
    if start >= size:
        raise TransferError(
            "range_not_satisfiable",
            f"The range lies behind the {size} bytes that there are.",
            detail={"size": size},
        )
    return start, end


def _if_range(field: str | None, current: Validators) -> bool:
    """Whether If-Range (13.1.5) is absent or names this version: by strong comparison of the
    entity tag, or by exactly its date."""
    if field is None:
        return True
    field = field.strip()
    if field.startswith(('"', "W/")):
        return field == current.etag
    return current.modified is not None and _date(field) == current.modified
