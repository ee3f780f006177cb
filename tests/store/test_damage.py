"""A database file that cannot be used is put aside whole; the server begins with an empty one."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_transfer.store import Store

from ..servers.strace import require_strace
from .conftest import job
from .test_faults import filled


@pytest.fixture
def path(tmp_path) -> Path:
    """The file of a database with many rows; no server has it."""
    filled(tmp_path).close()
    return tmp_path / "transfers.sqlite"


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def truncate_to_a_header(path: Path) -> None:
    os.truncate(path, 100)


def overwrite_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8192 * 4096)
        file.write(b"\xff" * 4096)


def another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table bookmarks (id, url)")
        db.commit()


def another_program_of_our_version(path: Path) -> None:
    another_program(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table uploads (id, url)")
        db.execute("create table jobs (id, revision)")
        db.execute("create table removed (id, revision)")
        db.execute("pragma user_version = 3")


def another_program_of_a_later_version(path: Path) -> None:
    another_program(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")


def a_column_is_missing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("alter table jobs drop column attempt")
        db.commit()


DAMAGES = [
    garbage,
    truncate,
    truncate_to_a_header,
    overwrite_a_page,
    another_program,
    another_program_of_our_version,
    another_program_of_a_later_version,
    a_column_is_missing,
]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_kept_and_a_new_one_begun(path, damage, shared, monkeypatch):
    monkeypatch.setattr("jupyter_transfer.store.database.on_network_filesystem", lambda _: shared)
    damage(path)
    before = path.read_bytes()
    with closing(Store(str(path.parent))) as store:
        aside = Path(store.damaged)
        assert re.fullmatch(r"transfers\.damaged-\d{8}T\d{6}Z\.sqlite", aside.name)
        after = aside.read_bytes()
        # SQLite notes the journal mode in the header of what it takes for a database.
        assert (len(after), after[100:]) == (len(before), before[100:])
        assert store.damage
        assert store.lost
        one = job(store)
        store.job_save(one)
        assert store.upload_get("u1") is None
    with closing(Store(str(path.parent))) as store:
        assert store.job_get(one.id) == one
        assert (store.damaged, store.lost) == (None, False)


def test_two_in_one_second(path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda *_: "20260101T000000Z")
    for _ in range(2):
        garbage(path)
        Store(str(path.parent)).close()
    names = {file.name for file in path.parent.iterdir()}
    assert names >= {
        "transfers.damaged-20260101T000000Z.sqlite",
        "transfers.damaged-20260101T000000Z-1.sqlite",
    }


def test_its_log_goes_with_it(path):
    Path(f"{path}-wal").write_bytes(b"log")
    garbage(path)
    with closing(Store(str(path.parent))) as store:
        assert Path(f"{store.damaged}-wal").read_bytes() == b"log"


def test_an_empty_one_was_lost(path):
    for lose in (lambda: os.truncate(path, 0), path.unlink):
        lose()
        with closing(Store(str(path.parent))) as store:
            assert (store.lost, store.damaged) == (True, None)


def test_the_first_one_is_not_lost(store):
    assert not store.lost


def test_a_disk_that_fails_is_no_damage(path):
    """The bytes may be right: nothing is put aside, and the message says which file it is."""
    require_strace()
    code = f"from jupyter_transfer.store import Store; Store({str(path.parent)!r})"
    strace = ["strace", "-f", "-o", "/dev/null", "-P", str(path), "-e", "trace=pread64"]
    command = [*strace, "-e", "inject=pread64:error=EIO", sys.executable, "-c", code]
    names = {file.name for file in path.parent.iterdir()}
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "Error" in run.stderr.splitlines()[-1]
    assert {file.name for file in path.parent.iterdir()} - names <= {
        "transfers.sqlite-wal",
        "transfers.sqlite-shm",
    }
    Store(str(path.parent)).close()
