"""Jobs through HTTP, with real workers that fetch from a real nginx."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import threading

import pytest

from jupyter_transfer.events import SCHEMA_ID

from ..backends.test_registry import broken_package  # noqa: F401 - a fixture
from ..conftest import error_of, until
from ..servers.chaos import redirect, running_chaos
from ..servers.nginx import running_nginx

DATA = os.urandom(3_000_000)
LARGE = os.urandom(40_000_000)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with running_nginx(tmp_path_factory.mktemp("nginx"), slow="1m") as nginx:
        (nginx.files / "data.bin").write_bytes(DATA)
        (nginx.files / "large.bin").write_bytes(LARGE)
        yield nginx


async def moving(job_now, job: dict) -> None:
    """Wait until bytes of `job` have arrived."""

    async def bytes_done():
        return (await job_now(job))["progress"]["bytes_done"]

    await until(bytes_done)


# ---- from the beginning to the end ------------------------------------------------------------


async def test_a_fetch(ask, post, reaches, nginx, jp_root_dir):
    job = await post(f"{nginx.url}/data.bin", "in/", sha256=hashlib.sha256(DATA).hexdigest())
    assert (job["state"], job["kind"]) == ("queued", "fetch")
    job = await reaches(job, "done", "failed")
    assert job["state"] == "done"
    assert job["verified"] is True
    assert job["progress"]["bytes_done"] == job["progress"]["bytes_total"] == len(DATA)
    assert job["progress"]["files_done"] == 1
    assert job["started"] <= job["finished"]
    assert (jp_root_dir / "in" / "data.bin").read_bytes() == DATA

    files = json.loads((await ask("jobs", job["id"], "files")).body)
    assert files["total"] == 1
    assert files["files"][0]["path"] == "in/data.bin"
    report = (await ask("jobs", job["id"], "report")).body.decode().splitlines()
    row = json.loads(report[0])
    assert {"path", "size", "digest", "verified", "unverified", "seconds", "error"} <= set(row)
    assert (row["verified"], row["unverified"]) == (True, None)


async def test_again_moves_nothing(post, reaches, nginx, jp_root_dir):
    await reaches(await post(f"{nginx.url}/data.bin"), "done")
    before = nginx.bytes_sent()
    stamp = (jp_root_dir / "data.bin").stat().st_mtime_ns
    job = await reaches(await post(f"{nginx.url}/data.bin"), "done", "failed")
    assert job["state"] == "done"
    assert nginx.bytes_sent() - before <= 10
    assert (jp_root_dir / "data.bin").stat().st_mtime_ns == stamp


async def test_a_file_that_is_not_ours_stays(post, reaches, nginx, jp_root_dir):
    (jp_root_dir / "data.bin").write_text("precious")
    job = await reaches(await post(f"{nginx.url}/data.bin"), "done", "failed")
    assert job["reason"]["code"] == "exists"
    assert (jp_root_dir / "data.bin").read_text() == "precious"
    again = await reaches(await post(f"{nginx.url}/data.bin", conflict="rename"), "done", "failed")
    assert again["state"] == "done"
    assert (jp_root_dir / "data (1).bin").read_bytes() == DATA


async def test_the_rest_of_the_server_hears_of_it(post, reaches, nginx, jp_serverapp):
    heard = []

    async def listener(logger, schema_id, data):
        heard.append((data["action"], data["path"]))

    manager = jp_serverapp.contents_manager
    jp_serverapp.event_logger.add_listener(schema_id=manager.event_schema_id, listener=listener)
    await reaches(await post(f"{nginx.url}/data.bin", "in/"), "done")
    await until(lambda: ("save", "in/data.bin") in heard)


@pytest.fixture
def save(transfer_app, monkeypatch):
    """Holds back the saving of reports until it is set: a slow disk."""
    store, release = transfer_app.store, threading.Event()
    files_save = store.files_save

    def slow(*arguments):
        release.wait(30)
        files_save(*arguments)

    monkeypatch.setattr(store, "files_save", slow)
    yield release
    release.set()


async def test_a_journal_outlives_its_job_until_the_report_is_saved(
    ask, post, reaches, save, nginx, jp_root_dir
):
    """Else a kill at that moment would have the file fetched again, under another name."""
    job = await post(f"{nginx.url}/data.bin", conflict="rename")
    await until((jp_root_dir / "data.bin").exists)
    for _ in range(3):  # nobody else gets its worker, whose next message would be the word for it
        await ask("probe", method="POST", json={"url": f"{nginx.url}/data.bin"})
    await asyncio.sleep(3)
    assert list(jp_root_dir.rglob("*.journal"))
    save.set()
    await reaches(job, "done")
    await until(lambda: os.listdir(jp_root_dir) == ["data.bin"])


# ---- acting -----------------------------------------------------------------------------------


async def test_pause_and_resume(post, act, job_now, reaches, nginx, jp_root_dir):
    job = await post(f"{nginx.url}/slow/large.bin")
    await moving(job_now, job)
    paused = json.loads((await act(job, action="pause")).body)
    assert paused["state"] == "paused"
    assert not (jp_root_dir / "large.bin").exists()
    await asyncio.sleep(0.2)
    sent = nginx.bytes_sent()
    await asyncio.sleep(0.5)
    assert nginx.bytes_sent() == sent
    resumed = json.loads((await act(job, action="resume")).body)
    assert resumed["state"] in ("queued", "running")
    await act(job, action="cancel")


async def test_cancel_leaves_nothing(post, act, job_now, nginx, jp_root_dir):
    job = await post(f"{nginx.url}/slow/large.bin", "deep/er/")
    await moving(job_now, job)
    cancelled = json.loads((await act(job, action="cancel")).body)
    assert cancelled["state"] == "cancelled"
    assert os.listdir(jp_root_dir) == []


async def test_cancel_of_a_paused_job_leaves_nothing(post, act, job_now, nginx, jp_root_dir):
    job = await post(f"{nginx.url}/slow/large.bin", "deep/er/")
    await moving(job_now, job)
    await act(job, action="pause")
    assert os.listdir(jp_root_dir) != []
    assert json.loads((await act(job, action="cancel")).body)["state"] == "cancelled"
    assert os.listdir(jp_root_dir) == []


async def test_retry(post, act, reaches, nginx, jp_root_dir):
    job = await reaches(await post(f"{nginx.url}/later.bin"), "failed")
    assert job["reason"]["code"] == "remote_not_found"
    (nginx.files / "later.bin").write_bytes(b"here now")
    assert (await act(job, action="retry")).code == 200
    await reaches(job, "done")
    assert (jp_root_dir / "later.bin").read_bytes() == b"here now"
    (nginx.files / "later.bin").unlink()


async def test_bandwidth_and_priority(post, act, job_now, nginx):
    job = await post(f"{nginx.url}/large.bin", bandwidth="2M")
    await moving(job_now, job)
    tuned = json.loads((await act(job, bandwidth="1M", priority=7)).body)
    assert tuned["options"]["bandwidth"] == 1 << 20
    assert tuned["priority"] == 7
    await asyncio.sleep(0.5)
    assert (await job_now(job))["state"] == "running"
    unlimited = json.loads((await act(job, bandwidth=0)).body)
    assert unlimited["options"]["bandwidth"] is None
    await until(lambda: _is(job_now, job, "done"))


async def _is(job_now, job, state):
    return (await job_now(job))["state"] == state


async def test_the_urgent_one_first(transfer_app, post, act, reaches, nginx, jp_root_dir):
    transfer_app.queue._settings.max_workers = 1
    first = await post(f"{nginx.url}/slow/large.bin", "a")
    jobs = [await post(f"{nginx.url}/data.bin", f"{n}/") for n in range(3)]
    await act(jobs[2], priority=10)
    await act(first, action="cancel")
    done = [await reaches(job, "done") for job in jobs]
    assert done[2]["started"] < done[0]["started"] < done[1]["started"]


async def test_forgetting(ask, post, reaches, nginx):
    job = await reaches(await post(f"{nginx.url}/data.bin"), "done")
    page = json.loads((await ask("jobs")).body)
    assert (await ask("jobs", job["id"], method="DELETE")).code == 204
    assert (await ask("jobs", job["id"])).code == 404
    since = {"since": str(page["revision"])}
    news = json.loads((await ask("jobs", params=since)).body)
    assert news["removed"] == [job["id"]]
    assert news["jobs"] == []


async def test_delete_of_a_running_job_cancels_it(ask, post, job_now, reaches, nginx, jp_root_dir):
    job = await post(f"{nginx.url}/slow/large.bin")
    await moving(job_now, job)
    assert (await ask("jobs", job["id"], method="DELETE")).code == 204
    await reaches(job, "cancelled")
    assert os.listdir(jp_root_dir) == []


async def test_forgetting_a_failed_job_takes_its_leftovers(
    ask, post, job_now, reaches, nginx, jp_root_dir
):
    doomed = nginx.files / "doomed.bin"
    doomed.write_bytes(LARGE)
    job = await post(f"{nginx.url}/slow/doomed.bin")
    await moving(job_now, job)
    doomed.unlink()
    job = await reaches(job, "failed")
    assert job["reason"]["code"] == "remote_not_found"
    assert list(jp_root_dir.rglob("*.part"))
    assert (await ask("jobs", job["id"], method="DELETE")).code == 204
    assert os.listdir(jp_root_dir) == []


# ---- news -------------------------------------------------------------------------------------


async def test_events_and_pages_tell_the_same(ask, post, reaches, nginx, jp_serverapp):
    events = []

    async def listener(logger, schema_id, data):
        events.append(data)

    jp_serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=listener)
    start = json.loads((await ask("jobs")).body)["revision"]
    job = await reaches(await post(f"{nginx.url}/large.bin", bandwidth="20M"), "done")

    async def quiet():
        revision = json.loads((await ask("jobs")).body)["revision"]
        return events and events[-1]["revision"] == revision

    await until(quiet)
    assert events[0]["previous"] <= start
    for earlier, later in itertools.pairwise(events):
        assert later["previous"] == earlier["revision"]
    assert events[-1]["jobs"][-1]["state"] == "done"
    assert all(job["source"] not in json.dumps(event) for event in events)
    done = [e["progress"]["bytes_done"] for event in events for e in event["jobs"]]
    assert done == sorted(done)
    middle = events[len(events) // 2]["revision"]
    news = json.loads((await ask("jobs", params={"since": str(middle)})).body)
    assert [one["id"] for one in news["jobs"]] == [job["id"]]


async def test_a_revision_of_another_time(ask):
    page = json.loads((await ask("jobs", params={"since": "5"})).body)
    assert page["full"] is True
    now = json.loads((await ask("jobs", params={"since": str(page["revision"])})).body)
    assert "full" not in now
    future = json.loads((await ask("jobs", params={"since": str(page["revision"] + 9)})).body)
    assert future["full"] is True


async def test_filters_and_pages(ask, post, reaches, nginx):
    jobs = [await post(f"{nginx.url}/data.bin", f"{n}/") for n in range(3)]
    for job in jobs:
        await reaches(job, "done")
    failed = await reaches(await post(f"{nginx.url}/nothing"), "failed")
    only = json.loads((await ask("jobs", params={"state": "failed"})).body)
    assert [job["id"] for job in only["jobs"]] == [failed["id"]]
    page = json.loads((await ask("jobs", params={"limit": "2", "offset": "1"})).body)
    assert [job["id"] for job in page["jobs"]] == [jobs[2]["id"], jobs[1]["id"]]
    assert page["total"] == 4


# ---- looking ----------------------------------------------------------------------------------


async def test_probe(ask, nginx):
    response = await ask("probe", method="POST", json={"url": f"{nginx.url}/data.bin"})
    found = json.loads(response.body)
    assert found["backend"] == "http"
    assert found["files"] == 1
    assert found["bytes"] == len(DATA)
    assert found["resumable"] is True
    assert found["entries"][0]["path"] == "data.bin"
    assert found["free_bytes"] > 0


async def test_a_dry_run_moves_nothing(ask, nginx, jp_root_dir):
    body = {
        "source": f"{nginx.url}/data.bin",
        "destination": "in/",
        "options": {"dry_run": True},
    }
    response = await ask("jobs", method="POST", json=body)
    assert response.code == 200
    plan = json.loads(response.body)
    assert plan["bytes"] == plan["plan"]["bytes"] == len(DATA)
    assert (plan["kind"], plan["plan"]["copy"]) == ("fetch", 1)
    assert plan["entries"] == [{"path": "data.bin", "size": len(DATA), "action": "copy"}]
    assert json.loads((await ask("jobs")).body)["total"] == 0
    assert os.listdir(jp_root_dir) == []


async def test_the_plan_of_what_is_there_already(ask, post, reaches, nginx):
    body = {"source": f"{nginx.url}/data.bin", "destination": "in/", "options": {"dry_run": True}}

    async def plan(**options):
        wanted = {**body, "options": {**body["options"], **options}}
        return json.loads((await ask("jobs", method="POST", json=wanted)).body)["plan"]

    before = await plan()
    await reaches(await post(f"{nginx.url}/data.bin", "in/"), "done")
    after = await plan()
    assert (before["copy"], before["skip"]) == (1, 0)
    assert (after["copy"], after["skip"], after["bytes"]) == (0, 1, 0)


async def test_backends(ask):
    answer = json.loads((await ask("backends")).body)
    assert answer["broken"] == []
    backends = answer["backends"]
    http = next(backend for backend in backends if backend["name"] == "http")
    assert set(http["schemes"]) == {"http", "https"}
    names = {"name", "type", "help", "default", "secret", "choices", "required", "side"}
    assert all(set(option) == names for option in http["options"])


async def test_a_backend_that_cannot_be_loaded(ask, broken_package):  # noqa: F811
    answer = json.loads((await ask("backends")).body)
    expected = {"name": "tape", "package": "acme-tape 1.2", "cause": broken_package}
    assert answer["broken"] == [expected]
    error = error_of(await ask("probe", method="POST", json={"url": "tape://x"}))
    assert (error["code"], error["detail"]["backend"]) == ("unsupported_scheme", "tape")
    assert broken_package in error["message"]


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("file:///etc/passwd", "unsupported_scheme"),
        ("gopher://127.0.0.1/x", "unsupported_scheme"),
        ("javascript:alert(1)", "unsupported_scheme"),
        ("just/a/path", "unsupported_scheme"),
        ("http://", "invalid_address"),
        ("http://a b/", "invalid_address"),
        ("http://[::1/", "invalid_address"),
        ("http://169.254.169.254/latest/meta-data", "address_refused"),
        ("http://2852039166/", "address_refused"),
        ("http://0xa9fea9fe/", "address_refused"),
        ("http://[::ffff:169.254.169.254]/", "address_refused"),
        ("http://[64:ff9b::a9fe:a9fe]/", "address_refused"),
        ("http://100.100.100.200/", "address_refused"),
        ("http://[fd00:ec2::254]/", "address_refused"),
        ("http://metadata.google.internal/", "address_refused"),
    ],
)
@pytest.mark.parametrize("path", ["jobs", "probe"])
async def test_bad_addresses(ask, path, source, code):
    body = {"url": source} if path == "probe" else {"source": source, "destination": ""}
    assert error_of(await ask(path, method="POST", json=body))["code"] == code


async def test_a_redirect_to_metadata(post, reaches, jp_root_dir):
    with running_chaos() as chaos:
        address = chaos.add("/away", redirect("http://169.254.169.254/latest"))
        job = await reaches(await post(address), "done", "failed")
    assert job["reason"]["code"] == "address_refused"
    assert os.listdir(jp_root_dir) == []


@pytest.mark.parametrize(
    "destination",
    ["../x", "/etc/x", "a/../../x", "a\0b", "x" * 300, ".ssh/x", ".jupyter-transfer/x"],
)
async def test_bad_destinations(ask, nginx, destination):
    body = {"source": f"{nginx.url}/data.bin", "destination": destination}
    error = error_of(await ask("jobs", method="POST", json=body))
    assert error["code"] in ("invalid_path", "hidden_path", "bad_request")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"source": 1}', b'{"source": "http://x/", "kind": "download"}']
)
async def test_bad_bodies(ask, body):
    assert error_of(await ask("jobs", method="POST", body=body))["code"] == "bad_request"


@pytest.mark.parametrize(
    "options",
    [
        {"conflict": "win"},
        {"conflict": ["fail"]},
        {"speed": 5},
        {"credential": "memory"},
        {"connections": 0},
        {"connections": 65},
        {"filter": 5},
    ],
)
async def test_bad_options(ask, nginx, options):
    body = {"source": f"{nginx.url}/data.bin", "destination": "", "options": options}
    assert error_of(await ask("jobs", method="POST", json=body))["code"] == "bad_request"


@pytest.mark.parametrize(
    "body",
    [{}, [], {"action": "explode"}, {"priority": "high"}, {"bandwidth": "fast"}, {"owner": "me"}],
)
async def test_bad_patches(ask, post, nginx, body):
    job = await post(f"{nginx.url}/slow/large.bin")
    response = await ask("jobs", job["id"], method="PATCH", json=body)
    assert error_of(response)["code"] == "bad_request"


async def test_steps_that_do_not_exist(act, post, reaches, nginx):
    job = await reaches(await post(f"{nginx.url}/data.bin"), "done")
    for action in ("pause", "resume", "cancel", "retry", "approve"):
        assert error_of(await act(job, action=action))["code"] == "conflict"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "since=-1", "state=gone"])
async def test_bad_queries(ask, query):
    name, _, value = query.partition("=")
    assert error_of(await ask("jobs", params={name: value}))["code"] == "bad_request"


async def test_a_password_in_an_address_is_nowhere(ask, post, reaches, nginx, transfer_app):
    address = nginx.url.replace("http://", "http://u:hunter2canary@")
    job = await reaches(await post(f"{address}/private/data.bin"), "done", "failed", "waiting")
    shown = json.dumps(job) + (await ask("jobs")).body.decode()
    assert "hunter2canary" not in shown
    folder = os.path.dirname(transfer_app.store.path)
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            assert b"hunter2canary" not in file.read()
