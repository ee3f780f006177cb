"""Fixtures for the tests of handlers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_transfer.handlers import socketloan

from ..conftest import until
from .tus_client import RawClient, TusClient


@pytest.fixture
def tus(ask) -> TusClient:
    """A tus client of the running server."""
    return TusClient(ask)


@pytest.fixture
def raw(jp_serverapp, http_server, http_server_port, jp_base_url) -> RawClient:
    """Raw connections to the running server."""
    token = jp_serverapp.identity_provider.token
    return RawClient(http_server_port[-1], jp_base_url, token)


@pytest.fixture(params=[True, False], ids=["spliced", "streamed"])
def both_paths(request, transfer_app, monkeypatch) -> None:
    """The test runs twice: bodies of any length go from the socket to the disk, and through us."""
    transfer_app.upload_fast_path = request.param
    monkeypatch.setattr(socketloan, "LEAST", 1)


@pytest.fixture
def tree(jp_root_dir):
    """Tells all paths below the root, staging folders too."""

    def paths() -> list[str]:
        return sorted(str(path.relative_to(jp_root_dir)) for path in Path(jp_root_dir).rglob("*"))

    return paths


@pytest.fixture
def post(ask):
    """Queue a job and return its JSON."""

    async def start(source: str, destination: str = "", **options) -> dict:
        body = {"source": source, "destination": destination, "options": options}
        response = await ask("jobs", method="POST", json=body)
        assert response.code == 201, response.body
        return json.loads(response.body)

    return start


@pytest.fixture
def job_now(ask):
    async def get(job: dict) -> dict:
        return json.loads((await ask("jobs", job["id"])).body)

    return get


@pytest.fixture
def reaches(job_now):
    """Wait until a job is in one of some states, and return it."""

    async def wait(job: dict, *states: str) -> dict:
        now = job

        async def there():
            nonlocal now
            now = await job_now(job)
            return now["state"] in states

        try:
            await until(there)
        except AssertionError:
            raise AssertionError(f"not {' or '.join(states)} in time: {now}") from None
        return now

    return wait


@pytest.fixture
def act(ask):
    async def patch(job: dict, **body):
        return await ask("jobs", job["id"], method="PATCH", json=body)

    return patch
