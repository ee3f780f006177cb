"""The options that jobs have whatever their backend, and what each may hold. Pure data.

A backend declares its own (`jupyter_transfer.backends.base.Option`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from .errors import TransferError
from .names import CONFLICTS
from .spec import iso_time
from .timetable import parse_limit

MAX_RETRIES = 1000
MAX_CONNECTIONS = 64
MAX_DURATION = 366 * 24 * 3600
"""Seconds that one attempt may take at most."""

COMPARISONS = ("time", "checksum", "size")
"""How a sync tells files that differ."""

_SIZE = re.compile(r"\d+(?:\.\d+)?\s*(?:b|[kmgtp](?:i?b)?)?", re.IGNORECASE)
_AGE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdwMy]))+|\d+(?:\.\d+)?")


def _bad(name: str, wanted: str) -> TransferError:
    return TransferError(
        "bad_request", f"The option “{name}” has a value of the wrong kind.", f"Give {wanted}."
    )


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(name, "true or false")
    return value


def _approve(name: str, value: Any) -> bool | str:
    if not isinstance(value, (bool, str)):
        raise _bad(name, "true, or the hash of the plan that you approve")
    return value


def _conflict(name: str, value: Any) -> str:
    if value not in CONFLICTS:
        raise TransferError(
            "bad_request",
            "The option “conflict” has an unknown value.",
            f"Use one of: {', '.join(CONFLICTS)}.",
        )
    return str(value)


def _compare(name: str, value: Any) -> str:
    if value not in COMPARISONS:
        raise _bad(name, f"one of: {', '.join(COMPARISONS)}")
    return str(value)


def _patterns(name: str, value: Any) -> list[str]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
        raise _bad(name, "a list of patterns")
    return patterns


def _size(name: str, value: Any) -> int | str:
    if isinstance(value, str) and _SIZE.fullmatch(value.strip()):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _bad(name, "bytes, such as 500000 or “5M”")


def _age(name: str, value: Any) -> int | float | str:
    if isinstance(value, str) and (_AGE.fullmatch(value.strip()) or _moment(value)):
        return value.strip()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return value
    raise _bad(name, "seconds, a span such as “30d” or “1h30m”, or a date")


def _count(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _bad(name, "a whole number that is not negative")
    return value


def _duration(name: str, value: Any) -> int:
    if not 1 <= _count(name, value) <= MAX_DURATION:
        raise _bad(name, f"seconds, a whole number from 1 to {MAX_DURATION}")
    return int(value)


def _connections(name: str, value: Any) -> int:
    if not 1 <= _count(name, value) <= MAX_CONNECTIONS:
        raise _bad(name, f"a whole number from 1 to {MAX_CONNECTIONS}")
    return int(value)


def _retries(name: str, value: Any) -> int:
    if _count(name, value) > MAX_RETRIES:
        raise _bad(name, f"a whole number from 0 to {MAX_RETRIES}")
    return int(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise _bad(name, "a text")
    return value


def _trash(name: str, value: Any) -> bool | str:
    return value if isinstance(value, bool) else _text(name, value)


def _start_at(name: str, value: Any) -> str:
    moment = _moment(value) if isinstance(value, str) else None
    if moment is None:
        raise _bad(name, "a time such as 2026-12-24T18:00:00+08:00 (ISO 8601)")
    return iso_time(moment.timestamp())


def _moment(text: str) -> datetime | None:
    """ISO 8601 (RFC 3339); without a zone it is UTC."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return moment


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "approve": _approve,
    "bandwidth": lambda name, value: parse_limit(value),
    "compare": _compare,
    "conflict": _conflict,
    "connections": _connections,
    "dry_run": _flag,
    "exclude": _patterns,
    "filter": _patterns,
    "include": _patterns,
    "max_age": _age,
    "max_delete": _count,
    "max_duration": _duration,
    "max_retries": _retries,
    "max_size": _size,
    "min_age": _age,
    "min_size": _size,
    "start_at": _start_at,
    "trash": _trash,
    "username": _text,
    "password": _text,
    "dest_username": _text,
    "dest_password": _text,
}

BETWEEN_SERVICES = frozenset({"dest_username", "dest_password"})
"""Names of the options of every job between two services: who asks at the destination."""

JOB_OPTIONS = frozenset(_CHECKS) - BETWEEN_SERVICES
"""Names of the options of every job."""

JOB_SECRETS = frozenset({"password", "dest_password"})
"""Those of them that are kept in memory only."""


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """`options` with those of every job checked and in their normal form; empty ones are left
    out. Raises ``bad_request``."""
    result = {}
    for name, value in options.items():
        if name not in _CHECKS:
            result[name] = value
        elif name == "bandwidth" or value not in (None, ""):
            result[name] = _CHECKS[name](name, value)
    return result


# ---- archives ----


def _positive(name: str, value: Any) -> int:
    if _count(name, value) < 1:
        raise _bad(name, "a whole number that is greater than zero")
    return int(value)


def _bytes(name: str, value: Any) -> int:
    size = _size(name, value)
    if isinstance(size, int):
        return size
    number, unit = _NUMBER.match(size), size.lower().rstrip("ib")[-1:]
    assert number is not None
    return int(float(number[0]) * 1024 ** (1 + "kmgtp".index(unit) if unit in "kmgtp" else 0))


_NUMBER = re.compile(r"[0-9.]+")


def _format(name: str, value: Any) -> str:
    if value not in PACK_FORMATS:
        raise _bad(name, f"one of: {', '.join(PACK_FORMATS)}")
    return str(value)


PACK_FORMATS = ("zip", "tar", "tar.gz", "tar.zst")

_ARCHIVE_CHECKS: dict[str, dict[str, Callable[[str, Any], Any]]] = {
    "extract": {
        "encoding": _text,
        "max_bytes": _bytes,
        "max_files": _positive,
        "max_ratio": _positive,
    },
    "pack": {"format": _format, "paths": _patterns},
}


def archive_options(kind: str) -> frozenset[str]:
    """Names of the options that jobs of `kind` have beside those of every job: of extractions what
    names are in, and how much an archive may become (`jupyter_transfer.archives.extractlimits`);
    of archives their format, and what is to be in them beside the source."""
    return frozenset(_ARCHIVE_CHECKS.get(kind, ()))


def checked_of_archive(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """`options` with those of `archive_options` checked, sizes in bytes. Raises ``bad_request``."""
    checks = _ARCHIVE_CHECKS[kind]
    given = {name: value for name, value in options.items() if value not in (None, "")}
    return {
        name: checks[name](name, value) if name in checks else value
        for name, value in given.items()
    }
