"""What a person sees of a job: a live bar on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

from .words import amount, counts, duration, ending, heading, remark

Json = dict[str, Any]

NAME = 20
"""Characters of a name in front of a bar."""

LINE_EVERY = 10.0
"""Seconds between two plain lines of a job that goes on."""


class Display(ABC):
    """Shows the states of one job; `close` it, or use it in a ``with`` block."""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def show(self, job: Json) -> None:
        """The job as it is now."""

    def close(self) -> None:
        """Nothing follows."""
        return


class JsonDisplay(Display):
    """One JSON object a line; the last is the job at rest."""

    def show(self, job: Json) -> None:
        """See `Display`."""
        sys.stdout.write(json.dumps(job) + "\n")
        sys.stdout.flush()


class Quiet(Display):
    """Shows nothing until the job has failed."""

    def show(self, job: Json) -> None:
        """See `Display`."""
        if job["state"] == "failed":
            sys.stderr.write(ending(job) + "\n")


class Lines(Display):
    """A line when something has changed, or now and then."""

    def __init__(self) -> None:
        self._state: tuple[Any, ...] = ()
        self._at = 0.0

    def show(self, job: Json) -> None:
        """See `Display`."""
        state = (job["state"], job["phase"], (job["reason"] or {}).get("code"))
        moment = time.monotonic()
        at_rest = job["state"] not in ("running", "queued")
        if state == self._state and moment - self._at < LINE_EVERY and not at_rest:
            return
        if not self._state:
            sys.stderr.write(heading(job) + "\n")
        if at_rest:
            sys.stderr.write(ending(job) + "\n")
        elif self._state:
            sys.stderr.write(f"{remark(job) or counts(job)}\n")
        self._state, self._at = state, moment


class Bar(Display):
    """A bar that lives in one line of the terminal, however narrow."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._console = console
        wide = console.width >= 72
        columns: list[ProgressColumn] = [BarColumn(bar_width=None if wide else 12), _Counts()]
        if wide:
            columns.insert(0, TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=console, expand=wide, transient=True)
        self._progress.start()
        self._task: Any = None
        self._heading = ""

    def show(self, job: Json) -> None:
        """See `Display`."""
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


class _Counts(ProgressColumn):
    """The figures behind the bar."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))

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


def display(as_json: bool, quiet: bool) -> Display:
    """What suits the flags and the terminal."""
    if as_json:
        return JsonDisplay()
    if quiet:
        return Quiet()
    return Bar() if sys.stderr.isatty() else Lines()
