"""What the stand-in for the hub of Hugging Face answers about buckets: a repository of the kind
``buckets``, of which clients see the newest commit only."""

from __future__ import annotations

import json
from urllib.parse import quote

from .hubrepos import Blob, Repo
from .huggingface import HubHandler, Refusal


def xet_hash(blob: Blob) -> str:
    """The hash of Xet, or what stands for it."""
    return blob.xet or blob.sha256[::-1]


class Bucket(HubHandler):
    """The newest files of a bucket."""

    def files(self, id: str) -> dict[str, Blob]:
        repo: Repo = self.seen("buckets", id)
        return repo.commits[repo.refs["main"]]

    def answer(self, rows: list[dict[str, object]]) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(rows))

    def row(self, path: str, blob: Blob) -> dict[str, object]:
        return {
            "type": "file",
            "path": path,
            "size": len(blob.data),
            "xetHash": xet_hash(blob),
            "mtime": "2026-02-06T17:37:57.000Z",
            "uploadedAt": "2026-02-06T17:38:00.000Z",
        }


class BucketInfo(Bucket):
    def get(self, id: str) -> None:
        files = self.files(id)
        self.write(
            {
                "id": id,
                "private": self.hub.repos["buckets", id].private,
                "createdAt": "2026-02-06T17:37:57.000Z",
                "size": sum(len(blob.data) for blob in files.values()),
                "totalFiles": len(files),
            }
        )


class BucketTree(Bucket):
    def get(self, id: str, prefix: str | None) -> None:
        self.files(id)
        repo = self.hub.repos["buckets", id]
        recursive = self.get_query_argument("recursive", "false").lower() == "true"
        listed = repo.listed(repo.refs["main"], (prefix or "").rstrip("/"), recursive=recursive)
        files = self.files(id)
        rows: list[dict[str, object]] = []
        for row in listed or []:
            path = str(row["path"])
            if path in files:
                rows.append(self.row(path, files[path]))
            else:
                rows.append({"type": "directory", "path": path, "uploadedAt": None})
        start = int(self.get_query_argument("cursor", "0"))
        if start + self.hub.page < len(rows):
            query = f"recursive={str(recursive).lower()}&cursor={start + self.hub.page}"
            self.set_header("Link", f'<{self.hub.url}{self.request.path}?{query}>; rel="next"')
        self.answer(rows[start : start + self.hub.page])


class BucketPaths(Bucket):
    def post(self, id: str) -> None:
        files, asked = self.files(id), json.loads(self.request.body)["paths"]
        self.answer([self.row(path, files[path]) for path in asked if path in files])


class BucketResolve(Bucket):
    async def get(self, id: str, path: str) -> None:
        blob = self.files(id).get(path)
        if blob is None:
            raise Refusal(404, "EntryNotFound", "Entry not found")
        self.set_header("X-Linked-Size", str(len(blob.data)))
        self.set_header("X-Linked-ETag", f'"{xet_hash(blob)}"')
        self.set_header("X-Xet-Hash", xet_hash(blob))
        self.set_header("X-Xet-Refresh-Route", f"/api/buckets/{quote(id)}/xet-read-token")
        self.redirect(self.hub.signed(blob, path.rpartition("/")[2]), status=302)

    head = get


_ID = r"([^/]+/[^/]+)"
BUCKET_ROUTES = [
    (rf"/api/buckets/{_ID}", BucketInfo),
    (rf"/api/buckets/{_ID}/tree(?:/(.+))?", BucketTree),
    (rf"/api/buckets/{_ID}/paths-info", BucketPaths),
    (rf"/buckets/{_ID}/resolve/(.+)", BucketResolve),
]
