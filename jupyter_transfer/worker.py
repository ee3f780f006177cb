"""A worker process: ``python -m jupyter_transfer.worker``. It runs jobs, one at a time.

Messages are JSON objects, one a line. On standard input: ``delivered`` (pages of what earlier jobs
delivered from the source of the job that is run or planned next), ``run``, ``saved``, ``discard``,
``plan``, ``probe``, ``browse``, ``clone``, ``values`` (of secrets and config maps of Kubernetes),
``pause``, ``cancel``, ``bandwidth``, ``connections``; on standard output ``ready``, then
``progress``, ``state``, ``note``, ``file`` and at last ``end`` of a job, and ``plan``, ``probe``,
``browse``, ``clone`` or ``values``. Nothing else writes to standard output: descriptor 1 becomes
standard error for everybody but `_Pipe`.

The journals of what a job has published stay after its ``end`` until ``saved`` (or any other
order) says that the server has written down what they tell. If it dies before, its successor
learns from them that the job is done.

The process ends at once when standard input closes, in the middle of whatever it does: then the
server is gone, and the journals make that safe. It imports nothing of Jupyter, Tornado or SQLite.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from .ambient import explained
from .backends import load_all, secret_names
from .backends.base import Context
from .backends.signing import way_in
from .engine.browse import browse
from .engine.control import Control, Message, as_transfer_error
from .engine.delivered import Delivered
from .engine.job import JobRequest, Outcome, Run, discard, left, make_run
from .engine.planning import plan
from .engine.preview import preview
from .engine.pushrun import clone_status
from .engine.references import resolved, values_of
from .engine.signin import sign_in
from .errors import TransferError
from .joboptions import JOB_SECRETS
from .net import Policy
from .paths import DIRECT_FROM, Root
from .secrets import (
    MASKS,
    Credential,
    Held,
    guard_stderr,
    is_reference,
    redact,
    redact_all,
)

PIPE_BATCH = 32 << 10
"""Bytes of rows that are told together: a system call and a wake-up of the server for each of
thousands of small files cost as much as the files."""


_GARBAGE = 20_000
"""Objects between two searches for garbage in cycles; Python's own 700 are worth a twentieth of the
time that a small file takes."""


class _Pipe:
    """Standard output as it was: messages to the server, one at a time."""

    def __init__(self) -> None:
        self._fd = os.dup(1)
        os.set_inheritable(self._fd, False)
        os.dup2(2, 1)
        self._held = bytearray()
        self._lock = threading.Lock()

    def send(self, event: str, *, hold: bool = False, **values: Any) -> None:
        """Send one message, or `hold` it back until the next one that is not, or until there are
        many; a server that is gone ends this process."""
        line = json.dumps({"event": event, **values}).encode() + b"\n"
        with self._lock:
            self._held += line
            if hold and len(self._held) < PIPE_BATCH:
                return
            data, self._held = memoryview(self._held), bytearray()
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                os._exit(0)


class _PipeReport:
    """The engine's `Report`, told through the pipe; errors lose what is secret."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe

    def progress(self, **counts: int | None) -> None:
        self._pipe.send("progress", progress=counts)

    def state(self, note: str) -> None:
        self._pipe.send("state", note=note)

    def note(self, code: str, message: str) -> None:
        self._pipe.send("note", code=code, message=redact(message))

    def file(self, file: Message) -> None:
        if file["error"]:
            file = {**file, "error": redact_all(file["error"])}
        self._pipe.send("file", hold=True, file=file)  # progress follows within a moment


class Worker:
    """Reads messages on one thread, acts on them on another."""

    def __init__(self) -> None:
        self._pipe = _Pipe()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._control: Control | None = None
        self._finished: tuple[Run, Root] | None = None
        self._ambient = False
        self._delivered: Delivered | TransferError | None = None

    def main(self) -> None:
        """Serve until standard input closes."""
        threading.Thread(target=self._read, name="read", daemon=True).start()
        self._pipe.send("ready")
        while True:
            message = self._messages.get()
            if self._finished is not None:
                # Whatever follows says that the server has saved what was delivered.
                run, root = self._finished
                self._finished = None
                run.close()
                root.close()
            self._act(message)

    # -- the reading thread --

    def _read(self) -> None:
        try:
            for line in sys.stdin.buffer:
                self._receive(json.loads(line))
        finally:
            os._exit(0)  # the server is gone, or talks nonsense

    def _receive(self, message: Message) -> None:
        operation = message.get("op")
        if operation in ("pause", "cancel", "bandwidth", "connections"):
            self._steer(operation, message.get("value"))
            return
        if operation == "delivered":
            self._learn(message)
            return
        if operation in ("run", "plan"):
            delivered, self._delivered = self._delivered, None
            message.setdefault("delivered", delivered or ())
        if operation == "run":
            with self._lock:
                # From now on it can be steered, although it has not begun yet.
                job = message["job"]
                self._control = Control(job.get("bandwidth"), job.get("connections"))
        self._messages.put(message)

    def _learn(self, message: Message) -> None:
        """Take in a page of what earlier jobs delivered; the first names the source. This thread
        reads on when that is done, so that no more than a page is in memory."""
        try:
            if "source" in message:
                self._delivered = Delivered(message["source"])
            if isinstance(self._delivered, Delivered):
                self._delivered.extend(message["rows"])
        except Exception as failure:
            self._delivered = as_transfer_error(failure)  # the run fails of it

    def _steer(self, operation: str, value: int | None) -> None:
        with self._lock:
            control = self._control
        if control is None:
            return  # the job has just ended by itself
        if operation == "pause":
            control.pause()
        elif operation == "cancel":
            control.cancel()
        elif operation == "connections":
            control.connections = value or None
        else:
            control.bandwidth.rate = value or None

    # -- the acting thread --

    def _act(self, message: Message) -> None:
        operation = message.get("op")
        self._ambient = bool(message.get("ambient"))
        if operation == "run":
            self._run(message)
        elif operation == "discard":
            self._discard(message)
        elif operation == "left":
            self._left(message)
        elif operation in ("probe", "browse", "login"):
            self._look(operation, message)
        elif operation == "plan":
            self._plan(message)
        elif operation == "forms":
            self._forms(message)
        elif operation == "clone":
            self._clone(message)
        elif operation == "values":
            self._pipe.send("values", result=values_of(message["wanted"], message))

    def _run(self, message: Message) -> None:
        control = self._control or Control()
        delivered = message["delivered"]
        try:
            if isinstance(delivered, TransferError):
                raise delivered
            root = _root(message)
            run = make_run(
                root,
                JobRequest.from_dict(message["job"], delivered),
                context_of_message(message, message["job"]),
                control,
                _PipeReport(self._pipe),
            )
        except Exception as failure:
            failed = as_transfer_error(failure)
            waits = failed.code == "needs_credentials"
            outcome = Outcome("waiting" if waits else "failed", failed)
        else:
            outcome = run.run()
            self._finished = run, root
        if outcome.error is not None:
            found = way_in(message["job"], outcome.error)
            outcome.error.detail = {**outcome.error.detail, **found}
        with self._lock:
            self._control = None
        self._end(outcome)

    def _discard(self, message: Message) -> None:
        error = None
        try:
            root = _root(message)
            discard(
                root,
                JobRequest.from_dict(message["job"]),
                context_of_message(message, message["job"]),
            )
            root.close()
        except Exception as failure:
            error = as_transfer_error(failure)
        self._end(Outcome("cancelled", error))

    def _left(self, message: Message) -> None:
        size, error = None, None
        try:
            job = message["job"]
            size = left(JobRequest.from_dict(job), context_of_message(message, job))
        except Exception as failure:
            error = as_transfer_error(failure)
        self._pipe.send("end", size=size, error=self._told(error))

    def _end(self, outcome: Outcome) -> None:
        self._pipe.send(
            "end",
            state=outcome.state,
            error=self._told(outcome.error),
            verified=outcome.verified,
            unverified=outcome.unverified,
        )

    def _look(self, operation: str, message: Message) -> None:
        id = message.get("id")
        try:
            context = context_of_message(message, {"source": message["url"], **message})
            if operation == "browse":
                result = browse(message["url"], context)
            elif operation == "login":
                result = asdict(sign_in(message["url"], context))
            else:
                result = preview(message["url"], context)
        except Exception as failure:
            self._pipe.send(operation, id=id, error=self._told(as_transfer_error(failure)))
        else:
            self._pipe.send(operation, id=id, result=result)

    def _plan(self, message: Message) -> None:
        delivered = message["delivered"]
        try:
            if isinstance(delivered, TransferError):
                raise delivered
            root = _root(message)
            request = JobRequest.from_dict(message["job"], delivered)
            result = plan(root, request, context_of_message(message, message["job"]), Control())
            root.close()
        except Exception as failure:
            self._pipe.send("plan", error=self._told(as_transfer_error(failure)))
        else:
            self._pipe.send("plan", result=result)

    def _forms(self, message: Message) -> None:
        try:
            forms = load_all()[message["backend"]].forms()
        except Exception as failure:
            self._pipe.send("forms", error=self._told(as_transfer_error(failure)))
        else:
            self._pipe.send("forms", result={"forms": forms})

    def _clone(self, message: Message) -> None:
        try:
            root = _root(message)
            result = clone_status(root, message["path"], ambient=self._ambient)
            root.close()
        except Exception as failure:
            self._pipe.send("clone", error=self._told(as_transfer_error(failure)))
        else:
            self._pipe.send("clone", result=result)

    def _told(self, error: TransferError | None) -> Message | None:
        """`error` as it is told: nothing secret in it."""
        if error is None:
            return None
        error = error if self._ambient else explained(error)
        return {**redact_all(error.as_dict()), "retry_after": error.retry_after}


def _root(message: Message) -> Root:
    return Root(
        message["root"],
        allow_hidden=bool(message.get("allow_hidden")),
        direct_from=message.get("direct_from", DIRECT_FROM),
    )


def context_of_message(message: Message, job: Message) -> Context:
    """What the backends of `job` work with: with its secrets, from memory or from where
    references lead. Whatever is known from now on is masked in all that this process tells."""
    held = Held.from_dict(
        {
            "credential": message.get("credential"),
            "destination": message.get("destination_credential"),
            "options": message.get("secrets"),
        }
    )
    MASKS.add(*held.values())
    options = {**(job.get("options") or {}), **held.options}
    names = secret_names(job["source"], job.get("destination") or "")
    wanted = [name for name in sorted(names | JOB_SECRETS) if is_reference(options.get(name))]
    options |= resolved({name: options[name] for name in wanted}, message)
    return Context(
        options,
        Policy.from_dict(message.get("policy") or {}),
        message.get("ca_file") or None,
        held.credential or _credential(options, names),
        held.destination,
        ambient=bool(message.get("ambient")),
        state_dir=message.get("state_dir"),
    )


def _credential(options: Message, declared: Collection[str]) -> Credential | None:
    """User name and password that every job may have as options, unless its service declares a
    password of its own."""
    name, password = options.get("username") or "", options.get("password") or ""
    if not (name or password) or "password" in declared:
        return None
    return Credential(name, password)


def main() -> None:
    """Be a worker. Ctrl-C in the server's terminal is for the server to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    guard_stderr()
    gc.set_threshold(_GARBAGE)
    Worker().main()


if __name__ == "__main__":
    main()
