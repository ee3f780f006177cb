"""What a person has to agree to before a sync loses anything.

Nothing is asked where nothing is deleted. The hash of a plan agrees to that plan: whoever has it
was shown its numbers. ``approve: true`` is said of a plan that nobody has seen, so it is good for
at most half of the files of the destination, or `FEW`, unless ``max_delete`` says how many; and for
none if the source has no file at all, which may be a disk that is not mounted. Beyond that the plan
is shown. What was agreed to is agreed to after a crash, too, as far as it is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...decisions import approved
from ...errors import TransferError
from .plan import SyncPlan
from .shown import Lost, ShownPlan

FEW = 10
"""Files that ``approve: true`` lets go even if they are most of the destination's."""

MOST_MOVES = 10_000
"""Files to copy and to replace that are shown one by one; of those to delete all are."""


def agree(
    plan: SyncPlan, shown: ShownPlan, options: Mapping[str, Any], trash: str, *, whole: bool
) -> Iterator[Lost]:
    """What an earlier process of the job deleted already, if `plan` may be carried out.

    Parameters
    ----------
    trash: the trash folder of this sync, "" for none.
    whole: whether all of the source is known.

    Raises ``needs_decision`` with the plan as its `detail`, ``too_many_deletions``, ``left_out``.
    """
    doomed = len(plan.deletions)
    _check(doomed, options.get("max_delete"), whole=whole)
    detail = {
        "kind": "plan",
        **plan.summary(),
        "source_files": plan.source_files,
        "target_files": plan.target_files,
        "trash": trash or None,
        "max_delete": options.get("max_delete"),
    }
    answer = options.get("approve")
    blind = answer is True
    if answer == shown.hash or (blind and shown.agreed):
        gone = None if shown.hash is None else shown.compare(plan.lost)
        if gone is not None:
            return iter(gone)
    fits = approved(options, detail) and (not blind or doomed <= _in_advance(plan, options))
    if doomed:
        shown.keep(plan.overview.hash, plan.lost, plan.emptied(), agreed=fits)
    if doomed and not fits:
        raise _question(plan, detail, blind=blind)
    return iter(())


def _in_advance(plan: SyncPlan, options: Mapping[str, Any]) -> int:
    """Files that may be deleted on a yes to whatever the plan be."""
    if not plan.source_files:
        return 0
    most: int | None = options.get("max_delete")
    return max(FEW, plan.target_files // 2) if most is None else most


def _check(doomed: int, most: int | None, *, whole: bool) -> None:
    if most is not None and doomed > most:
        raise TransferError(
            "too_many_deletions",
            f"{doomed} files would be deleted, and at most {most} may be.",
            detail={"delete": doomed, "max_delete": most},
        )
    if doomed and not whole:
        raise TransferError(
            "left_out",
            "Not all of the source could be listed, so it is not known what it lacks.",
            "Change the options so that all of it is listed, or exclude what is left out.",
        )


def _question(plan: SyncPlan, detail: dict[str, Any], *, blind: bool) -> TransferError:
    """What the person is asked, who has said yes to whatever the plan be if `blind`."""
    doomed = len(plan.deletions)
    files = "1 file" if doomed == 1 else f"{doomed} files"
    remedy = "Look at the plan; approve it, or cancel."
    if not plan.source_files:
        message = f"The source holds no file at all, and {files} would be deleted."
    elif blind:
        message = (
            f"{doomed} of the {plan.target_files} files at the destination would be deleted, "
            f"and a yes in advance is good for {_in_advance(plan, {})} of them."
        )
        remedy = f"Look at the plan and approve it, or set “max_delete” to {doomed} or more."
    else:
        message = f"{files} would be deleted at the destination, for the source lacks them."
    return TransferError("needs_decision", message, remedy, detail=detail)
