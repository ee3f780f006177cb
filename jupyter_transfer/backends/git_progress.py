"""How far a clone or a fetch is, by what git draws with ``--progress``: each stage counts as much
as it takes, so that the whole goes from 0 to 1 once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_LINE = re.compile(
    r"(?:remote: )?(?P<stage>Counting objects|Compressing objects|Receiving objects|"
    r"Resolving deltas|Unpacking objects|Updating files|Filtering content|Checking out files)"
    r":\s+(?P<percent>\d{1,3})% \(\d+/\d+\)(?:, (?P<size>[\d.]+) (?P<unit>bytes|KiB|MiB|GiB))?"
)

_STAGES = {
    "Counting objects": (0.0, 0.02),
    "Compressing objects": (0.02, 0.05),
    "Receiving objects": (0.05, 0.80),
    "Unpacking objects": (0.05, 0.80),
    "Resolving deltas": (0.80, 0.90),
    "Updating files": (0.90, 1.0),
    "Checking out files": (0.90, 1.0),
    "Filtering content": (0.90, 1.0),
}
"""Where in the whole a stage begins and ends."""

_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Progress:
    """Hears git, tells `report` the fraction and the bytes that came in.

    `hear` is called by the thread that reads; `tell` by the one that waits.
    """

    def __init__(self, report: Callable[[float, int], None]) -> None:
        self._report = report
        self.fraction = 0.0
        self.bytes = 0
        self._before = 0
        self._told = (0.0, 0)

    def hear(self, line: dict[str, Any]) -> None:
        """One line of standard error."""
        found = _LINE.match(str(line.get("msg", "")))
        if found is None:
            return
        start, end = _STAGES[found["stage"]]
        here = start + (end - start) * min(100, int(found["percent"])) / 100
        self.fraction = max(self.fraction, here)
        if found["size"]:
            received = int(float(found["size"]) * _UNITS[found["unit"]])
            self.bytes = max(self.bytes, self._before + received)

    def next(self) -> None:
        """Another run of git follows, whose bytes come on top."""
        self._before = self.bytes

    def tell(self) -> None:
        """Report what is new."""
        now = (self.fraction, self.bytes)
        if now != self._told:
            self._told = now
            self._report(*now)
