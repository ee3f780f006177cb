"""What the runs of syncs have in common: a plan that a person is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..delivery import row
from ..run import Run
from .layout import in_the_way
from .plan import SyncPlan
from .shown import Lost, ShownPlan
from .steps import Name


class PlannedRun(Run):
    """A run that keeps the plan that was shown until nothing of it is left to do. It stands before
    the run of the kind that it is."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._shown = ShownPlan(self._context.state_dir, self._request.id)

    def _begin(
        self, plan: SyncPlan, gone: Iterable[Lost], name: Name, remove: Callable[[str], None]
    ) -> None:
        """Tell what an earlier process deleted and had no time to write down, and what cannot be
        copied. Then `remove` the folders, by path, that the earlier one has left empty."""
        interrupted = False
        for _, path, size, _ in gone:
            self._report.file(row(**name(path), size=size, action="delete"))
            interrupted = True
        for path, size, code, way in plan.failures:
            error = in_the_way(code, way)
            message = row(**name(path), size=size, action="copy", state="failed")
            self._report.file({**message, "error": error.as_dict()})
            self._failed(error)
        if interrupted:
            for path in self._shown.folders():
                remove(path)

    def close(self) -> None:
        """See `Run.close`."""
        super().close()
        if self._is_over:
            self._shown.remove()
