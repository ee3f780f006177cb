"""The order of queued jobs: by priority, then by age; not before their time; not more of one
service than it is to be asked at once.

Ten thousand jobs may wait, so nothing here looks at all of them: each service has a heap of its
own, and an entry that is no longer true is dropped when it comes up.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from urllib.parse import urlsplit

from .spec import Job, seconds_of

Services = tuple[str, ...]

_BY_HOST = ("http", "https", "ftp", "ftps", "sftp", "git+http", "git+https", "git+ssh")
"""Schemes whose addresses name a host; in others (``s3://bucket/…``) the scheme stands for it."""


def services_of(job: Job) -> Services:
    """The hosts that `job` calls, or the names of the services; of a path there is none."""
    endpoint = job.options.get("endpoint")
    services = set()
    for address in (job.source, job.destination):
        scheme, colon, _ = address.partition("://")
        if not colon:
            continue
        if isinstance(endpoint, str) and scheme not in _BY_HOST:
            services.add(_host(endpoint) or scheme)
        else:
            services.add((_host(address) if scheme.lower() in _BY_HOST else None) or scheme)
    return tuple(sorted(services))


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def starts_at(job: Job) -> float:
    """Seconds since 1970 before which `job` is not to begin; 0 for one that may, or has begun."""
    start_at = job.options.get("start_at")
    return seconds_of(start_at) if start_at and job.started is None else 0.0


class Schedule:
    """The jobs that wait for their turn."""

    def __init__(self) -> None:
        self._ready: dict[Services, list[tuple[int, str, int, str]]] = {}
        self._planned: list[tuple[float, str]] = []
        self._number = count()

    def add(self, job: Job) -> None:
        """`job` is queued, or has another priority."""
        start = starts_at(job)
        if start:
            heapq.heappush(self._planned, (start, job.id))
        else:
            self.ripe(job)

    def ripe(self, job: Job) -> None:
        """The time of `job` has come."""
        entry = (-job.priority, job.created, next(self._number), job.id)
        heapq.heappush(self._ready.setdefault(services_of(job), []), entry)

    def due(self, now: float) -> list[str]:
        """The planned jobs whose time has come at `now`, seconds since 1970; each comes once."""
        ids = []
        while self._planned and self._planned[0][0] <= now:
            ids.append(heapq.heappop(self._planned)[1])
        return ids

    def next(self, now: float) -> float | None:
        """Seconds from `now` until a planned job is due; None without one."""
        return max(0.0, self._planned[0][0] - now) if self._planned else None

    def take(
        self, true: Callable[[str, int], bool], free: Callable[[Services], bool]
    ) -> str | None:
        """The id of the job whose turn it is; it is no longer in here. None if there is none.

        Parameters
        ----------
        true: whether the job of that id is still queued, with that priority.
        free: whether these services may be asked for one job more.
        """
        best: Services | None = None
        for services in list(self._ready):
            entries = self._ready[services]
            while entries and not true(entries[0][3], -entries[0][0]):
                heapq.heappop(entries)
            if not entries:
                del self._ready[services]
            elif (best is None or entries[0] < self._ready[best][0]) and free(services):
                best = services
        return None if best is None else heapq.heappop(self._ready[best])[3]


def jobs_by_service(jobs: Iterable[Job]) -> Counter[str]:
    """How many of `jobs` call each service."""
    return Counter(service for job in jobs for service in services_of(job))
