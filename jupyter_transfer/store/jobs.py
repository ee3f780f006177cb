"""Jobs, the report of their files, and what they delivered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from ..ambient import from_text
from ..spec import Job, Progress, State
from .database import Database

_JOB_COLUMNS = (
    "id, owner, kind, source, destination, options, state, priority, reason, progress, "
    "verified, created, started, finished, attempt, revision, unverified, ambient"
)
_NAMES = _JOB_COLUMNS.split(", ")


class JobQueries(Database):
    """The tables of jobs: ``jobs``, ``removed``, ``files``, ``delivered``."""

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
            job.unverified,
            job.ambient,
        )
        places = ", ".join("?" * len(row))
        updates = ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
        with self.transaction() as db:
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

    def jobs_ids(
        self, owner: str, state: str | None, since: int, limit: int, offset: int
    ) -> tuple[list[str], int]:
        """The ids of a page of `owner`'s jobs, newest first, and how many there are in all."""
        where = "where owner = ? and revision > ? and (? is null or state = ?)"
        values = (owner, since, state, state)
        with self.access() as db:
            (total,) = db.execute(f"select count(*) from jobs {where}", values).fetchone()  # noqa: S608
            rows = db.execute(
                f"select id from jobs {where} order by created desc, id limit ? offset ?",  # noqa: S608
                (*values, limit, offset),
            ).fetchall()
        return [id for (id,) in rows], total

    def jobs_get(self, ids: list[str]) -> list[Job]:
        """The jobs of these ids that there are, in no order."""
        return self._jobs("where id in (select value from json_each(?))", (json.dumps(ids),))

    def jobs_finished(self, before: str, limit: int) -> list[Job]:
        """At most `limit` jobs that finished before the time `before` (ISO 8601), oldest first."""
        return self._jobs(
            "where finished < ? and state in ('done', 'failed', 'cancelled')"
            " order by finished limit ?",
            (before, limit),
        )

    def jobs_remove(self, jobs: Iterable[tuple[str, str, int]]) -> None:
        """Forget jobs (id, owner, revision) and their files; remember for a while that they were
        removed."""
        rows = list(jobs)
        with self.transaction() as db:
            db.executemany("delete from jobs where id = ?", [(id,) for id, _, _ in rows])
            db.executemany("insert or replace into removed values (?, ?, ?)", rows)
            db.execute(
                "delete from removed where revision <="
                " (select revision from removed order by revision desc limit 1 offset 10000)"
            )

    def jobs_removed(self, owner: str, since: int) -> list[str]:
        """Ids of `owner`'s jobs that were removed after revision `since`."""
        with self.access() as db:
            rows = db.execute(
                "select id from removed where owner = ? and revision > ?", (owner, since)
            ).fetchall()
        return [id for (id,) in rows]

    def _jobs(self, clause: str, values: tuple[Any, ...]) -> list[Job]:
        with self.access() as db:
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
                file.get("unverified"),
                file.get("action"),
                file.get("trash"),
            )
            for file in files
        ]
        with self.transaction() as db:
            db.executemany("insert or replace into files values (?,?,?,?,?,?,?,?,?,?,?)", rows)

    def files_forget(self, job: str, state: str) -> None:
        """Forget the report rows of `job` that are in a state."""
        with self.transaction() as db:
            db.execute("delete from files where job = ? and state = ?", (job, state))

    def files_list(
        self, job: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the report rows of `job`, failed files first, then those deleted, and how many
        there are."""
        where = "where job = ? and (? is null or state = ?)"
        values = (job, state, state)
        with self.access() as db:
            (total,) = db.execute(f"select count(*) from files {where}", values).fetchone()  # noqa: S608
            rows = db.execute(
                "select path, state, size, digest, verified, seconds, error, unverified, action,"  # noqa: S608
                f" trash from files {where} order by state <> 'failed', action is not 'delete',"
                " path limit ? offset ?",
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
        with self.transaction() as db:
            db.executemany("insert or replace into delivered values (?,?,?,?,?,?)", rows)

    def delivered_renew(self, source: str, files: Iterable[dict[str, Any]]) -> None:
        """What is known by now of `files`, those of them that `delivered_save` remembers."""
        rows = [
            (file["digest"], json.dumps(file["validators"]), file["path"], source, file["size"])
            for file in files
        ]
        with self.transaction() as db:
            db.executemany(
                "update delivered set digest=?, validators=? where path=? and source=? and size=?",
                rows,
            )

    def delivered_list(
        self, source: str, after: str | None = None, limit: int = -1
    ) -> list[dict[str, Any]]:
        """What `delivered_save` remembers of `source`: at most `limit` rows (all if it is
        negative), by path, of those behind the path `after`."""
        with self.access() as db:
            rows = db.execute(
                "select path, source, size, mtime_ns, digest, validators from delivered"
                " where source = ? and (? is null or path > ?) order by path limit ?",
                (source, after, after, limit),
            ).fetchall()
        names = ("path", "source", "size", "mtime_ns", "digest", "validators")
        return [
            {**dict(zip(names, row, strict=True)), "validators": json.loads(row[5])} for row in rows
        ]


def _job(row: tuple[Any, ...]) -> Job:
    value = dict(zip(_NAMES, row, strict=True))
    value["state"] = State(value["state"])
    value["options"] = json.loads(value["options"])
    value["reason"] = json.loads(value["reason"]) if value["reason"] else None
    value["progress"] = _progress(value["progress"])
    value["ambient"] = from_text(value["ambient"])
    if value["verified"] is not None:
        value["verified"] = bool(value["verified"])
    return Job(**value)


@lru_cache(maxsize=64)
def _progress(text: str) -> Progress:
    """Most jobs of a long list have the same: none."""
    return Progress.from_dict(json.loads(text))


def _file(row: tuple[Any, ...]) -> dict[str, Any]:
    path, state, size, digest, verified, seconds, error, unverified, action, trash = row
    synced = {"action": action} if action else {}
    if trash:
        synced["trash"] = trash
    return {
        "path": path,
        "state": state,
        "size": size,
        "digest": digest,
        "verified": None if verified is None else bool(verified),
        "unverified": unverified,
        "seconds": seconds,
        "error": json.loads(error) if error else None,
        **synced,
    }
