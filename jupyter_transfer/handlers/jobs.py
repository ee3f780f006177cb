"""Jobs over HTTP: list, create, look at, act on, forget.

`POST jobs` checks what can be checked without a network (kinds, options, paths, literal
addresses); the rest is found by the worker and told in the job's reason.
"""

from __future__ import annotations

import json

from ..admission import permissions
from ..errors import TransferError
from ..spec import JobSpec, State
from .base import MAX_PAGE, TransferHandler, allow

_ACTIONS = ("pause", "resume", "cancel", "retry", "approve")
_JOB = r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})"


class JobsHandler(TransferHandler):
    """``jobs``: the list, and new jobs."""

    _track_activity = False

    @allow(("read", "transfers"))
    async def get(self) -> None:
        """A page of the user's jobs, newest first; with ``since`` what changed after it."""
        name = self.get_query_argument("state", "")
        state = _state(name) if name else None
        limit, offset = self.page()
        since = self.number("since", None, 0, 2**53)
        self.write_json(await self.transfer.queue.page(self.owner, state, since, limit, offset))

    @allow(("write", "transfers"))
    async def post(self) -> None:
        """A new job, or with ``options.dry_run`` its plan. What else the user must be allowed
        depends on the kind of job: to write files, or to read them."""
        transfer = self.transfer
        transfer.require_local()
        spec = JobSpec.from_request(self.json_body())
        for action, resource in permissions(spec):
            await self.require(action, resource)
        spec, held = transfer.admission.job(spec)
        await self.require_references(spec.options)
        ambient = await self.ambient()
        if spec.options.get("dry_run"):
            plan = await transfer.plan(spec, held, ambient)
            self.write_json({**plan, "free_bytes": transfer.root.free_bytes("")})
            return
        job = await transfer.queue.submit(spec, self.owner, held, ambient)
        self.set_header("Location", self.request.path.rstrip("/") + "/" + job.id)
        self.write_json(job.as_dict(), 201)


class JobHandler(TransferHandler):
    """``jobs/{id}``: one job."""

    @property
    def _track_activity(self) -> bool:  # type: ignore[override]
        return self.request.method != "GET"

    @allow(("read", "transfers"))
    async def get(self, id: str) -> None:
        """The job as it is now."""
        self.write_json((await self.transfer.queue.get(id, self.owner)).as_dict())

    @allow(("write", "transfers"))
    async def patch(self, id: str) -> None:
        """``{action?, options?, priority?, bandwidth?}``: do it and answer with the job after it.
        `options` enter the secrets that a job lacks, with the actions resume and retry."""
        body = self.json_body()
        if not isinstance(body, dict) or not body:
            raise TransferError("bad_request", "The body must be a JSON object.")
        action, options, changes = body.pop("action", None), body.pop("options", None), body
        if action is not None and action not in _ACTIONS:
            raise TransferError(
                "bad_request", "There is no such action.", f"Use one of: {', '.join(_ACTIONS)}."
            )
        if options is not None and action not in ("resume", "retry"):
            raise TransferError("bad_request", "Options are entered with “resume” or “retry”.")
        if set(changes) - {"priority", "bandwidth"}:
            raise TransferError("bad_request", "Only priority and bandwidth can be changed.")
        priority = changes.get("priority", 0)
        if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) > 1000:
            raise TransferError("bad_request", "The priority is a number from -1000 to 1000.")
        queue = self.transfer.queue
        job = await queue.get(id, self.owner)
        if options is not None:
            options, held = self.transfer.admission.more(job, options)
            await self.require_references(options)
            await queue.enter(id, self.owner, options, held)
        if changes:
            job = await queue.tune(id, self.owner, changes)
        if action is not None:
            job = await queue.act(id, self.owner, action)
        self.write_json(job.as_dict())

    @allow(("write", "transfers"))
    async def delete(self, id: str) -> None:
        """Cancel an unfinished job, forget a finished one."""
        await self.transfer.queue.remove(id, self.owner)
        self.set_status(204)
        self.finish()


class JobFilesHandler(TransferHandler):
    """``jobs/{id}/files``: the files of a job, failed ones first."""

    _track_activity = False

    @allow(("read", "transfers"))
    async def get(self, id: str) -> None:
        """A page of the files, by ``state`` if given."""
        limit, offset = self.page()
        state = self.get_query_argument("state", "") or None
        files, total = await self.transfer.queue.files(id, self.owner, state, limit, offset)
        self.write_json({"files": files, "total": total})


class JobReportHandler(TransferHandler):
    """``jobs/{id}/report``: one JSON object a line for every file."""

    _track_activity = False

    @allow(("read", "transfers"))
    async def get(self, id: str) -> None:
        """Stream the report: path, size, digest, verified, unverified (why), seconds, error."""
        queue = self.transfer.queue
        await queue.get(id, self.owner)
        self.set_header("Content-Type", "application/x-ndjson")
        self.set_header("Content-Disposition", f'attachment; filename="transfer-{id[:8]}.jsonl"')
        offset = 0
        while True:
            files, total = await queue.files(id, self.owner, None, MAX_PAGE, offset)
            self.write("".join(json.dumps(file) + "\n" for file in files))
            await self.flush()
            offset += MAX_PAGE
            if offset >= total:
                break
        self.finish()


def _state(name: str) -> State:
    try:
        return State(name)
    except ValueError:
        states = ", ".join(state.value for state in State)
        raise TransferError("bad_request", "There is no such state.", f"Use: {states}.") from None


ROUTES = [
    (r"jupyter-transfer/jobs/?", JobsHandler),
    (_JOB, JobHandler),
    (_JOB + "/files", JobFilesHandler),
    (_JOB + "/report", JobReportHandler),
]
