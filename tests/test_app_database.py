"""The extension starts on a database that it cannot use, and says so."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.spec import Job, JobSpec, State
from jupyter_transfer.store import Store

from .conftest import until


def state_folder(root: Path, tmp_path: Path) -> Path:
    """The folder in which the server is going to keep its database."""
    name = hashlib.sha256(os.path.realpath(root).encode()).hexdigest()[:16]
    return tmp_path / "state" / name


@pytest.fixture
def damaged(jp_root_dir, tmp_path) -> Path:
    """The folder in which the server is going to find a database of garbage."""
    folder = state_folder(jp_root_dir, tmp_path)
    folder.mkdir(parents=True)
    (folder / "transfers.sqlite").write_bytes(os.urandom(9000))
    return folder


async def test_a_damaged_database(damaged, capfd, caplog, transfer_app, ask):
    (aside,) = damaged.glob("transfers.damaged-*.sqlite")
    assert aside.stat().st_size == 9000
    log = capfd.readouterr().err
    assert "was damaged (file is not a database)" in log
    assert str(aside) in log
    await until(lambda: transfer_app._startup is not None)
    await transfer_app._startup
    assert "0 uploads were found again" in caplog.text
    assert (await ask("jobs")).code == 200


@pytest.fixture
def full(jp_root_dir, tmp_path, monkeypatch) -> list[bool]:
    """An earlier server died with a job running; to write its row fails while this list is not
    empty."""
    spec = JobSpec.from_request({"source": "https://example.invalid/x", "destination": "x"})
    store = Store(str(state_folder(jp_root_dir, tmp_path)))
    store.job_save(Job.new(spec, "nobody").moved(State.RUNNING))
    store.close()
    full, save = [True], Store.job_save

    def broken(self, job):
        if full:
            raise TransferError("disk_full", "The disk of the server is full.")
        save(self, job)

    monkeypatch.setattr(Store, "job_save", broken)
    return full


async def test_a_take_over_that_fails_is_told_and_tried_again(full, caplog, transfer_app, ask):
    await until(lambda: transfer_app._startup is not None)
    await transfer_app._startup
    assert "were not taken over" in caplog.text
    answer = await ask("jobs")
    assert (answer.code, json.loads(answer.body)["error"]["code"]) == (507, "disk_full")
    full.clear()
    assert (await ask("jobs")).code == 200
    (job,) = transfer_app.queue._jobs.live.values()
    assert (job.owner, job.source) == ("nobody", "https://example.invalid/x")
