"""Jobs that send, through HTTP, with real workers and a real WebDAV server."""

from __future__ import annotations

import hashlib
import json
import os
import time

import pytest

from ..conftest import error_of, until
from ..servers.s3 import KEY, SECRET, running_rclone
from ..servers.webdav import running_webdav


@pytest.fixture(scope="module")
def dav(tmp_path_factory):
    with running_webdav(tmp_path_factory.mktemp("dav") / "files") as server:
        yield server


@pytest.fixture
def send(ask):
    async def start(source: str, destination: str, **options) -> dict:
        body = {"kind": "send", "source": source, "destination": destination, "options": options}
        response = await ask("jobs", method="POST", json=body)
        assert response.code == 201, response.body
        return json.loads(response.body)

    return start


def old(path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


async def test_a_folder_goes_out_and_again_moves_nothing(
    ask, send, reaches, dav, jp_root_dir, transfer_app
):
    data = os.urandom(3_000_000)
    old(jp_root_dir / "out" / "a.bin", data)
    old(jp_root_dir / "out" / "子" / "b c.txt", b"b")
    job = await reaches(await send("out", f"{dav.url}/e2e"), "done", "failed")
    assert job["state"] == "done", job
    assert (job["kind"], job["verified"]) == ("send", True)
    assert job["progress"]["files_done"] == job["progress"]["files_total"] == 2
    assert job["progress"]["bytes_done"] == job["progress"]["bytes_total"] == len(data) + 1
    assert (dav.files / "e2e" / "a.bin").read_bytes() == data
    assert (dav.files / "e2e" / "子" / "b c.txt").read_bytes() == b"b"

    files = json.loads((await ask("jobs", job["id"], "files")).body)["files"]
    assert [file["path"] for file in files] == ["out/a.bin", "out/子/b c.txt"]
    assert files[0]["digest"] == f"md5:{hashlib.md5(data).hexdigest()}"

    before = (dav.files / "e2e" / "a.bin").stat().st_mtime_ns
    again = await reaches(await send("out", f"{dav.url}/e2e"), "done", "failed")
    assert again["state"] == "done", again
    files = json.loads((await ask("jobs", again["id"], "files")).body)["files"]
    assert {file["state"] for file in files} == {"present"}
    assert (dav.files / "e2e" / "a.bin").stat().st_mtime_ns == before

    async def tidy():
        return not list((jp_root_dir.parent).rglob("jobs/*.journal"))

    await until(tidy)


async def test_cancel_leaves_nothing(ask, send, reaches, job_now, dav, jp_root_dir):
    old(jp_root_dir / "big.bin", os.urandom(20_000_000))
    job = await send("big.bin", f"{dav.url}/cancelled/big.bin", bandwidth=2_000_000)

    async def moving():
        return (await job_now(job))["progress"]["bytes_done"]

    await until(moving)
    await ask("jobs", job["id"], method="PATCH", json={"action": "cancel"})
    assert (await reaches(job, "cancelled", "done", "failed"))["state"] == "cancelled"
    assert not [name for name in dav.names() if name.startswith("cancelled/")]


async def test_pause_and_resume(ask, send, reaches, job_now, dav, jp_root_dir):
    data = os.urandom(8_000_000)
    old(jp_root_dir / "big.bin", data)
    job = await send("big.bin", f"{dav.url}/paused/big.bin", bandwidth=4_000_000)

    async def moving():
        return (await job_now(job))["progress"]["bytes_done"]

    await until(moving)
    await ask("jobs", job["id"], method="PATCH", json={"action": "pause"})
    assert (await reaches(job, "paused", "done"))["state"] == "paused"
    assert "paused/big.bin" not in dav.names()
    body = {"action": "resume", "bandwidth": None}
    await ask("jobs", job["id"], method="PATCH", json=body)
    assert (await reaches(job, "done", "failed"))["state"] == "done"
    assert (dav.files / "paused" / "big.bin").read_bytes() == data
    assert [name for name in dav.names() if name.startswith("paused/")] == ["paused/big.bin"]


async def test_the_limit_of_what_rclone_sends_is_changed(
    ask, send, reaches, job_now, dav, jp_root_dir
):
    """20 seconds, were it not."""
    old(jp_root_dir / "tree" / "big.bin", os.urandom(10_000_000))
    old(jp_root_dir / "tree" / "small.bin", b"1")
    remote = {"remote_type": "webdav", "remote_options": json.dumps({"url": dav.url})}
    job = await send("tree", "rclone://mine/limited", **remote, bandwidth=500_000)

    async def moving():
        return (await job_now(job))["progress"]["bytes_done"]

    await until(moving)
    begun = time.monotonic()
    response = await ask("jobs", job["id"], method="PATCH", json={"bandwidth": None})
    assert response.code == 200, response.body
    assert (await reaches(job, "done", "failed"))["state"] == "done"
    assert time.monotonic() - begun < 10
    sent = [name for name in dav.names() if name.startswith("limited/")]
    assert sent == ["limited/big.bin", "limited/small.bin"]


@pytest.mark.parametrize(
    ("source", "destination", "code"),
    [
        ("../x", "https://example.org/", "invalid_path"),
        ("/etc/passwd", "https://example.org/", "invalid_path"),
        (".ssh/key", "https://example.org/", "hidden_path"),
        ("x", "http://169.254.169.254/", "address_refused"),
        ("x", "y", "unsupported_scheme"),
        ("https://example.org/x", "https://example.org/y", "invalid_path"),
    ],
)
async def test_what_is_refused_at_once(ask, source, destination, code):
    body = {"kind": "send", "source": source, "destination": destination}
    response = await ask("jobs", method="POST", json=body)
    assert error_of(response)["code"] == code


async def test_a_plan_of_a_send_moves_nothing(ask, send, reaches, dav, jp_root_dir):
    old(jp_root_dir / "plan" / "a.bin", b"a")
    old(jp_root_dir / "plan" / "sub" / "b.bin", b"bb")
    await reaches(await send("plan", f"{dav.url}/plan"), "done")
    old(jp_root_dir / "plan" / "sub" / "b.bin", b"bbb")
    old(jp_root_dir / "plan" / "c.bin", b"cccc")
    options = {"dry_run": True}
    body = {"kind": "send", "source": "plan", "destination": f"{dav.url}/plan", "options": options}
    response = await ask("jobs", method="POST", json=body)
    assert response.code == 200, response.body
    plan = json.loads(response.body)
    assert (plan["kind"], plan["source"], plan["destination"]) == (
        "send",
        "plan",
        f"{dav.url}/plan",
    )
    assert (plan["files"], plan["bytes"]) == (3, 8)
    counts = {name: plan["plan"][name] for name in ("copy", "replace", "delete", "skip", "bytes")}
    assert counts == {"copy": 1, "replace": 1, "delete": 0, "skip": 1, "bytes": 7}
    assert plan["entries"] == [
        {"path": "c.bin", "size": 4, "action": "copy"},
        {"path": "sub/b.bin", "size": 3, "action": "replace"},
    ]
    assert plan["free_bytes"] > 0
    assert (dav.files / "plan" / "sub" / "b.bin").read_bytes() == b"bb"
    assert not (dav.files / "plan" / "c.bin").exists()
    listed = json.loads((await ask("jobs")).body)
    assert len([job for job in listed["jobs"] if job["source"] == "plan"]) == 1


async def test_what_is_stated_by_now_is_remembered(ask, send, reaches, tmp_path, jp_root_dir):
    """`rclone serve s3` states one ETag when an upload in parts ends, and another from then on: the
    file is hashed to compare it with that, once."""
    data = os.urandom(9 << 20)
    old(jp_root_dir / "big.bin", data)
    with running_rclone(tmp_path) as server:
        server.client().create_bucket(Bucket="bucket")
        options = {
            "endpoint": server.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }
        rows = []
        for _ in range(3):
            job = await send("big.bin", "s3://bucket/big.bin", **options)
            job = await reaches(job, "done", "failed")
            assert job["state"] == "done", job
            rows += json.loads((await ask("jobs", job["id"], "files")).body)["files"]
    assert [row["state"] for row in rows] == ["done", "present", "present"]
    assert [row["verified"] for row in rows] == [True, True, None]
    assert rows[0]["digest"].startswith("s3-etag-8388608:")
    assert rows[1]["digest"] == f"md5:{hashlib.md5(data).hexdigest()}"
