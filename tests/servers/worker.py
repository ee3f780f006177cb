"""A transfer worker as a process of its own, and the messages that the queue would send it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class WorkerProcess:
    """A worker and the messages that it has sent."""

    def __init__(self, cwd: Path, python_path: str | None = None) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_transfer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=cwd,
            env={**environment, "PYTHONPATH": python_path or str(Path(__file__).parents[2])},
            start_new_session=True,
        )
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.seen: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):  # else it was killed while it wrote
                self.events.put(json.loads(line))
        self.events.put(None)

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next message of that kind; everything before it is in `seen`."""
        while True:
            message = self.events.get(timeout=60)
            assert message is not None, f"the worker ended before {event}: {self.seen[-3:]}"
            self.seen.append(message)
            if message["event"] == event:
                return message

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.seen if message["event"] == event]


def run_message(folder: Path, source: str, destination: str = "", **more: Any) -> dict[str, Any]:
    options = more.pop("options", {})
    return {
        "op": "run",
        "job": {
            "id": "0123456789abcdef",
            "kind": more.pop("kind", "fetch"),
            "source": source,
            "destination": destination,
            "options": options,
            "bandwidth": more.pop("bandwidth", None),
        },
        "root": str(folder),
        "allow_hidden": False,
        "policy": {"allow": ["127.0.0.0/8"], "deny": [], "local": False},
        "ca_file": None,
        "delivered": [],
        "credential": None,
        "ambient": True,
        **more,
    }
