"""What a person has to agree to before a sync loses anything.

Nothing is asked where nothing is deleted. ``approve: true`` agrees to all plans but one: that of a
source without any file, which may be a disk that is not mounted. The hash of a plan agrees to that
plan, and after a crash to what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...decisions import approved
from ...errors import TransferError
from .plan import SyncPlan
from .shown import Lost, ShownPlan

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
        "trash": trash or None,
        "max_delete": options.get("max_delete"),
    }
    answer = options.get("approve")
    if answer in (shown.hash, True) and shown.hash is not None:
        gone = shown.compare(plan.lost)
        if gone is not None:
            return iter(gone)
    fits = approved(options, detail) and (plan.source_files > 0 or answer is not True)
    if doomed:
        shown.keep(plan.overview.hash, plan.lost, plan.emptied())
    if doomed and not fits:
        raise _question(plan, detail)
    return iter(())


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


def _question(plan: SyncPlan, detail: dict[str, Any]) -> TransferError:
    doomed = len(plan.deletions)
    files = "1 file" if doomed == 1 else f"{doomed} files"
    if plan.source_files:
        message = f"{files} would be deleted at the destination, for the source lacks them."
    else:
        message = f"The source holds no file at all, and {files} would be deleted."
    return TransferError(
        "needs_decision",
        message,
        "Look at the plan; approve it, or cancel.",
        detail=detail,
    )
