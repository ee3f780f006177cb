"""Which keys are free, without a request for each: a page of the listing, from a moment ago.

Files that are sent in the order of their names to a folder that was empty are asked about with a
request every other second, whatever folders they go to; where much lies between the keys that are
asked for, a page saves nothing, and none is asked for any more. Whoever puts an object under one of
the names meanwhile is noticed by services that honour ``If-None-Match`` and, in those two seconds,
by no other.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from ..errors import TransferError
from .s3listing import Page

FRESH = 2.0
"""Seconds that a page is believed."""

WORTH = 8
"""Keys that a page must have answered for on average, for another to be asked for."""

AHEAD = 2
"""Pages that are asked for before that is known."""

ListPage = Callable[[str, str], Page]
"""The keys that begin with the first argument and come behind the second."""


@dataclass(frozen=True)
class _Seen:
    """What a page says of the keys below `prefix` behind `after`, up to and with `last` (None:
    all)."""

    until: float
    prefix: str
    after: str
    last: str | None
    taken: list[str]

    def is_free(self, key: str) -> bool | None:
        """None where the page does not say."""
        folder = f"{key}/"
        if time.monotonic() > self.until or not key.startswith(self.prefix):
            return None
        if not (_precedes(self.after, key) and (self.last is None or _precedes(folder, self.last))):
            return None
        place = bisect_left(self.taken, key)
        if self.taken[place : place + 1] == [key]:
            return False
        place = bisect_left(self.taken, folder)
        return not (place < len(self.taken) and self.taken[place].startswith(folder))


def _common_folder(one: str, other: str) -> str:
    """The innermost folder in which both folders lie, with its slash; all of the bucket is ""."""
    common = [
        name
        for name, _ in takewhile(
            lambda pair: pair[0] == pair[1],
            zip(one.split("/")[:-1], other.split("/")[:-1], strict=False),
        )
    ]
    return "".join(f"{name}/" for name in common)


def _precedes(one: str, other: str) -> bool:
    """Whether `one` is listed before `other`, both by services that list keys as S3 does and by
    those that list folder by folder."""
    return one < other and one.replace("/", "\0") < other.replace("/", "\0")


class Vacancies:
    """Of one bucket; all sinks of a job share them, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._prefix: str | None = None
        self._seen: _Seen | None = None
        self._pages = self._answers = 0
        self._refused = False

    def is_free(self, key: str, list_page: ListPage) -> bool:
        """Whether neither an object nor a folder stood at `key` within the last `FRESH` seconds;
        False also where that is not known: for the first key, for one behind a page that is full,
        where pages are worth nothing, and where nobody may list."""
        folder = key[: key.rfind("/") + 1]
        with self._lock:
            if self._prefix is None:
                self._prefix = folder
                return False  # for a single file one look at it costs less
            free = None if self._seen is None else self._seen.is_free(key)
            if free is None and self._may_ask():
                self._prefix = _common_folder(self._prefix, folder)
                self._seen = self._look(self._prefix, key, list_page)
                free = None if self._seen is None else self._seen.is_free(key)
            self._answers += free is not None
            return bool(free)

    def _may_ask(self) -> bool:
        return not self._refused and self._pages * WORTH <= self._answers + AHEAD * WORTH

    def _look(self, prefix: str, key: str, list_page: ListPage) -> _Seen | None:
        self._pages += 1
        until = time.monotonic() + FRESH
        after = key[:-1] if len(key) - 1 > len(prefix) else ""
        try:
            page = list_page(prefix, after)
        except TransferError as error:
            self._refused = not error.retryable
            return None
        taken = sorted(found.get("Key", "") for found in page.objects)
        last = None if page.token is None else max(taken, default="")
        return _Seen(until, prefix, after, last, taken)
