"""Jobs, the report of their files, and what they delivered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ..spec import Job, Progress, State
from .database import Database

_JOB_COLUMNS = (
    "id, owner, kind, source, destination, options, state, priority, reason, progress, "
    "verified, created, started, finished, attempt, revision, unverified"
)


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
        )
        places = ", ".join("?" * len(row))
        updates = ", ".join(f"{name} = excluded.{name}" for name in _JOB_COLUMNS.split(", ")[1:])
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

    def jobs_list(
        self, owner: str, state: str | None, since: int, limit: int, offset: int
    ) -> tuple[list[Job], int]:
        """A page of `owner`'s jobs, newest first, and how many there are in all."""
        where = "where owner = ? and revision > ? and (? is null or state = ?)"
        values = (owner, since, state, state)
        with self.access() as db:
            (total,) = db.execute(f"select count(*) from jobs {where}", values).fetchone()  # noqa: S608
        page = f"{where} order by created desc, id limit ? offset ?"
        return self._jobs(page, (*values, limit, offset)), total

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
            )
            for file in files
        ]
        with self.transaction() as db:
            db.executemany("insert or replace into files values (?,?,?,?,?,?,?,?,?)", rows)

    def files_list(
        self, job: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the report rows of `job`, failed files first, and how many there are."""
        where = "where job = ? and (? is null or state = ?)"
        values = (job, state, state)
        with self.access() as db:
            (total,) = db.execute(f"select count(*) from files {where}", values).fetchone()  # noqa: S608
            rows = db.execute(
                "select path, state, size, digest, verified, seconds, error, unverified"  # noqa: S608
                f" from files {where} order by state <> 'failed', path limit ? offset ?",
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

    def delivered_list(self, source: str) -> list[dict[str, Any]]:
        """What `delivered_save` remembers of `source`."""
        with self.access() as db:
            rows = db.execute(
                "select path, source, size, mtime_ns, digest, validators from delivered"
                " where source = ?",
                (source,),
            ).fetchall()
        names = ("path", "source", "size", "mtime_ns", "digest", "validators")
        return [
            {**dict(zip(names, row, strict=True)), "validators": json.loads(row[5])} for row in rows
        ]


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


def _file(row: tuple[Any, ...]) -> dict[str, Any]:
    path, state, size, digest, verified, seconds, error, unverified = row
    return {
        "path": path,
        "state": state,
        "size": size,
        "digest": digest,
        "verified": None if verified is None else bool(verified),
        "unverified": unverified,
        "seconds": seconds,
        "error": json.loads(error) if error else None,
    }
