"""What the runs of syncs have in common: a plan that a person is shown."""

from __future__ import annotations

from typing import Any

from ..run import Run
from .shown import ShownPlan


class PlannedRun(Run):
    """A run that keeps the plan that was shown until nothing of it is left to do. It stands before
    the run of the kind that it is."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._shown = ShownPlan(self._context.state_dir, self._request.id)

    def close(self) -> None:
        """See `Run.close`."""
        super().close()
        if self._is_over:
            self._shown.remove()
