"""Which run does which kind of job."""

from __future__ import annotations

from ..backends import find
from ..backends.base import Context
from ..errors import TransferError
from ..paths import Root
from . import fetchrun, sendrun, toolrun
from .control import Control, Report
from .run import JobRequest, Outcome, Run

__all__ = ["JobRequest", "Outcome", "Run", "discard", "make_run"]

_RUNS: dict[str, type[Run]] = {"fetch": fetchrun.FetchRun, "send": sendrun.SendRun}
_DISCARDS = {"fetch": fetchrun.discard, "send": sendrun.discard}


def make_run(
    root: Root, request: JobRequest, context: Context, control: Control, report: Report
) -> Run:
    """The run of `request`. Raises ``bad_request`` for a kind that nobody runs."""
    run = _RUNS[_known(request.kind)]
    if request.kind == "send" and _sends_itself(request.destination):
        run = toolrun.ToolSendRun
    return run(root, request, context, control, report)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished job left behind, on the disk and at the service."""
    _DISCARDS[_known(request.kind)](root, request, context)


def _sends_itself(address: str) -> bool:
    """Whether the backend of `address` sends by a program of its own."""
    try:
        return find(address).tool
    except TransferError:
        return False  # the run says what is wrong with it


def _known(kind: str) -> str:
    if kind not in _RUNS:
        raise TransferError("bad_request", "This kind of job is not supported here.")
    return kind
