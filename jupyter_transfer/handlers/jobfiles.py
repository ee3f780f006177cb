"""Files of transfers over HTTP: the jobs that they make, and jobs written as DataCubes."""

from __future__ import annotations

from ..admission import permissions
from ..jobfiles import ApplyRequest, Planned
from .base import TransferHandler, allow


class ApplyHandler(TransferHandler):
    """``jobs/apply``: a YAML file of DataCubes, or of transfers in our own form, as jobs."""

    @allow(("write", "transfers"))
    async def post(self) -> None:
        """``{text, claims?, secrets?, dry_run?}``: the jobs that the file makes, all of them or
        none; with `dry_run` what they would be."""
        transfer = self.transfer
        transfer.require_local()
        request = ApplyRequest.from_body(self.json_body())
        looks_up = await self.may("execute", "kernels")
        planned = await transfer.job_files.planned(request, looks_up=looks_up)
        for one in planned:
            await self._require_all_of(one)
        if request.dry_run:
            self.write_json({"transfers": [one.as_dict() for one in planned]})
            return
        for number, one in enumerate(planned):
            if one.error is not None:
                one.error.detail = {**one.error.detail, "transfer": number}
                raise one.error
        ambient = await self.ambient()
        jobs = [
            await transfer.queue.submit(one.spec, self.owner, one.held, ambient)
            for one in planned
            if one.spec is not None
        ]
        self.write_json({"jobs": [job.as_dict() for job in jobs]}, 201)

    async def _require_all_of(self, planned: Planned) -> None:
        """Raise ``forbidden`` unless the user may do what the job does."""
        if planned.spec is None:
            return
        for action, resource in permissions(planned.spec):
            await self.require(action, resource)
        await self.require_references(planned.spec.options)


class DataCubeHandler(TransferHandler):
    """``jobs/{id}/datacube``: a job as a DataCube."""

    _track_activity = False

    @allow(("read", "transfers"))
    async def get(self, id: str) -> None:
        """The YAML file; ``claim`` names the claim that its folder lies in."""
        transfer = self.transfer
        job = await transfer.queue.get(id, self.owner)
        claim = self.get_query_argument("claim", "") or None
        text = transfer.job_files.exported(job.as_dict(), claim)
        self.set_header("Content-Type", "application/yaml; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="transfer-{id[:8]}.yaml"')
        self.finish(text)


ROUTES = [
    (r"jupyter-transfer/jobs/apply/?", ApplyHandler),
    (r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})/datacube", DataCubeHandler),
]
