"""Bandwidth limits: a rate, or a timetable of rates for the hours of a day; and how the limit of
all jobs is shared out. Pure data and arithmetic.

A timetable is rclone's (https://rclone.org/docs/#bwlimit-bandwidth-spec), of one day:
``08:00,512k 19:00,10M 23:00,off``. Each entry holds from its time of day, in the server's time
zone, until the next one; the last one holds over midnight. A plain number is bytes a second, as
everywhere here (rclone: KiB).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from .errors import TransferError

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?(?:/s)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_ENTRY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d),(\S+)")

MAX_ENTRIES = 100

Limit = int | str | None
"""Bytes a second, a timetable as text, or no limit."""


def parse_rate(value: Any) -> int | None:
    """A bandwidth as bytes a second: ``5M`` is 5 MiB; None, 0, "" and ``off`` are no limit.

    Raises `TransferError` ``bad_request``.
    """
    if value is None or value in ("", "off"):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**53:
        return int(value) or None
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise TransferError(
            "bad_request",
            "The bandwidth must be bytes a second, such as 500000 or “5M”.",
            "Give a number, with K, M or G behind it if you like, or a timetable such as "
            "“08:00,512k 19:00,10M 23:00,off”.",
        )
    return int(float(match[1]) * _UNITS[match[2].lower()]) or None


def parse_limit(value: Any) -> Limit:
    """`value` checked: a rate as bytes a second, or a timetable as it was written.

    Raises `TransferError` ``bad_request``.
    """
    if isinstance(value, str) and "," in value:
        text = " ".join(value.split())
        _entries(text)
        return text
    return parse_rate(value)


def rate_at(limit: Limit, moment: time.struct_time | None = None) -> int | None:
    """The bytes a second that `limit` allows at the local time `moment`, None without a limit."""
    if not isinstance(limit, str):
        return limit
    moment = moment or time.localtime()
    minute = moment.tm_hour * 60 + moment.tm_min
    entries = _entries(limit)
    begun = [rate for start, rate in entries if start <= minute]
    return begun[-1] if begun else entries[-1][1]


def _entries(text: str) -> list[tuple[int, int | None]]:
    """Minute of the day and rate of each entry, the earliest first."""
    matches = [_ENTRY.fullmatch(word) for word in text.split()]
    entries = [(int(m[1]) * 60 + int(m[2]), parse_rate(m[3])) for m in matches if m is not None]
    starts = {start for start, _ in entries}
    if not matches or None in matches or len(starts) < len(entries) or len(entries) > MAX_ENTRIES:
        raise TransferError(
            "bad_request",
            "The timetable of the bandwidth is malformed.",
            "Write it like “08:00,512k 19:00,10M 23:00,off”, each time once.",
        )
    return sorted(entries)


def shares(total: int | None, limits: Mapping[str, int | None]) -> dict[str, int | None]:
    """How many bytes a second each job may use when all together may use `total`: equal shares,
    and what a job's own limit leaves of its share goes to the others."""
    if total is None:
        return dict(limits)
    result: dict[str, int | None] = {}
    left = total
    order = sorted(limits.items(), key=lambda pair: (pair[1] is None, pair[1] or 0))
    for number, (id, limit) in enumerate(order):
        fair = max(1, left // (len(order) - number))
        result[id] = fair if limit is None else min(limit, fair)
        left -= result[id] or 0
    return result
