"""A job as a live bar."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console, ConsoleDimensions
from rich.progress import BarColumn, Progress, ProgressColumn
from rich.table import Column
from rich.text import Text

from .show import Display
from .words import amount, counts, duration, ending, heading, remark

Json = dict[str, Any]

NAME = 20
"""Characters of a name in front of a bar."""


WIDE = 72
"""Columns of a terminal from which on there is room for a name."""


ECHO = 3
"""Columns that stay free: a terminal shows ``^C`` there, which else would begin a new line and
leave a bar behind."""


class Bar(Display):
    """A bar that lives in one line of the terminal, however narrow."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._console = console
        _fit(console)
        columns = (_Name(console), BarColumn(bar_width=None), _Counts())
        self._progress = Progress(*columns, console=console, expand=True, transient=True)
        self._progress.start()
        self._task: Any = None
        self._heading = ""

    def show(self, job: Json) -> None:
        """See `Display`."""
        _fit(self._console)
        if self._task is None:
            self._heading = heading(job)
            self._task = self._progress.add_task(_short(job), total=None)
            self._console.print(Text(self._heading), soft_wrap=True)
        if not self._progress.live.is_started:  # the person was asked something meanwhile
            self._progress.start()
        progress = job["progress"]
        self._progress.update(
            self._task,
            completed=progress["bytes_done"],
            total=progress["bytes_total"] or None,
            counts=remark(job) or _figures(job),
        )
        if job["state"] not in ("running", "queued"):
            self.close()
            style = {"done": "green", "failed": "red"}.get(job["state"], "yellow")
            self._console.print(Text(ending(job), style=style), soft_wrap=True)

    def close(self) -> None:
        """See `Display`."""
        self._progress.stop()


def _fit(console: Console) -> None:
    """The terminal may have another width by now; the variable COLUMNS is what it was once."""
    with suppress(OSError, ValueError):
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
        if columns > ECHO and lines:
            console.size = ConsoleDimensions(columns - ECHO, lines)


class _Name(ProgressColumn):
    """What is moved, where there is room for it."""

    def __init__(self, console: Console) -> None:
        super().__init__(Column(no_wrap=True))
        self._console = console

    def render(self, task: Any) -> Text:
        """See `ProgressColumn`."""
        return Text(task.description if self._console.width >= WIDE else "")


class _Counts(ProgressColumn):
    """The figures behind the bar."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis"))

    def render(self, task: Any) -> Text:
        """See `ProgressColumn`."""
        return Text(task.fields.get("counts", ""))


def _short(job: Json) -> str:
    """The last part of what is moved, for the little room in front of a bar."""
    name = str(job["source"]).rstrip("/").rpartition("/")[2]
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _figures(job: Json) -> str:
    progress = job["progress"]
    parts = [counts(job)]
    if progress["rate"]:
        parts.append(f"{amount(progress['rate'])}/s")
    if progress["eta"] is not None:
        parts.append(duration(progress["eta"]))
    return "  ".join(parts)
