"""Driving one job from the command line to its end, and the exit code that tells of it."""

from __future__ import annotations

import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import click

from ..secrets import ask_secret
from .codes import DONE, FAILED, INTERRUPTED, NEEDS, PARTLY
from .line import typed
from .show import Display
from .words import plan_line

Json = dict[str, Any]


HERE = "here"
"""Where a job of this process runs."""


class Driven(Protocol):
    """A job, here or on a server."""

    @property
    def where(self) -> str:
        """`HERE`, or the address of its server."""

    @property
    def data(self) -> Json:
        """As the contract's JSON."""

    def plan(self) -> Json:
        """What it would do."""

    def updates(self) -> Iterator[Json]:
        """Its states until it rests."""

    def refresh(self) -> None:
        """Look at it again."""

    def halt(self) -> None:
        """Stop moving bytes and keep what is there."""

    def resume(self) -> None:
        """Let it go on, where a server runs it; else `updates` does."""

    def cancel(self) -> None:
        """Stop, and throw away what is not whole."""

    def approve(self) -> None:
        """Accept what it shows."""

    def enter(self, options: Mapping[str, Any]) -> None:
        """Give it credentials."""

    def files(self) -> Iterator[Json]:
        """Its report."""


class Front(ABC):
    """Where commands are typed that is no terminal: it drives their jobs in its own way."""

    @abstractmethod
    def drive(self, job: Driven) -> int:
        """Show `job`; the exit code."""


def follow(job: Driven, display: Display, *, asks: bool) -> int:
    """Show `job` until it rests, and answer what it asks: by the person, if it may `ask`.
    The exit code."""
    interrupted = False
    try:
        with display, halted_by_interrupts(job) as halts:
            while True:
                for data in job.updates():
                    display.show(data)
                interrupted = bool(halts)
                if data["state"] != "waiting" or interrupted or not asks:
                    break
                display.close()
                if not _answer(job, data["reason"] or {}):
                    break
    except KeyboardInterrupt:
        interrupted = True
    if interrupted and job.data["state"] != "done":
        sys.stderr.write(_how_to_go_on(job))
        return INTERRUPTED
    return exit_code(job.data)


def exit_code(job: Json) -> int:
    """What a job at rest makes of the command."""
    if job["state"] == "done":
        return DONE
    if job["state"] == "waiting" or (job["reason"] or {}).get("code") == "needs_credentials":
        return NEEDS
    progress = job["progress"]
    if job["state"] == "failed" and progress["files_done"] and progress["files_failed"]:
        return PARTLY
    return FAILED


@contextmanager
def halted_by_interrupts(job: Driven) -> Iterator[list[int]]:
    """Ctrl-C lets a job of this process come to rest, a second one ends it at once. The signals
    that came. Only the main thread is sent signals."""
    came: list[int] = []
    if job.where != HERE or threading.current_thread() is not threading.main_thread():
        yield came
        return

    def halt(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        job.halt()

    before = signal.signal(signal.SIGINT, halt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


def _how_to_go_on(job: Driven) -> str:
    if job.where == HERE:
        line = typed()
        return "The same command goes on from here" + (f":\n  {line}\n" if line else ".\n")
    id = job.data["id"][:8]
    return (
        f"It goes on, on the Jupyter server {job.where}.\n"
        f"See it with: jupyter transfer show {id}\n"
        f"Stop it with: jupyter transfer cancel {id}\n"
    )


def _answer(job: Driven, reason: Json) -> bool:
    """Let the person answer what a waiting job asks; whether they did."""
    detail = reason.get("detail") or {}
    if reason.get("code") == "needs_credentials":
        job.enter(_credentials(reason, detail.get("options") or ["username", "password"]))
        return True
    if reason.get("code") != "needs_decision":
        return False
    if detail.get("kind") == "plan":
        click.echo(plan_line(detail), err=True)
        for file in job.files():
            if file.get("action") == "delete":
                click.echo(f"  delete  {file['path']}", err=True)
    else:
        click.echo(reason["message"], err=True)
    if not click.confirm("Go on?", default=False, err=True):
        return False
    job.approve()
    return True


def _credentials(reason: Json, names: list[str]) -> dict[str, str]:
    click.echo(reason["message"], err=True)
    return {
        name: click.prompt(name, err=True) if name == "username" else ask_secret(f"{name}: ")
        for name in sorted(names, key=lambda name: name != "username")
    }
