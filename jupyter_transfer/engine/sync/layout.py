"""How the files of a plan stand to each other: what stands in the way of what, and which folders
are empty when it is done.

Where a service has folders a path is a file or a folder, never both. A file of the source that
has a folder's path, or lies below a file's, can only come when that has gone: it comes *late*,
after the deletions. Where what is in its way stays, it fails. Pairs come in the order of
`in_order`: right after a path comes what lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import TransferError
from .plan import Pair, Rules, SyncPlan


@dataclass
class _Folder:
    path: str
    doomed: bool = False
    """Whether a file in it is deleted."""
    kept: bool = False
    """Whether one stays, or comes."""


@dataclass
class _Held:
    """A file of the source where the destination has none, but perhaps a folder."""

    path: str
    pair: Pair
    covers: bool = False
    """Whether it has one."""


@dataclass(frozen=True)
class _Over:
    """A file of the destination at a path below which the source may have more."""

    path: str
    goes: bool


class Layout:
    """Plans pairs, each judged; `finish` when all were added.

    Parameters
    ----------
    rules: `Rules.folders` says whether the destination has folders.
    """

    def __init__(self, plan: SyncPlan, rules: Rules) -> None:
        self._plan = plan
        self._rules = rules
        self._folders: list[_Folder] = []
        self._held: _Held | None = None
        self._over: _Over | None = None

    def add(self, pair: Pair, *, equal: bool) -> None:
        """The next pair; `equal` where there is nothing to move."""
        source, target = pair
        path = (source or target or pair[0]).path  # type: ignore[union-attr]
        self._leave(path)
        if source is None or not source.meant:
            self._leave_alone_or_delete(path, pair)
            return
        self._plan.count(source)
        self._fail_held()  # the source itself has a file and a folder of one name
        if self._folders:
            self._folders[-1].kept = True
        if self._over is not None:
            if self._over.goes:
                self._plan.move("copy", pair, late=not self._rules.commits)
            else:
                self._plan.fail("not_a_directory", source, self._over.path)
            return
        if target is None and self._rules.folders:
            self._held = _Held(path, pair)
            return
        if self._rules.folders:
            self._over = _Over(path, goes=False)
        if equal:
            self._plan.overview.add("skip", path, source.size)
        else:
            agreed = self._rules.resumed(path)
            self._plan.move("copy" if target is None else "replace", pair, agreed=agreed)

    def finish(self) -> None:
        """There are no more pairs."""
        self._leave("")

    def _leave_alone_or_delete(self, path: str, pair: Pair) -> None:
        """The job has no file of the source at `path`."""
        source, target = pair
        if target is None:
            return
        doomed = source is None and target.meant
        if self._held is not None:
            self._held.covers = True
            if not doomed:
                self._fail_held()
        if doomed:
            self._plan.delete(target)
        if self._folders:
            self._folders[-1].doomed |= doomed
            self._folders[-1].kept |= not doomed
        if self._rules.folders:
            self._over = _Over(path, goes=doomed and not target.link)

    def _leave(self, path: str) -> None:
        """Settle what ends before `path`."""
        if not self._rules.folders:
            return
        if self._held is not None and not _is_below(path, self._held.path):
            held, self._held = self._held, None
            source = held.pair.source
            assert source is not None
            if held.covers and (self._rules.commits or self._rules.holds_more(held.path)):
                self._plan.fail("is_a_directory", source, held.path)
            else:
                self._plan.move("copy", held.pair, late=held.covers)
        if self._over is not None and not _is_below(path, self._over.path):
            self._over = None
        while self._folders and not _is_below(path, self._folders[-1].path):
            self._end(self._folders.pop())
        start = len(self._folders[-1].path) + 1 if self._folders else 0
        while (end := path.find("/", start)) >= 0:
            self._folders.append(_Folder(path[:end]))
            start = end + 1

    def _end(self, folder: _Folder) -> None:
        if folder.doomed and not folder.kept and not self._rules.commits:
            self._plan.folders.add([folder.path])
        if self._folders:
            self._folders[-1].doomed |= folder.doomed
            self._folders[-1].kept |= folder.kept

    def _fail_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            assert held.pair.source is not None
            self._plan.fail("is_a_directory", held.pair.source, held.path)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder + "/")


def in_the_way(code: str, path: str) -> TransferError:
    """What a file fails of because of what stands at `path` and stays."""
    if code == "is_a_directory":
        return TransferError(
            code,
            f"“{path}” is a file at the source and a folder at the destination, of which not all "
            "may go.",
            "Look what lies in there, hidden files too, and remove or rename it, or exclude "
            "the file; then sync again.",
        )
    return TransferError(
        code,
        f"“{path}” is a folder at the source and a file or a link at the destination, which stays.",
        "Remove or rename it, or exclude the folder; then sync again.",
    )
