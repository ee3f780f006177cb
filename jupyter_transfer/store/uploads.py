"""Uploads, and the results of the files of packs."""

from __future__ import annotations

import json
from typing import Any

from .database import Database

_UPLOAD_COLUMNS = (
    "id, owner, folder, destination, length, created, expires, state, path, metadata, explicit, "
    "concat, assembly, files"
)

_INSERT_UPLOAD = (
    f"insert into uploads ({_UPLOAD_COLUMNS}) values (:id, :owner, :folder, :destination, :length,"  # noqa: S608
    " :created, :expires, 'open', null, :metadata, :explicit, :concat, :assembly, null)"
)


class UploadQueries(Database):
    """The tables of uploads: ``uploads``, ``upload_files``."""

    def upload_add(self, row: dict[str, Any]) -> None:
        """Insert an open upload; `row` is as `upload_get` gives it, without state and path."""
        with self.transaction() as db:
            db.execute(_INSERT_UPLOAD, {**row, "metadata": json.dumps(row["metadata"])})

    def upload_get(self, id: str) -> dict[str, Any] | None:
        """The row of an upload, or None."""
        rows = self._uploads("where id = ?", (id,))
        return rows[0] if rows else None

    def upload_finish(self, id: str, path: str, length: int) -> None:
        """Mark an upload of `length` bytes as done; `path` is the final path below the root."""
        with self.transaction() as db:
            db.execute(
                "update uploads set state = 'done', path = ?, length = ? where id = ?",
                (path, length, id),
            )

    def pack_finish(
        self, id: str, length: int, files: dict[str, int], results: list[dict[str, Any]]
    ) -> None:
        """`upload_finish` of a pack, whose path is its destination: the counts `files`, and the
        `results` of some of its files."""
        with self.transaction() as db:
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
        with self.access() as db:
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
        with self.transaction() as db:
            db.execute("update uploads set expires = ? where id = ?", (expires, id))

    def upload_remove(self, id: str) -> None:
        """Forget an upload."""
        with self.transaction() as db:
            db.execute("delete from uploads where id = ?", (id,))

    def uploads_of_assembly(self, assembly: str) -> list[dict[str, Any]]:
        """The rows of the segments of `assembly`, and of its file when that is done."""
        return self._uploads("where assembly = ? and assembly <> ''", (assembly,))

    def assembly_touch(self, assembly: str, expires: float) -> None:
        """`upload_touch` for all segments of `assembly`."""
        with self.transaction() as db:
            db.execute("update uploads set expires = ? where assembly = ?", (expires, assembly))

    def assembly_finish(self, row: dict[str, Any], path: str) -> None:
        """Insert the upload `row` of a file that was made of segments, and mark it and them as
        done, at once."""
        with self.transaction() as db:
            db.execute(_INSERT_UPLOAD, {**row, "metadata": json.dumps(row["metadata"])})
            db.execute(
                "update uploads set state = 'done', path = ? where assembly = ?",
                (path, row["assembly"]),
            )

    def uploads_open(self, owner: str) -> int:
        """How many unfinished uploads `owner` has."""
        with self.access() as db:
            (count,) = db.execute(
                "select count(*) from uploads where owner = ? and state = 'open'", (owner,)
            ).fetchone()
        return int(count)

    def uploads_done_folders(self) -> list[str]:
        """The different ``folder`` of all uploads that are done."""
        with self.access() as db:
            rows = db.execute("select distinct folder from uploads where state = 'done'")
            return [folder for (folder,) in rows]

    def uploads_expired(self, before: float) -> list[dict[str, Any]]:
        """Rows of the uploads, done or not, that expired before `before` (seconds since 1970)."""
        return self._uploads("where expires < ?", (before,))

    def _uploads(self, clause: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self.access() as db:
            rows = db.execute(
                f"select {_UPLOAD_COLUMNS} from uploads {clause}",  # noqa: S608
                values,
            ).fetchall()
        return [_upload(row) for row in rows]


def _upload(row: tuple[Any, ...]) -> dict[str, Any]:
    value = dict(zip(_UPLOAD_COLUMNS.split(", "), row, strict=True))
    return {
        **value,
        "metadata": json.loads(value["metadata"]),
        "explicit": bool(value["explicit"]),
        "files": json.loads(value["files"]) if value["files"] else None,
    }
