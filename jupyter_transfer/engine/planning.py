"""The plan of a job that is only asked for: what it would do, file by file. Nothing is moved or
made. The answer of ``POST jobs`` with ``options.dry_run``, without ``free_bytes``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from ..backends import is_remote
from ..backends.base import Backend, Context, Digest, Entry
from ..backends.ends import context_of
from ..backends.tree import QUIET, TreeBackend
from ..errors import TransferError
from ..names import split_path
from ..paths import Root
from .cacherun import is_for_cache, plan_cache
from .client import opened
from .control import Control, Silent, Tally
from .copyplan import CopyPlan
from .copyrun import destination_of, require_copy
from .delivered import Delivered
from .extractrun import plan_extract
from .fetchrun import peek
from .filling import Way
from .filters import Filters
from .local import Identity, digest_on_disk
from .looks import Looks
from .overview import Action, Overview
from .packrun import plan_pack
from .places import Places
from .preview import TRIES, preview
from .pushrun import plan_push
from .remotefile import at_source
from .retry import Retries
from .run import JobRequest
from .sendplan import add_step, verdict_about
from .sendrun import look_at, require_send
from .sendtarget import SendTargets, Verdict
from .sync.steps import Ends, Notes, Planner
from .target import Decision, Listed, Targets
from .transport import Transport
from .treerun import beside, decide, is_tree, require_whole, target_of
from .walk import Found, files_below

Answer = dict[str, Any]


def plan(root: Root, request: JobRequest, context: Context, control: Control) -> Answer:
    """What the job `request` would do. Raises what would stop the whole job; what a single file
    would fail of is a step of its own."""
    make = _PLANS.get(request.kind)
    if make is None:
        raise TransferError(
            "bad_request",
            f"Jobs of the kind “{request.kind}” cannot show their plan; nothing was moved.",
            "Leave out “dry_run” to start it.",
        )
    answer = make(root, request, context, control)
    ends = {"source": request.source, "destination": request.destination}
    return {"kind": request.kind, **ends, **answer}


# ---- fetch ------------------------------------------------------------------------------------


def _plan_fetch(root: Root, request: JobRequest, context: Context, control: Control) -> Answer:
    """What a probe tells today, and the plan; no plan where a look finds that something is needed
    first."""
    if is_for_cache(request):
        return plan_cache(request, context, control)
    found = preview(request.source, context)
    if found["needs"]:
        return {**found, "plan": None}
    if is_tree(request.source):
        return {**found, **_plan_tree(root, request, context, control)}
    fetches = _Fetches(root, request.targets(root))
    with opened(request.source, context, control.check) as (backend, transport):
        single, entries = peek(backend, request.source)
        meant = Filters(request.options).apply(entries)
        folder = fetches.targets.folder_of_many(backend.name_for(request.source))
        for entry in meant:
            control.check()
            if single:
                fetches.add_one(backend, transport, entry)
            else:
                fetches.add(folder, entry)
    fetches.targets.delivered.close()
    overview = fetches.overview
    return {**found, "plan": overview.plan(), "entries": overview.entries()}


def _plan_tree(root: Root, request: JobRequest, context: Context, control: Control) -> Answer:
    """The one folder that is made, or brought up to date."""
    overview = Overview()
    with opened(request.source, context, control.check) as (backend, _):
        assert isinstance(backend, TreeBackend)
        backend.check(request.source)
        require_whole(request)
        path = target_of(root, request, backend)
        try:
            verdict = decide(root, request, path)
            try:
                if verdict == "renew":
                    with closing(root.inner(path)) as inner:
                        backend.renew(inner, QUIET, dry_run=True)
            except TransferError as error:
                if not beside(request, error):
                    raise
                verdict = "rename"
        except TransferError as error:
            overview.add("fail", path, None, error=error.code)
        else:
            if verdict == "rename":
                path = root.available_name(path)
            actions: dict[str, Action] = {"renew": "replace", "skipped": "skip"}
            overview.add(actions.get(verdict, "copy"), path, None)
    return {"plan": overview.plan(), "entries": overview.entries()}


class _Fetches:
    """What would become of the files of a source."""

    def __init__(self, root: Root, targets: Targets) -> None:
        self.overview = Overview()
        self.targets = targets
        self._root = root

    def add(self, folder: str, entry: Entry) -> None:
        """One of many files."""
        self._add(
            entry.path,
            entry.size,
            lambda: self.targets.decide(
                self.targets.path_of_many(folder, entry.path), Listed.of(entry), ask=True
            ),
        )

    def add_one(self, backend: Backend, transport: Transport, entry: Entry) -> None:
        """The only file, about which its server is asked."""
        remote = Places(transport, backend, entry, Control()).look(Retries(TRIES))
        name = remote.name if entry.guessed and remote.name else entry.path

        def decide() -> Decision:
            path = self.targets.path_of_one(name, chosen=not entry.guessed)
            return self.targets.decide(path, remote)

        self._add(name, remote.size, decide)

    def _add(self, shown: str, size: int | None, decide: Callable[[], Decision]) -> None:
        try:
            decision = decide()
            # What the listing cannot prove to be the same is asked for when its turn comes.
            replaces = decision.act == "ask" or decision.conflict == "overwrite"
            there = self._root.exists(decision.path) if replaces else False
            status = self._root.lstat(decision.path) if there else None
        except TransferError as error:
            self.overview.add("fail", shown, size, error=error.code)
            return
        if decision.act in ("present", "skipped"):
            self.overview.add("skip", shown, size)
        elif status is not None:
            before = (status.st_size, status.st_mtime_ns)
            self.overview.add("replace", shown, size, before=before)
        else:
            self.overview.add("copy", shown, size)


# ---- send -------------------------------------------------------------------------------------


def _plan_send(root: Root, request: JobRequest, context: Context, control: Control) -> Answer:
    if is_tree(request.destination):
        return plan_push(root, request, context, control)
    path, is_file = look_at(root, request.source)
    filters = Filters(request.options)
    overview = Overview()
    files, size = 0, 0
    with opened(request.destination, context, control.check) as (backend, transport):
        require_send(backend)
        backend.check(request.destination)
        targets = SendTargets(
            backend,
            request.destination,
            request.options.get("conflict"),
            request.source,
            request.delivered,
        )
        found: Iterator[Found]
        way = Way(transport, control, Tally(lambda: None), Retries())
        if is_file:
            status = root.stat(path)
            name = split_path(path)[1]
            found = iter([Found(path, name, status.st_size, status.st_mtime_ns)])
            address_of = way.patiently(lambda: _fixed(targets.address_of_one(name)))
        else:
            found = files_below(root, path, filters)
            address_of = targets.address_of_many
            way.patiently(targets.expect_nothing)
        with Looks(request.destination, context, control, backend) as looks:

            def ask(backend: Backend, one: Found) -> Verdict | TransferError:
                state = Identity(one.size, one.mtime_ns or 0, 0)

                def has_digest(digest: Digest) -> bool:
                    return digest_on_disk(root, one, digest.algorithm, control.check) == digest

                address = address_of(one.relative)
                return verdict_about(targets, backend, address, state, has_digest)

            for one, verdict in looks.each(found, ask, lambda one: not one.left_out):
                add_step(overview, one.relative, one.size, verdict)
                files, size = files + 1, size + one.size
        title = backend.name_for(request.destination)
    answer = {"backend": backend.name, "title": title, "files": files, "bytes": size}
    return {**answer, "needs": None, "plan": overview.plan(), "entries": overview.entries()}


def _plan_copy(root: Root, request: JobRequest, context: Context, control: Control) -> Answer:
    return CopyPlan(root, request, context, control, Silent()).make()


def _fixed(address: str) -> Callable[[str], str]:
    return lambda _: address


# ---- sync -------------------------------------------------------------------------------------


def _plan_sync(root: Root, request: JobRequest, context: Context, control: Control) -> Answer:
    """The plan, and whether all of the source could be listed (`complete`)."""
    notes = Notes(lambda code, message: None)
    context = replace(context, note=notes)
    delivered = Delivered.of(request.source, request.delivered)
    with ExitStack() as stack:

        def enter(address: str, context: Context) -> Backend:
            backend, _ = stack.enter_context(opened(address, context, control.check))
            backend.check(address)
            return backend

        folder, source = "", None
        if not is_remote(request.destination):
            backend, address = enter(request.source, context), request.source
            folder = request.targets(root).folder_of_many(backend.name_for(address))
        else:
            address = request.destination
            if is_remote(request.source):
                here = context_of(context, request.source, address, "source")
                with at_source():
                    source = enter(request.source, here)
                context = destination_of(request, context)
            else:
                folder = look_at(root, request.source)[0]
            backend = enter(address, context)
            (require_send if source is None else require_copy)(backend)
        to_disk = address == request.source and source is None
        ends = Ends(root, folder, backend, address, to_disk, delivered, source)
        made = Planner(ends, request, context, control).make()
        title = backend.name_for(address)
    made.close()
    answer = {
        "backend": backend.name,
        "title": title,
        "files": made.source_files,
        "bytes": made.source_bytes,
        "needs": None,
        "complete": notes.whole,
    }
    return {**answer, "plan": made.summary(), "entries": made.overview.entries()}


_PLANS: dict[str, Callable[[Root, JobRequest, Context, Control], Answer]] = {
    "fetch": _plan_fetch,
    "send": _plan_send,
    "sync": _plan_sync,
    "copy": _plan_copy,
    "extract": plan_extract,
    "pack": plan_pack,
}
