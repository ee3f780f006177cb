"""A real `jupyter server` process with the extension, which can be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .nginx import free_port

TOKEN = "crash-test"


@dataclass
class JupyterServer:
    """A server on `root`; `work` holds its state, its settings and its log."""

    root: Path
    work: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/base/jupyter-transfer/"

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(self.work / "config"),
            "JUPYTER_DATA_DIR": str(self.work / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.work / "runtime"),
            "JUPYTER_NO_CONFIG": "1",
        }
        arguments = [
            "--allow-root",
            "--no-browser",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.base_url=/base/",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={TOKEN}",
            "--ServerApp.jpserver_extensions={'jupyter_transfer': True}",
            f"--TransferApp.state_dir={self.work / 'state'}",
            "--TransferApp.allow_networks=127.0.0.0/8",
        ]
        with open(self.work / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_server", *arguments],
                env=environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while self.ask("backends")[0] != 200:
            assert self.process.poll() is None, (self.work / "server.log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, Any]:
        """Status (0 when nobody answers) and JSON of an answer; ``body=`` is sent as JSON."""
        data = json.dumps(options["body"]).encode() if "body" in options else None
        request = urllib.request.Request(
            self.url + path, data, {"Authorization": f"token {TOKEN}"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
        except OSError:
            return 0, None


@contextmanager
def running_jupyter(work: Path) -> Iterator[JupyterServer]:
    """A server whose root is ``work/root``; it has ended when the block is left."""
    (work / "root").mkdir(parents=True)
    server = JupyterServer(work / "root", work)
    server.start()
    try:
        yield server
    finally:
        assert server.process is not None
        server.process.kill()
        server.process.wait()
