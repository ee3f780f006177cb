"""Which keys are free, without a request for each: a page of the folder, listed a moment ago.

A thousand files that go to one folder are asked about with a request every other second. Whoever
puts an object under one of the names meanwhile is noticed by services that honour ``If-None-Match``
and, in those two seconds, by no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TransferError
from .s3listing import Page

FRESH = 2.0
"""Seconds that a page is believed."""

FOLDERS = 64
"""Folders whose pages are remembered."""

ListPage = Callable[[str, str], Page]
"""The entries of one level of the folder, the first argument, behind the key that is the second."""


@dataclass(frozen=True)
class _Seen:
    """What a page says of the keys behind `after`, up to and with `last` (None: all)."""

    until: float
    after: str
    last: str | None
    taken: frozenset[str]

    def is_free(self, key: str) -> bool | None:
        """None where the page does not say."""
        if time.monotonic() > self.until or key <= self.after:
            return None
        if self.last is not None and key > self.last:
            return None
        return key not in self.taken and f"{key}/" not in self.taken


class Vacancies:
    """Of one bucket; all sinks of a job share them, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen | None] = {}
        self._refused = False

    def is_free(self, key: str, list_page: ListPage) -> bool:
        """Whether neither an object nor a folder stood at `key` within the last `FRESH` seconds;
        False also where that is not known: for the first key in its folder, for one behind a page
        that is full, and where nobody may list."""
        folder = key[: key.rfind("/") + 1]
        with self._lock:
            if self._refused:
                return False
            if folder not in self._seen:
                if len(self._seen) >= FOLDERS:
                    self._seen.clear()
                self._seen[folder] = None  # for a single file one look at it costs less
                return False
            seen = self._seen[folder]
            free = None if seen is None else seen.is_free(key)
            if free is None:
                self._seen[folder] = seen = self._look(folder, key, list_page)
                free = None if seen is None else seen.is_free(key)
            return bool(free)

    def _look(self, folder: str, key: str, list_page: ListPage) -> _Seen | None:
        until = time.monotonic() + FRESH
        after = key[:-1] if len(key) - 1 > len(folder) else ""
        try:
            page = list_page(folder, after)
        except TransferError as error:
            self._refused = not error.retryable
            return None
        keys = [found.get("Key", "") for found in page.objects]
        names = frozenset([*keys, *page.prefixes])
        last = None if page.token is None else max(names, default="")
        return _Seen(until, after, last, names)
