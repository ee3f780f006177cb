"""Real S3 servers on loopback: moto, ``rclone serve s3``, and the gateway of JuiceFS.

None of them is like AWS in everything, together they cover what differs (see `S3Server`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from .nginx import free_port

KEY, SECRET = "AKIATESTTESTTESTTEST", "canary/secret+key0123456789abcdefghijklm"


@dataclass
class S3Server:
    """A running server.

    Parameters
    ----------
    refuses: whether it refuses a wrong secret key.
    if_match: whether it enforces ``If-Match`` on GET.
    if_none_match: whether it enforces ``If-None-Match`` on PUT.
    """

    kind: str
    url: str
    process: subprocess.Popen[bytes]
    refuses: bool
    if_match: bool
    if_none_match: bool

    def client(self) -> Any:
        """boto3's own client, for looking past the backend."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


def program(name: str) -> str:
    """A program that a package of the test extra has brought."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    assert found, f"{name} is missing: install the extra `test`"
    return found


@contextmanager
def running_moto(work: Path) -> Iterator[S3Server]:
    """moto: believes every secret key; versions, If-Match, If-None-Match."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running("moto", command, port, work, {}) as process:
        yield S3Server("moto", f"http://127.0.0.1:{port}", process, False, True, True)


@contextmanager
def running_rclone(work: Path) -> Iterator[S3Server]:
    """``rclone serve s3``: ignores the conditions."""
    port, folder = free_port(), work / "rclone"
    folder.mkdir()
    command = [program("rclone"), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{KEY},{SECRET}", "--config", "/dev/null"]
    with _running("rclone", command, port, work, {"RCLONE_VFS_CACHE_MODE": "off"}) as process:
        yield S3Server("rclone", f"http://127.0.0.1:{port}", process, True, False, False)


@contextmanager
def running_juicefs(work: Path) -> Iterator[S3Server]:
    """The gateway of JuiceFS, whose code is MinIO's: enforces If-Match, wants Content-MD5."""
    port = free_port()
    meta = f"sqlite3://{work}/meta.db"
    juicefs, environment = program("juicefs"), {"HOME": str(work)}
    subprocess.run(
        [juicefs, "format", meta, "test", "--storage", "file", "--bucket", f"{work}/blocks"],
        check=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    command = [juicefs, "gateway", meta, f"127.0.0.1:{port}", "--multi-buckets", "--keep-etag"]
    command += ["--object-meta", "--no-usage-report", "--cache-dir", str(work / "cache")]
    environment |= {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
    with _running("juicefs", command, port, work, environment) as process:
        yield S3Server("juicefs", f"http://127.0.0.1:{port}", process, True, True, False)


STARTERS = {"moto": running_moto, "rclone": running_rclone, "juicefs": running_juicefs}


@contextmanager
def _running(
    kind: str, command: list[str], port: int, work: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    log = (work / f"{kind}.log").open("wb")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        _wait_for(kind, port, process, work)
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def _wait_for(kind: str, port: int, process: subprocess.Popen[bytes], work: Path) -> None:
    import socket

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{kind} ended: {(work / f'{kind}.log').read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{kind} does not listen")
