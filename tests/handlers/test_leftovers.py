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
from jupyter_transfer.leftovers import LEFT_AFTER
from jupyter_transfer.spec import Job, JobSpec, State, iso_time

from ..conftest import error_of, until
from ..servers.chaos import Resource, noise, running_chaos, status, times

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
