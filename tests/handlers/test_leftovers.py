"""What interrupted transfers have left, and what is none of that."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_transfer import history
from jupyter_transfer.backends.base import Context
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.job import JobRequest, make_run
from jupyter_transfer.engine.local import Identity
from jupyter_transfer.engine.sendjournal import SendJournal, Target
from jupyter_transfer.leftovers import LEFT_AFTER
from jupyter_transfer.paths import Root
from jupyter_transfer.spec import Job, JobSpec, State, iso_time

from ..conftest import error_of, until
from ..engine.conftest import LOOPBACK, Recorder
from ..servers.chaos import Resource, noise, running_chaos, status, times
from ..servers.s3 import KEY, SECRET, running_moto

OLD = time.time() - LEFT_AFTER - 60


@pytest.fixture
def jp_server_config(jp_server_config):
    """A server that keeps its history for ever: the tests forget it themselves."""
    jp_server_config["TransferApp"]["history_days"] = 0
    return jp_server_config


def stage(folder: Path, id: str, *, age: float = OLD, pack: bool = False) -> list[Path]:
    """A part, its journal and perhaps files of a pack, as a process that was killed leaves them."""
    staging = folder / ".jupyter-transfer"
    staging.mkdir(parents=True, exist_ok=True)
    files = [staging / f"{id}.part", staging / f"{id}.journal"]
    files[0].write_bytes(b"x" * 100_000)
    files[1].write_bytes(b"")
    if pack:
        (staging / f"{id}.files").mkdir()
        files.append(staging / f"{id}.files" / "1")
        files[-1].write_bytes(b"y" * 50_000)
        files.append(staging / f"{id}.files")
    for file in files:
        os.utime(file, (age, age))
    return files


@pytest.fixture
def listed(ask):
    async def get() -> list[dict]:
        answer = json.loads((await ask("leftovers")).body)
        assert answer["complete"] is True
        assert answer["bytes"] == sum(one["size"] for one in answer["leftovers"])
        return answer["leftovers"]

    return get


@pytest.fixture
def listed_all(ask):
    """Also those of which the size is not known."""

    async def get() -> list[dict]:
        return json.loads((await ask("leftovers")).body)["leftovers"]

    return get


async def remove(ask, one: dict):
    return await ask("leftovers", one["id"], method="DELETE")


async def test_what_nobody_owns_is_listed_and_removed(ask, listed, jp_root_dir):
    (jp_root_dir / "keep.txt").write_text("mine")
    stage(jp_root_dir, "a" * 32)
    stage(jp_root_dir / "数据" / "deep", "b" * 32 + "-0", pack=True)
    large, small = await listed()
    assert large["path"] == "数据/deep/.jupyter-transfer/" + "b" * 32 + "-0"
    assert large["size"] > 150_000 > small["size"] >= 100_000
    assert (large["modified"] < iso_time(time.time())) is True
    for one in (large, small):
        assert (await remove(ask, one)).code == 204
    assert await listed() == []
    left = sorted(str(path.relative_to(jp_root_dir)) for path in jp_root_dir.rglob("*"))
    assert left == ["keep.txt", "数据", "数据/deep"]
    assert error_of(await remove(ask, small))["code"] == "not_found"


async def test_to_remove_one_is_no_look_at_all_others(ask, listed, jp_root_dir, monkeypatch):
    for number in range(100):
        stage(jp_root_dir, f"{number:032x}")
    one, *_ = await listed()
    looks, stat = [], os.stat
    monkeypatch.setattr(os, "stat", lambda *args, **how: looks.append(args) or stat(*args, **how))
    assert (await remove(ask, one)).code == 204
    assert 0 < len(looks) < 50


async def test_what_is_used_is_no_leftover(ask, listed, jp_root_dir):
    files = stage(jp_root_dir, "a" * 32)
    (one,) = await listed()
    with open(files[1]) as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        assert await listed() == []
        assert error_of(await remove(ask, one))["code"] == "not_found"
    assert all(file.exists() for file in files)


async def test_what_was_written_to_lately_is_no_leftover(listed, jp_root_dir):
    stage(jp_root_dir, "a" * 32, age=time.time() - LEFT_AFTER + 60)
    assert await listed() == []


@pytest.mark.parametrize("state", list(State))
async def test_what_a_job_may_still_need_is_no_leftover(listed, jp_root_dir, transfer_app, state):
    job = Job.new(JobSpec("fetch", "https://h/x", ""), "owner")
    transfer_app.store.job_save(replace(job, state=state))
    stage(jp_root_dir, f"{job.id}-0")
    assert bool(await listed()) is (state in (State.DONE, State.CANCELLED))


async def test_what_an_upload_may_still_need_is_no_leftover(tus, listed, jp_root_dir):
    await tus.create(10, filename="x")
    for file in (jp_root_dir / ".jupyter-transfer").iterdir():
        os.utime(file, (OLD, OLD))
    assert await listed() == []


@pytest.mark.parametrize("id", ["AAAA", "x", "_-_", "Li4AYQ", "L2V0YwBh"])
async def test_made_up_ids(ask, id):
    response = await ask("leftovers", id, method="DELETE")
    assert error_of(response)["code"] in ("not_found", "invalid_path")


# ---- at services --------------------------------------------------------------------------------

DEAD = "http://127.0.0.1:9/dav/f.bin"


@pytest.fixture
def jobs_dir(transfer_app) -> Path:
    return Path(transfer_app.store.path).parent / "jobs"


@pytest.fixture
def abandon(jobs_dir):
    """A journal of a send that has begun one file, as a process that was killed leaves it."""

    def make(id: str, *, age: float = OLD, begun: bool = True) -> Path:
        journal = SendJournal(str(jobs_dir.parent), id, "f.bin", DEAD, options={"conflict": "skip"})
        if begun:
            journal.begin("f.bin", Identity(9, 1, 1), Target(DEAD), {"part": "x"})
        journal.close()
        path = jobs_dir / f"{id}.journal"
        os.utime(path, (age, age))
        return path

    return make


async def test_a_service_that_is_gone_can_only_be_forgotten(ask, listed_all, abandon):
    path = abandon("a" * 32)
    (one,) = await listed_all()
    assert (one["where"], one["path"], one["size"]) == ("service", DEAD, None)
    assert error_of(await remove(ask, one))["code"] == "connect_failed"
    assert await listed_all() == [one]
    assert (await ask("leftovers", one["id"], method="DELETE", params={"forget": "1"})).code == 204
    assert await listed_all() == []
    assert not path.exists()
    assert error_of(await remove(ask, one))["code"] == "not_found"


async def test_sends_that_may_go_on_have_abandoned_nothing(listed_all, abandon):
    path = abandon("a" * 32)
    with open(path) as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        assert await listed_all() == []
    os.utime(path)
    assert await listed_all() == []
    assert path.exists()


@pytest.mark.parametrize("state", list(State))
async def test_sends_whose_jobs_are_known(listed_all, abandon, transfer_app, state):
    job = Job.new(JobSpec("send", "f.bin", DEAD), "owner")
    transfer_app.store.job_save(replace(job, state=state))
    abandon(job.id)
    assert bool(await listed_all()) is (state in (State.DONE, State.CANCELLED))


async def test_a_journal_that_knows_nothing_is_removed(listed_all, abandon):
    path = abandon("a" * 32, begun=False)
    assert await listed_all() == []
    assert not path.exists()


async def test_an_upload_of_s3_is_listed_with_what_is_there_and_removed(
    ask, listed_all, jp_root_dir, jobs_dir, monkeypatch, tmp_path_factory
):
    monkeypatch.setenv("LEFTOVERS_SECRET", SECRET)
    (jp_root_dir / "big.bin").write_bytes(noise(48 << 20))
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        client = server.client()
        client.create_bucket(Bucket="left")
        options = {"endpoint": server.url, "access_key_id": KEY}
        references = {**options, "secret_access_key": "env:LEFTOVERS_SECRET"}
        interrupted(jp_root_dir, jobs_dir, references, {**options, "secret_access_key": SECRET})
        (journal,) = jobs_dir.iterdir()
        assert SECRET not in journal.read_text()
        (upload,) = client.list_multipart_uploads(Bucket="left")["Uploads"]

        async def agrees() -> bool:  # a part that was cut off may still come in
            (one,) = await listed_all()
            assert one["path"] == "s3://left/d/big.bin"
            parts = client.list_parts(Bucket="left", Key="d/big.bin", UploadId=upload["UploadId"])
            return one["size"] == sum(part["Size"] for part in parts.get("Parts", ())) >= 8 << 20

        await until(agrees)
        (one,) = await listed_all()
        assert (await remove(ask, one)).code == 204
        assert not client.list_multipart_uploads(Bucket="left").get("Uploads")
    assert await listed_all() == []
    assert list(jobs_dir.iterdir()) == []


def interrupted(folder: Path, jobs_dir: Path, row: dict, options: dict) -> None:
    """A send of ``big.bin`` that stops in its middle; nobody knows its job any more."""
    root, report, control = Root(str(folder)), Recorder(), Control(20 << 20)

    def pause(counts: dict) -> None:
        if counts["bytes_done"] > 17 << 20:
            control.pause()

    report.on_progress = pause
    request = JobRequest("b" * 32, "big.bin", "s3://left/d/big.bin", row, (), "send")
    context = Context(options, LOOPBACK, state_dir=str(jobs_dir.parent))
    run = make_run(root, request, context, control, report)
    assert run.run().state == "paused"
    run.close()
    root.close()
    os.utime(jobs_dir / f"{'b' * 32}.journal", (OLD, OLD))


# ---- history ------------------------------------------------------------------------------------


async def test_old_jobs_are_forgotten_with_what_they_left(
    ask, post, reaches, jp_root_dir, transfer_app
):
    data = noise(600_000)
    with running_chaos() as chaos:
        resource = Resource(data, faults=[times(999, status(404))])
        failed = await post(chaos.add("/f", resource), max_retries=0)
        failed = await reaches(failed, "failed")
        done = await reaches(await post(chaos.add("/g", Resource(data))), "done")
        resource.faults.clear()
        assert list(jp_root_dir.rglob("*.part"))
        await transfer_app.queue.forget_finished(iso_time(time.time() - 60))
        assert json.loads((await ask("jobs")).body)["total"] == 2
        count = await transfer_app.queue.forget_finished(iso_time(time.time() + 1))
    assert count == 2
    answer = json.loads((await ask("jobs")).body)
    assert answer["total"] == 0
    assert (await ask("jobs", done["id"])).code == 404
    assert not list(jp_root_dir.rglob("*.part"))
    assert (jp_root_dir / "g").read_bytes() == data


@pytest.mark.parametrize("jump", [0, 40 * 86400], ids=["steady", "jumping"])
async def test_history_is_kept_for_some_days_and_by_a_steady_clock(
    jump, monkeypatch, transfer_app, ask
):
    store = transfer_app.store
    for age in (31, 29):
        moment = iso_time(time.time() - age * 86400)
        job = Job.new(JobSpec("fetch", f"https://h/{age}", ""), "owner")
        store.job_save(replace(job, state=State.DONE, finished=moment))
    offsets = iter([0.0, float(jump)])
    monkeypatch.setattr(history, "FIRST", 0.01)
    monkeypatch.setattr(history, "_offset", lambda: next(offsets, float(jump)))
    one = history.History(transfer_app.queue.forget_finished, 30, transfer_app.log)
    one.start()

    async def sources() -> set[str]:
        return {job["source"] for job in json.loads((await ask("jobs")).body)["jobs"]}

    if jump:
        await asyncio.sleep(0.5)
        assert await sources() == {"https://h/31", "https://h/29"}
    else:

        async def cleaned():
            return await sources() == {"https://h/29"}

        await until(cleaned)
    await one.stop()
