"""The worker as the queue sees it: a process, JSON lines, and SIGKILL at any moment."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine import ranged
from jupyter_transfer.engine.writer import BLOCK
from jupyter_transfer.names import STAGING

from .servers.chaos import ChaosServer, Connection, Resource, noise, running_chaos, status, times
from .servers.nginx import Nginx, running_nginx
from .servers.worker import WorkerProcess, run_message

DATA = noise(300_000)
SEED = 20261123


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    workers: list[WorkerProcess] = []

    def make() -> WorkerProcess:
        workers.append(WorkerProcess(tmp_path))
        workers[-1].wait_for("ready")
        return workers[-1]

    yield make
    for worker in workers:
        worker.kill()


@pytest.fixture
def chaos() -> Iterator[ChaosServer]:
    with running_chaos() as server:
        yield server


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running_nginx(tmp_path_factory.mktemp("nginx"), slow="8m") as server:
        yield server


def test_a_job_from_start_to_end(start, chaos, folder):
    worker = start()
    digest = hashlib.sha256(DATA).hexdigest()
    source = chaos.add("/f.bin", Resource(DATA))
    worker.send(**run_message(folder, source, "in/", options={"sha256": digest}))
    end = worker.wait_for("end")
    assert end == {
        "event": "end",
        "state": "done",
        "error": None,
        "verified": True,
        "unverified": None,
    }
    assert (folder / "in" / "f.bin").read_bytes() == DATA
    (file,) = [message["file"] for message in worker.of("file")]
    assert set(file) == {
        "path",
        "size",
        "digest",
        "verified",
        "unverified",
        "seconds",
        "state",
        "error",
        "mtime_ns",
        "validators",
    }
    assert (file["path"], file["state"], file["digest"]) == ("in/f.bin", "done", f"sha256:{digest}")
    assert file["mtime_ns"] == (folder / "in" / "f.bin").stat().st_mtime_ns
    assert worker.of("progress")[-1]["progress"] == {
        "bytes_done": len(DATA),
        "bytes_total": len(DATA),
        "bytes_moved": len(DATA),
        "files_done": 1,
        "files_total": 1,
        "files_failed": 0,
    }
    assert worker.of("state") == [{"event": "state", "note": "checking"}]


def test_jobs_one_after_the_other(start, chaos, folder):
    worker = start()
    for number in range(3):
        source = chaos.add(f"/{number}", Resource(DATA))
        message = run_message(folder, source)
        message["job"]["id"] = f"job{number}"
        worker.send(**message)
        assert worker.wait_for("end")["state"] == "done"
    worker.send(op="probe", id="p", url=f"{chaos.url}/0", **_context(folder))
    worker.wait_for("probe")
    # The next message says that what was delivered is saved: the journals are gone.
    assert sorted(os.listdir(folder)) == ["0", "1", "2"]


def _context(folder: Path) -> dict[str, Any]:
    message = run_message(folder, "")
    return {name: message[name] for name in ("root", "policy", "ca_file")}


def test_journals_stay_until_the_server_has_saved_what_they_tell(start, chaos, folder):
    """However long that takes: a server that dies before it learns from them."""
    worker = start()
    worker.send(**run_message(folder, chaos.add("/f", Resource(DATA))))
    worker.wait_for("end")
    worker.send(op="bandwidth", value=5)  # steering that comes late is no such word
    time.sleep(3)
    assert [path.suffix for path in (folder / STAGING).iterdir()] == [".journal"]
    worker.send(op="saved")
    deadline = time.monotonic() + 20
    while os.listdir(folder) != ["f"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert os.listdir(folder) == ["f"]


def test_errors_are_told_without_secrets(start, chaos, folder):
    worker = start()
    worker.send(
        **run_message(
            folder,
            chaos.add("/f", status(401)) + "?X-Amz-Signature=HUSH",
            credential={"username": "u", "password": "HUSH2"},
        )
    )
    end = worker.wait_for("end")
    assert end["state"] == "waiting"
    assert end["error"]["code"] == "needs_credentials"
    assert chaos.requests[0].headers["authorization"].startswith("Basic ")
    assert "HUSH" not in json.dumps(worker.seen)
    assert str(folder) not in json.dumps(worker.seen)


def test_a_retryable_failure_says_when(start, chaos, folder):
    worker = start()
    worker.send(**run_message(folder, chaos.add("/f", status(503, Retry_After="300"))))
    error = worker.wait_for("end")["error"]
    assert (error["code"], error["retryable"], error["retry_after"]) == ("remote_busy", True, 300)


@pytest.mark.parametrize(
    "change",
    [
        {"root": "/proc/nonexistent"},
        {"policy": {"allow": ["nonsense"]}},
        {"kind": "nonsense"},
        {"options": {"sha256": 5}},
        {"options": {"conflict": "maybe"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_bad_message_fails_the_job_and_not_the_worker(start, chaos, folder, change):
    worker = start()
    source = chaos.add("/f", Resource(DATA))
    worker.send(**run_message(folder, source, **change))
    assert worker.wait_for("end")["state"] == "failed"
    worker.send(**run_message(folder, source))
    assert worker.wait_for("end")["state"] == "done"


# ---- probing ------------------------------------------------------------------------------------


def test_probe(start, chaos, folder):
    worker = start()
    resource = Resource(DATA, headers={"Content-Disposition": "attachment; filename=data.csv"})
    worker.send(op="probe", id="a", url=chaos.add("/get", resource), **_context(folder))
    answer = worker.wait_for("probe")
    assert answer["id"] == "a"
    assert answer["result"] == {
        "backend": "http",
        "title": "data.csv",
        "about": {},
        "files": 1,
        "bytes": len(DATA),
        "entries": [{"path": "data.csv", "size": len(DATA)}],
        "resumable": True,
        "verifiable": False,
        "unverified": "no_digest",
        "needs": None,
    }
    assert os.listdir(folder) == []


def test_probe_says_what_is_needed_or_wrong(start, chaos, folder):
    worker = start()
    worker.send(op="probe", id="a", url=chaos.add("/p", status(401)), **_context(folder))
    assert worker.wait_for("probe")["result"]["needs"] == "credentials"
    worker.send(op="probe", id="b", url=chaos.add("/n", status(404)), **_context(folder))
    assert worker.wait_for("probe")["error"]["code"] == "remote_not_found"
    worker.send(op="probe", id="c", url="http://169.254.169.254/", **_context(folder))
    assert worker.wait_for("probe")["error"]["code"] == "address_refused"
    resource = Resource(DATA, ranges=False, etag=None)
    worker.send(op="probe", id="d", url=chaos.add("/d", resource), **_context(folder))
    assert worker.wait_for("probe")["result"]["resumable"] is False


# ---- steering -----------------------------------------------------------------------------------


def test_pause_and_resume_in_another_worker(start, nginx, folder):
    data = noise(24 << 20, 3)
    (nginx.files / "p.bin").write_bytes(data)
    before = nginx.bytes_sent()
    worker = start()
    worker.send(**run_message(folder, f"{nginx.url}/slow/p.bin"))
    while worker.wait_for("progress")["progress"]["bytes_done"] < 6 << 20:
        pass
    worker.send(op="pause")
    assert worker.wait_for("end")["state"] == "paused"
    assert not (folder / "p.bin").exists()
    done = worker.of("progress")[-1]["progress"]["bytes_done"]
    second = start()
    second.send(**run_message(folder, f"{nginx.url}/slow/p.bin"))
    assert second.wait_for("end")["state"] == "done"
    assert second.of("progress")[0]["progress"]["bytes_done"] <= done
    assert (folder / "p.bin").read_bytes() == data
    # What had arrived is kept to the last byte; what was on the wire then is all that is repeated.
    assert nginx.bytes_sent() - before < len(data) + (8 << 20)


def test_cancel(start, nginx, folder):
    (nginx.files / "c.bin").write_bytes(noise(24 << 20, 4))
    worker = start()
    worker.send(**run_message(folder, f"{nginx.url}/slow/c.bin"))
    while worker.wait_for("progress")["progress"]["bytes_done"] < 1 << 20:
        pass
    worker.send(op="cancel")
    assert worker.wait_for("end")["state"] == "cancelled"
    assert os.listdir(folder) == []


def test_a_halt_that_comes_right_behind_the_job(start, chaos, folder):
    worker = start()
    worker.send(**run_message(folder, chaos.add("/f", Resource(DATA, rate=1e5))))
    worker.send(op="cancel")
    assert worker.wait_for("end")["state"] == "cancelled"
    worker.send(op="pause")  # nothing runs: ignored
    worker.send(**run_message(folder, chaos.add("/f", Resource(DATA))))
    assert worker.wait_for("end")["state"] == "done"


def test_bandwidth(start, chaos, folder):
    worker = start()
    message = run_message(folder, chaos.add("/f", Resource(DATA)), bandwidth=1000)
    worker.send(**message)
    time.sleep(1)
    worker.send(op="bandwidth", value=None)
    assert worker.wait_for("end")["state"] == "done"
    slow = [m["progress"]["bytes_done"] for m in worker.of("progress")][1:3]
    assert all(count <= 128 << 10 for count in slow[:1])


def test_discard(start, chaos, folder):
    resource = Resource(DATA, faults=[times(999, status(503, Retry_After="100"))])
    worker = start()
    message = run_message(folder, chaos.add("/f", resource), "new/")
    worker.send(**message)
    assert worker.wait_for("end")["state"] == "failed"
    assert os.listdir(folder) == [STAGING]
    worker.send(**{**message, "op": "discard"})
    assert worker.wait_for("end")["error"] is None
    assert os.listdir(folder) == []


# ---- dying --------------------------------------------------------------------------------------


def test_it_ends_when_standard_input_closes(start, chaos, folder):
    worker = start()
    worker.send(**run_message(folder, chaos.add("/f", Resource(DATA, rate=2e4))))
    worker.wait_for("progress")
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    assert worker.process.wait(20) == 0
    assert not (folder / "f").exists()


def test_it_ignores_ctrl_c_and_obeys_sigterm(start):
    worker = start()
    worker.process.send_signal(signal.SIGINT)
    worker.send(op="probe", id="x", url="nonsense", policy={})
    assert worker.wait_for("probe")["error"]["code"] == "unsupported_scheme"
    worker.process.terminate()
    assert worker.process.wait(20) == -signal.SIGTERM


def test_nothing_else_reaches_standard_output(tmp_path):
    code = (
        "import os, sys, jupyter_transfer.worker as w\n"
        "worker = w.Worker()\n"
        "print('noise', flush=True)\n"
        "os.write(1, b'more noise\\n')\n"
        "worker.main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        input=b"",
        capture_output=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert run.stdout in (b'{"event": "ready"}\n', b"")
    assert b"noise" in run.stderr


def test_sigkill_at_random_moments_costs_little_and_never_shows_a_wrong_file(start, nginx, folder):
    draw = random.Random(SEED)
    data = noise(96 << 20, 5)
    (nginx.files / "k.bin").write_bytes(data)
    source, before, kills = f"{nginx.url}/slow/k.bin", nginx.bytes_sent(), 0
    while True:
        worker = start()
        worker.send(**run_message(folder, source))
        if kills == 8:
            break
        first = worker.wait_for("progress")["progress"]["bytes_done"]
        target = first + draw.randrange(1 << 20, 10 << 20)
        while worker.wait_for("progress")["progress"]["bytes_done"] < target:
            pass
        time.sleep(draw.random() / 4)
        worker.kill()
        kills += 1
        assert not (folder / "k.bin").exists()
    assert worker.wait_for("end")["state"] == "done"
    assert hashlib.sha256((folder / "k.bin").read_bytes()).digest() == hashlib.sha256(data).digest()
    again = nginx.bytes_sent() - before - len(data)
    assert again <= kills * ranged.CONNECTIONS * ranged.SEGMENT
    # What a kill really costs is not a segment but a block of each connection, and what is in
    # the buffers of the sockets.
    assert again <= kills * ranged.CONNECTIONS * (BLOCK + (4 << 20))
    worker.send(op="probe", id="x", url="nonsense", policy={})
    worker.wait_for("probe")
    assert os.listdir(folder) == ["k.bin"]


def test_sigkill_while_the_source_changes_never_mixes(start, chaos, folder):
    draw = random.Random(SEED)
    versions = [noise(2_000_000, n) for n in (1, 2)]
    resource = Resource(versions[0], etag='"0"', rate=2e6)
    source = chaos.add("/f", resource)
    for turn in range(4):
        worker = start()
        worker.send(**run_message(folder, source))
        worker.wait_for("progress")
        time.sleep(draw.random() / 3)
        worker.kill()
        assert not (folder / "f").exists()
        resource.data, resource.etag = versions[(turn + 1) % 2], f'"{turn + 1}"'
    resource.rate = None
    worker = start()
    worker.send(**run_message(folder, source))
    assert worker.wait_for("end")["state"] == "done"
    assert (folder / "f").read_bytes() == resource.data


def test_a_job_that_was_published_when_the_server_died(start, chaos, folder):
    """The worker published and was killed before anybody saved it: the next one just says so."""
    calls: list[Connection] = []
    source = chaos.add("/f", Resource(DATA))
    worker = start()
    worker.send(**run_message(folder, source))
    worker.wait_for("end")
    worker.kill()
    chaos.add("/f", calls.append)
    second = start()
    second.send(**run_message(folder, source))
    assert second.wait_for("end")["state"] == "done"
    assert second.of("file")[0]["file"]["state"] == "done"
    assert calls == []
