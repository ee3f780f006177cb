"""S3 servers for the benchmarks: ``rclone serve s3`` over a folder of this disk, and the gateway of
JuiceFS, which keeps the ETags of objects that came in parts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import processes
from .harness import MissingError
from .processes import Server, free_port, running
from .report import find_beside

KEY, SECRET = "AKIABENCHMARKBENCHMA", "benchmark/secret+benchmark/secret+bench"


def credentials() -> dict[str, str]:
    """What lets in, as the environment that every S3 program reads."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def s3_server(store: Path) -> Iterator[Server]:
    """A server whose buckets are the folders in `store`. Raises `MissingError`."""
    tool = find_beside("rclone")
    if tool is None:
        raise MissingError("rclone, which serves S3, is not installed")
    port = free_port()
    command = [tool, "serve", "s3", str(store), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull]
    server = Server(0, f"http://127.0.0.1:{port}/", store)
    log = store.parent / "s3.log"
    with running(command, log) as process:
        processes.wait_for(server, "", process, log)
        server.pid = process.pid
        yield server


@contextmanager
def gateway(work: Path) -> Iterator[Server]:
    """The gateway of JuiceFS with a bucket called ``bucket``. Raises `MissingError`."""
    tool = find_beside("juicefs")
    if tool is None:
        raise MissingError("juicefs is not installed")
    work.mkdir()
    port, meta = free_port(), f"sqlite3://{work}/meta.db"
    environment = {"HOME": str(work), "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
    command = [tool, "format", meta, "bucket", "--storage", "file", "--bucket", f"{work}/blocks"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)
    command = [tool, "gateway", meta, f"127.0.0.1:{port}", "--keep-etag", "--no-usage-report"]
    command += ["--cache-dir", str(work / "cache")]
    server = Server(0, f"http://127.0.0.1:{port}/", work)
    log = work / "gateway.log"
    with running(command, log, env=os.environ | environment) as process:
        processes.wait_for_port(port, process, log)
        server.pid = process.pid
        yield server
