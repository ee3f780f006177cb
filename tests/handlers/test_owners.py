"""Where users have names, what is one's is nobody else's, down to the bytes of the answer."""

from __future__ import annotations

import json

import pytest
from jupyter_server.auth import User
from jupyter_server.auth.identity import IdentityProvider

from jupyter_transfer.spec import JobSpec, State

UNKNOWN = "0" * 32


class NamedUsers(IdentityProvider):
    """The user is whom the request names."""

    def get_user(self, handler):
        name = handler.request.headers.get("X-User")
        return User(name) if name else None


@pytest.fixture
def jp_server_config(jp_server_config):
    jp_server_config["ServerApp"]["identity_provider_class"] = NamedUsers
    jp_server_config["ServerApp"]["disable_check_xsrf"] = True
    return jp_server_config


@pytest.fixture
def as_user(ask):
    """Ask as somebody; the token of the server would make anybody its owner."""

    async def fetch(user: str, *path: str, **options):
        return await ask(*path, headers={"X-User": user, "Authorization": "token no"}, **options)

    return fetch


def answer(response) -> tuple[int, bytes]:
    return response.code, response.body


async def test_a_strangers_job_is_an_unknown_job(as_user, transfer_app):
    transfer_app.queue._settings.max_workers = 0
    job = await transfer_app.queue.submit(JobSpec("fetch", "http://127.0.0.1:9/x", ""), "alice")
    calls = [
        ("", "GET", None),
        ("files", "GET", None),
        ("report", "GET", None),
        ("", "PATCH", {"action": "cancel"}),
        ("", "PATCH", {"priority": 5}),
        ("", "DELETE", None),
    ]
    for tail, verb, body in calls:
        options = {"method": verb, **({"json": body} if body else {})}
        seen = [
            answer(await as_user("bob", *filter(None, ["jobs", id, tail]), **options))
            for id in (job.id, UNKNOWN)
        ]
        assert seen[0] == seen[1]
        assert seen[0][0] == 404
    mine = await as_user("alice", "jobs", job.id)
    assert json.loads(mine.body)["state"] == State.QUEUED.value
    assert json.loads(mine.body)["owner"] == "alice"


async def test_lists_hold_ones_own(as_user, transfer_app):
    transfer_app.queue._settings.max_workers = 0
    for user in ("alice", "alice", "bob"):
        await transfer_app.queue.submit(JobSpec("fetch", "http://127.0.0.1:9/x", ""), user)
    for user, count in (("alice", 2), ("bob", 1), ("carol", 0)):
        page = json.loads((await as_user(user, "jobs")).body)
        assert page["total"] == len(page["jobs"]) == count
        assert {job["owner"] for job in page["jobs"]} <= {user}


async def test_the_servers_own_token_is_its_owner(ask, transfer_app):
    transfer_app.queue._settings.max_workers = 0
    made = await ask(
        "jobs",
        method="POST",
        json={"source": "http://127.0.0.1:9/x", "destination": ""},
        headers={"X-User": "anybody"},
    )
    assert made.code == 201
    assert json.loads(made.body)["owner"] == "owner"
