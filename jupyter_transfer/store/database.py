"""The connection to the database: opening, migrating, one thread at a time, revisions.

One SQLite file in the state folder, written by one process.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .damage import check_pages, check_tables, is_readable, put_aside, tables
from .faults import from_sqlite_error, is_fault, is_unreadable
from .filesystems import on_network_filesystem
from .schema import MIGRATIONS, SCHEMA_VERSION


class Database:
    """The database in the folder `state_dir`, which is made (mode 0700) when it is missing.

    Its methods raise ``disk_full``, ``list_unavailable`` and ``list_unreadable``.

    What is there and is no database of ours is put aside, and an empty one begun (`damaged`).

    Raises BlockingIOError when another live server holds this folder, RuntimeError when the disk
    cannot be read or a newer version wrote the database.
    """

    damaged: str | None = None
    """Where the file is now that was here and could not be used; None if it could."""
    damage = ""
    """What was wrong with it."""
    lost = False
    """Whether there was a database, in all likelihood, and this one begins empty in its place."""

    def __init__(self, state_dir: str) -> None:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        lock = os.path.join(state_dir, "lock")
        served_before = os.path.exists(lock)
        self._lock_fd = _lock(lock)
        self._lock = threading.RLock()
        self.path = os.path.join(state_dir, "transfers.sqlite")
        try:
            self._open_or_begin(on_network_filesystem(state_dir))
        except BaseException:
            self._unlock()
            raise
        self.lost = self._is_new and (served_before or self.damaged is not None)

    def _open_or_begin(self, shared: bool) -> None:
        try:
            self._open(shared)
        except sqlite3.Error as error:
            try:
                if not is_unreadable(error):
                    raise
                if not is_readable(self.path):
                    raise RuntimeError(
                        f"The database {self.path} cannot be read ({error}): check its disk, or "
                        "move it away, and transfers begin with an empty list. No delivered file "
                        "is touched."
                    ) from error
                # Before it is closed: SQLite removes the log of a database that it closes.
                self.damaged, self.damage = put_aside(self.path), str(error)
            finally:
                self._db.close()
            self._open(shared)

    def _open(self, shared: bool) -> None:
        self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self._configure(shared)
        check_pages(self._db)
        self._migrate()
        highest: int
        (highest,) = self._db.execute(
            "select max(coalesce((select max(revision) from jobs), 0),"
            " coalesce((select max(revision) from removed), 0))"
        ).fetchone()
        # Progress between two commits has revisions too, which a crash forgets: begin above all
        # that a former process can have handed out.
        self.first_revision: int = max(highest + 1, int(time.time() * 1000))
        self._revision: int = self.first_revision

    def _configure(self, shared: bool) -> None:
        os.chmod(self.path, 0o600)
        self._db.execute(f"pragma journal_mode = {'truncate' if shared else 'wal'}")
        self._db.execute("pragma synchronous = full")
        self._db.execute("pragma foreign_keys = on")
        self._db.execute("pragma busy_timeout = 5000")

    def _migrate(self) -> None:
        (version,) = self._db.execute("pragma user_version").fetchone()
        self._is_new = version == 0
        if version > SCHEMA_VERSION and "uploads" in tables(self._db):
            raise RuntimeError(
                f"The database {self.path} was written by a newer jupyter_transfer "
                f"(schema {version}, this one knows {SCHEMA_VERSION}): upgrade it."
            )
        check_tables(self._db, version)
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._db.executescript(f"begin; {script} pragma user_version = {number}; commit;")

    def close(self) -> None:
        """Close the database and let another server have the folder."""
        with self._lock:
            self._db.close()
            self._unlock()

    def _unlock(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    @contextmanager
    def access(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time; its failures become `TransferError`."""
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                if not is_fault(error):
                    raise
                raise from_sqlite_error(error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All the statements of a ``with`` block or none."""
        with self.access() as db:
            if db.in_transaction:  # a disk that failed has let no rollback through
                db.execute("rollback")
            try:
                db.execute("begin immediate")
                yield db
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("rollback")
                raise

    # -- revisions --

    @property
    def revision(self) -> int:
        """The revision of the latest change."""
        return self._revision

    def next_revision(self) -> int:
        """A new revision, greater than every one before."""
        with self._lock:
            self._revision += 1
            return self._revision


def _lock(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise
    except OSError:
        pass  # a network file system without locks
    return fd
