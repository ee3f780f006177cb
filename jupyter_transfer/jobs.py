"""All jobs of this server as they are now: in memory while unfinished, on disk always.

A `Job` is immutable; each step replaces it by one with a new revision, tells every tab and saves
the row. The database waits for the disk at each commit, so it is called on a thread of its own,
in order; nothing here blocks the server's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from .errors import TransferError
from .events import Publisher
from .spec import Job, State
from .store import Store

T = TypeVar("T")

DELIVERED_PAGE = 2000
"""Rows of what was delivered that are in memory at a time."""


class JobTable:
    """The jobs of a server.

    Parameters
    ----------
    store: where they are remembered.
    publisher: who is told of each change.
    """

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self.live: dict[str, Job] = {}
        """Unfinished jobs by id."""
        self._store = store
        self._publisher = publisher
        self._thread = ThreadPoolExecutor(1, "jupyter-transfer-store")

    async def load(self) -> None:
        """Read the unfinished jobs that an earlier server process left."""
        for job in await self.db(self._store.jobs_unfinished):
            self.live[job.id] = job

    async def close(self) -> None:
        """Say nothing more, and close the database."""
        self._publisher.close()
        await self.db(self._store.close)
        self._thread.shutdown()

    async def db(self, method: Callable[..., T], *arguments: Any) -> T:
        """Call a method of the store on the database's thread, after all earlier calls."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, method, *arguments)

    # -- changing --

    async def put(self, job: Job) -> Job:
        """Make `job` the present state of itself; it is on disk when this returns.

        Raises ``disk_full``, ``list_unavailable`` or ``list_unreadable`` when its row cannot be
        written.
        """
        job = replace(job, revision=self._store.next_revision())
        if job.state.finished:
            self.live.pop(job.id, None)
        else:
            self.live[job.id] = job
        self._publisher.changed(job)
        await self.db(self._store.job_save, job)
        return job

    async def add(self, job: Job) -> Job:
        """`put` a new job; if that fails there is none."""
        try:
            return await self.put(job)
        except TransferError:
            self.live.pop(job.id, None)
            raise

    def move(self, job: Job) -> None:
        """A change that only memory and the tabs need to know of: progress."""
        job = replace(job, revision=self._store.next_revision())
        self.live[job.id] = job
        self._publisher.changed(job)

    async def remove(self, *jobs: Job) -> None:
        """Forget finished jobs and their reports."""
        rows = [(job.id, job.owner, self._store.next_revision()) for job in jobs]
        await self.db(self._store.jobs_remove, rows)
        for id, _, revision in rows:
            self._publisher.removed(id, revision)

    # -- asking --

    async def get(self, id: str, owner: str) -> Job:
        """The job `id` of `owner`. Raises ``not_found``, the same for a stranger's job."""
        job = self.live.get(id) or await self.db(self._store.job_get, id)
        if job is None or job.owner != owner:
            raise TransferError("not_found", "There is no such job.", "Reload the list of jobs.")
        return job

    async def page(
        self, owner: str, state: State | None, since: int | None, limit: int, offset: int
    ) -> dict[str, Any]:
        """A page of `owner`'s jobs, newest first, as the contract's JSON.

        With `since` only what changed after that revision, and the ids that were removed; a
        revision of another server process gives everything, marked ``full``.
        """
        first, revision = self._store.first_revision, self._store.revision
        delta = since is not None and first <= since <= revision
        floor = since if delta and since is not None else -1
        name = state.value if state else None
        ids, total = await self.db(self._store.jobs_ids, owner, name, floor, limit, offset)
        jobs = await self._jobs(ids)
        answer: dict[str, Any] = {"total": total, "revision": revision, "removed": []}
        if delta:
            jobs += self._moved_since(floor, owner, {job.id for job in jobs})
            answer["removed"] = await self.db(self._store.jobs_removed, owner, floor)
        elif since is not None:
            answer["full"] = True
        matching = [job for job in jobs if state is None or job.state is state]
        return {"jobs": [job.as_dict() for job in matching], **answer}

    async def _jobs(self, ids: list[str]) -> list[Job]:
        """The jobs of these ids, in their order; of the unfinished ones no row is read."""
        found = {id: self.live[id] for id in ids if id in self.live}
        rest = [id for id in ids if id not in found]
        if rest:
            found |= {job.id: job for job in await self.db(self._store.jobs_get, rest)}
        return [found[id] for id in ids if id in found]

    def _moved_since(self, revision: int, owner: str, known: set[str]) -> list[Job]:
        """Live jobs whose progress, which has no row, is newer than `revision`."""
        return [
            job
            for job in self.live.values()
            if job.owner == owner and job.revision > revision and job.id not in known
        ]

    async def finished(self, before: str, limit: int) -> list[Job]:
        """At most `limit` jobs that finished before the time `before` (ISO 8601)."""
        return await self.db(self._store.jobs_finished, before, limit)

    # -- reports --

    async def save_files(self, job: Job, files: list[dict[str, Any]]) -> None:
        """Add rows to the report of `job`, and remember what it delivered."""
        await self.db(self._store.files_save, job.id, files)
        # What was sent is known by where it went, what was fetched by where it lies.
        timed = [
            {**file, "path": file.get("address") or file["path"]}
            for file in files
            if file.get("mtime_ns") is not None
        ]
        if whole := [file for file in timed if file["state"] == "done"]:
            await self.db(self._store.delivered_save, job.source, whole)
        if again := [file for file in timed if file["state"] == "present" and file["digest"]]:
            await self.db(self._store.delivered_renew, job.source, again)

    async def forget_planned(self, job: Job) -> None:
        """Forget the steps of an earlier plan of `job` in its report."""
        if job.kind == "sync":
            await self.db(self._store.files_forget, job.id, "planned")

    async def files(
        self, id: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the report of a job, failed files first, and how many rows there are."""
        return await self.db(self._store.files_list, id, state, limit, offset)

    async def delivered(self, source: str) -> AsyncIterator[list[dict[str, Any]]]:
        """What earlier jobs published from `source`, page by page: it may be a million rows."""
        after = None
        while rows := await self.db(self._store.delivered_list, source, after, DELIVERED_PAGE):
            yield rows
            if len(rows) < DELIVERED_PAGE:
                return
            after = rows[-1]["path"]
