"""The pool of workers, with real worker processes."""

from __future__ import annotations

import asyncio
import logging
import os

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.workers import Worker, WorkerPool


@pytest.fixture
def pool(tmp_path) -> WorkerPool:
    return WorkerPool(str(tmp_path), logging.getLogger("test"))


def children() -> set[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return {int(pid) for pid in file.read().split()}


async def test_a_worker_that_starts_while_the_pool_ends_ends_too(pool):
    before = children()
    starting = asyncio.ensure_future(pool.take())
    while children() == before:
        await asyncio.sleep(0.01)
    await pool.close()
    with pytest.raises(TransferError) as refused:
        await starting
    assert refused.value.code == "worker_died"
    assert children() == before


async def test_a_pool_that_has_ended_starts_nothing(pool, monkeypatch):
    await pool.close()

    async def start(folder: str) -> Worker:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(Worker, "start", start)
    with pytest.raises(TransferError):
        await pool.take()
