"""A sync from a service to the disk."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ...backends.base import Context, Entry
from ...errors import TransferError
from ...names import join_path, split_path
from ...paths import Root
from ..control import Message
from ..delivered import Delivered
from ..delivery import Setting, row
from ..fetchrun import FetchRun
from ..fetchrun import discard as discard_fetch
from ..many import ManyFiles
from ..run import JobRequest
from ..target import Decision, Described, Targets, matches
from .consent import agree
from .items import Item
from .options import trash_of
from .plan import Pair, SyncPlan
from .planned import PlannedRun
from .shown import ShownPlan
from .steps import Ends, Notes, Planner, agreed, changed_since
from .trash import LocalTrash


class SyncTargets(Targets):
    """Lets a file land only where its plan saw what it saw: nothing, or the file that it replaces.

    What stands there now and was not planned with is left alone: ``changed``.
    """

    def __init__(self, root: Root, request: JobRequest) -> None:
        delivered = Delivered.of(request.source, request.delivered)
        super().__init__(root, request.destination, None, request.source, delivered)
        self._disk = root
        self._expected: dict[str, Item | None] = {}
        self.links: set[str] = set()
        """Links in the destination; nothing is put through them."""

    def expect(self, path: str, item: Item | None) -> None:
        """The file that lands at `path` comes next; `item` stands there now."""
        self._expected[path] = item

    def settled(self, path: str) -> Item | None:
        """The file at `path` is finished; what it was to replace."""
        return self._expected.pop(path, None)

    def decide(self, path: str, remote: Described, *, ask: bool = False) -> Decision:
        """See `Targets.decide`."""
        known = self.delivered.get(path)
        if (
            known is not None
            and known.get("sure")
            and self._untouched(path, known)
            and matches(known, remote)
        ):
            return Decision("present", path, row=known)
        self._require_way(path)
        expected = self._expected.get(path)
        require_same(self._disk, path, expected)
        return Decision("fetch", path, "fail" if expected is None else "overwrite")

    def _require_way(self, path: str) -> None:
        folder = split_path(path)[0]
        while self.links and folder:
            if folder in self.links:
                raise TransferError(
                    "not_a_directory",
                    f"“{folder}” is a link here and a folder at the source.",
                    "Remove the link or rename it, then sync again.",
                )
            folder = split_path(folder)[0]


def require_same(root: Root, path: str, item: Item | None) -> None:
    """Raise ``changed`` unless `item` stands at `path`, or nothing where it is None."""
    try:
        status = root.lstat(path)
    except TransferError as error:
        if error.code != "not_found":
            raise
        if item is None:
            return
        raise changed_since(path) from None
    if stat.S_ISDIR(status.st_mode):
        raise TransferError("is_a_directory", f"“{path}” is a folder here.")
    now = (status.st_size, status.st_mtime_ns, status.st_ino)
    if item is None or now != (item.size, item.mtime_ns, item.inode):
        raise changed_since(path)


class SyncFetchRun(PlannedRun, FetchRun):
    """One run of a sync to the disk."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._landing = SyncTargets(self._root, self._request)
        self._ends: Ends | None = None
        self._trash: LocalTrash | None = None

    def _targets(self) -> Targets:
        return self._landing

    def _fetch_all(self, setting: Setting, connections: int) -> None:
        backend, request = setting.backend, self._request
        folder = self._landing.folder_of_many(backend.name_for(request.source))
        ends = Ends(
            self._root,
            folder,
            backend,
            request.source,
            to_disk=True,
            delivered=self._landing.delivered,
        )
        many = self._new_many(replace(setting, folder=folder), connections)
        many.take_over()
        name = trash_of(request.options)
        if name:
            name = join_path(name, self._shown.moment)
            self._trash = LocalTrash(self._root, folder, name)
        self._ends = ends
        notes = Notes(self._report.note)
        backend.context = replace(backend.context, note=notes)
        self._report.state("planning")
        plan = Planner(
            ends,
            request,
            self._context,
            self._control,
            resumed=self._is_ours,
            on_link=lambda path: self._landing.links.add(ends.local(path)),
        ).make()
        try:
            gone = agreed(
                plan,
                lambda: agree(plan, self._shown, request.options, name, whole=notes.whole),
                self._report,
                lambda path: {"path": ends.local(path)},
            )
            self._report.state("")
            self._begin(plan, gone, lambda path: {"path": ends.local(path)}, self._remove_folder)
            self._carry_out(plan, many)
        finally:
            plan.close()

    def _is_ours(self, path: str) -> bool:
        assert self._ends is not None
        known = self._ends.delivered.get(self._ends.local(path))
        return known is not None and bool(known.get("sure"))

    def _carry_out(self, plan: SyncPlan, many: ManyFiles) -> None:
        if plan.late:
            many.run(self._moves(plan.steps()), then=lambda: self._rest(plan))
        else:
            many.run(self._moves(plan.steps()))
            self._delete_all(plan)

    def _rest(self, plan: SyncPlan) -> Iterator[Entry]:
        """What to fetch when nothing stands in its way any more."""
        self._delete_all(plan)
        self._report.state("")
        return iter(()) if self._errors else self._moves(plan.late_steps())

    def _delete_all(self, plan: SyncPlan) -> None:
        if self._errors:
            return  # what did not arrive may be what the destination still has
        self._report.state("deleting")
        for item in plan.doomed():
            self._control.check()
            assert self._ends is not None
            self._delete_one(self._ends.local(item.path), item)
        for folder in plan.emptied():
            self._remove_folder(folder)

    def _remove_folder(self, path: str) -> None:
        """Remove a folder unless something is in it."""
        assert self._ends is not None
        path = self._ends.local(path)
        self._root.remove_empty(path, split_path(path)[0])

    def _moves(self, steps: Iterable[Pair]) -> Iterator[Entry]:
        """What to fetch; what is to be replaced is in the trash before."""
        assert self._ends is not None
        for source, target in steps:
            assert source is not None
            path = self._ends.local(source.path)
            self._landing.expect(path, target)
            try:
                if target is not None and self._trash is not None:
                    require_same(self._root, path, target)
                    self._trash.keep(target)
            except TransferError as error:
                self._settle(row(path, state="failed", error=error.as_dict()), error)
                continue
            yield source.entry()

    def _settle(self, message: Message, error: TransferError | None) -> None:
        replaced = self._landing.settled(message["path"])
        action = "copy" if replaced is None else "replace"
        if error is not None and replaced is not None and self._trash is not None:
            self._trash.forget(replaced)
        super()._settle({**message, "action": action}, error)

    def _delete_one(self, path: str, item: Item) -> None:
        message = row(path, size=item.size, action="delete")
        try:
            require_same(self._root, path, item)
            if self._trash is None:
                self._root.remove(path)
            else:
                assert self._ends is not None
                message["trash"] = self._ends.local(self._trash.take(item))
        except TransferError as error:
            message |= {"state": "failed", "error": error.as_dict()}
            self._report.file(message)
            self._failed(error)
            return
        self._report.file(message)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished sync left behind."""
    ShownPlan(context.state_dir, request.id).remove()
    discard_fetch(root, request, context)
