"""Bare servers (tests/uploads/bare_server.py): to be killed at any moment, and back at once."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path

from ..handlers.tus_client import VERSION
from ..uploads.bare_server import TOKEN

_SCRIPT = Path(__file__).parents[1] / "uploads" / "bare_server.py"


class BareServers:
    """What starts them: one process that has loaded everything, and forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def fork(self, **arguments: object) -> tuple[int, int]:
        """Pid and port of a new server; the port is 0 if it died at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        pid, port = self._process.stdout.readline().split()
        return int(pid), int(port)

    def close(self) -> None:
        self._process.communicate()


class BareServer:
    """A server of uploads on `root` that keeps its list in `state`."""

    def __init__(
        self,
        servers: BareServers,
        root: Path,
        state: Path,
        *,
        expiry: float = 604800,
        threads: int = 16,
        way: str = "direct",
        durability: str = "ack",
    ) -> None:
        self.root = root
        self._servers = servers
        self._arguments = {
            "root": str(root),
            "state": str(state),
            "expiry": expiry,
            "threads": threads,
            "way": way,
            "durability": durability,
            "boot": "",
        }
        self.keeps_acknowledged = True
        """Whether what was acknowledged is there after its end; not after a power cut where bytes
        are acknowledged before they are on disk."""
        self._pidfd = -1
        self.pid = self.port = 0

    def start(self) -> None:
        self.pid, self.port = self._servers.fork(**self._arguments)
        assert self.port, "the server died at once"
        self._pidfd = os.pidfd_open(self.pid)

    def kill(self) -> None:
        """End it as the kernel does; it is gone, and its locks with it, when this returns."""
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):  # something else has killed it
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self.wait()

    def wait(self) -> None:
        """Wait until it is gone."""
        if not self._ended(60):
            raise TimeoutError("the server lives on")
        os.close(self._pidfd)
        self._pidfd = -1

    @property
    def lives(self) -> bool:
        """Whether nobody has killed it."""
        return self._pidfd >= 0 and not self._ended(0)

    def _ended(self, seconds: float) -> bool:
        """Whether it is gone, `seconds` from now at the latest."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        pieces: Iterable[bytes] = (),
        *,
        port: int | None = None,
        timeout: float = 30,
        protocol: str = "tus",
    ) -> HTTPResponse | None:
        """The response to a request, its body in `content`; None if there was none. With `port`
        the request goes there, to something that stands before the server."""
        version = VERSION if protocol == "tus" else {}
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout)
        try:
            connection.putrequest(method, f"/jupyter-transfer/{protocol}/{path}")
            for name, value in {**version, "Authorization": f"token {TOKEN}", **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            for piece in pieces:
                connection.send(piece)
            response = connection.getresponse()
            response.content = response.read()  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return response
