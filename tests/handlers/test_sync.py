"""Syncs through HTTP, with real workers and a real FTP server: plan, question, answer."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from jupyter_transfer.paths import STAGING

from ..conftest import error_of
from ..servers.ftp import PASSWORD, USER, running_ftp


@pytest.fixture(scope="module")
def ftp(tmp_path_factory):
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


@pytest.fixture
def sync(ask):
    async def start(source: str, destination: str, **options) -> dict:
        login = {"username": USER, "password": PASSWORD}
        body = {
            "kind": "sync",
            "source": source,
            "destination": destination,
            "options": {**login, **options},
        }
        response = await ask("jobs", method="POST", json=body)
        assert response.code in (200, 201), response.body
        return json.loads(response.body)

    return start


def write(folder, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        moment = time.time() - 1000
        os.utime(path, (moment, moment))


def read(folder) -> dict[str, str]:
    """What stands in `folder`; the staging folder may vanish at any moment."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != STAGING]
        for path in (Path(parent, name) for name in names):
            found[path.relative_to(folder).as_posix()] = path.read_text()
    return found


async def rows(ask, job, state=None) -> list[dict]:
    params = {"state": state} if state else {}
    return json.loads((await ask("jobs", job["id"], "files", params=params)).body)["files"]


async def test_the_plan_is_approved_and_done(ask, sync, reaches, act, ftp, jp_root_dir):
    write(ftp.files / "one", a="1", sub__b="22")
    write(jp_root_dir / "mirror", a="older", gone="333", old__er__gone="4")
    shown = await sync(ftp.address("one"), "mirror", dry_run=True)
    assert shown["kind"] == "sync"
    assert {n: shown["plan"][n] for n in ("copy", "replace", "delete", "skip", "bytes")} == {
        "copy": 1,
        "replace": 1,
        "delete": 2,
        "skip": 0,
        "bytes": 3,
    }
    assert [e["action"] for e in shown["entries"]] == ["delete", "delete", "replace", "copy"]

    job = await reaches(await sync(ftp.address("one"), "mirror"), "waiting", "failed", "done")
    assert job["state"] == "waiting", job
    reason = job["reason"]
    assert reason["code"] == "needs_decision"
    assert reason["detail"]["hash"] == shown["plan"]["hash"]
    assert (reason["detail"]["kind"], reason["detail"]["delete"]) == ("plan", 2)
    planned = await rows(ask, job, "planned")
    assert [(row["path"], row["action"]) for row in planned] == [
        ("mirror/gone", "delete"),
        ("mirror/old/er/gone", "delete"),
        ("mirror/a", "replace"),
        ("mirror/sub/b", "copy"),
    ]
    assert len(read(jp_root_dir / "mirror")) == 3

    response = await act(job, action="approve")
    assert response.code == 200, response.body
    job = await reaches(job, "done", "failed", "waiting")
    assert job["state"] == "done", job
    assert read(jp_root_dir / "mirror") == read(ftp.files / "one")
    assert not (jp_root_dir / "mirror" / "old").exists()
    assert await rows(ask, job, "planned") == []
    done = {row["path"]: row["action"] for row in await rows(ask, job, "done")}
    assert done == {
        "mirror/gone": "delete",
        "mirror/old/er/gone": "delete",
        "mirror/a": "replace",
        "mirror/sub/b": "copy",
    }
    again = await reaches(await sync(ftp.address("one"), "mirror"), "done", "waiting", "failed")
    assert again["state"] == "done", again
    assert await rows(ask, again) == []


async def test_nothing_is_asked_where_nothing_is_deleted(sync, reaches, ftp, jp_root_dir):
    write(ftp.files / "two", a="1")
    write(jp_root_dir / "two", a="old one")
    job = await reaches(await sync(ftp.address("two"), "two"), "waiting", "failed", "done")
    assert job["state"] == "done", job
    assert read(jp_root_dir / "two") == {"a": "1"}


async def test_what_was_planned_and_is_no_more_leaves_the_report(
    ask, sync, reaches, act, ftp, jp_root_dir
):
    write(ftp.files / "three", a="1")
    write(jp_root_dir / "three", x="1", y="2")
    job = await reaches(await sync(ftp.address("three"), "three"), "waiting", "failed")
    (jp_root_dir / "three" / "x").unlink()
    write(jp_root_dir / "three", z="3")
    await act(job, action="approve")
    job = await reaches(job, "waiting", "done", "failed")
    assert job["state"] == "waiting", job
    planned = [row["path"] for row in await rows(ask, job, "planned")]
    assert planned == ["three/y", "three/z", "three/a"]
    await act(job, action="approve")
    assert (await reaches(job, "done", "failed"))["state"] == "done"
    assert read(jp_root_dir / "three") == {"a": "1"}


async def test_too_many_deletions(sync, reaches, ftp, jp_root_dir):
    write(ftp.files / "four", a="1")
    write(jp_root_dir / "four", x="1", y="2")
    options = {"max_delete": 1, "approve": True}
    job = await reaches(await sync(ftp.address("four"), "four", **options), "failed", "done")
    assert (job["state"], job["reason"]["code"]) == ("failed", "too_many_deletions")
    assert read(jp_root_dir / "four") == {"x": "1", "y": "2"}


async def test_a_cancelled_question_leaves_nothing(
    ask, sync, reaches, act, ftp, jp_root_dir, transfer_app
):
    write(ftp.files / "five", a="1")
    write(jp_root_dir / "five", x="1")
    job = await reaches(await sync(ftp.address("five"), "five"), "waiting", "failed")
    assert list(jp_root_dir.parent.rglob("jobs/*.plan")) != []
    await act(job, action="cancel")
    assert (await reaches(job, "cancelled"))["state"] == "cancelled"
    assert list(jp_root_dir.parent.rglob("jobs/*.plan")) == []
    assert read(jp_root_dir / "five") == {"x": "1"}


@pytest.fixture
def slow_question(transfer_app, monkeypatch):
    """The row of a job that waits takes a while to be written."""
    save = transfer_app.store.job_save

    def slowly(job):
        if job.state == "waiting":
            time.sleep(0.5)
        save(job)

    monkeypatch.setattr(transfer_app.store, "job_save", slowly)


async def test_a_question_is_answered_before_it_is_written_down(
    ask, sync, reaches, act, slow_question, ftp, jp_root_dir
):
    write(ftp.files / "soon", a="1")
    write(jp_root_dir / "soon", x="1")
    job = await reaches(await sync(ftp.address("soon"), "soon"), "waiting")
    assert (await act(job, action="approve")).code == 200
    assert (await reaches(job, "done", "failed"))["state"] == "done"
    assert read(jp_root_dir / "soon") == {"a": "1"}


@pytest.mark.parametrize(("action", "state"), [("cancel", "cancelled"), ("pause", "paused")])
async def test_a_job_is_halted_before_its_question_is_written_down(
    ask, sync, reaches, act, slow_question, ftp, jp_root_dir, action, state
):
    write(ftp.files / "halt", a="1")
    write(jp_root_dir / "halt", x="1")
    job = await reaches(await sync(ftp.address("halt"), "halt"), "waiting")
    answer = await act(job, action=action)
    assert json.loads(answer.body)["state"] == state
    assert (await reaches(job, state))["state"] == state
    assert read(jp_root_dir / "halt") == {"x": "1"}


@pytest.mark.parametrize(
    ("source", "destination", "options", "code"),
    [
        ("x", "y", {}, "bad_request"),
        ("ftp://127.0.0.1/", "ftp://127.0.0.1/x", {}, "bad_request"),
        ("x", "ftp://127.0.0.1/", {"trash": True}, "bad_request"),
        ("ftp://127.0.0.1/", "x", {"conflict": "skip"}, "bad_request"),
        ("ftp://127.0.0.1/", "../x", {}, "invalid_path"),
        ("ftp://127.0.0.1/", ".ssh", {}, "hidden_path"),
    ],
)
async def test_what_is_refused_at_once(ask, source, destination, options, code):
    body = {"kind": "sync", "source": source, "destination": destination, "options": options}
    response = await ask("jobs", method="POST", json=body)
    assert error_of(response)["code"] == code
