"""What a copy would do, file by file; nothing is moved (see `planning`).

A file whose listing does not tell its state from others counts as one that is to be moved; whether
it is there already is asked when its turn comes.
"""

from __future__ import annotations

from typing import Any

from ..backends import find
from ..backends.base import Backend
from ..errors import TransferError
from .copyrun import CopyRun, FoundEntry, destination_of
from .looks import Looks
from .overview import Overview
from .sendplan import add_step, verdict_about
from .sendtarget import Verdict


class CopyPlan(CopyRun):
    """A copy that is only thought about."""

    def make(self) -> dict[str, Any]:
        """Title, counts and first steps as the contract's JSON. Raises `TransferError`."""
        request, overview = self._request, Overview()
        files, size = 0, 0
        with self._at_ends(), self._open_lane(self._control, self._report) as lane:
            title = lane.backend.name_for(request.destination)
            work = self._look(lane)
            context = destination_of(request, self._context)
            with Looks(request.destination, context, self._control, lane.backend) as looks:

                def ask(backend: Backend, one: FoundEntry) -> Verdict | TransferError:
                    try:
                        address = work.address_of(one.relative)
                    except TransferError as error:
                        return error
                    return verdict_about(work.targets, backend, address, one.state)

                for one, verdict in looks.each(work.files, ask):
                    add_step(overview, one.relative, one.entry.size, verdict)
                    files, size = files + 1, size + (one.entry.size or 0)
        return {
            "backend": find(request.destination).name,
            "title": title,
            "files": files,
            "bytes": size,
            "needs": None,
            "plan": overview.plan(),
            "entries": overview.entries(),
        }
