"""A long queue through kills of the server: no job is lost, none is run twice."""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

import pytest

from .servers.jupyter import JupyterServer, running_jupyter
from .servers.nginx import running_nginx

SIZE = 20_000
WORKERS = 4


def queue_through_kills(tmp_path, count: int, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    with (
        running_nginx(tmp_path / "nginx") as nginx,
        running_jupyter(tmp_path / "jupyter") as server,
    ):
        data = os.urandom(SIZE)
        for number in range(count):
            (nginx.files / f"{number}.bin").write_bytes(data)
        accepted: dict[str, dict[str, Any]] = {}
        done: dict[str, dict[str, Any]] = {}
        early = set(dice.sample(range(count), kills // 2))  # while jobs are still coming in
        for number in range(count):
            body = {
                "source": f"{nginx.url}/{number}.bin",
                "destination": f"in/{number % 7}/",
                "options": {"conflict": "rename"},
            }
            status, job = server.ask("jobs", "POST", body=body)
            assert status == 201
            accepted[job["id"]] = job
            if number in early:
                crash(server, accepted, done)
        for _ in range(kills - len(early)):
            time.sleep(dice.uniform(0, 1))
            crash(server, accepted, done)
        deadline = time.monotonic() + 60 + count / 5
        while not check(server, accepted, done):
            assert time.monotonic() < deadline, f"{len(done)} of {count} are done"
            time.sleep(0.1)
        # A job that was run twice would have put its file under a second name.
        names = sorted(path.name for path in (server.root / "in").rglob("*.bin"))
        assert names == sorted(f"{number}.bin" for number in range(count))
        for path in (server.root / "in").rglob("*.bin"):
            assert path.read_bytes() == data
        sent = sum(size for _, size, _ in nginx.requests() if size > 1)
        # What was on its way in a worker when the server was killed may come once more.
        assert sent <= SIZE * (count + WORKERS * kills)


def crash(server: JupyterServer, accepted: dict, done: dict) -> None:
    check(server, accepted, done)
    server.kill()
    server.start()


def check(server: JupyterServer, accepted: dict, done: dict) -> bool:
    """Every job that was accepted is in the list, and one that was done is as it was; whether all
    are done."""
    jobs: dict[str, dict[str, Any]] = {}
    while True:
        status, page = server.ask(f"jobs?limit=1000&offset={len(jobs)}")
        assert status == 200
        jobs |= {job["id"]: job for job in page["jobs"]}
        if len(jobs) >= page["total"] or not page["jobs"]:
            break
    assert set(jobs) == set(accepted)
    for id, job in jobs.items():
        assert job["state"] in ("queued", "running", "done"), json.dumps(job)
        if id in done:
            assert job == done[id]
        elif job["state"] == "done":
            done[id] = job
    return len(done) == len(accepted)


@pytest.mark.timeout(180)
def test_a_few_kills(tmp_path):
    seed = random.randrange(10**6)
    queue_through_kills(tmp_path, 150, 4, seed)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_kills(tmp_path):
    queue_through_kills(tmp_path, 10_000, 20, 1)
