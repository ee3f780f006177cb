"""The server is killed again and again while it fetches; nothing is lost, nothing is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time

import pytest

from jupyter_transfer.engine import ranged

from .servers.jupyter import JupyterServer, running_jupyter
from .servers.nginx import running_nginx

SIZE = 96 << 20
CONNECTIONS = 4


def fetched_through_kills(tmp_path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    with (
        running_nginx(tmp_path / "nginx", slow="6m") as nginx,
        running_jupyter(tmp_path / "jupyter") as server,
    ):
        data = os.urandom(SIZE)
        (nginx.files / "data.bin").write_bytes(data)
        body = {"source": f"{nginx.url}/slow/data.bin", "destination": "in/"}
        status, job = server.ask("jobs", "POST", body=body)
        assert status == 201
        target = server.root / "in" / "data.bin"
        for _ in range(kills):
            time.sleep(dice.uniform(0, 0.8))
            done = _finished(server, job["id"])
            assert target.exists() == done or target.read_bytes() == data
            server.kill()
            server.start()
        deadline = time.monotonic() + 90
        while not _finished(server, job["id"]):
            assert time.monotonic() < deadline, json.dumps(server.ask(f"jobs/{job['id']}"))
            time.sleep(0.05)
        assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(data).digest()
        again = nginx.bytes_sent() - SIZE
        assert again <= kills * CONNECTIONS * ranged.SEGMENT
        # A worker forgets its journal only after the server had the time to save the outcome.
        while [path for path in server.root.rglob("*") if path.is_file()] != [target]:
            assert time.monotonic() < deadline, list(server.root.rglob("*"))
            time.sleep(0.05)


def _finished(server: JupyterServer, id: str) -> bool:
    status, job = server.ask(f"jobs/{id}")
    assert status == 200
    assert job["state"] in ("queued", "running", "done"), job
    return job["state"] == "done"


@pytest.mark.timeout(180)
def test_a_few_kills(tmp_path):
    seed = random.randrange(10**6)
    fetched_through_kills(tmp_path, 4, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_many_kills(tmp_path, seed):
    fetched_through_kills(tmp_path, 20, seed)
