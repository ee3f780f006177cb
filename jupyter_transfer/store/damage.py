"""A database file that is none, is broken, or is somebody else's: found out, and put aside.

Nothing is removed. The file keeps its bytes under a name with the date, its log beside it, so that
``sqlite3 … .recover`` (https://sqlite.org/recovery.html) may still get at them.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from itertools import count

from .schema import MIGRATIONS

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database (https://sqlite.org/tempfiles.html)."""

_PIECE = 1 << 20


class ForeignError(sqlite3.DatabaseError):
    """The file is a whole database, but not one of ours."""


def check_pages(db: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError unless each page can be read and is what it should be."""
    (said,) = db.execute("pragma quick_check(1)").fetchone()
    if said != "ok":
        raise sqlite3.DatabaseError(said.splitlines()[-1])


def tables(db: sqlite3.Connection) -> dict[str, set[str]]:
    """The columns of each table."""
    names = db.execute("select name from sqlite_schema where type = 'table'").fetchall()
    return {
        name: {row[1] for row in db.execute("select * from pragma_table_xinfo(?)", (name,))}
        for (name,) in names
        if not name.startswith("sqlite_")
    }  # fmt: skip


def check_tables(db: sqlite3.Connection, version: int) -> None:
    """Raise `ForeignError` unless `db` has the tables of the schema `version`, a known one."""
    with closing(sqlite3.connect(":memory:")) as model:
        for script in MIGRATIONS[:version]:
            model.executescript(script)
        expected, found = tables(model), tables(db)
    if version == 0 and found:
        raise ForeignError("it holds tables of something else")
    for name, columns in expected.items():
        if not columns <= found.get(name, set()):
            raise ForeignError(f"its table {name} is missing or another one")


def is_readable(path: str) -> bool:
    """Whether the disk gives every byte of the file at `path`: then it is the bytes that are
    wrong, and not the disk, which may come back."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            position = 0
            while data := os.pread(fd, _PIECE, position):
                position += len(data)
        finally:
            os.close(fd)
    except OSError:
        return False
    return True


def put_aside(path: str) -> str:
    """Give the database at `path`, and what lies beside it, a free name with the date (UTC); that
    name. Raises OSError."""
    stem, extension = os.path.splitext(path)
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for number in count():
        aside = f"{stem}.damaged-{date}{f'-{number}' if number else ''}{extension}"
        if not os.path.lexists(aside):
            break
    for ending in _BESIDE:  # first, so that no log of another database lies beside a new one
        if os.path.lexists(path + ending):
            os.rename(path + ending, aside + ending)
    os.rename(path, aside)
    return aside
