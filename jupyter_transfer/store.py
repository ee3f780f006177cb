"""The database of a server: jobs, their files, uploads. The only SQL of the package.

One SQLite file in the state folder, written by one process. It caches what the journals on disk
know better and remembers what was asked for. Every method is synchronous, short, and may be
called from any thread; the server calls them from one thread of its own, never from its loop.

A revision is a whole number that grows with every change of any job, over restarts too, so that a
client can ask for what changed since it last looked.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from .errors import TransferError
from .spec import Job, Progress, State

_SCHEMA = """
create table jobs (
    id text primary key,
    owner text not null,
    kind text not null,
    source text not null,
    destination text not null,
    options text not null,
    state text not null,
    priority integer not null,
    reason text,
    progress text not null,
    verified integer,
    created text not null,
    started text,
    finished text,
    attempt integer not null,
    revision integer not null
);
create index jobs_by_revision on jobs (revision);
create index jobs_by_state on jobs (state);

create table removed (id text primary key, owner text not null, revision integer not null);

create table files (
    job text not null references jobs (id) on delete cascade,
    path text not null,
    state text not null,
    size integer,
    digest text,
    verified integer,
    seconds real,
    error text,
    primary key (job, path)
) without rowid;

create table delivered (
    path text primary key,
    source text not null,
    size integer not null,
    mtime_ns integer not null,
    digest text,
    validators text not null
) without rowid;
create index delivered_by_source on delivered (source);

create table uploads (
    id text primary key,
    owner text not null,
    folder text not null,
    destination text not null,
    length integer,
    created real not null,
    expires real not null,
    state text not null,
    path text,
    metadata text not null
) without rowid;
create index uploads_by_expiry on uploads (state, expires);
"""

_UPLOADS_OF_ANY_LENGTH = """
alter table uploads add column explicit integer not null default 0;
alter table uploads add column concat text not null default '';
alter table uploads add column assembly text not null default '';
create index uploads_by_assembly on uploads (assembly) where assembly <> '';
create index uploads_by_owner on uploads (owner, state);
"""

_PACKS = """
alter table uploads add column files text;
create table upload_files (
    upload text not null references uploads (id) on delete cascade,
    number integer not null,
    state text not null,
    result text not null,
    primary key (upload, number)
) without rowid;
"""

_MIGRATIONS = (_SCHEMA, _UPLOADS_OF_ANY_LENGTH, _PACKS)
"""What makes each version of the schema out of the one before, the first out of nothing."""

SCHEMA_VERSION = len(_MIGRATIONS)

_JOB_COLUMNS = (
    "id, owner, kind, source, destination, options, state, priority, reason, progress, "
    "verified, created, started, finished, attempt, revision"
)

_UPLOAD_COLUMNS = (
    "id, owner, folder, destination, length, created, expires, state, path, metadata, explicit, "
    "concat, assembly, files"
)

_INSERT_UPLOAD = (
    f"insert into uploads ({_UPLOAD_COLUMNS}) values (:id, :owner, :folder, :destination, :length,"  # noqa: S608
    " :created, :expires, 'open', null, :metadata, :explicit, :concat, :assembly, null)"
)

# statfs(2) f_type of file systems on which several machines may see one file, where SQLite's WAL
# (shared memory) does not work.
_NETWORK_FILE_SYSTEMS = {
    0x6969,  # NFS
    0x517B,  # SMB
    0xFE534D42,  # SMB2
    0xFF534D42,  # CIFS
    0x00C36400,  # Ceph
    0x0BD00BD0,  # Lustre
    0x47504653,  # GPFS
    0x65735546,  # FUSE (JuiceFS, s3fs, sshfs, GlusterFS …)
    0x01021997,  # 9P
    0x5346414F,  # AFS
    0x20030528,  # OrangeFS
    0x7461636F,  # OCFS2
    0x01161970,  # GFS2
    0x19830326,  # BeeGFS
}


def on_network_filesystem(path: str) -> bool:
    """Whether `path` lies on a file system that other machines may write too (by statfs)."""
    buffer = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(path), buffer) != 0:
        return True  # unknown: take the careful way
    kind = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_long))[0] & 0xFFFFFFFF
    return kind in _NETWORK_FILE_SYSTEMS


class Store:
    """The database in the folder `state_dir`, which is made (mode 0700) when it is missing.

    Its methods raise ``disk_full``, ``list_unavailable`` and ``list_unreadable``.

    Raises BlockingIOError when another live server holds this folder, RuntimeError when what is
    there cannot be used.
    """

    def __init__(self, state_dir: str) -> None:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        self._lock_fd = _lock_folder(state_dir)
        self._lock = threading.RLock()
        self.path = os.path.join(state_dir, "transfers.sqlite")
        try:
            self._open(on_network_filesystem(state_dir))
        except BaseException as error:
            self._unlock()
            if _is_fault(error) and _is_unreadable(error):
                raise RuntimeError(
                    f"The database {self.path} cannot be read ({error}): check its disk, or move "
                    "it away, and transfers begin with an empty list. No delivered file is touched."
                ) from error
            raise

    def _open(self, shared: bool) -> None:
        self._db = self._connect(shared)
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

    def _connect(self, shared: bool) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        os.chmod(self.path, 0o600)
        db.execute(f"pragma journal_mode = {'truncate' if shared else 'wal'}")
        db.execute("pragma synchronous = full")
        db.execute("pragma foreign_keys = on")
        db.execute("pragma busy_timeout = 5000")
        return db

    def _migrate(self) -> None:
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise RuntimeError(
                f"The database {self.path} was written by a newer jupyter_transfer "
                f"(schema {version}, this one knows {SCHEMA_VERSION}): upgrade it."
            )
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
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
    def _access(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time; its failures become `TransferError`."""
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                if not _is_fault(error):
                    raise
                raise _from_sqlite_error(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All the statements of a ``with`` block or none."""
        with self._access() as db:
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

    # -- jobs --

    def job_save(self, job: Job) -> None:
        """Insert or replace the row of `job`."""
        row = (
            job.id,
            job.owner,
            job.kind,
            job.source,
            job.destination,
            json.dumps(job.options),
            job.state.value,
            job.priority,
            json.dumps(job.reason) if job.reason else None,
            json.dumps(asdict(job.progress.at_rest())),
            job.verified,
            job.created,
            job.started,
            job.finished,
            job.attempt,
            job.revision,
        )
        places = ", ".join("?" * len(row))
        updates = ", ".join(f"{name} = excluded.{name}" for name in _JOB_COLUMNS.split(", ")[1:])
        with self._transaction() as db:
            db.execute(
                f"insert into jobs ({_JOB_COLUMNS}) values ({places})"  # noqa: S608
                f" on conflict (id) do update set {updates}",
                row,
            )

    def job_get(self, id: str) -> Job | None:
        """The job `id`, or None."""
        rows = self._jobs("where id = ?", (id,))
        return rows[0] if rows else None

    def jobs_unfinished(self) -> list[Job]:
        """All jobs that are queued, running, paused or waiting, oldest first."""
        return self._jobs(
            "where state in ('queued', 'running', 'paused', 'waiting') order by created", ()
        )

    def jobs_list(
        self, owner: str, state: str | None, since: int, limit: int, offset: int
    ) -> tuple[list[Job], int]:
        """A page of `owner`'s jobs, newest first, and how many there are in all."""
        where = "where owner = ? and revision > ? and (? is null or state = ?)"
        values = (owner, since, state, state)
        with self._access() as db:
            (total,) = db.execute(f"select count(*) from jobs {where}", values).fetchone()  # noqa: S608
        page = f"{where} order by created desc, id limit ? offset ?"
        return self._jobs(page, (*values, limit, offset)), total

    def job_remove(self, id: str, owner: str, revision: int) -> None:
        """Forget the job and its files; remember for a while that it was removed."""
        with self._transaction() as db:
            db.execute("delete from jobs where id = ?", (id,))
            db.execute("insert or replace into removed values (?, ?, ?)", (id, owner, revision))
            db.execute(
                "delete from removed where revision <="
                " (select revision from removed order by revision desc limit 1 offset 10000)"
            )

    def jobs_removed(self, owner: str, since: int) -> list[str]:
        """Ids of `owner`'s jobs that were removed after revision `since`."""
        with self._access() as db:
            rows = db.execute(
                "select id from removed where owner = ? and revision > ?", (owner, since)
            ).fetchall()
        return [id for (id,) in rows]

    def _jobs(self, clause: str, values: tuple[Any, ...]) -> list[Job]:
        with self._access() as db:
            rows = db.execute(f"select {_JOB_COLUMNS} from jobs {clause}", values).fetchall()  # noqa: S608
        return [_job(row) for row in rows]

    # -- files of jobs --

    def files_save(self, job: str, files: Iterable[dict[str, Any]]) -> None:
        """Insert or replace the report rows of some files of `job`."""
        rows = [
            (
                job,
                file["path"],
                file["state"],
                file.get("size"),
                file.get("digest"),
                file.get("verified"),
                file.get("seconds"),
                json.dumps(file["error"]) if file.get("error") else None,
            )
            for file in files
        ]
        with self._transaction() as db:
            db.executemany("insert or replace into files values (?,?,?,?,?,?,?,?)", rows)

    def files_list(
        self, job: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the report rows of `job`, failed files first, and how many there are."""
        where = "where job = ? and (? is null or state = ?)"
        values = (job, state, state)
        with self._access() as db:
            (total,) = db.execute(f"select count(*) from files {where}", values).fetchone()  # noqa: S608
            rows = db.execute(
                "select path, state, size, digest, verified, seconds, error from files "  # noqa: S608
                f"{where} order by state <> 'failed', path limit ? offset ?",
                (*values, limit, offset),
            ).fetchall()
        return [_file(row) for row in rows], total

    # -- what we delivered --

    def delivered_save(self, source: str, files: Iterable[dict[str, Any]]) -> None:
        """Remember files that we published for `source`: path, size, mtime_ns, validators."""
        rows = [
            (
                file["path"],
                source,
                file["size"],
                file["mtime_ns"],
                file.get("digest"),
                json.dumps(file.get("validators") or {}),
            )
            for file in files
        ]
        with self._transaction() as db:
            db.executemany("insert or replace into delivered values (?,?,?,?,?,?)", rows)

    def delivered_list(self, source: str) -> list[dict[str, Any]]:
        """What `delivered_save` remembers of `source`."""
        with self._access() as db:
            rows = db.execute(
                "select path, source, size, mtime_ns, digest, validators from delivered"
                " where source = ?",
                (source,),
            ).fetchall()
        names = ("path", "source", "size", "mtime_ns", "digest", "validators")
        return [
            {**dict(zip(names, row, strict=True)), "validators": json.loads(row[5])} for row in rows
        ]

    # -- uploads --

    def upload_add(self, row: dict[str, Any]) -> None:
        """Insert an open upload; `row` is as `upload_get` gives it, without state and path."""
        with self._transaction() as db:
            db.execute(_INSERT_UPLOAD, {**row, "metadata": json.dumps(row["metadata"])})

    def upload_get(self, id: str) -> dict[str, Any] | None:
        """The row of an upload, or None."""
        rows = self._uploads("where id = ?", (id,))
        return rows[0] if rows else None

    def upload_finish(self, id: str, path: str, length: int) -> None:
        """Mark an upload of `length` bytes as done; `path` is the final path below the root."""
        with self._transaction() as db:
            db.execute(
                "update uploads set state = 'done', path = ?, length = ? where id = ?",
                (path, length, id),
            )

    def pack_finish(
        self, id: str, length: int, files: dict[str, int], results: list[dict[str, Any]]
    ) -> None:
        """`upload_finish` of a pack, whose path is its destination: the counts `files`, and the
        `results` of some of its files."""
        with self._transaction() as db:
            db.execute(
                "update uploads set state = 'done', path = destination, length = ?, files = ?"
                " where id = ?",
                (length, json.dumps(files), id),
            )
            db.executemany(
                "insert into upload_files values (?,?,?,?)",
                [
                    (id, number, result["state"], json.dumps(result))
                    for number, result in enumerate(results)
                ],
            )

    def pack_files(
        self, id: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the results of a finished pack, failed files first, and how many there are."""
        where = "where upload = ? and (? is null or state = ?)"
        values = (id, state, state)
        with self._access() as db:
            (total,) = db.execute(
                f"select count(*) from upload_files {where}",  # noqa: S608
                values,
            ).fetchone()
            rows = db.execute(
                f"select result from upload_files {where}"  # noqa: S608
                " order by state <> 'failed', number limit ? offset ?",
                (*values, limit, offset),
            ).fetchall()
        return [json.loads(result) for (result,) in rows], total

    def upload_touch(self, id: str, expires: float) -> None:
        """Move the moment (seconds since 1970) at which an upload expires."""
        with self._transaction() as db:
            db.execute("update uploads set expires = ? where id = ?", (expires, id))

    def upload_remove(self, id: str) -> None:
        """Forget an upload."""
        with self._transaction() as db:
            db.execute("delete from uploads where id = ?", (id,))

    def uploads_of_assembly(self, assembly: str) -> list[dict[str, Any]]:
        """The rows of the segments of `assembly`, and of its file when that is done."""
        return self._uploads("where assembly = ? and assembly <> ''", (assembly,))

    def assembly_touch(self, assembly: str, expires: float) -> None:
        """`upload_touch` for all segments of `assembly`."""
        with self._transaction() as db:
            db.execute("update uploads set expires = ? where assembly = ?", (expires, assembly))

    def assembly_finish(self, row: dict[str, Any], path: str) -> None:
        """Insert the upload `row` of a file that was made of segments, and mark it and them as
        done, at once."""
        with self._transaction() as db:
            db.execute(_INSERT_UPLOAD, {**row, "metadata": json.dumps(row["metadata"])})
            db.execute(
                "update uploads set state = 'done', path = ? where assembly = ?",
                (path, row["assembly"]),
            )

    def uploads_open(self, owner: str) -> int:
        """How many unfinished uploads `owner` has."""
        with self._access() as db:
            (count,) = db.execute(
                "select count(*) from uploads where owner = ? and state = 'open'", (owner,)
            ).fetchone()
        return int(count)

    def uploads_done_folders(self) -> list[str]:
        """The different ``folder`` of all uploads that are done."""
        with self._access() as db:
            rows = db.execute("select distinct folder from uploads where state = 'done'")
            return [folder for (folder,) in rows]

    def uploads_expired(self, before: float) -> list[dict[str, Any]]:
        """Rows of the uploads, done or not, that expired before `before` (seconds since 1970)."""
        return self._uploads("where expires < ?", (before,))

    def _uploads(self, clause: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._access() as db:
            rows = db.execute(
                f"select {_UPLOAD_COLUMNS} from uploads {clause}",  # noqa: S608
                values,
            ).fetchall()
        return [_upload(row) for row in rows]


def _lock_folder(state_dir: str) -> int:
    fd = os.open(os.path.join(state_dir, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise
    except OSError:
        pass  # a network file system without locks
    return fd


def _is_fault(error: BaseException) -> bool:
    """Whether `error` comes from the disk or the file: other subclasses are our own mistakes."""
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)


def _is_unreadable(error: BaseException) -> bool:
    """Whether `error` says that what was read is no whole database.

    SQLite says so of a disk that fails to read, too (EIO: SQLITE_IOERR_CORRUPTFS), so that nobody
    can tell whether it passes.
    """
    # SQLITE_CORRUPT and SQLITE_NOTADB have no class of their own; an emptied file has no tables.
    return type(error) is sqlite3.DatabaseError or str(error).startswith("no such table")


def _from_sqlite_error(error: BaseException) -> TransferError:
    """A fault (https://sqlite.org/rescode.html) as an error that says what to do."""
    said = str(error)
    if "is full" in said:
        return TransferError(
            "disk_full",
            "The disk that holds the list of transfers is full.",
            "Free space in the server's home folder.",
        )
    if _is_unreadable(error):
        return TransferError(
            "list_unreadable",
            f"The server's list of transfers, or the disk that holds it, is damaged: {said}.",
        )
    if "readonly" in said:
        return TransferError("list_unavailable", "The server's list of transfers is read-only now.")
    return TransferError(
        "list_unavailable", f"The server's list of transfers cannot be read or written now: {said}."
    )


def _job(row: tuple[Any, ...]) -> Job:
    value = dict(zip(_JOB_COLUMNS.split(", "), row, strict=True))
    return Job(
        **{
            **value,
            "state": State(value["state"]),
            "options": json.loads(value["options"]),
            "reason": json.loads(value["reason"]) if value["reason"] else None,
            "progress": Progress.from_dict(json.loads(value["progress"])),
            "verified": None if value["verified"] is None else bool(value["verified"]),
        }
    )


def _upload(row: tuple[Any, ...]) -> dict[str, Any]:
    value = dict(zip(_UPLOAD_COLUMNS.split(", "), row, strict=True))
    return {
        **value,
        "metadata": json.loads(value["metadata"]),
        "explicit": bool(value["explicit"]),
        "files": json.loads(value["files"]) if value["files"] else None,
    }


def _file(row: tuple[Any, ...]) -> dict[str, Any]:
    path, state, size, digest, verified, seconds, error = row
    return {
        "path": path,
        "state": state,
        "size": size,
        "digest": digest,
        "verified": None if verified is None else bool(verified),
        "seconds": seconds,
        "error": json.loads(error) if error else None,
    }
