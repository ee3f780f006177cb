"""The plan of a sync: what to copy, to replace and to delete, by path.

The listings of both ends are sorted (`spool`) and walked together, so a million files take no
more memory than fifty thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ...backends.base import Backend, Entry
from ..looks import Looks
from ..overview import Overview
from .items import Item
from .spool import Sorted, Spool

Move = Literal["copy", "replace"]


class Pair(NamedTuple):
    """What stands at a path at both ends; None for nothing."""

    source: Item | None
    target: Item | None


@dataclass(frozen=True)
class Rules:
    """How pairs are judged.

    Parameters
    ----------
    at_once: whether two files are equal; None where that takes a look.
    after_a_look: the same, with what the look found.
    look: asks the service about a pair.
    resumed: whether an earlier process of this job has begun with the file at a path: then it is
        moved, whatever is there, and was agreed to.
    """

    at_once: Callable[[Pair], bool | None]
    look: Callable[[Backend, Pair], Entry | None]
    after_a_look: Callable[[Pair, Entry | None], bool]
    resumed: Callable[[str], bool] = lambda path: False


class SyncPlan:
    """What a sync is to do. `close` it."""

    def __init__(self) -> None:
        self.overview = Overview()
        self.moves = Spool()
        self.deletions = Spool()
        self.lost = Spool()
        """What is lost by it: [action, path, size, mtime_ns] of what is replaced or deleted."""
        self.source_files = 0
        """Files of the source that the job is about."""
        self.source_bytes: int | None = 0
        """Their bytes; None if that is not known of every file."""

    def move(self, action: Move, pair: Pair, *, agreed: bool = False) -> None:
        """Plan to copy the file of the source; `agreed` if nobody need be asked about it."""
        source, target = pair
        assert source is not None
        before = None
        if target is not None and not agreed:
            before = target.size, target.mtime_ns
            self.lost.add(["replace", source.path, *before])
        self.overview.add(action, source.path, source.size, before=before)
        self.moves.add([source.as_row(), None if target is None else target.as_row()])

    def delete(self, target: Item) -> None:
        """Plan to delete a file of the destination."""
        before = target.size, target.mtime_ns
        self.lost.add(["delete", target.path, *before])
        self.overview.add("delete", target.path, target.size, before=before)
        self.deletions.add(target.as_row())

    def steps(self) -> Iterator[Pair]:
        """What to copy and to replace, by path."""
        for source, target in self.moves:
            known = None if target is None else Item.from_row(target)
            yield Pair(Item.from_row(source), known)

    def doomed(self) -> Iterator[Item]:
        """What to delete, by path."""
        return map(Item.from_row, self.deletions)

    def close(self) -> None:
        """Give its files back."""
        for spool in (self.moves, self.deletions, self.lost):
            spool.close()


def make_plan(
    sources: Iterable[Item],
    targets: Iterable[Item],
    rules: Rules,
    looks: Looks | None,
    check: Callable[[], None],
) -> SyncPlan:
    """The plan that makes `targets` equal to `sources`. Raises whatever listing and looking raise:
    then there is no plan at all."""
    plan = SyncPlan()
    try:
        ends = _sorted(sources, check), _sorted(targets, check)
        try:
            judged = ((pair, _judge(pair, rules)) for pair in _pairs(*ends))
            for (pair, verdict), found in _looked(judged, rules, looks):
                check()
                if verdict is None:
                    verdict = rules.after_a_look(pair, found)  # noqa: PLW2901
                _plan_pair(plan, pair, equal=verdict, rules=rules)
        finally:
            for end in ends:
                end.close()
    except BaseException:
        plan.close()
        raise
    return plan


Judged = tuple[Pair, bool | None]


def _looked(
    judged: Iterator[Judged], rules: Rules, looks: Looks | None
) -> Iterator[tuple[Judged, Entry | None]]:
    if looks is None:
        return ((one, None) for one in judged)
    return looks.each(
        judged, lambda backend, one: rules.look(backend, one[0]), lambda one: one[1] is None
    )


def _judge(pair: Pair, rules: Rules) -> bool | None:
    """Whether the two are equal; False also where there is only one, or none is meant."""
    source, target = pair
    if source is None or target is None or not source.meant or rules.resumed(source.path):
        return False
    return rules.at_once(pair)


def _plan_pair(plan: SyncPlan, pair: Pair, *, equal: bool, rules: Rules) -> None:
    source, target = pair
    if source is None:
        if target is not None and target.meant:
            plan.delete(target)
        return
    if not source.meant:
        return  # what is left out here is left alone there
    plan.source_files += 1
    known = plan.source_bytes is not None and source.size is not None
    plan.source_bytes = (plan.source_bytes or 0) + (source.size or 0) if known else None
    if target is not None and equal:
        plan.overview.add("skip", source.path, source.size)
    else:
        agreed = rules.resumed(source.path)
        plan.move("copy" if target is None else "replace", pair, agreed=agreed)


def _sorted(items: Iterable[Item], check: Callable[[], None]) -> Sorted:
    found = Sorted()
    for item in items:
        check()
        found.add(item.as_row())
    return found


def _pairs(sources: Sorted, targets: Sorted) -> Iterator[Pair]:
    """What stands at each path; of several files of a source with one path each has its turn."""
    mine, theirs = iter(sources), iter(targets)
    source, target = next(mine, None), next(theirs, None)
    while source is not None or target is not None:
        if target is None or (source is not None and source[0] < target[0]):
            yield Pair(Item.from_row(source or []), None)
            source = next(mine, None)
        elif source is None or target[0] < source[0]:
            yield Pair(None, Item.from_row(target))
            target = next(theirs, None)
        else:
            yield Pair(Item.from_row(source), Item.from_row(target))
            source, target = next(mine, None), next(theirs, None)
