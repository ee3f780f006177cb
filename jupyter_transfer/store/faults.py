"""What SQLite says when its disk or its file fails, and what the client is told then."""

from __future__ import annotations

import sqlite3

from ..errors import TransferError
from .damage import ForeignError


def is_fault(error: BaseException) -> bool:
    """Whether `error` comes from the disk or the file: other subclasses are our own mistakes."""
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)


def is_unreadable(error: BaseException) -> bool:
    """Whether `error` says that what was read is no whole database.

    SQLite says so of a disk that fails to read, too (EIO: SQLITE_IOERR_CORRUPTFS), so that nobody
    can tell whether it passes.
    """
    if isinstance(error, ForeignError):
        return True
    # SQLITE_CORRUPT and SQLITE_NOTADB have no class of their own; an emptied file has no tables.
    return type(error) is sqlite3.DatabaseError or str(error).startswith("no such table")


def from_sqlite_error(error: BaseException) -> TransferError:
    """A fault (https://sqlite.org/rescode.html) as an error that says what to do."""
    said = str(error)
    if "is full" in said:
        return TransferError(
            "disk_full",
            "The disk that holds the list of transfers is full.",
            "Free space in the server's home folder.",
        )
    if is_unreadable(error):
        return TransferError(
            "list_unreadable",
            f"The server's list of transfers, or the disk that holds it, is damaged: {said}.",
        )
    if "readonly" in said:
        return TransferError("list_unavailable", "The server's list of transfers is read-only now.")
    return TransferError(
        "list_unavailable", f"The server's list of transfers cannot be read or written now: {said}."
    )
