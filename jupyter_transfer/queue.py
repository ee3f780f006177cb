"""The queue: which job runs next, in which worker, and what becomes of it when it ends.

A job that fails for a reason that may pass goes back to `queued` and says when it will be tried
again. After a crash of the server `ready` queues again what was running: the journals on disk know
how far it was. Everything here runs on the server's loop and waits for nothing but messages.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .allowances import Allowance, Allowances
from .ambient import Ambient
from .decisions import accept
from .errors import TransferError
from .jobs import JobTable
from .retries import RULES, Retries, Rule, attempt_after
from .runner import Activity, Runner
from .schedule import Schedule, Services, starts_at
from .secrets import Held, Vault
from .spec import Job, JobSpec, State, iso_time, now, scheduled
from .streams import Streams
from .timetable import parse_limit
from .workers import Message, Worker, WorkerPool

CLOCK = 1.0
"""Seconds between two looks at the clock while a timetable holds or a job is planned."""

FORGET_BATCH = 200
"""Finished jobs that are forgotten together."""


@dataclass
class QueueSettings:
    """What the administrator decides about the queue."""

    max_workers: int = 4
    max_retries: int = 8
    """Attempts in a row that move no byte before a job is left as failed."""
    allowances: Allowances = field(default_factory=Allowances)
    """What all jobs together may use."""
    context: dict[str, Any] = field(default_factory=dict)
    """What every worker must know: root, allow_hidden, direct_from, policy, ca_file."""
    shared_credentials: bool = False
    """Whether everybody may use the credentials of this server's account."""


class Queue:
    """Runs the unfinished jobs of this server.

    Parameters
    ----------
    jobs: the jobs as they are now.
    streams: the jobs that a browser runs.
    pool: where workers come from.
    on_published: called with the path of each file that a job has published.
    keep_alive: called while bytes move, so that an idle culler lets the server live.
    """

    def __init__(
        self,
        jobs: JobTable,
        streams: Streams,
        pool: WorkerPool,
        settings: QueueSettings,
        *,
        on_published: Callable[[str], None],
        keep_alive: Callable[[], None],
        log: logging.Logger,
    ) -> None:
        self._jobs = jobs
        self._streams = streams
        self._pool = pool
        self._settings = settings
        self._log = log
        self._vault = Vault()
        self._runner = Runner(
            jobs,
            pool,
            self._vault,
            settings.context,
            shared_credentials=settings.shared_credentials,
            on_published=on_published,
            keep_alive=keep_alive,
            log=log,
        )
        self._active = self._runner.active
        self._retries = Retries()
        self._line = Schedule()
        self._timer: asyncio.TimerHandle | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._recovery: asyncio.Future[None] | None = None
        self._stopping = False
        self._once = asyncio.Lock()

    # -- life --

    async def ready(self) -> None:
        """Wait until the jobs of an earlier server process are taken over. What made that fail is
        raised to everybody who waits; who comes later tries again."""
        recovery = self._recovery
        if recovery is None or _failed(recovery):
            recovery = self._recovery = asyncio.ensure_future(self._recover())
        await asyncio.shield(recovery)

    async def _recover(self) -> None:
        await self._jobs.load()
        await self._streams.recover()
        for job in list(self._jobs.live.values()):
            if job.state is State.RUNNING:
                job = await self._jobs.put(job.moved(State.QUEUED, reason=None))  # noqa: PLW2901
            if job.state is State.QUEUED:
                self._line.add(job)
        self._schedule()

    async def stop(self) -> None:
        """Stop all workers; running jobs stay `running` in the database and go on next time."""
        self._stopping = True
        for timer in (self._timer, self._clock):
            if timer is not None:
                timer.cancel()
        if self._recovery is not None:
            await asyncio.gather(self._recovery, return_exceptions=True)
        await self._pool.close()
        tasks = [activity.task for activity in self._active.values() if activity.task]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._jobs.close()

    # -- what people ask for --

    async def submit(
        self, spec: JobSpec, owner: str, held: Held | None = None, ambient: Ambient = "none"
    ) -> Job:
        """Queue a new job; it is on disk when this returns. What it `held` stays in memory."""
        await self.ready()
        held = held or Held()
        spec = replace(spec, options={**spec.options, **_in_memory(held)})
        job = Job.new(spec, owner, ambient)
        if held:
            self._vault.add(job.id, held)
        try:
            job = await self._jobs.add(job)
        except TransferError:
            self._vault.drop(job.id)
            raise
        self._line.add(job)
        self._schedule()
        return job

    async def submit_once(self, id: str, spec: JobSpec, owner: str) -> None:
        """Queue a new job under an id of the caller's, unless there is one of that id already."""
        await self.ready()
        async with self._once:
            try:
                await self._jobs.get(id, owner)
            except TransferError as error:
                if error.code != "not_found":
                    raise
                job = await self._jobs.add(replace(Job.new(spec, owner), id=id))
                self._line.add(job)
                self._schedule()

    async def get(self, id: str, owner: str) -> Job:
        """The job `id` of `owner`. Raises ``not_found``."""
        await self.ready()
        return await self._jobs.get(id, owner)

    async def page(
        self, owner: str, state: State | None, since: int | None, limit: int, offset: int
    ) -> dict[str, Any]:
        """See `JobTable.page`."""
        await self.ready()
        return await self._jobs.page(owner, state, since, limit, offset)

    async def files(
        self, id: str, owner: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the report of a job, failed files first, and how many rows there are."""
        await self.get(id, owner)
        await self._runner.save_files(id)
        return await self._jobs.files(id, state, limit, offset)

    async def tell_delivered(self, worker: Worker, source: str) -> None:
        """See `Runner.tell_delivered`."""
        await self._runner.tell_delivered(worker, source)

    async def enter(self, id: str, owner: str, options: dict[str, Any], held: Held) -> None:
        """Credentials for a job: what it `held` is kept in memory, `options` in its row."""
        job = await self.get(id, owner)
        if job.state in (State.DONE, State.RUNNING):
            raise TransferError("conflict", f"The job is {job.state.value}.")
        if held:
            self._vault.add(id, held)
        options = {**job.options, **options, **_in_memory(self._vault.get(id))}
        for name in self._vault.get(id).options:
            options.pop(name, None)  # a reference that it takes the place of
        await self._jobs.put(replace(job, options=options))

    async def act(self, id: str, owner: str, action: str) -> Job:
        """Do `action` (pause, resume, cancel, retry, approve) and return the job after it.

        Raises ``conflict`` where the job's state does not allow it.
        """
        job = await self.get(id, owner)
        if action == "cancel" and not job.state.finished:
            if job.kind == "download":
                return await self._streams.cancel(job)
            return await self._halt(job, "cancel", State.CANCELLED)
        if job.kind == "download":
            raise TransferError(
                "conflict",
                "This download runs in the browser.",
                "Pause it in the browser, or download it again.",
            )
        if action == "pause" and not job.state.finished:
            return await self._halt(job, "pause", State.PAUSED)
        if action == "resume" and job.state in (State.PAUSED, State.WAITING):
            return await self._queue_again(job)
        if action == "retry" and job.state in (State.FAILED, State.CANCELLED, State.QUEUED):
            options = {k: v for k, v in job.options.items() if k != "start_at"}  # now
            job = replace(job, options=options, attempt=0, finished=None)
            return await self._queue_again(job)
        if action == "approve" and job.state is State.WAITING:
            options = accept(job.options, job.reason)
            return await self._queue_again(replace(job, options=options))
        raise TransferError("conflict", f"A job that is {job.state.value} cannot {action}.")

    async def tune(self, id: str, owner: str, changes: dict[str, Any]) -> Job:
        """Change ``priority`` or ``bandwidth`` (bytes a second) of an unfinished job."""
        job = await self.get(id, owner)
        if job.state.finished:
            raise TransferError("conflict", f"The job is {job.state.value} already.")
        if "priority" in changes:
            job = replace(job, priority=changes["priority"])
        if "bandwidth" in changes:
            bandwidth = parse_limit(changes["bandwidth"])
            job = replace(job, options={**job.options, "bandwidth": bandwidth})
        job = await self._jobs.put(job)
        if job.state is State.QUEUED:
            self._line.add(job)
        self._share_out()
        self._schedule()
        return job

    async def remove(self, id: str, owner: str) -> None:
        """Cancel the job if it is unfinished, else forget it."""
        job = await self.get(id, owner)
        if not job.state.finished:
            await self.act(id, owner, "cancel")
            return
        await self._forget([job])

    async def forget_finished(self, before: str) -> int:
        """Forget all jobs that finished before the time `before` (ISO 8601); how many."""
        await self.ready()
        count = 0
        while jobs := await self._jobs.finished(before, FORGET_BATCH):
            await self._forget(jobs)
            count += len(jobs)
        return count

    async def _forget(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.state is State.FAILED and job.kind != "download" and job.started is not None:
                await self._runner.discard(job)  # what it kept for a retry
            self._vault.drop(job.id)
        await self._jobs.remove(*jobs)

    # -- steps --

    async def _queue_again(self, job: Job) -> Job:
        self._retries.now(job.id)
        planned = starts_at(job) > time.time()
        reason = scheduled(job.options["start_at"]) if planned else None
        job = await self._jobs.put(replace(job.moved(State.QUEUED), reason=reason))
        self._line.add(job)
        self._schedule()
        return job

    async def _halt(self, job: Job, order: str, state: State) -> Job:
        activity = self._active.get(job.id)
        if activity is None:
            return await self._halt_idle(job, state)
        too_late = activity.ended
        activity.halt(order)
        if activity.task is not None:
            await asyncio.wait([activity.task], timeout=5)
        job = await self.get(job.id, job.owner)
        if not too_late or job.state.finished or job.state is state:
            return job
        return await self._halt(job, order, state)  # it waits now, or is to be tried again

    async def _halt_idle(self, job: Job, state: State) -> Job:
        self._retries.now(job.id)
        finished = now() if state.finished else None
        job = await self._jobs.put(job.moved(state, reason=None, finished=finished))
        if state is State.CANCELLED:
            if job.started is not None:
                await self._runner.discard(job)
            self._vault.drop(job.id)
        return job

    async def ask(self, job: Job, operation: str) -> Message:
        """See `Runner.ask`."""
        return await self._runner.ask(job, operation)

    # -- running --

    def _schedule(self) -> None:
        """Start what may start now; come back when the next retry is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stopping:
            return
        moment, clock = time.monotonic(), time.time()
        for id in [*self._retries.due(moment), *self._line.due(clock)]:
            if id in self._jobs.live:
                self._line.ripe(self._jobs.live[id])
        while len(self._active) < self._settings.max_workers:
            next_id = self._line.take(self._may_start, self._has_room)
            if next_id is None:
                break
            activity = Activity(self._jobs.live[next_id].progress.bytes_done)
            self._active[next_id] = activity
            activity.task = asyncio.ensure_future(self._run(next_id, activity))
        planned = self._line.next(clock)
        # A clock that is set must not hold up a planned job: so it is looked at again and again.
        soon = None if planned is None else min(planned, CLOCK)
        due = [wait for wait in (self._retries.next(moment), soon) if wait is not None]
        if due:
            self._timer = asyncio.get_running_loop().call_later(min(due), self._schedule)

    def _may_start(self, id: str, priority: int) -> bool:
        job = self._jobs.live.get(id)
        return (
            job is not None
            and job.state is State.QUEUED
            and job.priority == priority
            and id not in self._active
            and not self._retries.waits(id, time.monotonic())
            and starts_at(job) <= time.time()
        )

    def _has_room(self, services: Services) -> bool:
        return self._settings.allowances.has_room(services, self._running())

    async def _run(self, id: str, activity: Activity) -> None:
        try:
            self._retries.now(id)
            job = self._jobs.live[id]
            job = job.moved(State.RUNNING, reason=None, started=job.started or now())
            job = await self._jobs.put(job)
            end = await self._runner.run(job, activity, lambda: self._share_of(id))
        except TransferError as error:
            end = {"state": "failed", "error": error.as_dict()}
        except Exception:
            self._log.exception("Job %s failed in the server", id)
            failure = TransferError("internal", "The server failed to run this job.")
            end = {"state": "failed", "error": failure.as_dict()}
        if self._stopping:
            return
        saved = False
        try:
            await self._runner.save_files(id)
            activity.ended = True
            await self._settle(self._jobs.live[id], activity, end)
            saved = True
        except TransferError as error:
            # The row could not be saved (its disk is full): the job is what memory says.
            self._log.error("The state of job %s was not saved: %s", id, error)
        finally:
            self._runner.release(activity, saved)
            del self._active[id]
            self._share_out()
            self._schedule()

    async def _settle(self, job: Job, activity: Activity, end: Message) -> None:
        """Put `job` into the state in which its worker left it."""
        state = State(end["state"])
        error = TransferError.from_dict(end["error"]) if end.get("error") else None
        job = replace(job, progress=job.progress.at_rest())
        if state in (State.FAILED, State.WAITING) and activity.order is not None:
            # It ended by itself while it was being halted: a person's word counts more.
            state, error = (State.PAUSED if activity.order == "pause" else State.CANCELLED), None
            if state is State.CANCELLED:
                await self._runner.discard(job)
        if state is State.FAILED and error is not None:
            progressed = job.progress.bytes_done > activity.bytes_before
            most = job.options.get("max_retries", self._settings.max_retries)
            attempt = attempt_after(error, job.attempt, progressed, most)
            if attempt is not None:
                await self._retry_later(job, error, attempt, most)
                return
        if state in (State.DONE, State.CANCELLED):
            self._vault.drop(job.id)
        remark = job.reason if state is State.DONE else None
        await self._jobs.put(
            job.moved(
                state,
                reason=error.as_dict() if error else remark,
                verified=end.get("verified") if state is State.DONE else job.verified,
                unverified=end.get("unverified") if state is State.DONE else None,
                finished=now() if state.finished else None,
            )
        )

    async def _retry_later(self, job: Job, error: TransferError, attempt: int, most: int) -> None:
        rule = RULES.get(error.code, Rule())
        delay = self._retries.later(job.id, attempt, error.retry_after or 0, rule)
        detail = {
            **error.detail,
            "attempts": most if rule.budget is None else min(most, rule.budget),
        }
        reason = {**error.as_dict(), "detail": detail, "retry_at": iso_time(time.time() + delay)}
        await self._jobs.put(job.moved(State.QUEUED, reason=reason, attempt=attempt))

    # -- what running jobs may use --

    def _running(self) -> list[Job]:
        return [self._jobs.live[id] for id in self._active if id in self._jobs.live]

    def _share_of(self, id: str) -> Allowance:
        """What the job `id`, whose worker is ready, may use; the others are told what is left."""
        allowance = self._settings.allowances.shared(self._running())[id]
        self._active[id].allowance = allowance
        self._share_out()
        return allowance

    def _share_out(self) -> None:
        """Tell every running worker what it may use now, where that has changed."""
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        running = self._running()
        allowances = self._settings.allowances
        for id, allowance in allowances.shared(running).items():
            self._active[id].allow(allowance)
        if running and allowances.follows_clock(running) and not self._stopping:
            self._clock = asyncio.get_running_loop().call_later(CLOCK, self._share_out)


def _in_memory(held: Held) -> dict[str, Any]:
    """What the row of a job says of the secrets that it has in memory: that they are there, and
    their names."""
    names = sorted(held.options)
    if held.credential or held.destination:
        names = sorted({*names, "username", "password"})
    return {"credential": "memory", "credential_options": names} if names else {}


def _failed(task: asyncio.Future[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
