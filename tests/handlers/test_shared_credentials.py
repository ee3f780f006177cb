"""Whose jobs may use the credentials of this server's account: decided when a person asks, kept
with the job. The services are real, and the credential is one of ``.netrc``."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from jupyter_server.auth import Authorizer

from jupyter_transfer import ambient
from jupyter_transfer.engine.local import Identity
from jupyter_transfer.engine.sendjournal import SendJournal, Target
from jupyter_transfer.spec import Job, JobSpec

from ..conftest import error_of
from ..servers.chaos import Resource, noise, running_chaos, status

DATA = noise(200_000)
GOOD = "Basic " + base64.b64encode(b"me:right-horse").decode()
RUN_CODE = ("execute", "kernels")
SOON = "2999-01-01T00:00:00Z"


class Guard(Authorizer):
    """Says no to what is in `refused`."""

    refused: set = set()  # noqa: RUF012

    def is_authorized(self, handler, user, action, resource):
        return (action, resource) not in self.refused


@pytest.fixture
def jp_server_config(jp_server_config, jp_environ, tmp_path, monkeypatch):
    Guard.refused = set()
    jp_server_config["ServerApp"]["authorizer_class"] = Guard
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password right-horse\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return jp_server_config


@pytest.fixture
def chaos():
    """A server that gives ``/f`` and the folder ``/d/`` to who knows the password."""

    def guarded(resource):
        def answer(connection):
            given = connection.request.headers.get("authorization")
            (resource if given == GOOD else status(401))(connection)

        return answer

    listing = b'<html><head><title>Index of /d/</title></head><body><a href="f">f</a></body></html>'
    with running_chaos() as server:
        server.add("/f", guarded(Resource(DATA)))
        server.add("/d/", guarded(Resource(listing, headers={"Content-Type": "text/html"})))
        server.add("/d/f", guarded(Resource(DATA)))
        yield server


def given(chaos):
    """What the service was told of who asks."""
    return {request.headers.get("authorization") for request in chaos.requests}


async def look(ask, operation, url, **options):
    return await ask(operation, method="POST", json={"url": url, "options": options})


async def dry_run(ask, source):
    body = {"source": source, "destination": "", "options": {"dry_run": True}}
    return json.loads((await ask("jobs", method="POST", json=body)).body)


async def test_who_may_run_code_uses_them(ask, post, reaches, chaos, jp_root_dir):
    assert json.loads((await look(ask, "probe", f"{chaos.url}/f")).body)["needs"] is None
    assert (await dry_run(ask, f"{chaos.url}/f"))["plan"]["copy"] == 1
    assert (await look(ask, "browse", f"{chaos.url}/d/")).code == 200
    await reaches(await post(f"{chaos.url}/f"), "done")
    assert (jp_root_dir / "f").read_bytes() == DATA
    assert given(chaos) == {GOOD}


async def test_nobody_else_does(ask, post, reaches, chaos):
    Guard.refused = {RUN_CODE}
    job = await reaches(await post(f"{chaos.url}/f"), "waiting", "done")
    reason = job["reason"]
    assert (reason["code"], reason["detail"]["kind"]) == (
        "needs_credentials",
        "credentials_withheld",
    )
    assert "run code" in reason["remedy"]
    assert "ambient" not in job
    seen = json.loads((await look(ask, "probe", f"{chaos.url}/f")).body)
    assert (seen["needs"], seen["detail"]["kind"]) == ("credentials", "credentials_withheld")
    plan = await dry_run(ask, f"{chaos.url}/f")
    assert (plan["needs"], plan["detail"]["kind"]) == ("credentials", "credentials_withheld")
    error = error_of(await look(ask, "browse", f"{chaos.url}/d/"))
    assert (error["code"], error["detail"]["kind"]) == ("needs_credentials", "credentials_withheld")
    assert given(chaos) == {None}


async def test_what_they_enter_themselves_is_used(post, act, reaches, chaos, jp_root_dir):
    Guard.refused = {RUN_CODE}
    job = await reaches(await post(f"{chaos.url}/f"), "waiting")
    options = {"username": "me", "password": "right-horse"}
    assert (await act(job, action="resume", options=options)).code == 200
    await reaches(job, "done")
    assert (jp_root_dir / "f").read_bytes() == DATA


async def test_who_helps_a_job_on_does_not_lend_it_theirs(post, act, reaches, chaos):
    """A job is its owner's, whoever retries it."""
    Guard.refused = {RUN_CODE}
    job = await reaches(await post(f"{chaos.url}/f"), "waiting")
    Guard.refused = set()
    await act(job, action="resume")
    assert (await reaches(job, "waiting", "done"))["state"] == "waiting"
    await act(job, action="cancel")
    await act(job, action="retry")
    assert (await reaches(job, "waiting", "done"))["state"] == "waiting"
    assert given(chaos) == {None}


async def test_nor_takes_them_away(post, act, reaches, chaos):
    job = await post(f"{chaos.url}/f", start_at=SOON)
    await act(job, action="cancel")
    Guard.refused = {RUN_CODE}
    await act(job, action="retry")
    await reaches(job, "done")


async def test_a_new_server_knows_what_was_decided(post, reaches, chaos, transfer_app):
    Guard.refused = {RUN_CODE}
    guests = await post(f"{chaos.url}/f", start_at=SOON)
    Guard.refused = set()
    own = await post(f"{chaos.url}/f", start_at=SOON)
    saved = {job.id: job.ambient for job in transfer_app.store.jobs_unfinished()}
    assert saved == {guests["id"]: "none", own["id"]: "own"}


@pytest.mark.parametrize(("decided", "sent"), [("own", GOOD), ("none", None)])
async def test_what_was_left_at_a_service_when_the_row_is_lost(
    ask, chaos, transfer_app, decided, sent
):
    """The journal knows what was decided."""
    folder, id = Path(transfer_app.store.path).parent, "a" * 32
    address = f"{chaos.url}/d/up.bin"
    journal = SendJournal(str(folder), id, "up.bin", address, ambient=decided)
    journal.begin("up.bin", Identity(9, 1, 1), Target(address), {"part": "x"})
    journal.close()
    os.utime(folder / "jobs" / f"{id}.journal", (1, 1))
    await ask("leftovers", f"job-{id}", method="DELETE")
    assert given(chaos) == {sent}


class TestSharedWithAll:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["TransferApp"]["shared_credentials"] = "all"
        return jp_server_config

    async def test_everybody_uses_them(self, ask, post, reaches, chaos):
        Guard.refused = {RUN_CODE}
        assert (await reaches(await post(f"{chaos.url}/f"), "done", "waiting"))["state"] == "done"
        assert json.loads((await look(ask, "probe", f"{chaos.url}/f")).body)["needs"] is None

    async def test_what_was_shared_can_be_taken_back(self, post, act, reaches, chaos, transfer_app):
        Guard.refused = {RUN_CODE}
        job = await post(f"{chaos.url}/f", start_at=SOON)
        await act(job, action="cancel")
        transfer_app.queue._runner._shared_credentials = False  # as a new server has it
        await act(job, action="retry")
        assert (await reaches(job, "done", "waiting"))["state"] == "waiting"
        assert given(chaos) == {None}


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("decided", ["own", "shared", "none", "nonsense"])
def test_what_holds_later(decided, shared):
    known = ambient.from_text(decided)
    expected = decided == "own" or (decided == "shared" and shared)
    assert ambient.holds(known, shared=shared) == expected


def test_a_job_that_nobody_decided_on_may_not():
    assert Job.new(JobSpec("fetch", "https://h/x", ""), "me").ambient == "none"
