"""The ``status`` of a DataCube, as its controller writes it (TensorStack, "DataCube", Status)."""

from __future__ import annotations

from .cube import Cube
from .documents import Json

_ENDED = {"done": ("Complete", "Succeeded", "Completed"), "failed": ("Failed", "Failed", "Error")}
_GOES_ON = ("Processing", "Running", "Running")


def with_status(cube: Cube, job: Json, moment: str) -> Json:
    """The document of `cube` with the `status` that `job` (the contract's JSON) gives it. `moment`
    is the present time, ISO 8601. Where a controller names its pod the id of the job stands."""
    state, reason = job["state"], job["reason"] or {}
    state = "failed" if state == "cancelled" else state
    phase, of_pod, ended = _ENDED.get(state, _GOES_ON)
    conditions = [
        _condition("Initialized", "The DataCube is initialized", job["started"] or moment)
    ]
    finished = job["finished"] or moment
    if state == "done":
        conditions.append(_condition("Complete", "The DataCube is complete", finished))
        conditions.append(_condition("Failed", "", finished, status="False"))
    elif state == "failed":
        conditions.append(_failed(reason, finished))
    pod = {"reference": {"name": job["id"], "uid": job["id"]}, "phase": of_pod, "status": ended}
    return _told(cube, phase, conditions, pod)


def not_begun(cube: Cube, error: Json | None, moment: str) -> Json:
    """The document of `cube` whose job was not made: of an `error` of its own (the contract's
    JSON), or because another one of its file cannot be."""
    if error is None:
        return _told(cube, "Pending", [_condition("Initialized", "", moment, status="False")])
    conditions = [
        _condition("Initialized", str(error["message"]), moment, status="False"),
        _failed(error, moment),
    ]
    return _told(cube, "Failed", conditions)


def _told(cube: Cube, phase: str, conditions: list[Json], pod: Json | None = None) -> Json:
    status: Json = {"phase": phase, "conditions": conditions}
    if pod is not None:
        status["pod"] = pod
    return {**cube.document, "status": status}


def _failed(error: Json, moment: str) -> Json:
    message = str(error.get("message", ""))
    return {**_condition("Failed", message, moment), "reason": str(error.get("code", ""))}


def _condition(kind: str, message: str, moment: str, status: str = "True") -> Json:
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": moment,
        "lastTransitionTime": moment,
        "reason": "",
        "message": message,
    }
