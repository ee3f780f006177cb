"""Canaries: each slot that a secret can come in by holds a text of its own, which must be found
nowhere afterwards: not in the database, in logs, events, answers, or what other users of the
machine see of our processes."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_transfer.events import SCHEMA_ID

from ..conftest import until
from ..servers.canaries import descendants
from ..servers.chaos import ChaosServer, Connection, Request, Resource, noise, running_chaos, status

pytest.importorskip("keyring")

DATA = noise(100_000)
SLOTS = {slot: f"canary-{slot}-3f9a61c2" for slot in ("url", "option", "env", "file", "keyring")}


@pytest.fixture(autouse=True)
def slots(tmp_path, monkeypatch) -> dict[str, str]:
    """The options by which each slot's secret comes in; the machine that holds them."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text(SLOTS["file"] + "\n")
    (home / "secret").chmod(0o600)
    (home / "keyring.json").write_text(json.dumps({"svc/me": SLOTS["keyring"]}))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CANARY_ENV", SLOTS["env"])
    monkeypatch.setenv("CANARY_KEYRING", str(home / "keyring.json"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.servers.keyrings.FileKeyring")
    here = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", f"{here}:{os.environ.get('PYTHONPATH', '')}")
    return {
        "option": SLOTS["option"],
        "env": "env:CANARY_ENV",
        "file": "file:~/secret",
        "keyring": "keyring:svc/me",
    }


def password_of(request: Request) -> str:
    field = request.headers.get("authorization", "Basic Og==")
    return base64.b64decode(field.partition(" ")[2]).decode().partition(":")[2]


@pytest.fixture
def chaos() -> Iterator[ChaosServer]:
    """Good, refusing, and one that gives the secret back in the name of a host."""
    good = Resource(DATA)

    def guarded(connection: Connection) -> None:
        answer = good if password_of(connection.request) in SLOTS.values() else status(401)
        answer(connection)

    def refusing(connection: Connection) -> None:
        status(401, X_Echo=password_of(connection.request))(connection)

    def echoing(connection: Connection) -> None:
        secret = password_of(connection.request)
        status(302, Location=f"http://{secret}.invalid/{secret}?x={secret}")(connection)

    with running_chaos() as server:
        server.add("/good", guarded)
        server.add("/refusing", refusing)
        server.add("/echoing", echoing)
        yield server


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize(
    ("path", "state"), [("good", "done"), ("refusing", "waiting"), ("echoing", "failed")]
)
async def test_a_secret_is_nowhere(
    slot, path, state, slots, chaos, ask, jp_serverapp, transfer_app, tmp_path, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def tell(**options):
        response = await ask(*options.pop("to"), **options)
        seen.append(response.body.decode() + str(response.headers))
        return json.loads(response.body)

    async def listener(logger, schema_id, data):
        seen.append(json.dumps(data))

    jp_serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=listener)
    source = f"{chaos.url}/{path}"
    options = {"max_retries": 1}
    if slot == "url":
        source = source.replace("http://", f"http://me:{SLOTS['url']}@")
    else:
        options |= {"username": "me", "password": slots[slot]}
    look = {"url": source, "options": options}
    await tell(to=("probe",), method="POST", json=look)
    await tell(to=("browse",), method="POST", json=look)
    job = await tell(
        to=("jobs",), method="POST", json={"source": source, "destination": "", "options": options}
    )

    async def settled():
        now = await tell(to=("jobs", job["id"]))
        return now if now["state"] == state and (now["reason"] or state == "done") else None

    job = await until(settled)
    assert any(password in SLOTS.values() for password in map(password_of, chaos.requests))
    for process in descendants():
        seen.append((process / "cmdline").read_bytes().decode(errors="replace"))
        if slot != "env":
            seen.append((process / "environ").read_bytes().decode(errors="replace"))
    await tell(to=("jobs",))
    await tell(to=("jobs", job["id"], "files"))
    if state != "done":
        wanted = "remote_refused" if path == "echoing" else "needs_credentials"
        assert job["reason"]["code"] == wanted
        await tell(to=("jobs", job["id"]), method="PATCH", json={"action": "cancel"})
    for file in (tmp_path / "state").rglob("*"):
        if file.is_file():
            seen.append(file.read_bytes().decode("utf-8", "replace"))
    seen += [caplog.text, *capfd.readouterr()]
    secret = SLOTS[slot]
    forms = {secret, base64.b64encode(f"me:{secret}".encode()).decode()}
    assert [form for form in forms for text in seen if form in text] == []
