"""``rclone serve sftp|ftp`` on loopback: passwords, and another server's ways."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .nginx import free_port, is_listening
from .rclone import STALE
from .s3 import program

USER, PASSWORD = "ann", "canary password+7: @/%"


@dataclass
class RcloneFiles:
    """A running server whose root is `files`."""

    scheme: str
    port: int
    files: Path

    def address(self, path: str = "") -> str:
        """The address of a file or folder."""
        return f"{self.scheme}://127.0.0.1:{self.port}/{path}"


@contextmanager
def running_rclone_files(scheme: str, work: Path) -> Iterator[RcloneFiles]:
    """Start one; `scheme` is ``sftp`` or ``ftp``."""
    files, port = work / "files", free_port()
    files.mkdir()
    command = [program("rclone"), "serve", scheme, str(files), "--addr", f"127.0.0.1:{port}"]
    command += ["--user", USER, "--pass", PASSWORD, "--config", "/dev/null"]
    command += ["--dir-cache-time", STALE, "--vfs-cache-mode", "off"]
    if scheme == "ftp":
        command += ["--passive-port", "30000-32000"]
    environment = {**os.environ, "HOME": str(work), "XDG_CACHE_HOME": str(work / "cache")}
    with (work / "rclone.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        for _ in range(200):
            if is_listening(port):
                break
            assert process.poll() is None, (work / "rclone.log").read_text()
            time.sleep(0.05)
        yield RcloneFiles(scheme, port, files)
    finally:
        process.kill()
        process.wait()
