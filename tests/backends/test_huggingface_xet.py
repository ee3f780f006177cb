"""Hugging Face: files that Xet holds, read by the real hf_xet from the stand-in's store."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_transfer.backends import xet_server

from ..servers.chaos import noise
from ..servers.huggingface import TOKEN, running_hub
from ..servers.worker import WorkerProcess, run_message

pytestmark = pytest.mark.real_sizes  # a segment of some chunks would be mostly their ends

LARGE = noise(21_000_011)
SMALL = noise(6_000_003, seed=3)
PRIVATE = {"private": True, "members": {"me"}}


@pytest.fixture(scope="module")
def running():
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    running.forget()
    running.faults.clear()
    yield running
    running.cas.rate, running.cas.flipped, running.cas.lifetime = None, False, 3600.0


@pytest.fixture
def only_xet(hub):
    """A private repository whose large files have no plain address."""
    repo = hub.repo(**PRIVATE)
    repo.commit({"f.bin": LARGE, "g.json": b"{}"}, cas=hub.cas, plain=False)
    return repo


def sent(hub, origin):
    return sum(one.sent for one in hub.asked if one.origin == origin)


def failed(outcome):
    assert outcome.error is not None
    return outcome.state, outcome.error.code


def test_the_real_clients_take_the_stand_in_for_a_store_of_xet(hub, only_xet, tmp_path):
    code = f"""
import json
import huggingface_hub as hf
path = hf.hf_hub_download({only_xet.id!r}, "f.bin")
rows = hf.HfApi().list_repo_tree({only_xet.id!r})
print(json.dumps([path, {{row.path: row.xet_hash for row in rows}}]))
"""
    environment = {**os.environ, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code], check=False, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    path, hashes = json.loads(run.stdout)
    with open(path, "rb") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(LARGE).digest()
    (blob,) = (blob for name, blob in only_xet.commits[only_xet.refs["main"]].items() if blob.xet)
    assert hashes == {"f.bin": blob.xet, "g.json": None}
    assert sent(hub, "cas") >= len(LARGE)
    assert sent(hub, "store") == 0


def test_a_file_that_has_no_plain_address(hub, harness, only_xet):
    outcome = harness.run(f"hf://{only_xet.id}", "m", token=TOKEN)
    assert (outcome.state, outcome.verified, outcome.error) == ("done", True, None)
    assert (harness.folder / "m/f.bin").read_bytes() == LARGE
    assert sent(hub, "store") == 0
    assert len(LARGE) <= sent(hub, "cas") < 1.1 * len(LARGE)
    counts = harness.report.counts[-1]
    assert counts["bytes_done"] == counts["bytes_total"] == len(LARGE) + 2
    at_store = [one for one in hub.asked if one.origin == "cas"]
    assert all("jupyter-transfer" in one.headers["user-agent"] for one in at_store)
    assert not any(TOKEN in str(one.headers) for one in at_store)
    assert harness.report.notes == []


def test_a_file_above_the_threshold_and_one_below(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": LARGE, "small.bin": SMALL}, cas=hub.cas)
    outcome = harness.run(f"hf://{repo.id}", "m", xet_threshold="10M")
    assert (outcome.state, outcome.verified, outcome.error) == ("done", True, None)
    assert (harness.folder / "m/f.bin").read_bytes() == LARGE
    assert (harness.folder / "m/small.bin").read_bytes() == SMALL
    assert sent(hub, "store") == len(SMALL) + 1  # with the first byte, of the look
    hub.forget()
    assert harness.run(f"hf://{repo.id}", "n", id="n").state == "done"
    assert sent(hub, "cas") == 0


def test_a_bucket(hub, harness):
    bucket = hub.repo(kind="buckets")
    bucket.commit({"a/f.bin": SMALL}, cas=hub.cas, lfs=True)
    outcome = harness.run(f"hf://buckets/{bucket.id}", "m", xet_threshold=1)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "m/a/f.bin").read_bytes() == SMALL
    assert sent(hub, "store") == 0


def test_hf_xet_takes_no_proxy_for_the_way_to_its_bridge(hub, harness, monkeypatch):
    repo = hub.repo()
    repo.commit({"f.bin": SMALL}, cas=hub.cas, plain=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    outcome = harness.run(f"hf://{repo.id}/f.bin")
    assert (outcome.state, outcome.error) == ("done", None)


def test_into_the_cache_of_the_real_client(hub, harness, only_xet, tmp_path):
    outcome = harness.run(f"hf://{only_xet.id}/f.bin", target="cache", token=TOKEN)
    assert (outcome.state, outcome.error) == ("done", None)
    name = f"models--{only_xet.id.replace('/', '--')}"
    (snapshot,) = (tmp_path / "hf-home/hub" / name / "snapshots").iterdir()
    assert (snapshot / "f.bin").read_bytes() == LARGE


# -- what ends early --


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.soak)])
@pytest.mark.timeout(300)
def test_a_worker_that_is_killed_goes_on(hub, tmp_path, kills):
    data = noise(33_000_011 if kills == 1 else 250_000_003)
    repo = hub.repo(**PRIVATE)
    repo.commit({"f.bin": data}, cas=hub.cas, plain=False)
    folder, held = tmp_path / "work", b""
    folder.mkdir()
    more = {"state_dir": str(tmp_path / "state"), "secrets": {"token": TOKEN}}
    message = run_message(folder, f"hf://{repo.id}/f.bin", bandwidth=16 << 20, **more)
    for number in range(kills):
        worker = WorkerProcess(tmp_path)
        worker.send(**message)
        point = len(data) * (number + 2) // (kills + 3)
        while worker.wait_for("progress")["progress"]["bytes_done"] < point:
            pass
        (program,) = programs(worker.process.pid)
        held += (program / "environ").read_bytes() + (program / "cmdline").read_bytes()
        worker.kill()
    worker = WorkerProcess(tmp_path)
    message["job"]["bandwidth"] = None
    worker.send(**message)
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["verified"]) == ("done", True)
    assert (folder / "f.bin").read_bytes() == data
    assert sent(hub, "cas") < 1.03 * len(data) + kills * (16 << 20)
    assert not runs(program)
    held += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not any(one.encode() in held for one in (TOKEN, *hub.cas.tokens))


def programs(parent):
    """The programs of hf_xet that the process `parent` has started, in /proc."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            status, line = (path / "status").read_text(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if f"\nPPid:\t{parent}\n" in status and b"xet_program.py" in line:
            found.append(path)
    return found


def runs(program):
    """Whether it still does; one that nobody waits for is left as a zombie."""
    try:
        return "State:\tZ" not in (program / "status").read_text()
    except OSError:
        return False


def when(harness, condition, act):
    """Have `act` done once, when progress is told and `condition` of the bytes is true."""

    def look(counts):
        if condition(counts["bytes_done"]):
            harness.report.on_progress = None
            act()

    harness.report.on_progress = look


def test_a_job_that_is_cancelled_ends_at_once(hub, harness, only_xet):
    hub.cas.rate, asked = 1 << 20, []

    def cancel():
        asked.append(time.monotonic())
        harness.control.cancel()

    when(harness, lambda done: done > 0, cancel)
    outcome = harness.run(f"hf://{only_xet.id}/f.bin", token=TOKEN)
    assert outcome.state == "cancelled"
    assert time.monotonic() - asked[0] < 1
    assert programs(os.getpid()) == []
    assert harness.names() == []


def test_tokens_and_addresses_that_end_meanwhile_are_replaced(hub, harness, only_xet):
    def end():
        hub.cas.tokens.clear()
        hub.cas.signatures.clear()

    hub.cas.rate = 12 << 20
    when(harness, lambda done: done > 4_000_000, end)
    outcome = harness.run(f"hf://{only_xet.id}/f.bin", "m", token=TOKEN)
    assert (outcome.state, outcome.verified, outcome.error) == ("done", True, None)
    assert (harness.folder / "m").read_bytes() == LARGE
    assert harness.report.on_progress is None
    assert {one.status for one in hub.asked if one.origin == "cas"} >= {401}
    assert sent(hub, "cas") < 1.5 * len(LARGE)


def test_after_the_program_died_the_job_goes_on_where_it_was(hub, harness, only_xet):
    hub.cas.rate = 12 << 20
    when(
        harness,
        lambda done: done > 8_000_000,
        lambda: os.kill(int(programs(os.getpid())[0].name), signal.SIGKILL),
    )
    outcome = harness.run(f"hf://{only_xet.id}/f.bin", "m", token=TOKEN)
    assert outcome.state == "failed"
    assert outcome.error.retryable
    assert harness.run(f"hf://{only_xet.id}/f.bin", "m", token=TOKEN).verified is True
    assert (harness.folder / "m").read_bytes() == LARGE
    assert sent(hub, "cas") < len(LARGE) + (16 << 20)


# -- what is wrong --


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (lambda cas: setattr(cas, "url", "http://169.254.169.254"), "address_refused"),
        (lambda cas: setattr(cas, "url", "local:///tmp"), "remote_lied"),
        (lambda cas: setattr(cas, "base", "http://169.254.169.254"), "address_refused"),
        (lambda cas: cas.files.clear(), "remote_not_found"),
        (lambda cas: setattr(cas, "flipped", True), "digest_mismatch"),
    ],
    ids=["metadata", "a folder here", "bytes at metadata", "unknown", "a flipped byte"],
)
def test_a_store_that_is_wrong(hub, harness, spoil, wanted):
    repo = hub.repo()
    repo.commit({"f.bin": SMALL}, cas=hub.cas, plain=False)
    kept = dict(vars(hub.cas)), dict(hub.cas.files)
    try:
        spoil(hub.cas)
        outcome = harness.run(f"hf://{repo.id}", xet_threshold="1M")
    finally:
        vars(hub.cas).update(kept[0])
        hub.cas.files.update(kept[1])
    assert failed(outcome) == ("failed", wanted)
    assert harness.visible() == []


def test_who_may_not_read_is_told_so(hub, harness, only_xet):
    hub.fail("/xet-read-token/", 403, X_Error_Message="Not yours")
    outcome = harness.run(f"hf://{only_xet.id}", token=TOKEN)
    assert failed(outcome) == ("failed", "remote_forbidden")
    assert "Not yours" in outcome.error.message


def test_without_hf_xet(hub, harness, monkeypatch):
    monkeypatch.setattr(xet_server, "find_spec", lambda name: None)
    xet_server.home.cache_clear()
    plain, other = hub.repo(), hub.repo()
    plain.commit({"f.bin": SMALL}, cas=hub.cas)
    other.commit({"f.bin": SMALL}, cas=hub.cas, plain=False)
    try:
        outcome = harness.run(f"hf://{plain.id}", "m", xet_threshold=1)
        assert (outcome.state, outcome.error) == ("done", None)
        assert [code for code, _ in harness.report.notes] == ["tool_missing"]
        outcome = harness.run(f"hf://{other.id}", "n", id="n")
        assert failed(outcome) == ("failed", "tool_missing")
        assert "jupyter_transfer[huggingface]" in outcome.error.remedy
    finally:
        xet_server.home.cache_clear()
