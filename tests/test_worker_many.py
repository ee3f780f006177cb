"""Workers that fetch many files: told what is there page by page, and killed again and again."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine import publisher
from jupyter_transfer.paths import STAGING

from .servers.listing import index, installed
from .servers.nginx import Nginx, running_nginx
from .servers.worker import WorkerProcess, run_message

FILES = 3000
LARGE = 3

RATE = 2 << 20
SLACK = 3 << 20
"""Bytes a second until a worker is killed; bytes on their way, and of large files not recorded."""


@pytest.fixture(scope="module")
def python_path(tmp_path_factory):
    return installed(tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with running_nginx(tmp_path_factory.mktemp("nginx"), slow="8m") as server:
        dice = random.Random(1)
        tree = {f"d{n % 20}/f{n}": dice.randbytes(dice.randrange(4000)) for n in range(FILES)}
        tree |= {f"large/{n}": dice.randbytes(5 << 20) for n in range(LARGE)}
        for name, data in tree.items():
            path = server.files / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (1_600_000_000, 1_600_000_000))
        write_index(server, tree)
        server.tree = tree
        yield server


def write_index(nginx: Nginx, tree: dict[str, bytes], **more: Any) -> None:
    lines = [
        {"path": name, "size": len(data), "etag": f'"{1_600_000_000:x}-{len(data):x}"'}
        for name, data in tree.items()
    ]
    (nginx.files / "set" / ".index").write_bytes(index(lines))


def source_of(nginx: Nginx) -> str:
    return nginx.url.replace("http:", "listing:") + "/set/"


def saved(worker: WorkerProcess, source: str) -> dict[str, dict[str, Any]]:
    """The rows that a server would have saved of what `worker` told."""
    names = ("path", "size", "mtime_ns", "digest", "validators")
    files = [message["file"] for message in worker.of("file")]
    return {
        file["path"]: {**{name: file[name] for name in names}, "source": source}
        for file in files
        if file["state"] == "done"
    }


def tell_delivered(worker: WorkerProcess, source: str, rows: list[dict[str, Any]]) -> None:
    worker.send(op="delivered", source=source, rows=[])
    for first in range(0, len(rows), 500):
        worker.send(op="delivered", rows=rows[first : first + 500])


def there(folder: Path) -> dict[str, bytes]:
    found = folder / "to"
    return {
        path.relative_to(found).as_posix(): path.read_bytes()
        for path in found.rglob("*")
        if path.is_file() and STAGING not in path.parts
    }


def message(folder: Path, source: str, **options: Any) -> dict[str, Any]:
    values = run_message(folder, source, "to", options=options)
    del values["delivered"]
    return values


def test_what_was_delivered_comes_in_pages(nginx, python_path, tmp_path):
    source = source_of(nginx)
    worker = WorkerProcess(tmp_path, python_path)
    try:
        tell_delivered(worker, source, [])
        worker.send(**message(tmp_path, source))
        assert worker.wait_for("end")["state"] == "done"
        rows = saved(worker, source)
        assert len(rows) == FILES + LARGE
        assert there(tmp_path) == nginx.tree
        worker.seen.clear()
        before = len(nginx.requests())
        tell_delivered(worker, source, list(rows.values()))
        worker.send(**message(tmp_path, source))
        assert worker.wait_for("end")["state"] == "done"
        assert {m["file"]["state"] for m in worker.of("file")} == {"present"}
        assert len(worker.of("file")) == FILES + LARGE
        assert len(nginx.requests()) == before + 1  # the listing
    finally:
        worker.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("server_too", [False, True])
@pytest.mark.parametrize("seed", [961188, None])
def test_workers_that_are_killed(nginx, python_path, tmp_path, server_too, seed):
    seed = random.randrange(10**6) if seed is None else seed
    through_kills(nginx, python_path, tmp_path, kills=6, seed=seed, server_too=server_too)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("server_too", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_workers_that_are_killed_often(nginx, python_path, tmp_path, server_too, seed):
    through_kills(nginx, python_path, tmp_path, kills=20, seed=seed, server_too=server_too)


def through_kills(nginx, python_path, folder, *, kills, seed, server_too):
    """With `server_too` nothing is saved of what a worker told before it died."""
    dice, source, tree = random.Random(seed), source_of(nginx), nginx.tree
    total = sum(map(len, tree.values()))
    before = nginx.bytes_sent()
    rows: dict[str, dict[str, Any]] = {}
    for kill in range(kills + 1):
        worker = WorkerProcess(folder, python_path)
        try:
            tell_delivered(worker, source, list(rows.values()))
            rate = None if kill == kills else RATE
            values = message(folder, source)
            values["job"]["bandwidth"] = rate
            worker.send(**values)
            if kill == kills:
                assert worker.wait_for("end")["state"] == "done", worker.seen[-1]
            else:
                time.sleep(dice.uniform(0.3, 2.5))
        finally:
            worker.kill()
        assert all(tree[name] == data for name, data in there(folder).items())
        if not server_too or kill == kills:
            while (event := worker.events.get(timeout=60)) is not None:
                worker.seen.append(event)
            rows |= saved(worker, source)
    assert there(folder) == tree
    assert {row["path"] for row in rows.values()} == {f"to/{name}" for name in tree}
    listings = (kills + 1) * (nginx.files / "set" / ".index").stat().st_size
    again = nginx.bytes_sent() - before - total - listings
    assert again <= kills * (publisher.GROUP_SECONDS * RATE + SLACK), again
