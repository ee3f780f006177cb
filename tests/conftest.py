"""What all tests share: a Jupyter server with the extension, and a way to ask it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tornado.httpclient import HTTPClientError, HTTPResponse

from .servers.disk import Disk

pytest_plugins = ["pytest_jupyter.jupyter_server"]

# How long an example takes is the machine's affair.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

Ask = Callable[..., Awaitable[HTTPResponse]]


@pytest.fixture
def jp_server_config(tmp_path) -> dict[str, Any]:
    """The extension on; loopback, where the tests' own servers are, may be called. Workers come
    when a job does: most tests have none, and a process for each would cost more than they do."""
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_transfer": True}},
        "TransferApp": {
            "state_dir": str(tmp_path / "state"),
            "warm_worker": False,
            "allow_networks": ["127.0.0.0/8", "::1/128"],
        },
    }


@pytest.fixture
def transfer_app(jp_serverapp) -> Any:
    """The running extension."""
    return jp_serverapp.web_app.settings["jupyter_transfer"]


@pytest.fixture
def ask(jp_fetch) -> Ask:
    """Ask for an address below ``jupyter-transfer/``; an error status is an answer, no exception.

    ``json=`` sends a JSON body.
    """

    async def fetch(*path: str, **options: Any) -> HTTPResponse:
        if "json" in options:
            options["body"] = json.dumps(options.pop("json"))
        if options.get("method") in ("POST", "PATCH", "PUT"):
            options.setdefault("body", b"")
        if options.get("method") in ("OPTIONS", "DELETE") and "body" in options:
            options["allow_nonstandard_methods"] = True
        try:
            return await jp_fetch("jupyter-transfer", *path, **options)
        except HTTPClientError as error:
            if error.response is None:
                raise
            return error.response

    return fetch


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """An ext4 whose power can be cut."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    try:
        disk = Disk(tmp_path / "disk.img", tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this container has no loop devices, or no mkfs.ext4")
    yield disk
    disk.unmount()


def error_of(response: HTTPResponse) -> dict[str, Any]:
    """The contract's error in `response`; its shape is checked here for all tests."""
    error = json.loads(response.body)["error"]
    assert set(error) == {"code", "message", "remedy", "retryable", "detail"}
    assert error["message"]
    assert error["remedy"]
    assert "Traceback" not in response.body.decode()
    return error


async def until(condition: Callable[[], Awaitable[Any] | Any], seconds: float = 30) -> Any:
    """Wait until `condition()` is true and return it; fail after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)
