"""A commit at ModelScope: all files of a job at once, up to as many as the hub takes in one.

The hub cannot be told which commit it follows on, so what lies there is looked at right before: who
commits in between may have their file replaced, as with the official client.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import TransferError
from .base import Caller, Entry, pause
from .hub_listing import File
from .hub_sink import CarriedSink, HubSink
from .hub_verdicts import file_of, is_there, left_of, paths_of, still_there
from .modelscope_branch import ModelScopeBranch
from .modelscope_sink import action_of, deletion_of

MOST = 2000
"""Files of one commit: the hub refuses more."""

TRIES = 5
"""Times that a commit is tried while others commit to the same branch."""

_WAITS = (0.0, 0.3, 1.0, 3.0)
"""Seconds that the hub is given to list what was committed."""


def commit(
    branch: ModelScopeBranch,
    staged: Sequence[HubSink],
    doomed: Sequence[tuple[str, Entry]],
    message: str,
    caller: Caller,
) -> list[File]:
    """Commit what is `staged`, without the paths of `doomed`; what lies at the paths of the former
    then. See `CommittingBackend.commit`."""
    for attempt in range(TRIES):
        branch.renew()
        left, there = left_of(branch, staged)
        gone = still_there(branch, doomed)
        if not left and not gone:
            return [file_of(there[sink.path]) for sink in staged]
        _require_stored(branch, left)
        # What is deleted comes last: it must not be gone before all else is there.
        actions = [*map(action_of, left), *map(deletion_of, gone)]
        groups = [actions[start : start + MOST] for start in range(0, len(actions), MOST)]
        if all(branch.commit(message, group) for group in groups):
            return _found(branch, staged, caller)
        pause(caller, 0.2 * 2**attempt)
    raise TransferError("remote_busy", "Others commit to the branch again and again.")


def _require_stored(branch: ModelScopeBranch, left: Sequence[HubSink]) -> None:
    """Raise ``remote_lied`` if the store has not got a file: it may say so in the body of its
    answer only, which nobody reads."""
    objects = {
        sink.digest.value: sink.source.size
        for sink in left
        if sink.digest is not None and not isinstance(sink, CarriedSink)
    }
    if branch.uploads(objects):
        raise TransferError(
            "remote_lied", "The store of the hub has not kept a file that it took.", retryable=True
        )


def _found(branch: ModelScopeBranch, staged: Sequence[HubSink], caller: Caller) -> list[File]:
    found = []
    for seconds in _WAITS:
        pause(caller, seconds)
        branch.renew()
        found = branch.look(paths_of(staged))
        if all(is_there(sink, one) for sink, one in zip(staged, found, strict=True)):
            break
    return [file_of(one) for one in found]
