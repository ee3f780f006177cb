"""Real services on loopback that ``rclone serve`` plays, and configurations of remotes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_transfer.backends.rclone_program import program
from jupyter_transfer.errors import TransferError

from .nginx import free_port


def rclone() -> str:
    """The program that the backend uses; without one the test is skipped."""
    try:
        return program()
    except TransferError as error:
        pytest.skip(error.message)


def run_rclone(
    *arguments: str, config: Path | str = "", input: bytes | None = None, check: bool = True
) -> bytes:
    """What rclone prints, called past everything that is tested; it may fail unless `check`."""
    return subprocess.run(
        [rclone(), "--config", str(config), *arguments],
        check=check,
        capture_output=True,
        input=input,
    ).stdout


def write_config(path: Path, **remotes: Mapping[str, str]) -> Path:
    """Write an rclone.conf; ``_`` in the names of remotes is kept."""
    lines = []
    for name, options in remotes.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in options.items()), ""]
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return path


def obscured(password: str) -> str:
    """`password` as an rclone.conf holds it."""
    return run_rclone("obscure", "-", input=password.encode()).decode().strip()


STALE = "1ms"
"""How long a server believes what it knows of a folder: files change beneath it. With 0 its timers
call each other in a loop, and with every lookup they fight for the lock of that folder."""


@contextmanager
def served(protocol: str, folder: Path | str, *flags: str) -> Iterator[int]:
    """A service of `protocol` (webdav, sftp, ftp, s3, http) that holds `folder`; its port."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    process = subprocess.Popen(
        [
            rclone(),
            "--config",
            "",
            "serve",
            protocol,
            "--addr",
            f"127.0.0.1:{port}",
            "--dir-cache-time",
            STALE,
            *flags,
            str(folder),
        ],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    import socket

    end = time.monotonic() + 20
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < end, "rclone serve does not listen"
        time.sleep(0.02)
