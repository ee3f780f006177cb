"""A database in a folder of its own, and jobs to put into it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_transfer.spec import Job, JobSpec
from jupyter_transfer.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "state"))
    yield store
    store.close()


def job(store: Store, owner: str = "me", **changes) -> Job:
    new = Job.new(JobSpec("fetch", "https://x.org/a", "data", {"sha256": "ab"}), owner)
    return replace(new, revision=store.next_revision(), **changes)
