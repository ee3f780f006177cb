"""The private rclone of one job: it serves the files of a remote over HTTP and answers questions
(its remote control), both on unix sockets in a folder that only this user may enter. It never
listens at a network address."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..errors import TransferError
from ..tools import Child, PrivateFolder
from .base import Caller
from .rclone_errors import error_of_exit, error_of_text
from .rclone_program import command, environment

START = 20.0
"""Seconds until it must listen."""

_CONTROL = "rc"

PARALLEL = 8
"""Calls of one batch that are under way at a time."""

BATCH = 200
"""Calls in one batch."""

_ANSWER_LIMIT = 64 << 20
"""Bytes in one answer."""


class RcloneServer:
    """Starts with the first question, ends with `close`.

    Parameters
    ----------
    caller: how it is asked.
    remotes: variables that describe remotes.
    flags: for all that it does.
    ambient: whether it may find credentials of this account.
    """

    def __init__(
        self,
        caller: Caller,
        remotes: Mapping[str, str],
        flags: tuple[str, ...] = (),
        *,
        ambient: bool = False,
    ) -> None:
        self.caller = caller
        self._remotes = remotes
        self._flags = flags
        self._ambient = ambient
        self._child: Child | None = None
        self._folder: PrivateFolder | None = None
        self._served: dict[str, str] = {}
        self._rate: int | None = None

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """What rclone's remote control answers (https://rclone.org/rc/).

        Raises ``tool_missing`` and what its error text stands for.
        """
        answer = self.caller.call(
            f"http://rclone/{operation}",
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps(parameters).encode(),
            limit=_ANSWER_LIMIT,
            follow=False,
            unix_socket=self._started(),
        )
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = {}
        if answer.status != 200 or not isinstance(value, dict):
            raise error_of_text(str(value.get("error", f"status {answer.status}")))
        return value

    def ask_many(self, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | TransferError]:
        """What is answered to each of `calls`, whose ``_path`` is the operation; several are done
        at a time. Raises only what all of them failed of."""
        answers: list[dict[str, Any] | TransferError] = []
        for start in range(0, len(calls), BATCH):
            batch = [dict(call) for call in calls[start : start + BATCH]]
            for result in self.ask("job/batch", inputs=batch, concurrency=PARALLEL)["results"]:
                error = result.get("error")
                answers.append(error_of_text(str(error)) if error else result)
        return answers

    def socket_of(self, folder: str) -> str:
        """The socket at which the files below `folder` (``remote:path``) are served."""
        self._started()
        assert self._folder is not None
        if folder not in self._served:
            path = self._folder.socket(f"h{len(self._served)}")
            self.ask(
                "serve/start",
                type="http",
                fs=folder,
                addr=[f"unix://{path}"],
                read_only=True,
                vfs_cache_mode="off",
                # Half a segment of the engine: what is asked for is what is read there.
                vfs_read_chunk_size="8M",
                vfs_read_chunk_size_limit="64M",
            )
            self._served[folder] = path
        return self._served[folder]

    @property
    def control(self) -> str:
        """The socket of its remote control."""
        return self._started()

    def limit(self, rate: int | None) -> None:
        """Move at most `rate` bytes a second from now on, in all that it does; None is no limit."""
        self._started()
        if rate != self._rate:
            self.ask("core/bwlimit", rate="off" if rate is None else f"{rate}B")
            self._rate = rate

    def forget(self, folder: str, path: str) -> None:
        """Let the next request for `path` below the served `folder` look at the service anew."""
        if folder in self._served:
            parent = path.rpartition("/")[0]
            self.ask("vfs/forget", fs=folder, **({"dir": parent} if parent else {}))

    def close(self) -> None:
        """End the program and remove its sockets."""
        if self._child is not None:
            self._child.stop()
        if self._folder is not None:
            self._folder.remove()
        self._child = self._folder = self._rate = None
        self._served.clear()

    def _started(self) -> str:
        """The socket of the remote control; the program is started, again if it has died."""
        if self._child is not None and not self._child.alive:
            self.close()
        if self._child is None:
            self._start()
        assert self._folder is not None
        return self._folder.socket(_CONTROL)

    def _start(self) -> None:
        self._folder = PrivateFolder()
        address = f"--rc-addr=unix://{self._folder.socket(_CONTROL)}"
        try:
            self._child = Child(
                command("rcd", [address, "--rc-no-auth", *self._flags]),
                environment(self._remotes, ambient=self._ambient),
            )
            end = time.monotonic() + START
            while not self._answers():
                if not self._child.alive:
                    raise error_of_exit(self._child.wait(), list(self._child.said))
                if time.monotonic() > end:
                    raise TransferError("timeout", "rclone did not start in time.")
                self.caller.check()
                time.sleep(0.01)
        except BaseException:
            self.close()
            raise

    def _answers(self) -> bool:
        """Whether the program listens: its socket is there a moment before it does."""
        assert self._folder is not None
        if not self._folder.has(_CONTROL):
            return False
        try:
            self.caller.call(
                "http://rclone/rc/noop",
                method="POST",
                follow=False,
                unix_socket=self._folder.socket(_CONTROL),
            )
        except TransferError as error:
            if error.code not in ("connect_failed", "connection_lost"):
                raise
            return False
        return True


def url_of(path: str) -> str:
    """The address of the file at `path` below the served folder."""
    return f"http://rclone/{quote(path)}"
