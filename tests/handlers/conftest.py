"""Fixtures for the tests of handlers."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_transfer.handlers import socketloan

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
