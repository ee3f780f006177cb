"""What the two runs of a sync, to the disk and to a service, have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ...backends.base import Backend, Context, Digest, Entry
from ...backends.committing import CommittingBackend
from ...errors import TransferError
from ...names import join_path
from ...paths import Root
from ..control import Control, Message, Report
from ..delivered import Delivered
from ..delivery import row
from ..filters import Filters
from ..looks import Looks
from ..remotefile import at_source
from ..run import JobRequest
from ..verify import verify
from . import consent
from .compare import Comparison
from .items import Item, kept_items, remote_items, require_folder, sent_items
from .layout import in_the_way
from .options import trash_of
from .plan import Pair, Rules, SyncPlan, make_plan
from .shown import Lost


@dataclass(frozen=True)
class Ends:
    """The two folders of a sync between the disk and a service, or between two services.

    Parameters
    ----------
    folder: of the disk, a normal path; "" for no disk.
    address: of the service's folder.
    to_disk: which of them is the destination.
    delivered: what earlier jobs moved.
    source: the backend of the source, where `backend` is the destination's and there is no disk.
    """

    root: Root
    folder: str
    backend: Backend
    address: str
    to_disk: bool
    delivered: Delivered
    source: Backend | None = None

    def local(self, path: str) -> str:
        """Where the file at `path` lies on the disk."""
        return join_path(self.folder, path)

    def remote(self, path: str) -> str:
        """Where it lies at the service."""
        return self.backend.join(self.address, path)

    def name_of_row(self, path: str) -> str:
        """What earlier jobs call the file at `path`: by where it went."""
        return self.local(path) if self.to_disk else self.remote(path)


class Planner:
    """Makes the plan of a sync.

    Parameters
    ----------
    on_link: told the path of each link in a destination on the disk.
    """

    def __init__(
        self,
        ends: Ends,
        request: JobRequest,
        context: Context,
        control: Control,
        *,
        resumed: Callable[[str], bool] = lambda path: False,
        on_link: Callable[[str], None] = lambda path: None,
    ) -> None:
        self._ends = ends
        self._request = request
        self._context = context
        self._control = control
        self._resumed = resumed
        self._on_link = on_link
        self._filters = Filters(request.options)
        self._trash = trash_of(request.options)
        self._comparison = Comparison(request.options.get("compare") or "time", self._has_digest)

    def make(self) -> SyncPlan:
        """The plan. Raises whatever is wrong with either end."""
        ends, check = self._ends, self._control.check
        commits = not ends.to_disk and isinstance(ends.backend, CommittingBackend)
        rules = Rules(
            at_once=lambda pair: self._comparison.at_once(*self._sides(pair), self._row(pair)),
            look=self._look,
            after_a_look=self._after_a_look,
            resumed=self._resumed,
            folders=ends.to_disk or ends.backend.folders or commits,
            commits=commits,
            holds_more=self._holds_more,
        )
        if "send" not in ends.backend.can:  # it cannot be asked about a single file
            return make_plan(self._sources(), self._targets(), rules, None, check)
        with Looks(ends.address, self._context, self._control, ends.backend) as looks:
            return make_plan(self._sources(), self._targets(), rules, looks, check)

    # -- the ends --

    def _sources(self) -> Iterator[Item]:
        ends = self._ends
        if ends.source is not None:
            return self._listed(ends.source, self._request.source)
        if not ends.to_disk:
            return sent_items(ends.root, ends.folder, self._filters, self._trash)
        return self._listed(ends.backend, ends.address)

    def _listed(self, backend: Backend, address: str) -> Iterator[Item]:
        """The files of a service that is the source."""
        with at_source() if self._ends.source is not None else nullcontext():
            if "send" in backend.can:
                require_folder(backend.find(address), "the source")
            yield from remote_items(backend.entries(slashed(address)), self._filters, self._trash)

    def _targets(self) -> Iterator[Item]:
        ends = self._ends
        if ends.to_disk:
            yield from self._kept()
            return
        there = ends.backend.find(ends.address)
        if there is None:
            return
        require_folder(there, "the destination")
        held = ends.backend.held(slashed(ends.address))
        # A path with “..” may lead out of the folder; nothing here can be called so.
        named = (entry for entry in held if not {"", ".", ".."} & set(entry.path.split("/")))
        yield from remote_items(named, self._filters, self._trash)

    def _kept(self) -> Iterator[Item]:
        ends = self._ends
        if not ends.root.exists(ends.folder):
            return
        for item in kept_items(ends.root, ends.folder, self._filters, self._trash):
            if item.link:
                self._on_link(item.path)
            yield item

    def _holds_more(self, path: str) -> bool:
        ends = self._ends
        return ends.to_disk and ends.root.holds_more(ends.local(path))

    # -- comparing --

    def _sides(self, pair: Pair) -> tuple[Item, Item]:
        """What stands on the disk, and at the service; of two services, the source first."""
        source, target = pair
        assert source is not None
        assert target is not None
        return (target, source) if self._ends.to_disk else (source, target)

    def _row(self, pair: Pair) -> Any:
        source = pair.source
        assert source is not None
        return self._ends.delivered.get(self._ends.name_of_row(source.path))

    def _look(self, backend: Backend, pair: Pair) -> Entry | None:
        return backend.find(self._sides(pair)[1].address)

    def _after_a_look(self, pair: Pair, found: Entry | None) -> bool:
        local, remote = self._sides(pair)
        return self._comparison.after_a_look(local, remote, found, self._row(pair))

    def _has_digest(self, local: Item, digest: Digest) -> bool | None:
        if self._ends.source is not None:
            return self._states_digest(self._ends.source, local, digest)
        fd = self._ends.root.open(self._ends.local(local.path))
        try:
            return verify(fd, local.size or 0, digest, self._control.check)
        except TransferError as error:
            if error.code in ("digest_mismatch", "io_error"):
                return False
            raise
        finally:
            os.close(fd)

    @staticmethod
    def _states_digest(source: Backend, item: Item, digest: Digest) -> bool | None:
        """Whether the service of the source states a digest; None if none of that kind."""
        found = item.entry()
        if found.digest is None and "send" in source.can:
            with at_source():
                found = source.find(item.address) or found
        if found.digest is None or found.digest.algorithm != digest.algorithm:
            return None
        return found.digest == digest


Name = Callable[[str], dict[str, Any]]
"""Gives path and address of a row of the report for a path below the folders."""


def slashed(address: str) -> str:
    """The address of a folder as its backend lists it."""
    return address if address.endswith("/") or "?" in address else address + "/"


class Notes:
    """A backend's notes on their way to whom `tell` tells: whether one says that something was left
    out of a listing."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self.whole = True

    def __call__(self, code: str, message: str) -> None:
        """Pass a note on."""
        self.whole = self.whole and code not in ("left_out", "limit_reached")
        self._tell(code, message)


def agreed(
    plan: SyncPlan, ask: Callable[[], Iterator[Lost]], report: Report, name: Name
) -> Iterator[Lost]:
    """What `ask` answers (see `consent.agree`); where a person has to decide, the report shows the
    plan."""
    try:
        return ask()
    except TransferError as error:
        if error.code == "needs_decision":
            for message in planned_rows(plan, name):
                report.file(message)
        raise


def planned_rows(plan: SyncPlan, name: Name) -> Iterable[Message]:
    """The rows of the steps of a plan, deletions and what is impossible first."""
    for item in plan.doomed():
        yield row(**name(item.path), size=item.size, state="planned", action="delete")
    for path, size, code, way in islice(plan.failures, consent.MOST_MOVES):
        why = in_the_way(code, way).as_dict()
        yield row(**name(path), size=size, state="planned", action="fail", error=why)
    for source, target in islice(chain(plan.steps(), plan.late_steps()), consent.MOST_MOVES):
        assert source is not None
        action = "copy" if target is None else "replace"
        yield row(**name(source.path), size=source.size, state="planned", action=action)


def changed_since(path: str) -> TransferError:
    """What was planned with stands at `path` no more."""
    return TransferError(
        "changed",
        f"“{path}” changed after the plan was made; it is left as it is.",
        "Sync again, with a new plan.",
        retryable=False,  # a new plan by itself would replace what somebody has just written
    )
