"""A database that cannot be read or written: each failure says what it is and what to do."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.store import Store

ROWS = 3000
LONG = "x" * 2000
"""With this in each row the database is larger than SQLite's cache."""


def filled(folder: Path) -> Store:
    """A database with many uploads, opened anew."""
    store = Store(str(folder))
    with store.transaction():
        for number in range(ROWS):
            store._db.execute(
                "insert into uploads (id, owner, folder, destination, created, expires, state,"
                " metadata) values (?, 'me', '', ?, 0, 1e12, 'open', '{}')",
                (f"u{number}", LONG),
            )
    store.close()
    return Store(str(folder))


def read_all(store: Store) -> Counter[str]:
    """Read each row; how often each failure happened."""
    errors: list[TransferError] = []
    for number in range(ROWS):
        try:
            assert store.upload_get(f"u{number}")["destination"] == LONG
        except TransferError as error:
            errors.append(error)
    for error in errors:
        assert error.message.startswith("The server's list of transfers")
        assert store.path not in error.message + error.remedy
    return Counter(error.code for error in errors)


def written(store: Store) -> TransferError:
    """What a write raises."""
    with pytest.raises(TransferError) as caught:
        store.upload_touch("u1", 5)
    return caught.value


def test_a_disk_that_fails(disk):
    """Every read and write of the disk gives EIO from now on."""
    with closing(filled(disk.folder / "state")) as store:
        disk.cut()
        codes = read_all(store)
        assert set(codes) == {"list_unreadable"}
        assert codes["list_unreadable"] > ROWS // 2
        for call in (store.uploads_done_folders, store.jobs_unfinished):
            with suppress(TransferError):  # what is in memory may still be told
                call()
        error = written(store)  # which has to read first
        assert (error.code, error.retryable) == ("list_unreadable", True)
    disk.power_on()
    with closing(Store(str(disk.folder / "state"))) as store:
        assert read_all(store) == {}
        store.upload_touch("u1", 5)


def test_a_database_that_was_cut_short(tmp_path):
    with closing(filled(tmp_path)) as store:
        os.truncate(store.path, os.path.getsize(store.path) // 2)
        codes = read_all(store)
        assert set(codes) == {"list_unreadable"}
        assert codes["list_unreadable"] > ROWS // 4
        with pytest.raises(TransferError) as caught:
            store.uploads_expired(1e13)
        assert caught.value.code == "list_unreadable"
        assert caught.value.status == 500


def test_a_database_that_was_moved_away(tmp_path, monkeypatch):
    """SQLite takes it for read-only then; it is written again when it is back."""
    monkeypatch.setattr("jupyter_transfer.store.database.on_network_filesystem", lambda path: True)
    with closing(filled(tmp_path)) as store:
        os.rename(store.path, tmp_path / "away")
        error = written(store)
        assert (error.code, error.status, error.retryable) == ("list_unavailable", 503, True)
        assert "read-only" in error.message
        assert read_all(store) == {}
        os.rename(tmp_path / "away", store.path)
        store.upload_touch("u1", 5)
        assert store.upload_get("u1")["expires"] == 5
