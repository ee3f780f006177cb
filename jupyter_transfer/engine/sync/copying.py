"""A sync from one service to another, or within one."""

from __future__ import annotations

from collections.abc import Callable

from ...backends.base import Context
from ...paths import Root
from ..copyrun import CopyRun, FoundEntry, destination_of, require_copy
from ..copyrun import discard as discard_copy
from ..delivered import Delivered
from ..lanes import SMALL
from ..original import State
from ..outgoing import Lane
from ..run import JobRequest
from ..sendtarget import SendTargets
from .items import Item
from .sending import SyncSending
from .shown import ShownPlan
from .steps import Ends


class SyncCopyRun(SyncSending, CopyRun):
    """One run of a sync between two services."""

    def _copy_all(self, lane: Lane) -> None:
        request = self._request
        assert lane.source is not None
        require_copy(lane.backend)
        ends = Ends(
            self._root,
            "",
            lane.backend,
            request.destination,
            to_disk=False,
            delivered=Delivered.of(request.source, request.delivered),
            source=lane.source,
        )
        self._sync(lane, ends, destination_of(request, self._context))

    def _is_still(self, path: str, state: State) -> bool:
        """Its state is looked at when its turn comes."""
        return True

    def _found_of(self, item: Item) -> FoundEntry:
        size = item.size if item.size is not None else SMALL + 1
        return FoundEntry(item.path, item.path, size, item.mtime_ns, entry=item.entry())

    def _addresses(self, targets: SendTargets) -> Callable[[str], str]:
        return self._address_below(targets)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished sync left at the destination, and its journals."""
    ShownPlan(context.state_dir, request.id).remove()
    discard_copy(root, request, context)
