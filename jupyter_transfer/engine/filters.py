"""Which files of a source a job is about: by path, size and age.

The options, which docs/filters.md explains to people:

``include``, ``exclude``
    Lists of patterns (`patterns`). A file must match one of the first, if there are any, and none
    of the second.
``filter``
    A list of rules ``+ pattern``, ``- pattern`` and ``!`` (forget the rules above). The first rule
    whose pattern matches decides; a file that none matches is taken.
``min_size``, ``max_size``
    Bytes, also as text such as ``5M`` (5 MiB).
``min_age``, ``max_age``
    Time since the last change: seconds or a text such as ``36h`` or ``2d``; or a moment (ISO 8601).

A file must pass all that are given. What a listing does not state cannot exclude a file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from ..backends.base import Entry
from ..errors import TransferError
from ..sizes import parse_size
from .patterns import Patterns

NAMES = ("include", "exclude", "filter", "min_size", "max_size", "min_age", "max_age")
"""The options that this module reads."""

MAX_PATTERNS = 10_000

_AGE_STEP = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdwMy])")
_AGE_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 7 * 86400.0,
    "M": 30 * 86400.0,
    "y": 365 * 86400.0,
}


class Filters:
    """The filters in a job's `options`; all bounds are inclusive.

    Parameters
    ----------
    now: seconds since 1970 that ages are counted from; the present if None.

    Raises ``bad_request``, and says what is wrong.
    """

    def __init__(self, options: Mapping[str, Any], now: float | None = None) -> None:
        moment = time.time() if now is None else now
        include, exclude = _texts(options, "include"), _texts(options, "exclude")
        self._include = Patterns(include) if include else None
        self._exclude = Patterns(exclude) if exclude else None
        self._verdicts, rules = _rules(_texts(options, "filter"))
        self._rules = Patterns(rules) if rules else None
        self._least = _size(options, "min_size")
        self._most = _size(options, "max_size")
        self._latest_ns = _moment(options, "min_age", moment)
        self._earliest_ns = _moment(options, "max_age", moment)
        _in_order("min_size", self._least, "max_size", self._most)
        _in_order("max_age", self._earliest_ns, "min_age", self._latest_ns)

    @property
    def active(self) -> bool:
        """Whether any file could be left out."""
        bounds = (self._least, self._most, self._latest_ns, self._earliest_ns)
        patterns = (self._include, self._exclude, self._rules)
        return any(bound is not None for bound in (*bounds, *patterns))

    def admit(self, path: str, size: int | None = None, mtime_ns: int | None = None) -> bool:
        """Whether the file at `path`, relative to the folder that is transferred, is meant; None
        for what is not known of it."""
        return self._admits_path(path) and self.admit_state(size, mtime_ns)

    def admit_state(self, size: int | None, mtime_ns: int | None) -> bool:
        """`admit` for a file whose path was admitted, when more of it is known."""
        return _within(size, self._least, self._most) and _within(
            mtime_ns, self._earliest_ns, self._latest_ns
        )

    def apply(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The `entries` that are meant, as lazily as they come."""
        for entry in entries:
            if self.admit(entry.path, entry.size, entry.mtime_ns):
                yield entry

    def _admits_path(self, path: str) -> bool:
        if self._include is not None and self._include.first(path) is None:
            return False
        if self._exclude is not None and self._exclude.first(path) is not None:
            return False
        rule = None if self._rules is None else self._rules.first(path)
        return rule is None or self._verdicts[rule]


def _within(value: int | None, least: int | None, most: int | None) -> bool:
    if value is None:
        return True
    return (least is None or value >= least) and (most is None or value <= most)


def _in_order(low: str, least: int | None, high: str, most: int | None) -> None:
    if least is not None and most is not None and least > most:
        raise TransferError("bad_request", f"No file can fulfil both “{low}” and “{high}”.")


def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    value = options.get(name)
    texts = [value] if isinstance(value, str) else list(value or ()) if _is_list(value) else [None]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise TransferError("bad_request", f"The option “{name}” must be a list of texts.")
    if len(texts) > MAX_PATTERNS:
        raise TransferError("bad_request", f"The option “{name}” has too many patterns.")
    return [text for text in texts if text]


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, (list, tuple))


def _rules(lines: list[str]) -> tuple[list[bool], list[str]]:
    """Whether each rule of `lines` takes a file or leaves it out, and its pattern."""
    verdicts: list[bool] = []
    patterns: list[str] = []
    for line in lines:
        rule = line.strip()
        if not rule or rule[0] in "#;":
            continue
        if rule == "!":
            verdicts.clear()
            patterns.clear()
        elif rule[0] in "+-" and rule[1:2] == " ":
            verdicts.append(rule[0] == "+")
            patterns.append(rule[2:].strip())
        else:
            raise TransferError(
                "bad_request",
                f"The rule “{rule[:80]}” is none: it begins neither with “+ ” nor with “- ”.",
                "Write “+ pattern” to take files, “- pattern” to leave them out.",
            )
    return verdicts, patterns


def _size(options: Mapping[str, Any], name: str) -> int | None:
    value = options.get(name)
    return None if value is None or value == "" else parse_size(value, name)


def _moment(options: Mapping[str, Any], name: str, now: float) -> int | None:
    """The moment that the age in `options` means, in nanoseconds since 1970."""
    value = options.get(name)
    if value is None or value == "":
        return None
    seconds = None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12:
        seconds = now - value
    elif isinstance(value, str):
        seconds = _from_text(value.strip(), now)
    if seconds is None:
        raise TransferError(
            "bad_request",
            f"The option “{name}” is no age.",
            "Give seconds, a text such as “36h”, “2d” or “1h30m”, or a moment such as"
            " “2024-12-31T18:00:00Z”.",
        )
    return int(seconds * 1e9)


def _from_text(text: str, now: float) -> float | None:
    if re.fullmatch(r"\d{1,12}(?:\.\d+)?", text):
        return now - float(text)
    if text and not _AGE_STEP.sub("", text).strip():
        return now - sum(float(n) * _AGE_UNITS[unit] for n, unit in _AGE_STEP.findall(text))
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
