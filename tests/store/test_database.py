"""The database: its lock, its revisions, its versions, a full disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.spec import Job, State
from jupyter_transfer.store import Store
from jupyter_transfer.store.schema import MIGRATIONS, SCHEMA_VERSION

from .conftest import job


def test_revisions_grow_over_restarts(tmp_path):
    store = Store(str(tmp_path))
    last = store.next_revision() + 50_000  # handed out for progress, never saved
    store._revision = last
    store.job_save(job(store))
    store.close()
    again = Store(str(tmp_path))
    assert again.revision > last
    again.close()


def test_one_server_a_folder(tmp_path, store):
    with pytest.raises(BlockingIOError):
        Store(str(tmp_path / "state"))


def test_the_lock_goes_with_its_process(tmp_path):
    code = (
        "import os, sys; from jupyter_transfer.store import Store; Store(sys.argv[1]); os.abort()"
    )
    folder = str(tmp_path / "state")
    subprocess.run([sys.executable, "-c", code, folder], check=False, capture_output=True)
    Store(folder).close()


def test_nobody_else_reads_it(tmp_path, store):
    assert stat.S_IMODE(os.stat(tmp_path / "state").st_mode) == 0o700
    assert stat.S_IMODE(os.stat(store.path).st_mode) == 0o600


def test_a_newer_database_is_left_alone(tmp_path):
    Store(str(tmp_path)).close()
    path = tmp_path / "transfers.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(RuntimeError, match="newer"):
        Store(str(tmp_path))


@pytest.mark.parametrize("shared", [False, True])
def test_both_journal_modes(tmp_path, monkeypatch, shared):
    monkeypatch.setattr(
        "jupyter_transfer.store.database.on_network_filesystem", lambda path: shared
    )
    store = Store(str(tmp_path))
    (mode,) = store._db.execute("pragma journal_mode").fetchone()
    assert mode == ("truncate" if shared else "wal")
    store.job_save(job(store))
    store.close()


def test_a_full_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    folder = tmp_path / "small"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=400k tmpfs {folder}") != 0:
        pytest.skip("mounting is not permitted here")
    try:
        store = Store(str(folder / "state"))
        one = job(store)
        store.job_save(one)
        (folder / "ballast").write_bytes(b"")
        with pytest.raises(OSError, match="No space"):
            fill(folder / "ballast")
        with pytest.raises(TransferError) as caught:
            save_many(store, one)
        assert caught.value.code == "disk_full"
        (folder / "ballast").unlink()
        store.job_save(replace(one, state=State.DONE))
        assert store.job_get(one.id).state is State.DONE
        store.close()
    finally:
        os.system(f"umount {folder}")
        shutil.rmtree(folder, ignore_errors=True)


def fill(path) -> None:
    with open(path, "ab", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def save_many(store: Store, like: Job) -> None:
    for number in range(2000):
        store.job_save(replace(like, id=str(number), source="x" * 2000))


def test_only_the_servers_own_jobs_of_an_earlier_version_keep_its_credentials(tmp_path):
    with sqlite3.connect(tmp_path / "transfers.sqlite") as db:
        for version in MIGRATIONS[:6]:
            db.executescript(version)
        for owner in ("owner", "guest"):
            db.execute(
                "insert into jobs (id, owner, kind, source, destination, options, state, priority,"
                " progress, created, attempt, revision)"
                " values (?, ?, 'fetch', 's', 'd', '{}', 'queued', 0, '{}', '2026', 0, 1)",
                (owner, owner),
            )
        db.execute("pragma user_version = 6")
    store = Store(str(tmp_path))
    assert {job.owner: job.ambient for job in store.jobs_unfinished()} == {
        "owner": "own",
        "guest": "none",
    }
    store.close()


def test_a_database_of_an_earlier_version_is_taken_on(tmp_path):
    with sqlite3.connect(tmp_path / "transfers.sqlite") as db:
        db.executescript(MIGRATIONS[0])
        db.execute(
            "insert into uploads values ('u', 'me', '', 'x', 5, 1.0, 2.0, 'open', null, '{}')"
        )
        db.execute("pragma user_version = 1")
    for _ in range(2):
        store = Store(str(tmp_path))
        row = store.upload_get("u")
        assert (row["length"], row["explicit"], row["concat"]) == (5, False, "")
        assert store._db.execute("pragma user_version").fetchone() == (SCHEMA_VERSION,)
        store.close()
