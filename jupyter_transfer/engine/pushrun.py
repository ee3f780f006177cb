"""A send whose destination is one folder's remote that a program of its backend talks to, such as
the repository that a clone came from.

First the files that the job names are made a version, if it says so; then the large objects of all
versions go, each a file like any other to the engine: journaled, several at a time, those that the
remote has not at all; at last the program sends the versions. Nothing at the remote is forced. Done
again, the job finds what is there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ..backends import load_all
from ..backends.base import Context
from ..backends.tree import QUIET, Bundle, Large, TreeBackend
from ..errors import TransferError
from ..names import join_path
from ..paths import Root
from .client import opened
from .control import Control, Message
from .delivery import row
from .filling import Way
from .local import Identity, LocalFile
from .original import State
from .outgoing import Finished, Lane
from .overview import Overview
from .run import JobRequest
from .send import Sent
from .sendjournal import Target
from .sendrun import SendRun, journal_of
from .sendtarget import SendTargets
from .transport import Transport
from .treerun import note_limit, require_whole
from .walk import Found

_RECORDED = "version"
"""What the journal calls the version that the job has made."""

_NOTHING = Identity(0, 0, 0)


@dataclass(frozen=True)
class _Means:
    """What brings everything there."""

    backend: TreeBackend
    transport: Transport
    tree: Root


class PushRun(SendRun):
    """One run of such a job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._store: Root | None = None
        self._rows: list[Message] = []
        self._paths: dict[str, tuple[str, ...]] = {}

    def _run_all(self) -> None:
        request, control = self._request, self._control
        self._context = replace(self._context, note=self._report.note)
        self._journal = self._open_journal()
        with (
            self._taking_back(),
            opened(request.destination, self._context, control.check, control.bandwidth) as (
                backend,
                transport,
            ),
            closing(tree_at(self._root, request.source)) as tree,
        ):
            assert isinstance(backend, TreeBackend)
            backend.check(request.destination)
            require_whole(request)
            note_limit(control, self._report)
            self._push(_Means(backend, transport, tree))

    def _take_back(self) -> None:
        """Nothing of what is not whole is kept at the remote."""
        assert self._journal is not None
        for path in list(self._journal.begun):
            self._journal.drop(path)

    def _push(self, means: _Means) -> None:
        bundle = self._recorded(means)
        if bundle.version == bundle.before:
            self._finish(bundle, "present")
            return
        self._report.state("sending")
        missing = means.backend.lacking(means.tree, bundle)
        if missing:
            with closing(means.tree.inner(means.backend.store)) as self._store:
                self._send_large(means, missing)
        if self._errors:
            raise self._errors[0]
        self._report.state("pushing")
        self._bytes_before += self._tally.bytes
        self._tally.bytes = 0
        means.backend.deliver(means.tree, bundle, self._watch())
        self._finish(bundle, "done")

    def _recorded(self, means: _Means) -> Bundle:
        """What there is to send, once the version that the job asks for is made."""
        assert self._journal is not None
        backend, tree = means.backend, means.tree
        if _RECORDED in self._journal.done:
            return backend.bundle(tree, self._watch(), pending=False)
        bundle = backend.bundle(tree, self._watch())
        _require_approved(self._request, bundle)
        if not bundle.pending:
            return bundle
        self._report.state("committing")
        version = backend.record(tree, self._watch())
        self._journal.finish(_RECORDED, _NOTHING, {"version": version})
        return backend.bundle(tree, self._watch(), pending=False)

    # -- large objects --

    def _send_large(self, means: _Means, missing: list[Large]) -> None:
        self._paths = {one.entry.path: one.paths for one in missing}
        self._files_total = len(missing) + 1
        self._bytes_total = sum(one.entry.size or 0 for one in missing)
        targets = SendTargets(means.backend, self._request.destination, None, self._request.source)
        addresses = {one.entry.path: one.entry.address for one in missing}
        outgoing = self._outgoing(targets, lambda path: addresses[path])
        lane = Lane(means.backend, means.transport, self._control, self._tally, self._report)
        try:
            self._send_many(lane, outgoing, self._found(missing))
        finally:
            self._small = None

    def _found(self, missing: list[Large]) -> Iterator[Found]:
        assert self._store is not None
        for one in missing:
            path, size = one.entry.path, one.entry.size or 0
            if not self._store.exists(path):
                raise TransferError(
                    "not_found",
                    f"The clone has not the large file that a commit names ({path[-12:]}).",
                    "Get it (“git lfs fetch --all”) from where it lies, and send again.",
                )
            yield Found(path, path, size)

    def _state_of(self, lane: Lane, way: Way, found: Found) -> State:
        assert self._store is not None
        return Identity.of(self._store.stat(found.path))

    def _bring(self, lane: Lane, way: Way, found: Found, target: Target) -> Sent:
        assert self._journal is not None
        store = self._store
        assert store is not None
        return self.file_send(
            lambda: LocalFile.opened(store, found.path),
            found.path,
            target,
            lane.backend,
            way=way,
            journal=self._journal,
            report=lane.report,
            on_size=self._learn_size,
        ).run()

    def _settle(self, finished: Finished) -> None:
        """One object is finished; it is reported with what is pushed."""
        self._tally.bytes = 0
        for path in self._paths[finished.row["path"]] or (finished.row["path"],):
            shown = join_path(self._request.source.strip("/"), path)
            self._rows.append({**finished.row, "path": shown, "address": None})
        if finished.error is not None:
            self._report.file(self._rows[-1])
            self._failed(finished.error)
        else:
            self._judge(finished.row["verified"], finished.row["unverified"])
            self._bytes_before += finished.bytes
        self._tell()

    # -- the end --

    def _finish(self, bundle: Bundle, state: str) -> None:
        self._succeeded(True)
        path, address = self._request.source, self._request.destination
        digest = f"git:{bundle.version}" if bundle.version else None
        whole = row(path, state=state, digest=digest, verified=True)
        self._report.file({**whole, "address": address})
        for message in self._rows:
            self._report.file(message)
        self._files_total = len(self._verdicts)
        self._bytes_total = self._size = self._bytes_before
        self._tell(now=True)


def tree_at(root: Root, source: str) -> Root:
    """The folder at `source`, with hidden names. Raises ``not_found``, ``not_a_directory``."""
    return root.inner(root.parse(source))


def overview_of(bundle: Bundle) -> Overview:
    """The plan of a push; its hash covers the versions and every file."""
    overview = Overview()
    overview.bind(["push", bundle.name, bundle.before, bundle.version])
    for one in bundle.changes:
        overview.bind([one.action, one.path, one.size])
        overview.add(one.action, one.path, one.size)
    return overview


def about(bundle: Bundle) -> dict[str, Any]:
    """What a push would send beside files, as the contract's JSON."""
    return {
        "branch": bundle.name,
        "new_branch": not bundle.before,
        "commits": list(bundle.versions),
        "commit_count": bundle.count + bundle.pending,
        "objects": len(bundle.objects),
        "object_bytes": sum(one.entry.size or 0 for one in bundle.objects),
    }


def plan_push(
    root: Root, request: JobRequest, context: Context, control: Control
) -> dict[str, Any]:
    """What a push would send, as the contract's JSON; of its large objects those that the remote
    lacks, and those that a commit will make. Raises what would stop it."""
    context = replace(context, hidden=root.allow_hidden)
    watch = replace(QUIET, check=control.check)
    with (
        opened(request.destination, context, control.check) as (backend, _),
        closing(tree_at(root, request.source)) as tree,
    ):
        assert isinstance(backend, TreeBackend)
        backend.check(request.destination)
        require_whole(request)
        bundle = backend.bundle(tree, watch)
        made = [one for one in bundle.objects if one.paths]
        known = replace(bundle, objects=[one for one in bundle.objects if not one.paths])
        bundle = replace(bundle, objects=backend.lacking(tree, known) + made)
        title = backend.name_for(request.destination)
    overview = overview_of(bundle)
    return {
        "backend": backend.name,
        "title": title,
        "files": len(bundle.changes),
        "bytes": overview.bytes,
        "needs": None,
        "push": about(bundle),
        "plan": overview.plan(),
        "entries": overview.entries(),
    }


def clone_status(root: Root, path: str, *, ambient: bool) -> dict[str, Any]:
    """What the clone at `path` shows (see `TreeBackend.status`); asks nobody."""
    backend = load_all()["git"](Context(ambient=ambient, hidden=root.allow_hidden))
    assert isinstance(backend, TreeBackend)
    with closing(tree_at(root, path)) as tree:
        return backend.status(tree)


def _require_approved(request: JobRequest, bundle: Bundle) -> None:
    """Raise ``needs_decision`` where a person has approved another plan than this."""
    answer, overview = request.options.get("approve"), overview_of(bundle)
    if bundle.version == bundle.before:
        return  # all of it is there already
    if isinstance(answer, str) and answer != overview.hash:
        raise TransferError(
            "needs_decision",
            "There is something else to push than what was shown.",
            "Look at the plan, and approve it.",
            detail={"kind": "plan", **overview.plan(), "push": about(bundle)},
        )


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove the journal: at the remote nothing is left of what was not whole."""
    journal_of(request, context).remove()
