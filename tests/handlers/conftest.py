"""Fixtures for the tests of handlers."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.fixture
def tree(jp_root_dir):
    """Tells all paths below the root, staging folders too."""

    def paths() -> list[str]:
        return sorted(str(path.relative_to(jp_root_dir)) for path in Path(jp_root_dir).rglob("*"))

    return paths
