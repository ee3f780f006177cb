"""The database: pages, revisions, removals, uploads, and what happens after a crash."""

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
from jupyter_transfer.spec import Job, JobSpec, Progress, State
from jupyter_transfer.store import _MIGRATIONS, SCHEMA_VERSION, Store, on_network_filesystem


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "state"))
    yield store
    store.close()


def job(store: Store, owner: str = "me", **changes) -> Job:
    new = Job.new(JobSpec("fetch", "https://x.org/a", "data", {"sha256": "ab"}), owner)
    return replace(new, revision=store.next_revision(), **changes)


def test_a_job_comes_back_as_it_was(store):
    saved = job(store, progress=Progress(5, 10, 1, 2), verified=True, reason={"code": "x"})
    store.job_save(saved)
    assert store.job_get(saved.id) == saved
    store.job_save(replace(saved, state=State.DONE))
    assert store.job_get(saved.id).state is State.DONE
    assert store.job_get("unknown") is None


def test_pages(store):
    jobs = [job(store, created=f"2026-01-01T00:00:{n:02}Z") for n in range(10)]
    for one in jobs:
        store.job_save(one)
    store.job_save(job(store, owner="other"))
    page, total = store.jobs_list("me", None, -1, 3, 2)
    assert [one.id for one in page] == [jobs[n].id for n in (7, 6, 5)]
    assert total == 10
    page, total = store.jobs_list("me", None, jobs[7].revision, 100, 0)
    assert {one.id for one in page} == {jobs[8].id, jobs[9].id}
    assert store.jobs_list("me", "done", -1, 100, 0) == ([], 0)


def test_removed_jobs_are_remembered(store):
    one = job(store)
    store.job_save(one)
    store.files_save(one.id, [{"path": "a", "state": "done"}])
    before = store.revision
    store.job_remove(one.id, "me", store.next_revision())
    assert store.job_get(one.id) is None
    assert store.files_list(one.id, None, 10, 0) == ([], 0)
    assert store.jobs_removed("me", before) == [one.id]
    assert store.jobs_removed("other", before) == []


def test_files_failed_first(store):
    one = job(store)
    store.job_save(one)
    error = {"code": "remote_not_found", "message": "Gone."}
    store.files_save(
        one.id,
        [
            {"path": "a", "state": "done", "size": 3, "verified": True, "seconds": 0.5},
            {"path": "z", "state": "failed", "error": error},
        ],
    )
    files, total = store.files_list(one.id, None, 10, 0)
    assert [file["path"] for file in files] == ["z", "a"]
    assert total == 2
    assert files[0]["error"] == error
    assert files[1]["verified"] is True


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


def test_file_systems(tmp_path):
    assert not on_network_filesystem("/")
    assert on_network_filesystem(str(tmp_path / "missing"))


@pytest.mark.parametrize("shared", [False, True])
def test_both_journal_modes(tmp_path, monkeypatch, shared):
    monkeypatch.setattr("jupyter_transfer.store.on_network_filesystem", lambda path: shared)
    store = Store(str(tmp_path))
    (mode,) = store._db.execute("pragma journal_mode").fetchone()
    assert mode == ("truncate" if shared else "wal")
    store.job_save(job(store))
    store.close()


def test_uploads(store):
    row = {
        "id": "u", "owner": "me", "folder": "", "destination": "x", "length": 5,
        "created": 1.0, "expires": 2.0, "metadata": {"filename": "x"},
        "explicit": False, "concat": "partial", "assembly": "a",
    }  # fmt: skip
    store.upload_add(row)
    assert store.upload_get("u") == {**row, "state": "open", "path": None, "files": None}
    assert store.uploads_open("me") == 1
    assert [r["id"] for r in store.uploads_expired(3)] == ["u"]
    store.upload_touch("u", 10)
    assert store.uploads_expired(3) == []
    store.upload_finish("u", "x (1)", 7)
    assert store.upload_get("u")["path"] == "x (1)"
    assert store.upload_get("u")["length"] == 7
    assert store.uploads_open("me") == 0
    store.upload_remove("u")
    assert store.upload_get("u") is None


def test_the_files_of_a_pack(store):
    row = {
        "id": "u", "owner": "me", "folder": "", "destination": "d", "length": None,
        "created": 1.0, "expires": 2.0, "metadata": {"pack": "tar"},
        "explicit": False, "concat": "", "assembly": "",
    }  # fmt: skip
    store.upload_add(row)
    results = [{"path": f"d/{n}", "state": "failed" if n % 2 else "skipped"} for n in range(4)]
    store.pack_finish("u", 9, {"done": 5, "failed": 2}, results)
    found = store.upload_get("u")
    assert (found["path"], found["length"], found["files"]) == ("d", 9, {"done": 5, "failed": 2})
    files = [results[n] for n in (1, 3, 0, 2)]
    assert store.pack_files("u", None, 10, 0) == (files, 4)
    assert store.pack_files("u", None, 2, 1) == (files[1:3], 4)
    assert store.pack_files("u", "skipped", 10, 0) == (files[2:], 2)
    store.upload_remove("u")
    assert store.pack_files("u", None, 10, 0) == ([], 0)


def test_delivered(store):
    file = {"path": "x", "size": 1, "mtime_ns": 2, "digest": None, "validators": {"etag": '"a"'}}
    store.delivered_save("https://x.org/a", [file])
    store.delivered_save("https://x.org/a", [{**file, "size": 9}])
    assert store.delivered_list("https://x.org/a") == [
        {**file, "size": 9, "source": "https://x.org/a"}
    ]
    assert store.delivered_list("https://x.org/b") == []


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


def test_a_database_of_an_earlier_version_is_taken_on(tmp_path):
    with sqlite3.connect(tmp_path / "transfers.sqlite") as db:
        db.executescript(_MIGRATIONS[0])
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
