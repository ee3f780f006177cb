"""Credentials of jobs: by reference, in memory, entered later."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import pytest

from ..conftest import error_of
from ..servers.chaos import ChaosServer, Connection, Resource, noise, running_chaos, status
from ..servers.jupyter import running_jupyter

DATA = noise(200_000)
GOOD = "Basic " + base64.b64encode(b"me:right-horse").decode()


@pytest.fixture
def chaos() -> Iterator[ChaosServer]:
    """A server that gives ``/f`` to who knows the password."""

    def guarded(connection: Connection) -> None:
        given = connection.request.headers.get("authorization")
        (Resource(DATA) if given == GOOD else status(401))(connection)

    with running_chaos() as server:
        server.add("/f", guarded)
        yield server


async def test_given_by_options(ask, post, reaches, chaos, jp_root_dir):
    job = await post(f"{chaos.url}/f", username="me", password="right-horse")
    assert job["options"]["credential"] == "memory"
    assert "password" not in job["options"]
    assert (await reaches(job, "done", "waiting", "failed"))["state"] == "done"
    assert (jp_root_dir / "f").read_bytes() == DATA
    options = {"username": "me", "password": "right-horse"}
    found = await ask("probe", method="POST", json={"url": f"{chaos.url}/f", "options": options})
    assert json.loads(found.body)["needs"] is None


@pytest.mark.parametrize("state", ["waiting", "paused"])
async def test_entered_when_they_are_missing(post, act, reaches, chaos, jp_root_dir, state):
    job = await reaches(await post(f"{chaos.url}/f"), "waiting")
    assert job["reason"]["code"] == "needs_credentials"
    if state == "paused":
        await act(job, action="pause")
    options = {"username": "me", "password": "right-horse"}
    answer = json.loads((await act(job, action="resume", options=options)).body)
    assert "right-horse" not in json.dumps(answer)
    await reaches(job, "done")
    assert (jp_root_dir / "f").read_bytes() == DATA


async def test_wrong_ones_are_asked_for_again(post, act, reaches, chaos):
    job = await reaches(await post(f"{chaos.url}/f", username="me", password="wrong"), "waiting")
    await act(job, action="resume", options={"password": "right-horse"})
    assert (await reaches(job, "done"))["reason"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "resume", "options": []}, "bad_request"),
        ({"action": "resume", "options": {"conflict": "overwrite"}}, "bad_request"),
        ({"action": "resume", "options": {"password": 5}}, "bad_request"),
        ({"action": "resume", "options": {"password": "env:a-b"}}, "bad_request"),
        ({"action": "cancel", "options": {"password": "x"}}, "bad_request"),
        ({"options": {"password": "x"}}, "bad_request"),
        ({"action": "approve"}, "conflict"),
    ],
)
async def test_what_cannot_be_entered(post, act, reaches, chaos, body, code):
    job = await reaches(await post(f"{chaos.url}/f"), "waiting")
    assert error_of(await act(job, **body))["code"] == code


async def test_a_reference_is_kept_and_resolved_when_it_is_needed(
    post, act, reaches, chaos, tmp_path, monkeypatch, transfer_app
):
    monkeypatch.setenv("HOME", str(tmp_path))
    secret = tmp_path / "password"
    secret.write_text("right-horse\n")
    secret.chmod(0o644)
    job = await post(f"{chaos.url}/f", username="me", password=f"file:{secret}")
    assert job["options"]["password"] == f"file:{secret}"
    assert "credential" not in job["options"]
    job = await reaches(job, "waiting")
    assert "0600" in job["reason"]["message"]
    assert str(tmp_path) not in json.dumps(job["reason"])
    secret.chmod(0o600)
    await act(job, action="resume")
    await reaches(job, "done")


def test_what_memory_held_is_asked_for_after_a_restart(tmp_path, chaos):
    with running_jupyter(tmp_path) as server:
        chaos.add("/slow", Resource(DATA, rate=20_000))
        chaos.add("/signed", Resource(DATA, rate=20_000))
        source = f"{chaos.url}/slow".replace("http://", "http://me:right-horse@")
        status_, job = server.ask("jobs", "POST", body={"source": source, "destination": ""})
        assert status_ == 201
        source = f"{chaos.url}/signed?a=b&X-Amz-Signature=canary-1"
        status_, signed = server.ask("jobs", "POST", body={"source": source, "destination": ""})
        assert (status_, signed["source"]) == (201, f"{chaos.url}/signed?a=b")
        wait(server, job, "running")
        wait(server, signed, "running")
        server.kill()
        server.start()
        job, signed = wait(server, job, "waiting"), wait(server, signed, "waiting")
        assert job["reason"]["code"] == signed["reason"]["code"] == "needs_credentials"
        assert set(job["reason"]["detail"]["options"]) == {"username", "password"}
        assert signed["reason"]["detail"]["options"] == ["query"]
        chaos.add("/slow", Resource(DATA))
        chaos.add("/signed", Resource(DATA))
        body = {"action": "resume", "options": {"username": "me", "password": "right-horse"}}
        assert server.ask(f"jobs/{job['id']}", "PATCH", body=body)[0] == 200
        wait(server, job, "done")
        assert chaos.requests[-1].headers["authorization"] == GOOD
        assert (server.root / "slow").read_bytes() == DATA
        renewed = f"{chaos.url}/signed?a=b&X-Amz-Signature=canary-2"
        body = {"action": "resume", "options": {"query": renewed}}
        assert server.ask(f"jobs/{signed['id']}", "PATCH", body=body)[0] == 200
        wait(server, signed, "done")
        assert chaos.requests[-1].path == "/signed?a=b&X-Amz-Signature=canary-2"
        assert (server.root / "signed").read_bytes() == DATA


def wait(server, job, state):
    for _ in range(600):
        now = server.ask(f"jobs/{job['id']}")[1]
        if now["state"] == state:
            return now
        time.sleep(0.05)
    raise AssertionError(now)


async def test_the_server_tells_workers_which_variables_jobs_may_name(
    post, reaches, chaos, monkeypatch, transfer_app
):
    monkeypatch.setenv("ANY_PASSWORD", "right-horse")
    transfer_app._context["secret_variables"] = ["JOBS_*"]
    job = await post(f"{chaos.url}/f", username="me", password="env:ANY_PASSWORD")
    job = await reaches(job, "waiting")
    assert "administrator" in job["reason"]["message"]
    assert chaos.requests == []
