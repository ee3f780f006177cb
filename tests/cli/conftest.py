"""What the tests of the command line share: the command itself, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..servers.nginx import Nginx, running_nginx

COMMAND = [sys.executable, "-m", "jupyter_transfer.cli"]

# The contract of jobs, in the command line as in REST.
JOB = {"id", "kind", "source", "destination", "state", "priority", "reason", "progress"}
JOB |= {"verified", "owner", "created", "started", "finished", "revision"}
PROGRESS = {"bytes_done", "bytes_total", "files_done", "files_total", "files_failed", "rate", "eta"}
REASON = {"code", "message", "remedy", "retryable"}


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """What a shell runs in the background ignores Ctrl-C, and commands would inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Shell:
    """Runs ``jupyter transfer`` in `folder`, as a person whose home is `home`."""

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "HOME": str(self.home),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "PYTHONPATH": ":".join(filter(None, paths)),
            **self.variables,
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """A command that goes on."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(),
            text=True,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **options,
            },
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def job(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and last JSON line of a command, each line of which is a job."""
        done = self.run(*arguments, "--json")
        assert done.stdout, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for line in lines:
            assert set(line) >= JOB
            assert set(line["progress"]) >= PROGRESS
            assert line["reason"] is None or set(line["reason"]) >= REASON
        return done.returncode, lines[-1]

    def names(self) -> list[str]:
        """Every file of the folder, hidden ones included."""
        paths = self.folder.rglob("*")
        return sorted(p.relative_to(self.folder).as_posix() for p in paths if p.is_file())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    for name in ("here", "home"):
        (tmp_path / name).mkdir(exist_ok=True)
    return Shell(tmp_path / "here", tmp_path / "home")


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running_nginx(tmp_path_factory.mktemp("nginx"), slow="2m") as server:
        yield server
