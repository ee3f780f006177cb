"""A sync from the disk to a service, and what it has in common with one between two services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from ...backends.base import Backend, Context, Entry
from ...errors import TransferError
from ...names import join_path
from ...paths import Root
from ..commitrun import CommitSendRun
from ..control import Tally
from ..delivered import Delivered
from ..delivery import row
from ..filling import Way
from ..local import Identity
from ..looks import Looks
from ..original import State
from ..outgoing import Finished, Lane
from ..retry import Retries
from ..run import JobRequest
from ..sendjournal import Target
from ..sendrun import SendRun
from ..sendrun import discard as discard_send
from ..sendtarget import HasDigest, SendTargets, Service, Verdict
from ..toolrun import ToolSendRun
from ..transport import Transport
from ..walk import Found
from .consent import agree
from .items import Item
from .options import trash_of
from .plan import Pair, SyncPlan
from .planned import PlannedRun
from .shown import ShownPlan
from .steps import Ends, Notes, Planner, agreed, changed_since, slashed
from .trash import RemoteTrash, Trash

DELETED_AT_ONCE = 100
"""Files that a service is asked to delete at a time."""


class SyncSendTargets(SendTargets):
    """Lets a file go only where its plan saw what it saw: nothing, or the file that it replaces.
    So no service is asked again before each file."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._expected: dict[str, Item | None] = {}

    def expect(self, address: str, item: Item | None) -> None:
        """The file that goes to `address` comes next; `item` stands there now."""
        self._expected[address] = item

    def settled(self, address: str) -> bool:
        """The file is finished; whether it was to replace another one."""
        return self._expected.pop(address, None) is not None

    def decide(
        self, backend: Service, address: str, local: State, has_digest: HasDigest | None = None
    ) -> Verdict:
        """See `SendTargets.decide`."""
        item = self._expected.get(address)
        if item is None:
            return Verdict("send", Target(address))
        target = Target(address, replace=True, replaces=item.validators)
        return Verdict("send", target, item.entry())


class SyncSending(PlannedRun, SendRun):
    """One run of a sync to a service, wherever it comes from."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ends: Ends | None = None
        self._trash: Trash | None = None
        self._going: SyncSendTargets | None = None

    def _sync(self, lane: Lane, ends: Ends, context: Context) -> None:
        """Make the destination equal; its backend works with `context`."""
        request, options, backend = self._request, self._request.options, ends.backend
        self._going = SyncSendTargets(
            backend, request.destination, None, request.source, ends.delivered
        )
        self._ends = ends
        name = trash_of(options)
        if name:
            name = join_path(name, self._shown.moment)
            self._trash = RemoteTrash(backend, request.destination, name)
        notes = Notes(self._report.note)
        for end in (backend, ends.source):
            if end is not None:
                end.context = replace(end.context, note=notes)
        self._report.state("planning")
        plan = Planner(ends, request, context, self._control, resumed=self._is_ours).make()
        try:
            gone = agreed(
                plan,
                lambda: agree(plan, self._shown, options, name, whole=notes.whole),
                self._report,
                self._name,
            )
            self._report.state("")
            self._begin(plan, gone, self._name, lambda path: self._remove_folder(path, lane))
            self._carry_out(plan, lane, context)
        finally:
            plan.close()

    def _name(self, path: str) -> dict[str, Any]:
        assert self._ends is not None
        return {"path": self._ends.local(path), "address": self._ends.remote(path)}

    def _is_ours(self, path: str) -> bool:
        """Whether the journal tells of the file: it was begun, or finished as it is now."""
        assert self._ends is not None
        assert self._journal is not None
        local = self._ends.local(path)
        if local in self._journal.begun:
            return True
        done = self._journal.done.get(local)
        return done is not None and self._is_still(path, done[0])

    def _is_still(self, path: str, state: State) -> bool:
        """Whether the file of the source is what it was when it was sent."""
        assert self._ends is not None
        return state.is_same(Identity.of(self._root.stat(self._ends.local(path))))

    def _addresses(self, targets: SendTargets) -> Callable[[str], str]:
        """Where the file at a path goes."""
        return targets.address_of_many

    def _found_of(self, item: Item) -> Found:
        """A file of the source, as it is sent."""
        assert self._ends is not None
        return Found(self._ends.local(item.path), item.path, item.size or 0, item.mtime_ns)

    def _carry_out(self, plan: SyncPlan, lane: Lane, context: Context) -> None:
        assert self._going is not None
        counts = plan.overview.counts
        self._files_total = counts["copy"] + counts["replace"]
        self._bytes_total = self._size = plan.overview.bytes
        outgoing = self._outgoing(self._going, self._addresses(self._going))
        self._send_many(lane, outgoing, self._moves(plan.steps(), lane))
        if self._errors:
            return  # what did not arrive may be what the destination still has
        with Looks(self._request.destination, context, self._control, lane.backend) as looks:
            self._delete(looks.each(plan.doomed(), _look), lane)
        for folder in plan.emptied():
            self._control.check()
            self._remove_folder(folder, lane)
        if plan.late and not self._errors:
            self._report.state("")
            self._send_many(lane, outgoing, self._moves(plan.late_steps(), lane))

    def _remove_folder(self, path: str, lane: Lane) -> None:
        """Remove a folder unless something is in it."""
        assert self._ends is not None
        address = slashed(self._ends.remote(path))
        try:
            _way(lane).patiently(lambda: lane.backend.remove_folder(address))
        except TransferError as error:
            self._report.note(error.code, f"The folder “{path}” stays: {error.message}")

    def _moves(self, steps: Iterable[Pair], lane: Lane) -> Iterator[Found]:
        """What to send; what is to be replaced is in the trash before."""
        assert self._ends is not None
        assert self._going is not None
        for source, target in steps:
            assert source is not None
            path, address = self._ends.local(source.path), self._ends.remote(source.path)
            self._going.expect(address, target)
            try:
                if target is not None and self._trash is not None:
                    _way(lane).patiently(partial(self._trash.keep, target))
            except TransferError as error:
                message = row(path, address=address, state="failed", error=error.as_dict())
                self._settle(Finished(message, 0, error))
                continue
            yield self._found_of(source)

    def _settle(self, finished: Finished) -> None:
        assert self._going is not None
        assert self._ends is not None
        path = finished.row["path"][len(self._ends.local("x")) - 1 :]
        action = "replace" if self._going.settled(self._ends.remote(path)) else "copy"
        super()._settle(replace(finished, row={**finished.row, "action": action}))

    def _delete(self, doomed: Iterator[tuple[Item, Entry | None]], lane: Lane) -> None:
        """Delete files, some at a time, each of them only if it still is what the plan saw."""
        self._report.state("deleting")
        while looked := list(islice(doomed, DELETED_AT_ONCE)):
            self._control.check()
            items = []
            for item, found in looked:
                if found is None:
                    self._tell_deleted(item, None)  # somebody else has done it
                elif _is_another(item, found):
                    self._tell_deleted(item, changed_since(item.path))
                else:
                    items.append(item)
            if self._trash is not None:
                for item in items:
                    self._take(item, self._trash, lane)
                continue
            for item, error in zip(items, self._deleted(items, lane), strict=True):
                self._tell_deleted(item, error)

    def _take(self, item: Item, trash: Trash, lane: Lane) -> None:
        """Move a file into the trash."""
        assert self._ends is not None
        try:
            place = _way(lane).patiently(lambda: trash.take(item))
        except TransferError as error:
            self._tell_deleted(item, error)
        else:
            self._tell_deleted(item, None, trash=self._ends.remote(place))

    def _deleted(self, items: list[Item], lane: Lane) -> Iterable[TransferError | None]:
        """For each of `items` what its deletion failed of."""
        outcomes: list[TransferError | None] = [None] * len(items)
        left = list(range(len(items)))
        retries = Retries()
        while True:
            found = lane.backend.delete([items[n].entry() for n in left])
            for number, error in zip(left, found, strict=True):
                outcomes[number] = error
            left = [n for n in left if (error := outcomes[n]) is not None and error.retryable]
            if not left:
                return outcomes
            try:
                wait = retries.wait_for(outcomes[left[0]])  # type: ignore[arg-type]
            except TransferError:
                return outcomes
            self._control.sleep(wait)

    def _tell_deleted(self, item: Item, error: TransferError | None, **more: Any) -> None:
        message = row(**self._name(item.path), size=item.size, action="delete", **more)
        if error is not None:
            message |= {"state": "failed", "error": error.as_dict()}
        self._report.file(message)
        if error is not None:
            self._failed(error)


class SyncSendRun(SyncSending):
    """One run of a sync from the disk to a service."""

    def _send_all(self, backend: Backend, transport: Transport, path: str, is_file: bool) -> None:
        if is_file:
            raise TransferError(
                "not_a_directory",
                "The source is a file; only folders are made equal.",
                "Choose a folder, or send the file by itself.",
            )
        delivered = Delivered.of(self._request.source, self._request.delivered)
        ends = Ends(self._root, path, backend, self._request.destination, False, delivered)
        lane = Lane(backend, transport, self._control, self._tally, self._report)
        self._sync(lane, ends, self._context)


class SyncCommitRun(SyncSendRun, CommitSendRun):
    """A sync to a service that files are committed to: the deletions are of the same commit."""

    def _sync(self, lane: Lane, ends: Ends, context: Context) -> None:
        self._open_commits(lane.backend, lane.transport)
        super()._sync(lane, ends, context)

    def _carry_out(self, plan: SyncPlan, lane: Lane, context: Context) -> None:
        super()._carry_out(plan, lane, context)
        if self._errors:
            self._end_commits()  # says of all that is ready that it was not committed

    def _delete(self, doomed: Iterator[tuple[Item, Entry | None]], lane: Lane) -> None:
        items = []
        for item, found in doomed:
            self._control.check()
            if found is None:
                self._tell_deleted(item, None)  # somebody else has done it
            elif _is_another(item, found):
                self._tell_deleted(item, changed_since(item.path))
            else:
                items.append(item)
        if self._end_commits([item.entry() for item in items]):
            for item in items:
                self._tell_deleted(item, None)


class SyncToolRun(SyncSendRun, ToolSendRun):
    """A sync to a service whose program sends the files."""


def _look(backend: Backend, item: Item) -> Entry | None:
    return backend.find(item.address)


def _is_another(item: Item, found: Entry) -> bool:
    """Whether `found`, which stands there now, is certainly not what was listed as `item`."""
    sizes = item.size, found.size
    return (
        found.path.endswith("/")
        or (None not in sizes and sizes[0] != sizes[1])
        or item.validators.contradicts(found.validators)
    )


def _way(lane: Lane) -> Way:
    return Way(lane.transport, lane.control, Tally(lambda: None), Retries())


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished sync left at the service, and its journals."""
    ShownPlan(context.state_dir, request.id).remove()
    discard_send(root, request, context)
