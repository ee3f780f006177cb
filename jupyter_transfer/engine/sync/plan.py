"""The plan of a sync: what to copy, to replace and to delete, by path.

The listings of both ends are sorted (`spool`) and walked together, so a million files take no
more memory than fifty thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ...backends.base import Backend, Entry
from ..looks import Looks
from ..overview import Overview
from .items import Item
from .spool import Sorted, Spool, in_order

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
    folders: whether the destination has folders: where one stands there can be no file.
    commits: whether files come and go there together, by a commit: then nothing has to go before,
        and no folder stays empty; but none becomes a file.
    holds_more: whether the folder of the destination at a path holds what its listing leaves out.
    """

    at_once: Callable[[Pair], bool | None]
    look: Callable[[Backend, Pair], Entry | None]
    after_a_look: Callable[[Pair, Entry | None], bool]
    resumed: Callable[[str], bool] = lambda path: False
    folders: bool = False
    commits: bool = False
    holds_more: Callable[[str], bool] = lambda path: False


class SyncPlan:
    """What a sync is to do. `close` it."""

    def __init__(self) -> None:
        self.overview = Overview()
        self.moves = Spool()
        self.late = Spool()
        """What can only be copied when something has been deleted that is in its way."""
        self.deletions = Spool()
        self.folders = Spool()
        """Folders, [path] each, that are empty then; what lies in them before themselves."""
        self.failures = Spool()
        """What cannot be copied: [path, size, code, path of what is in its way]."""
        self.lost = Spool()
        """What is lost by it: [action, path, size, mtime_ns] of what is replaced or deleted."""
        self.source_files = 0
        """Files of the source that the job is about."""
        self.target_files = 0
        """Files of the destination that the job is about."""
        self.source_bytes: int | None = 0
        """Their bytes; None if that is not known of every file."""

    def move(self, action: Move, pair: Pair, *, agreed: bool = False, late: bool = False) -> None:
        """Plan to copy the file of the source; `agreed` if nobody need be asked about it."""
        source, target = pair
        assert source is not None
        before = None
        if target is not None and not agreed:
            before = target.size, target.mtime_ns
            self.lost.add(["replace", source.path, *before])
        self.overview.add(action, source.path, source.size, before=before)
        spool = self.late if late else self.moves
        spool.add([source.as_row(), None if target is None else target.as_row()])

    def delete(self, target: Item) -> None:
        """Plan to delete a file of the destination."""
        before = target.size, target.mtime_ns
        self.lost.add(["delete", target.path, *before])
        self.overview.add("delete", target.path, target.size, before=before)
        self.deletions.add(target.as_row())

    def fail(self, code: str, source: Item, way: str) -> None:
        """Plan not to copy the file of the source, for what stands at `way` stays."""
        self.overview.add("fail", source.path, source.size, error=code)
        self.failures.add([source.path, source.size, code, way])

    def count(self, source: Item) -> None:
        """The job is about the file of the source."""
        self.source_files += 1
        known = self.source_bytes is not None and source.size is not None
        self.source_bytes = (self.source_bytes or 0) + (source.size or 0) if known else None

    def steps(self) -> Iterator[Pair]:
        """What to copy and to replace, by path."""
        return map(_pair_of, self.moves)

    def late_steps(self) -> Iterator[Pair]:
        """What to copy when all deletions are done."""
        return map(_pair_of, self.late)

    def doomed(self) -> Iterator[Item]:
        """What to delete, by path."""
        return map(Item.from_row, self.deletions)

    def emptied(self) -> Iterator[str]:
        """The folders that are empty when all deletions are done."""
        return (row[0] for row in self.folders)

    def summary(self) -> dict[str, Any]:
        """Counts, bytes and hash as the contract's JSON."""
        return {**self.overview.plan(), "folders": len(self.folders)}

    def close(self) -> None:
        """Give its files back."""
        spools = self.moves, self.late, self.deletions, self.folders, self.failures, self.lost
        for spool in spools:
            spool.close()


def _pair_of(row: list[Any]) -> Pair:
    source, target = row
    return Pair(Item.from_row(source), None if target is None else Item.from_row(target))


def make_plan(
    sources: Iterable[Item],
    targets: Iterable[Item],
    rules: Rules,
    looks: Looks | None,
    check: Callable[[], None],
) -> SyncPlan:
    """The plan that makes `targets` equal to `sources`. Raises whatever listing and looking raise:
    then there is no plan at all."""
    from .layout import Layout  # noqa: PLC0415 - it imports this module

    plan = SyncPlan()
    layout = Layout(plan, rules)
    try:
        ends = _sorted(sources, check), _sorted(targets, check)
        try:
            judged = ((pair, _judge(pair, rules)) for pair in _pairs(*ends))
            for (pair, verdict), found in _looked(judged, rules, looks):
                check()
                if verdict is None:
                    verdict = rules.after_a_look(pair, found)  # noqa: PLW2901
                if pair.target is not None and pair.target.meant:
                    plan.target_files += 1
                layout.add(pair, equal=verdict)
            layout.finish()
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
        side = _first(source, target)
        pair = Pair(
            Item.from_row(source) if source is not None and side <= 0 else None,
            Item.from_row(target) if target is not None and side >= 0 else None,
        )
        if side <= 0:
            source = next(mine, None)
        if side >= 0:
            target = next(theirs, None)
        yield pair


def _first(source: list[Any] | None, target: list[Any] | None) -> int:
    """Which of two rows comes first: the source's (-1), the target's (1), both (0)."""
    if source is None or target is None:
        return 1 if source is None else -1
    if source[0] == target[0]:
        return 0
    return -1 if in_order(source[0]) < in_order(target[0]) else 1
