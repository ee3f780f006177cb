"""Worker processes and the pipe to them: JSON lines, one message a line, one job at a time.

A worker (`jupyter_transfer.worker`) imports what is heavy, opens connections and moves bytes, so
that the server's loop does none of it. It ends by itself as soon as its standard input closes:
when the server dies, in whatever way, its workers die with it.

Messages to a worker: ``delivered``, ``run``, ``discard``, ``left``, ``probe``, ``plan``, ``pause``,
``cancel``, ``bandwidth``. From it: ``ready``, ``progress``, ``state``, ``file``, ``note`` and, as
the last of a job, ``end``; a probe is answered by one ``probe``, a plan by one ``plan``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from .errors import TransferError
from .secrets import Held

Message = dict[str, Any]
Listener = Callable[[Message], None]

_MAX_LINE = 16 << 20
"""Bytes in one message of a worker; the longest is a probe with 200 entries."""

_SERVER_SECRETS = (
    "JUPYTER_TOKEN",
    "JPY_API_TOKEN",
    "JUPYTERHUB_API_TOKEN",
    "CONFIGPROXY_AUTH_TOKEN",
)
"""Variables that open this server or its hub: no business of a worker."""


def secrets_message(held: Held) -> Message:
    """The part of a message to a worker that holds secrets. They go through the pipe only: not
    into arguments, not into the environment."""
    value = held.as_dict()
    return {
        "credential": value["credential"],
        "destination_credential": value["destination"],
        "secrets": value["options"],
    }


class Worker:
    """One live worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, folder: str) -> Worker:
        """Start a worker whose working folder is `folder`: ours, because ``-m`` imports from it.

        Raises ``worker_died`` when it does not come up.
        """
        environment = {k: v for k, v in os.environ.items() if k not in _SERVER_SECRETS}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jupyter_transfer.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=folder,
            env=environment,
            limit=_MAX_LINE,
            start_new_session=True,  # Ctrl-C in the server's terminal is the server's
        )
        worker = cls(process)
        try:
            await worker._receive("ready")
        except TransferError:
            raise TransferError(
                "worker_died",
                "The process that moves the bytes could not be started.",
                "Look into the server's log.",
            ) from None
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.returncode is None

    def send(self, message: Message) -> None:
        """Send one message; a worker that has just died is noticed by whoever reads from it."""
        assert self._process.stdin is not None
        if self.alive and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def feed(self, message: Message) -> None:
        """`send` one of many messages, and wait while the process has not read them."""
        self.send(message)
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            await self._process.stdin.drain()

    async def request(
        self, message: Message, last: str, listener: Listener | None = None
    ) -> Message:
        """Send `message`, hand every event to `listener`, return the event named `last`.

        Raises ``worker_died`` when the process ends before that.
        """
        self.send(message)
        return await self._receive(last, listener)

    async def _receive(self, last: str, listener: Listener | None = None) -> Message:
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
                event = json.loads(line) if line else None
            except ValueError:  # an overlong line, or one that is not JSON
                self.kill()
                event = None
            if event is None:
                await self._process.wait()
                raise TransferError("worker_died", "The process that moved the bytes has ended.")
            if event.get("event") == last:
                return dict(event)
            if listener is not None:
                listener(event)

    def kill(self) -> None:
        """End the process at once; its journals make that safe."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Let the process end by closing its standard input, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except asyncio.TimeoutError:
            self.kill()
            await self._process.wait()
        with suppress(ConnectionError):
            await self._process.stdin.wait_closed()


class WorkerPool:
    """Workers that are busy and a few that are warm.

    Parameters
    ----------
    folder: the working folder of the workers (the state folder).
    spare: how many idle workers are kept.
    """

    def __init__(self, folder: str, log: logging.Logger, spare: int = 2) -> None:
        self._folder = folder
        self._log = log
        self._spare = spare
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def warm_up(self) -> None:
        """Have one idle worker ready, so that the first job or probe need not wait for imports."""
        if not self._idle and not self._closed:
            self.give_back(await self.take())

    async def take(self) -> Worker:
        """An idle worker, or a new one. Raises ``worker_died`` once the pool is closed."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                self._busy.add(worker)
                return worker
        self._require_open()
        worker = await Worker.start(self._folder)
        try:
            self._require_open()
        except TransferError:
            await worker.close()
            raise
        self._log.debug("Started transfer worker %d", worker.pid)
        self._busy.add(worker)
        return worker

    def _require_open(self) -> None:
        if self._closed:
            raise TransferError("worker_died", "The server is shutting down.")

    def give_back(self, worker: Worker) -> None:
        """Return a worker that has nothing to do, or has died."""
        self._busy.discard(worker)
        if not worker.alive:
            return
        if self._closed or len(self._idle) >= self._spare:
            self._end(worker)
        else:
            self._idle.append(worker)

    def retire(self, worker: Worker) -> None:
        """End a worker at once that must not act on any further message."""
        self._busy.discard(worker)
        worker.kill()
        self._end(worker)

    def _end(self, worker: Worker) -> None:
        ending = asyncio.ensure_future(worker.close())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def ask(
        self,
        operation: str,
        message: Message,
        timeout: float,
        prepare: Callable[[Worker], Awaitable[None]] | None = None,
    ) -> Message:
        """Ask any worker for `operation` (``probe``, ``browse`` …); `timeout` in seconds. `prepare`
        tells it before what it has to know.

        Raises what the worker found wrong, or ``timeout``.
        """
        worker = await self.take()
        try:
            if prepare is not None:
                await prepare(worker)
            answer = await asyncio.wait_for(
                worker.request({**message, "op": operation}, operation), timeout
            )
        except asyncio.TimeoutError:
            worker.kill()
            raise TransferError(
                "timeout", "The remote side did not answer in time.", "Try again."
            ) from None
        except asyncio.CancelledError:
            worker.kill()  # its answer would be taken for the next one's
            raise
        finally:
            self.give_back(worker)
        if answer.get("error"):
            raise TransferError.from_dict(answer["error"])
        return dict(answer["result"])

    async def close(self) -> None:
        """End all workers."""
        self._closed = True
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        self._busy.clear()
        await asyncio.gather(*(worker.close() for worker in workers), *self._ending)
