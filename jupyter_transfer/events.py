"""Jupyter events: how every tab learns that a job moved.

An event names ids, states, revisions and counts, never a file, an address or an owner, because
the event bus has no filter by user: whoever holds the id may ask the job itself. Events are
coalesced: at most one each `INTERVAL` for all jobs together, since the bus deep-copies and
validates each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .spec import Job, State

SCHEMA_ID = "https://schema.jupyter-transfer.org/jobs/v1"

INTERVAL = 0.5
"""Seconds between two events at least."""

MAX_JOBS = 100
"""Jobs in one event at most; when more have changed, clients are made to ask for a snapshot."""

_COUNT = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL = {"type": ["integer", "null"], "minimum": 0}
_NUMBER_OR_NULL = {"type": ["number", "null"]}

SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Changes of transfer jobs",
    "personal-data": False,
    "description": (
        "Jobs that changed since the previous event. A client whose revision is not `previous`, "
        "or that does not know an id, asks `GET jupyter-transfer/jobs?since=<its revision>`."
    ),
    "type": "object",
    "additionalProperties": False,
    "required": ["revision", "previous", "jobs", "removed"],
    "properties": {
        "revision": _COUNT,
        "previous": {"type": "integer", "minimum": -1},
        "removed": {"type": "array", "items": {"type": "string"}},
        "jobs": {
            "type": "array",
            "maxItems": MAX_JOBS,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "revision", "state", "progress"],
                "properties": {
                    "id": {"type": "string"},
                    "revision": _COUNT,
                    "state": {"enum": [state.value for state in State]},
                    "progress": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "bytes_done": _COUNT,
                            "bytes_total": _COUNT_OR_NULL,
                            "files_done": _COUNT,
                            "files_total": _COUNT_OR_NULL,
                            "files_failed": _COUNT,
                            "rate": _NUMBER_OR_NULL,
                            "eta": _NUMBER_OR_NULL,
                        },
                    },
                },
            },
        },
    },
}


class Publisher:
    """Collects changes and emits them together.

    Parameters
    ----------
    emit: gives the data of one event to the bus.
    revision: the revision at which clients that know nothing yet begin.
    """

    def __init__(self, emit: Callable[[dict[str, Any]], None], revision: int) -> None:
        self._emit = emit
        self._previous = revision
        self._revision = revision
        self._jobs: dict[str, Job] = {}
        self._removed: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    def changed(self, job: Job) -> None:
        """`job` has a new revision."""
        self._jobs[job.id] = job
        self._note(job.revision)

    def removed(self, id: str, revision: int) -> None:
        """The job `id` is gone since `revision`."""
        self._jobs.pop(id, None)
        self._removed.append(id)
        self._note(revision)

    def _note(self, revision: int) -> None:
        self._revision = max(self._revision, revision)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            delay = max(0.0, self._last + INTERVAL - loop.time())
            self._timer = loop.call_later(delay, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        jobs = list(self._jobs.values())
        crowded = len(jobs) > MAX_JOBS
        data = {
            "revision": self._revision,
            "previous": -1 if crowded else self._previous,
            "jobs": [] if crowded else [_event_of(job) for job in jobs],
            "removed": self._removed,
        }
        self._jobs, self._removed = {}, []
        self._previous = self._revision
        self._emit(data)

    def close(self) -> None:
        """Emit nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _event_of(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "revision": job.revision,
        "state": job.state.value,
        "progress": asdict(job.progress),
    }
