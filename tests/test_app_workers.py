"""Whether a worker waits for the first job."""

from __future__ import annotations

import pytest

from .conftest import until


async def idle_workers(app):
    await until(lambda: app._startup is not None)
    await app._startup
    return app._pool._idle


class TestWarm:
    """As it comes."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        del jp_server_config["TransferApp"]["warm_worker"]
        return jp_server_config

    async def test_one_waits(self, transfer_app):
        (worker,) = await idle_workers(transfer_app)
        assert worker.alive


async def test_none_waits(transfer_app):
    assert await idle_workers(transfer_app) == []
