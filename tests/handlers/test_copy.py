"""Jobs that copy, through HTTP, with real workers, from one real service to another."""

from __future__ import annotations

import json
import os

import pytest

from ..conftest import error_of
from ..servers.webdav import running_webdav

HERE, THERE = "canary-pass-here", "canary-pass-there"


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Two services with passwords of their own."""
    work = tmp_path_factory.mktemp("services")
    with (
        running_webdav(work / "here" / "files", user="me", password=HERE) as here,
        running_webdav(work / "there" / "files", user="you", password=THERE) as there,
    ):
        yield here, there


@pytest.fixture
def copy(ask):
    async def start(source: str, destination: str, code: int = 201, **options) -> dict:
        body = {"kind": "copy", "source": source, "destination": destination, "options": options}
        response = await ask("jobs", method="POST", json=body)
        assert response.code == code, response.body
        return json.loads(response.body)

    return start


OPTIONS = {"username": "me", "password": HERE, "dest_username": "you", "dest_password": THERE}


def shown(*answers: object) -> str:
    return json.dumps(answers)


async def test_from_one_service_to_another(ask, copy, reaches, services, jp_root_dir, transfer_app):
    here, there = services
    data = os.urandom(3_000_000)
    (here.files / "a.bin").write_bytes(data)
    source, destination = f"{here.url}/a.bin", f"{there.url}/e2e/"

    plan = await copy(source, destination, 200, dry_run=True, **OPTIONS)
    assert (plan["kind"], plan["files"], plan["bytes"]) == ("copy", 1, 0)
    assert plan["plan"]["copy"] == 1
    assert plan["entries"][0]["action"] == "copy"
    assert there.names() == []

    job = await reaches(await copy(source, destination, **OPTIONS), "done", "failed", "waiting")
    assert job["state"] == "done", job
    assert (job["kind"], job["progress"]["bytes_done"]) == ("copy", len(data))
    assert (there.files / "e2e" / "a.bin").read_bytes() == data
    files = json.loads((await ask("jobs", job["id"], "files")).body)["files"]
    assert [file["path"] for file in files] == ["a.bin"]

    again = await reaches(await copy(source, destination, **OPTIONS), "done", "failed")
    assert again["state"] == "done", again
    rows = json.loads((await ask("jobs", again["id"], "files")).body)["files"]
    assert [file["state"] for file in rows] == ["present"]
    assert "canary" not in shown(plan, job, files, again, rows)
    state = transfer_app.state_dir
    for folder, _, names in os.walk(state):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert b"canary-pass" not in file.read(), name
    assert not any(path.is_file() for path in jp_root_dir.rglob("a.bin"))


async def test_what_the_destination_lacks_is_entered(ask, copy, reaches, services):
    here, there = services
    (here.files / "b.bin").write_bytes(b"b")
    options = {name: OPTIONS[name] for name in ("username", "password", "dest_username")}
    job = await copy(f"{here.url}/b.bin", f"{there.url}/b.bin", **options)
    job = await reaches(job, "waiting", "done", "failed")
    assert job["state"] == "waiting", job
    assert job["reason"]["code"] == "needs_credentials"
    assert "dest_password" in job["reason"]["detail"]["options"]
    entered = {"action": "resume", "options": {"dest_password": THERE}}
    await ask("jobs", job["id"], method="PATCH", json=entered)
    job = await reaches(job, "done", "failed")
    assert job["state"] == "done", job
    assert (there.files / "b.bin").read_bytes() == b"b"


async def test_a_copy_needs_two_services(ask):
    body = {"kind": "copy", "source": "x.txt", "destination": "http://127.0.0.1/x"}
    response = await ask("jobs", method="POST", json=body)
    assert error_of(response)["code"] == "unsupported_scheme"
