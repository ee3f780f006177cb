"""What sends have left at services and nobody goes on with: pieces of uploads, parts under other
names. Their journals in the state folder know them; how much there is, the service is asked.

A journal that a process holds, whose job may still go on, or that was written to a short time ago
is none of these.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .ambient import from_text
from .errors import TransferError
from .records import Record, RecordFile, record_files
from .spec import Job, JobSpec, State, iso_time
from .store import Store

PREFIX = "job-"
"""Begins the ids of these leftovers."""

MOST_SECONDS = 10.0
"""How long services are asked how much they hold."""

_SUFFIX = ".journal"

Ask = Callable[[Job, str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Left:
    """The journal of `job`, which has begun what goes to `addresses`."""

    job: Job
    addresses: tuple[str, ...]
    modified: float

    def as_dict(self, size: int | None) -> dict[str, Any]:
        """The leftover as the contract's JSON."""
        one = len(self.addresses) == 1
        return {
            "id": PREFIX + self.job.id,
            "path": self.addresses[0] if one else self.job.destination,
            "size": size,
            "modified": iso_time(self.modified),
            "where": "service",
        }


class Abandoned:
    """Finds and removes it.

    Parameters
    ----------
    ask: has a worker do something for a job: ``left`` (how much there is) or ``discard``.
    after: seconds without a change after which a journal may be abandoned.
    """

    def __init__(self, state_dir: str, store: Store, ask: Ask, after: float) -> None:
        self._folder = os.path.join(state_dir, "jobs")
        self._store = store
        self._ask = ask
        self._after = after

    async def find(self) -> list[dict[str, Any]]:
        """What there is; its size is None where the service does not tell it in time."""
        until = time.monotonic() + MOST_SECONDS
        found = []
        for left in await asyncio.to_thread(self._all):
            found.append(left.as_dict(await self._size(left, until - time.monotonic())))
        return found

    async def remove(self, id: str, *, forget: bool) -> None:
        """Remove the leftover `id` from its service, or only `forget` it. Raises ``not_found`` for
        what is none, and whatever keeps the service from removing it."""
        for left in await asyncio.to_thread(self._all):
            if PREFIX + left.job.id != id:
                continue
            if not forget:
                await self._ask(left.job, "discard")
            await asyncio.to_thread(self._forget, left.job.id)
            return
        raise TransferError("not_found", "There is no such leftover.", "Reload the list.")

    async def _size(self, left: Left, seconds: float) -> int | None:
        if seconds <= 0:
            return None
        # Not cancelled when it takes too long: the worker would answer to somebody else.
        asking = asyncio.ensure_future(self._ask(left.job, "left"))
        asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait({asking}, timeout=seconds)
        if not asking.done() or asking.exception() is not None:
            return None
        size = asking.result().get("size")
        return None if size is None else int(size)

    def _all(self) -> list[Left]:
        old = [
            (name.removesuffix(_SUFFIX), modified)
            for name, modified in sorted(record_files(self._folder))
            if name.endswith(_SUFFIX) and time.time() - modified >= self._after
        ]
        return [left for one in old if (left := self._look(*one)) is not None]

    def _look(self, id: str, modified: float) -> Left | None:
        """What the journal of the job `id` knows; one that knows nothing is removed."""
        job = self._store.job_get(id)
        if job is not None and job.state not in (State.DONE, State.CANCELLED):
            return None
        try:
            journal = RecordFile(self._folder, id + _SUFFIX)
        except TransferError:
            return None  # a process has it
        try:
            records = journal.read()
            begun = _begun(records)
            job = job or _job_of(records, id)
            if begun and job is not None:
                return Left(job, tuple(begun.values()), modified)
            journal.remove()
            return None
        except TransferError:
            return None
        finally:
            journal.close()

    def _forget(self, id: str) -> None:
        with suppress(TransferError):
            RecordFile(self._folder, id + _SUFFIX).remove()


def _begun(records: list[Record]) -> dict[str, str]:
    """The addresses of files that were begun and are neither finished nor dropped, by their
    paths."""
    begun: dict[str, str] = {}
    for record in records:
        if "begin" in record:
            begun[record["begin"]] = record["target"]["address"]
        else:
            begun.pop(record.get("done") or record.get("drop") or "", None)
    return begun


def _job_of(records: list[Record], id: str) -> Job | None:
    """The job that the journal tells of; None where it is older than that."""
    told = next((record["job"] for record in records if "job" in record), None)
    if told is None:
        return None
    spec = JobSpec(told["kind"], told["source"], told["destination"], told["options"])
    job = Job.new(spec, "", from_text(told.get("ambient")))
    return replace(job, id=id, state=State.CANCELLED)
