"""Running jobs: one in one worker, what it tells on the way, and its end.

Everything here runs on the server's loop and waits for nothing but messages. Which job runs, and
what becomes of it afterwards, is the queue's affair.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from . import ambient
from .allowances import NO_LIMITS, Allowance
from .backends.signing import way_in
from .errors import TransferError
from .jobs import JobTable
from .meter import Meter
from .secrets import Vault
from .spec import Job, Progress, exceeded
from .workers import Message, Worker, WorkerPool, secrets_message

FILES_BATCH = 200
"""Report rows that are saved together."""


@dataclass
class Activity:
    """A job that is running, or about to."""

    bytes_before: int
    task: asyncio.Task[None] | None = None
    worker: Worker | None = None
    order: str | None = None
    """``pause`` or ``cancel``, if a person asked for it."""
    ended: bool = False
    """Whether its worker has told how it ended; an order comes too late for it."""
    expired: bool = False
    """Whether it was stopped because it took too long."""
    allowance: Allowance = NO_LIMITS
    """What its worker was told that it may use."""
    meter: Meter = field(default_factory=Meter)
    files: list[dict[str, Any]] = field(default_factory=list)
    """Report rows that are not saved yet."""
    saving: asyncio.Future[None] | None = None

    def halt(self, order: str) -> None:
        """Have the worker ``pause`` or ``cancel`` it; the second outweighs the first."""
        if self.order != "cancel":
            self.order = order
        if self.worker is not None:
            self.worker.send({"op": self.order})

    def expire(self) -> None:
        """Its time is over: have the worker stop, and keep what is there."""
        self.expired = True
        if self.worker is not None and self.order is None:
            self.worker.send({"op": "pause"})

    def allow(self, allowance: Allowance) -> None:
        """Tell the worker what it may use from now on, if that has changed."""
        if self.worker is None or self.allowance == allowance:
            return
        self.allowance = allowance
        self.worker.send({"op": "bandwidth", "value": allowance.bandwidth})
        self.worker.send({"op": "connections", "value": allowance.connections})


class Runner:
    """Runs jobs in workers; `active` are those that run, by id.

    Parameters
    ----------
    jobs: the jobs as they are now.
    pool: where workers come from.
    vault: what jobs may use and nobody may read.
    context: what every worker must know: root, allow_hidden, direct_from, policy, ca_file.
    shared_credentials: whether everybody may use the credentials of this server's account.
    on_published: called with the path of each file that a job has published.
    keep_alive: called while bytes move, so that an idle culler lets the server live.
    """

    def __init__(
        self,
        jobs: JobTable,
        pool: WorkerPool,
        vault: Vault,
        context: dict[str, Any],
        *,
        shared_credentials: bool,
        on_published: Callable[[str], None],
        keep_alive: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        self.active: dict[str, Activity] = {}
        self._jobs = jobs
        self._pool = pool
        self._vault = vault
        self._context = context
        self._shared_credentials = shared_credentials
        self._on_published = on_published
        self._keep_alive = keep_alive
        self._log = log

    async def run(self, job: Job, activity: Activity, share: Callable[[], Allowance]) -> Message:
        """Run `job` in a worker, which may use what `share` says when it is ready; how it ended,
        as the message ``end``. The worker stays with the activity until `release`.

        Raises ``worker_died``, ``cancelled`` if it was halted before it began.
        """
        if job.options.get("credential") == "memory" and job.id not in self._vault:
            return {"state": "waiting", "error": _forgotten(job).as_dict()}
        await self._jobs.forget_planned(job)
        worker = activity.worker = await self._pool.take()
        await self.tell_delivered(worker, job.source)
        if activity.order is not None:
            raise TransferError("cancelled", "It was halted before it began.")
        message = {**self._message(job, share()), "op": "run"}
        limit = job.options.get("max_duration") or 0
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limit, activity.expire) if limit else None
        try:
            end = await worker.request(message, "end", lambda event: self._on_event(job.id, event))
        finally:
            if timer is not None:
                timer.cancel()
        if activity.expired and activity.order is None and end["state"] == "paused":
            return {**end, "state": "failed", "error": exceeded(limit).as_dict()}
        return end

    def release(self, activity: Activity, saved: bool) -> None:
        """Give the worker back once its job's outcome is `saved`; only then it may forget the
        journals that tell the same. If the outcome could not be saved, they stay."""
        worker, activity.worker = activity.worker, None
        if worker is None:
            return
        if not saved:
            self._pool.retire(worker)
            return
        worker.send({"op": "saved"})
        self._pool.give_back(worker)

    async def discard(self, job: Job) -> None:
        """Have a worker remove what an unfinished job left on disk or at a service."""
        try:
            await self.ask(job, "discard")
        except TransferError as error:
            self._log.warning("The leftovers of job %s were not removed: %s", job.id, error)

    async def ask(self, job: Job, operation: str) -> Message:
        """What a worker answers to ``discard`` (remove what `job` has left) or ``left`` (how much
        there is of it at a service: `size`). Raises what it failed of."""
        worker = await self._pool.take()
        try:
            end = await worker.request({**self._message(job), "op": operation}, "end")
        finally:
            self._pool.give_back(worker)
        if end.get("error") is not None:
            raise TransferError.from_dict(end["error"])
        return end

    async def tell_delivered(self, worker: Worker, source: str) -> None:
        """Tell `worker` what earlier jobs delivered from `source`, as fast as it listens."""
        await worker.feed({"op": "delivered", "source": source, "rows": []})
        async for rows in self._jobs.delivered(source):
            await worker.feed({"op": "delivered", "rows": rows})

    async def save_files(self, id: str) -> None:
        """Write the report rows of the job `id` that have come in since the last time."""
        activity = self.active.get(id)
        if activity is None:
            return
        files, activity.files = activity.files, []
        try:
            if files:
                await self._jobs.save_files(self._jobs.live[id], files)
        finally:
            activity.saving = None

    def _message(self, job: Job, allowance: Allowance = NO_LIMITS) -> Message:
        return {
            **self._context,
            "job": {
                "id": job.id,
                "kind": job.kind,
                "source": job.source,
                "destination": job.destination,
                "options": job.options,
                "bandwidth": allowance.bandwidth,
                "connections": allowance.connections,
                "ambient": job.ambient,
            },
            "ambient": ambient.holds(job.ambient, shared=self._shared_credentials),
            **secrets_message(self._vault.get(job.id)),
        }

    def _on_event(self, id: str, event: Message) -> None:
        activity, job = self.active[id], self._jobs.live[id]
        kind = event.get("event")
        if kind == "progress":
            counts = event["progress"]
            progress = activity.meter.measure(Progress.from_dict(counts), counts["bytes_moved"])
            self._move(replace(job, progress=progress))
        elif kind == "state":
            self._move(replace(job, phase=event["note"] or None))
        elif kind == "note":
            remark = TransferError(event["code"], event["message"])
            self._move(replace(job, reason=remark.as_dict()))
        elif kind == "file":
            activity.files.append(event["file"])
            if _is_published(event["file"]):
                self._on_published(event["file"]["path"])

    def _move(self, job: Job) -> None:
        self._keep_alive()
        self._jobs.move(job)
        activity = self.active[job.id]
        if len(activity.files) >= FILES_BATCH and activity.saving is None:
            activity.saving = asyncio.ensure_future(self.save_files(job.id))


def _forgotten(job: Job) -> TransferError:
    error = TransferError(
        "needs_credentials",
        "The credentials were kept in memory only, and the server was restarted.",
        "Enter them again; the transfer goes on from where it stopped.",
        detail={"options": job.options.get("credential_options") or ["password"]},
    )
    asked = {"source": job.source, "destination": job.destination, "options": job.options}
    error.detail = {**error.detail, **way_in(asked, error)}
    return error


def _is_published(file: Message) -> bool:
    """Whether the report row `file` tells of a new file on the disk."""
    gone = file.get("action") == "delete" or file.get("address")
    return file["state"] == "done" and not gone
