"""An S3 server for the benchmarks: ``rclone serve s3`` over a folder of this disk."""

from __future__ import annotations

import os
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
