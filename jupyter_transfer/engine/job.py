"""Which run does which kind of job."""

from __future__ import annotations

from collections.abc import Callable

from ..backends import find, is_remote
from ..backends.base import Context
from ..backends.committing import CommittingBackend
from ..errors import TransferError
from ..paths import Root
from . import (
    cacherun,
    commitrun,
    copyrun,
    extractrun,
    fetchrun,
    noterun,
    packrun,
    pushrun,
    sendleft,
    sendrun,
    toolrun,
    treerun,
)
from .control import Control, Report
from .run import JobRequest, Outcome, Run, forget_pins
from .sync import copying, fetching, sending

__all__ = ["JobRequest", "Outcome", "Run", "discard", "left", "make_run"]


def make_run(
    root: Root, request: JobRequest, context: Context, control: Control, report: Report
) -> Run:
    """The run of `request`. Raises ``bad_request`` for a kind that nobody runs."""
    run = _RUNS[_known(request.kind)](request)
    return run(root, request, context, control, report)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished job left behind, on the disk and at the service."""
    _DISCARDS[_known(request.kind)](root, request, context)
    forget_pins(request, context)


def _fetch_run(request: JobRequest) -> type[Run]:
    if cacherun.is_for_cache(request):
        return cacherun.CacheFetchRun
    if noterun.is_noted(request):
        return noterun.NotedFetchRun
    return treerun.TreeRun if treerun.is_tree(request.source) else fetchrun.FetchRun


def _discard_fetch(root: Root, request: JobRequest, context: Context) -> None:
    if cacherun.is_for_cache(request):
        cacherun.discard(root, request, context)
        return
    room = treerun if treerun.is_tree(request.source) else fetchrun
    room.discard(root, request, context)


def _send_run(request: JobRequest) -> type[Run]:
    if _commits(request.destination):
        return commitrun.CommitSendRun
    if treerun.is_tree(request.destination):
        return pushrun.PushRun
    return toolrun.ToolSendRun if _sends_itself(request.destination) else sendrun.SendRun


def _discard_send(root: Root, request: JobRequest, context: Context) -> None:
    room = pushrun if treerun.is_tree(request.destination) else sendrun
    room.discard(root, request, context)


def _left_of_send(request: JobRequest, context: Context) -> int | None:
    return None if treerun.is_tree(request.destination) else sendleft.left(request, context)


def _sync_run(request: JobRequest) -> type[Run]:
    if not is_remote(request.destination):
        return fetching.SyncFetchRun
    if is_remote(request.source):
        return copying.SyncCopyRun
    if _commits(request.destination):
        return sending.SyncCommitRun
    return sending.SyncToolRun if _sends_itself(request.destination) else sending.SyncSendRun


def _discard_sync(root: Root, request: JobRequest, context: Context) -> None:
    if not is_remote(request.destination):
        fetching.discard(root, request, context)
    elif is_remote(request.source):
        copying.discard(root, request, context)
    else:
        sending.discard(root, request, context)


_RUNS: dict[str, Callable[[JobRequest], type[Run]]] = {
    "fetch": _fetch_run,
    "send": _send_run,
    "sync": _sync_run,
    "copy": lambda request: copyrun.CopyRun,
    "extract": lambda request: extractrun.ExtractRun,
    "pack": lambda request: packrun.PackRun,
}
_DISCARDS = {
    "fetch": _discard_fetch,
    "send": _discard_send,
    "sync": _discard_sync,
    "copy": copyrun.discard,
    "extract": extractrun.discard,
    "pack": packrun.discard,
}
_LEFT: dict[str, Callable[[JobRequest, Context], int | None]] = {
    "send": _left_of_send,
    "sync": sendleft.left,
    "copy": copyrun.left,
}


def left(request: JobRequest, context: Context) -> int | None:
    """Bytes that an unfinished job has left at a service; None where that cannot be known. Raises
    `TransferError`."""
    ask = _LEFT.get(_known(request.kind))
    return None if ask is None else ask(request, context)


def _sends_itself(address: str) -> bool:
    """Whether the backend of `address` sends by a program of its own."""
    try:
        return find(address).tool
    except TransferError:
        return False  # the run says what is wrong with it


def _commits(address: str) -> bool:
    """Whether the backend of `address` publishes what is sent by a commit."""
    try:
        return issubclass(find(address), CommittingBackend)
    except TransferError:
        return False  # the run says what is wrong with it


def _known(kind: str) -> str:
    if kind not in _RUNS:
        raise TransferError("bad_request", "This kind of job is not supported here.")
    return kind
