"""What a person sees of a job: a live bar on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any

from .words import counts, ending, heading, remark

Json = dict[str, Any]

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


def display(as_json: bool, quiet: bool) -> Display:
    """What suits the flags and the terminal."""
    if as_json:
        return JsonDisplay()
    if quiet:
        return Quiet()
    if not sys.stderr.isatty():
        return Lines()
    from .bar import Bar  # noqa: PLC0415 - slow to load

    return Bar()
