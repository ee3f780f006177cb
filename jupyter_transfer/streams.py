"""Downloads: jobs whose bytes a browser fetches from this server at its own pace.

They have a row, a state and events like any job, so that the panel shows them live; the handler
that streams the bytes tells how far it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .errors import TransferError
from .jobs import JobTable
from .meter import Meter
from .spec import Job, JobSpec, Progress, State, now


@dataclass
class _Stream:
    on_cancel: Callable[[], None]
    meter: Meter = field(default_factory=Meter)


class Streams:
    """The downloads that are under way."""

    def __init__(self, jobs: JobTable, keep_alive: Callable[[], None]) -> None:
        self._jobs = jobs
        self._keep_alive = keep_alive
        self._streams: dict[str, _Stream] = {}

    async def recover(self) -> None:
        """End the downloads that an earlier server process was sending: their frozen lists of
        members died with it."""
        error = TransferError(
            "connection_lost",
            "The server was restarted during this download.",
            "Download it again.",
            retryable=False,
        )
        for job in [job for job in self._jobs.live.values() if job.kind == "download"]:
            failed = job.moved(State.FAILED, reason=error.as_dict(), finished=now())
            await self._jobs.put(failed)

    async def open(
        self, spec: JobSpec, owner: str, total: int, files: int, on_cancel: Callable[[], None]
    ) -> str:
        """A new job of kind ``download`` that waits for its browser; returns its id.

        `total` is in bytes; `on_cancel` is called when a person cancels the job.
        """
        progress = Progress(bytes_total=total, files_total=files)
        job = await self._jobs.add(replace(Job.new(spec, owner), progress=progress))
        self._streams[job.id] = _Stream(on_cancel)
        return job.id

    def progress(self, id: str, bytes_done: int) -> None:
        """`bytes_done` bytes have left; a job that was queued or had failed is running again."""
        job, stream = self._jobs.live.get(id), self._streams.get(id)
        if job is None or stream is None:
            return
        if job.state is not State.RUNNING:
            job = job.moved(State.RUNNING, started=job.started or now())
        self._keep_alive()
        progress = stream.meter.measure(replace(job.progress, bytes_done=bytes_done), bytes_done)
        self._jobs.move(replace(job, progress=progress))

    async def end(self, id: str, state: State, error: TransferError | None = None) -> None:
        """The browser has it all (`done`), or the stream broke (`failed` and why)."""
        job = self._jobs.live.get(id)
        if job is None:
            return
        progress = job.progress.at_rest()
        if state is State.DONE:
            total, files = progress.bytes_total or 0, progress.files_total or 0
            progress = replace(progress, bytes_done=total, files_done=files)
        if job.state is State.QUEUED:
            job = job.moved(State.RUNNING, started=now())
        reason = error.as_dict() if error else None
        self._streams.pop(id, None)
        await self._jobs.put(job.moved(state, progress=progress, reason=reason, finished=now()))

    async def reopen(self, id: str, owner: str, on_cancel: Callable[[], None]) -> None:
        """The browser comes once more for a download that had ended."""
        job = await self._jobs.get(id, owner)
        if job.state.finished:
            job = replace(job.moved(State.QUEUED), reason=None, finished=None)
            await self._jobs.put(job)
        self._streams[id] = _Stream(on_cancel)

    async def cancel(self, job: Job) -> Job:
        """Cut the stream of `job`."""
        stream = self._streams.pop(job.id, None)
        job = await self._jobs.put(job.moved(State.CANCELLED, finished=now()))
        if stream is not None:
            stream.on_cancel()
        return job
