"""How far a clone, a fetch or a push is, by what git draws with ``--progress``: each stage counts
as much as it takes, so that the whole goes from 0 to 1 once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_SAME = {
    "Updating files": "Checking out files",
    "Filtering content": "Checking out files",
    "Unpacking objects": "Receiving objects",
}
"""Stages that GitPython does not know, and those that count as much."""

_STAGES = {
    "COUNTING": (0.0, 0.02),
    "COMPRESSING": (0.02, 0.05),
    "RECEIVING": (0.05, 0.80),
    "WRITING": (0.05, 0.80),
    "RESOLVING": (0.80, 0.90),
    "CHECKING_OUT": (0.90, 1.0),
}
"""Where in the whole a stage begins and ends, by GitPython's names."""

_SIZE = re.compile(r"([\d.]+) (bytes|KiB|MiB|GiB)")
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
        self._parse = self._parser()

    def hear(self, line: dict[str, Any]) -> None:
        """One line of standard error."""
        text = str(line.get("msg", ""))
        for stage, known in _SAME.items():
            text = text.replace(stage, known)
        self._parse(text)

    def _parser(self) -> Callable[[str], None]:
        """GitPython's reading of such lines; the server process never loads it."""
        from git.remote import RemoteProgress  # noqa: PLC0415

        reached = self._reached
        stages = {getattr(RemoteProgress, name): span for name, span in _STAGES.items()}

        class Parser(RemoteProgress):
            def update(
                self, op_code: int, cur_count: Any, max_count: Any = None, message: str = ""
            ) -> None:
                span = stages.get(op_code & self.OP_MASK)
                if span is not None and max_count:
                    reached(*span, min(1.0, float(cur_count) / float(max_count)), message)

        parse: Callable[[str], None] = Parser().new_message_handler()
        return parse

    def _reached(self, start: float, end: float, part: float, message: str) -> None:
        self.fraction = max(self.fraction, start + (end - start) * part)
        if found := _SIZE.match(message):
            received = int(float(found[1]) * _UNITS[found[2]])
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
