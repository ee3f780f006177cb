"""A job that runs in this process, as the person who typed it: no server, no queue.

Its id is made of what it does, so the same command again goes on where an earlier one stopped, and
moves nothing of what is there and right. What it delivered is remembered in a journal in the state
folder (`jupyter_transfer.records`), one record a file.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jupyter_core.paths import jupyter_data_dir

from ..admission import JobAdmission
from ..backends import find, is_remote
from ..backends.base import Context
from ..backends.tree import TreeBackend
from ..decisions import accept
from ..engine.browse import browse
from ..engine.control import Control, Message, Stop, Stopped, as_transfer_error
from ..engine.delivered import Delivered
from ..engine.job import JobRequest, Outcome, discard, make_run
from ..engine.planning import plan
from ..engine.preview import preview
from ..errors import TransferError
from ..meter import Meter
from ..net import Policy
from ..paths import Root
from ..records import RecordFile
from ..retries import RULES, Retries, Rule, attempt_after
from ..secrets import Held, redact, redact_all
from ..spec import Job, JobSpec, Progress, State, exceeded, iso_time, now
from ..timetable import rate_at
from ..worker import context_of_message
from ..workers import secrets_message

MAX_RETRIES = 8
"""Attempts in a row that move no byte before a job is left as failed, unless the person says so."""

_ROW = ("path", "size", "mtime_ns", "digest", "validators")

POLICY = Policy(local=True)


@dataclass(frozen=True)
class Place:
    """A path of this machine, for the gate to the disk: `path` below the folder `root`."""

    root: str
    path: str


def place_of(path: str) -> Place:
    """Where `path`, as it was typed, leads to. Links are followed as the shell does: what the
    person names is meant. Without a path it is the working folder, in which many files get a
    folder of their own."""
    if not path:
        return Place(os.getcwd(), "")
    folder, rest = os.path.abspath(path), ""
    while not os.path.isdir(folder):
        folder, name = os.path.split(folder)
        rest = f"{name}/{rest}" if rest else name
    slash = "/" if rest and path.endswith("/") else ""
    return Place(os.path.realpath(folder), (rest or ".") + slash)


def source_of(path: str) -> Place:
    """A file or folder that is sent: below the folder that it lies in."""
    full = os.path.realpath(path)
    folder, name = os.path.split(full)
    return Place(folder, name or ".")


class LocalJob:
    """One job; `job` is it as it stands now.

    Parameters
    ----------
    spec: what the person asked for, with paths as they were typed.
    ca_file: certificate authorities on top of the system's.

    Raises what is wrong with it: ``bad_request``, ``invalid_address`` …
    """

    where = "here"

    def __init__(self, spec: JobSpec, ca_file: str | None = None) -> None:
        place, spec = _placed(spec)
        self._ca_file = ca_file
        self._state_dir = os.path.join(jupyter_data_dir(), "jupyter_transfer", "local")
        self._root = Root(place.root, allow_hidden=True)
        admission = JobAdmission(self._root, POLICY, ca_file, lambda name: True)
        spec, self._held = admission.job(spec)
        ends = (spec.kind, spec.source, place.root, spec.destination)
        key = "\0".join((*ends, *spec.options.get("paths", ())))
        id = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.job = replace(Job.new(spec, "local"), id=id)
        self._control = Control()
        self._asked: Stop | None = None
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._files: list[Message] = []
        self._history: RecordFile | None = None

    # -- what is asked --

    @property
    def data(self) -> dict[str, Any]:
        """The job as the contract's JSON."""
        return self.job.as_dict()

    def plan(self) -> dict[str, Any]:
        """What it would do; nothing is moved."""
        with _Remembered(self._state_dir, self.job) as history:
            answer = plan(self._root, self._request(history), self._context(), Control())
        return {**answer, "free_bytes": self._root.free_bytes("")}

    def updates(self) -> Iterator[dict[str, Any]]:
        """Run it: its JSON each time it has changed, until it rests."""
        meter, retries = Meter(), Retries()
        self._control, self._halted = Control(self._rate()), False
        if self._asked is not None:  # before it began
            self._stop(self._asked)
        with _Remembered(self._state_dir, self.job) as history:
            while True:
                before = self.job.progress.bytes_done
                self._move(State.RUNNING, reason=None, started=self.job.started or now())
                yield self.data
                yield from self._attempt(history, meter)
                error = self._error
                if self.job.state is not State.FAILED or error is None:
                    yield self.data
                    return
                progressed = self.job.progress.bytes_done > before
                most = self.job.options.get("max_retries", MAX_RETRIES)
                attempt = attempt_after(error, self.job.attempt, progressed, most)
                if attempt is None:
                    yield self.data
                    return
                rule = RULES.get(error.code, Rule())
                delay = retries.later(self.job.id, attempt, error.retry_after or 0, rule)
                again = {**error.as_dict(), "retry_at": iso_time(time.time() + delay)}
                self._move(State.QUEUED, reason=again, attempt=attempt)
                yield self.data
                try:
                    self._control.sleep(delay)
                except Stopped:
                    self._move(State.PAUSED, reason=error.as_dict())
                    yield self.data
                    return

    def refresh(self) -> None:
        """It is looked at all the time."""

    def halt(self) -> None:
        """Stop moving bytes and keep what is there; `updates` ends soon."""
        self._stop("pause")

    def resume(self) -> None:
        """Let `updates` go on with it. Raises ``conflict`` if it does not rest."""
        if self.job.state not in (State.PAUSED, State.WAITING):
            state = self.job.state.value
            raise TransferError("conflict", f"A job that is {state} cannot resume.")
        self._move(State.QUEUED, reason=None)

    def cancel(self) -> None:
        """Stop moving bytes and throw away what is not whole; `updates` ends soon."""
        self._stop("cancel")
        if self.job.state in (State.PAUSED, State.WAITING):
            with _Remembered(self._state_dir, self.job) as history:
                discard(self._root, self._request(history), self._context())
            self._move(State.CANCELLED, reason=None, finished=now())

    def _stop(self, how: Stop) -> None:
        self._halted = how == "pause"
        if self.job.state in (State.QUEUED, State.RUNNING):
            self._asked = how
        if how == "pause":
            self._control.pause()
        else:
            self._control.cancel()

    def approve(self) -> None:
        """Accept what the waiting job shows: a plan, the key of a host."""
        options = accept(self.job.options, self.job.reason)
        self.job = replace(self.job, options=options)

    def enter(self, options: Mapping[str, Any]) -> None:
        """Give it the credentials that it waits for. Raises ``bad_request``."""
        admission = JobAdmission(self._root, POLICY, self._ca_file, lambda name: True)
        more, held = admission.more(self.job, dict(options))
        self._held = self._held.and_then(held)
        self.job = replace(self.job, options={**self.job.options, **more})

    def files(self) -> Iterator[dict[str, Any]]:
        """The report so far, file by file."""
        yield from self._files

    # -- one run --

    def _attempt(self, history: _Remembered, meter: Meter) -> Iterator[dict[str, Any]]:
        """Run the engine on a thread; the job's JSON each time it has changed."""
        self._files.clear()
        run = make_run(
            self._root, self._request(history), self._context(), self._control, _Told(self._told)
        )
        thread = threading.Thread(target=lambda: self._told.put(("end", run.run())), name="job")
        thread.start()
        timer = self._timer()
        while (told := self._told.get())[0] != "end":
            self._take(*told, history, meter)
            yield self.data
        thread.join()
        timer.cancel()
        self._settle(told[1])
        history.save()
        run.close()

    def _take(self, kind: str, value: Any, history: _Remembered, meter: Meter) -> None:
        if kind == "progress":
            progress = meter.measure(Progress.from_dict(value), value["bytes_moved"])
            self.job = replace(self.job, progress=progress)
        elif kind == "state":
            self.job = replace(self.job, phase=value or None)
        elif kind == "note":
            self.job = replace(self.job, reason=value.as_dict())
        else:
            self._files.append(value)
            history.add(value)

    def _timer(self) -> threading.Timer:
        """Stops the attempt when its time is over, and the waiting for the next one not."""
        self._expired = False
        limit = self.job.options.get("max_duration")

        def expire(control: Control) -> None:
            self._expired = True
            control.pause()

        timer = threading.Timer(limit or 0, expire, [self._control])
        timer.daemon = True
        if limit:
            timer.start()
        return timer

    def _settle(self, outcome: Outcome) -> None:
        if self._expired and not self._halted and outcome.state == "paused":
            limit = self.job.options["max_duration"]
            outcome = replace(outcome, state="failed", error=exceeded(limit))
            self._control = Control(self._rate())
        self._error = outcome.error
        state = State(outcome.state)
        error = redact_all(outcome.error.as_dict()) if outcome.error else None
        self._move(
            state,
            reason=error if error or state is not State.DONE else self.job.reason,
            progress=self.job.progress.at_rest(),
            verified=outcome.verified if state is State.DONE else None,
            unverified=outcome.unverified if state is State.DONE else None,
            finished=now() if state.finished else None,
        )

    def _move(self, state: State, **changes: Any) -> None:
        revision = self.job.revision + 1
        self.job = replace(self.job, **{"phase": None, **changes}, state=state, revision=revision)
        if state not in (State.QUEUED, State.RUNNING):
            self._asked = None

    _error: TransferError | None = None
    _expired = False
    _halted = False

    # -- what the engine wants --

    def _request(self, history: _Remembered) -> JobRequest:
        job = self.job
        return JobRequest(
            job.id,
            job.source,
            job.destination,
            dict(job.options),
            history.rows(),
            job.kind,
            ambient="own",
        )

    def _context(self) -> Context:
        return context_of(self.data, self._held, self._ca_file, self._state_dir)

    def _rate(self) -> int | None:
        limit = self.job.options.get("bandwidth")
        return None if limit is None else rate_at(limit)


class _Told:
    """The engine's `Report`, passed on to another thread."""

    def __init__(self, told: queue.SimpleQueue[tuple[str, Any]]) -> None:
        self._told = told

    def progress(self, **counts: int | None) -> None:
        self._told.put(("progress", counts))

    def state(self, note: str) -> None:
        self._told.put(("state", note))

    def note(self, code: str, message: str) -> None:
        self._told.put(("note", TransferError(code, redact(message))))

    def file(self, file: Message) -> None:
        self._told.put(
            ("file", {**file, "error": redact_all(file["error"])} if file["error"] else file)
        )


class _Remembered:
    """What a job has delivered, in its journal in the state folder; nobody else has it meanwhile.
    Raises ``conflict`` while another process does the same job."""

    def __init__(self, state_dir: str, job: Job) -> None:
        self._source = job.source
        self._file = RecordFile(os.path.join(state_dir, "delivered"), job.id)
        self._new: list[Message] = []

    def __enter__(self) -> _Remembered:
        return self

    def __exit__(self, *_: object) -> None:
        self.save()
        self._file.close()

    def rows(self) -> Delivered:
        """What is known by now."""
        return Delivered(
            self._source, ({**row, "source": self._source} for row in self._file.each())
        )

    def add(self, file: Message) -> None:
        """Remember `file`, a row of the report, if it tells of something that was delivered."""
        if file["state"] == "done" and file.get("mtime_ns") is not None:
            row = {name: file.get(name) for name in _ROW}
            self._new.append({**row, "path": file.get("address") or file["path"]})

    def save(self) -> None:
        """Write down what was added."""
        for row in self._new:
            self._file.append(row, sync=False)
        if self._new:
            self._file.sync()
        self._new.clear()


def context_of(
    job: Mapping[str, Any], held: Held, ca_file: str | None, state_dir: str | None = None
) -> Context:
    """What the backends of `job` work with, for the person at the terminal."""
    message = {
        **secrets_message(held),
        "policy": POLICY.as_dict(),
        "ca_file": ca_file,
        "ambient": True,
        "state_dir": state_dir,
    }
    return context_of_message(message, dict(job))


def look(operation: str, url: str, options: dict[str, Any], ca_file: str | None) -> dict[str, Any]:
    """What stands at an address (``probe``), or directly below it (``browse``)."""
    root = Root(os.getcwd(), allow_hidden=True)
    admission = JobAdmission(root, POLICY, ca_file, lambda name: True)
    address, options, held = admission.remote(url, options)
    context = context_of({"source": address, "options": options}, held, ca_file)
    try:
        return (browse if operation == "browse" else preview)(address, context)
    except TransferError:
        raise
    except Exception as error:
        raise as_transfer_error(error) from error


def _placed(spec: JobSpec) -> tuple[Place, JobSpec]:
    """The root of a job, and the job with its path below it."""
    if spec.kind in ("extract", "pack"):
        return _placed_both(spec)
    if not is_remote(spec.destination) and spec.kind in ("fetch", "sync"):
        place = place_of(spec.destination)
        if place.path == "." and issubclass(find(spec.source), TreeBackend):
            place = source_of(spec.destination)  # the clone itself, not a folder in it
        return place, replace(spec, destination=place.path)
    if not is_remote(spec.source):
        place = source_of(spec.source)
        return place, replace(spec, source=place.path)
    return Place(os.getcwd(), ""), spec


def _placed_both(spec: JobSpec) -> tuple[Place, JobSpec]:
    """The folder that holds all of a job whose ends are both paths, and the job with its paths
    below it."""
    sources = [source_of(path) for path in (spec.source, *spec.options.get("paths", ()))]
    target = place_of(spec.destination)
    root = os.path.commonpath([place.root for place in (*sources, target)])

    def below(place: Place) -> str:
        path = os.path.relpath(os.path.join(place.root, place.path), root)
        return path + "/" if place.path.endswith("/") else path

    first, *others = map(below, sources)
    options = {**spec.options, **({"paths": others} if others else {})}
    spec = replace(spec, source=first, destination=below(target), options=options)
    return Place(root, ""), spec
