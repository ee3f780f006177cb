"""A stand-in for the hub of ModelScope and for the store of its large files, on two origins.

It answers what clients ask in order to read; tests/backends/test_modelscope_server.py lets the real
modelscope-hub judge it. Where that leaves something open, it does what the service was seen to do:
an unknown revision lists nothing with status 200, the commit of a listing is told by the first
digits of its name only, and a file that does not lie in the store is sent whole whatever range is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .hubrepos import Blob, Repo
from .huggingface import Base, Hub, Refusal, serving

TOKEN, STRANGER = "ms-aTokenOfTheTests0123456789", "ms-aTokenOfAStranger0123456789"
"""What a member (``me``) and somebody else (``stranger``) come with."""

READER = "ms-aTokenThatMayOnlyRead0123456789"
"""A token of ``me`` that may not write."""

BRANCH = "master"


@dataclass
class ModelScope(Hub):
    """The running stand-in.

    Parameters
    ----------
    cap: rows in one listing of a model, which has no pages; what is beyond is not told.
    tells_commit: whether a listing tells the first digits of its commit.
    elsewhere: whether files are sent to the store of somebody else, at signed addresses.
    forgetful: files that the store takes with a 200, and does not keep.
    races: commits that are refused because another one came first.
    """

    cap: int = 3000
    tells_commit: bool = True
    elsewhere: bool = False
    forgetful: int = 0
    races: int = 0

    def __post_init__(self) -> None:
        self.users = {TOKEN: "me", STRANGER: "stranger", READER: "me"}


class Api(Base):
    """Answers in the envelope of the service."""

    hub: ModelScope

    @property
    def token(self) -> str:
        """What the request comes with, in a header or a cookie."""
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        return token or self.get_cookie("m_session_id", "") or ""

    @property
    def user(self) -> str | None:
        """Who asks; None for a stranger without a token."""
        if not self.token:
            return None
        if self.token not in self.hub.users:
            raise Refusal(401, "10010103009", "AccessToken is invalid or expired")
        return self.hub.users[self.token]

    def seen(self, kind: str, id: str) -> Repo:
        """The repository, if the person may know that it is there."""
        user, repo = self.user, self.hub.repos.get((kind, id))
        if repo is None or (repo.private and user not in repo.members):
            raise Refusal(404, "10010205001", f"{kind} {id} not found")
        return repo

    def entered(self, kind: str, id: str) -> Repo:
        """The repository, if the person may have files of it."""
        repo = self.seen(kind, id)
        if repo.gated and self.user not in repo.granted:
            raise Refusal(403, "10010205003", f"access to {id} has to be applied for")
        return repo

    def tell(self, data: Any) -> None:
        """Answer with `data`."""
        self.write({"Code": 200, "Success": True, "Message": "success", "Data": data})

    def write_error(self, status_code: int, **values: Any) -> None:
        error = values["exc_info"][1]
        if not isinstance(error, Refusal):
            super().write_error(status_code, **values)
            return
        self.set_status(error.status)
        code = int(error.code or error.status)
        self.finish({"Code": code, "Success": False, "Message": error.message, "RequestId": "r1"})

    def listed(self, kind: str, id: str) -> tuple[list[dict[str, Any]], str] | None:
        """All rows that are asked for, and the commit; None where there is no such revision."""
        repo = self.entered(kind, id)
        sha = repo.resolve(self.get_query_argument("Revision", BRANCH))
        if sha is None:
            return None
        root = self.get_query_argument("Root", "", strip=False).strip("/")
        recursive = self.get_query_argument("Recursive", "False").lower() == "true"
        rows = repo.listed(sha, root, recursive=recursive)
        if rows is None:
            raise Refusal(404, "10010205002", f"path {root} not found")
        return [_row(repo, sha, str(row["path"])) for row in rows], sha

    def committer(self, sha: str) -> dict[str, str]:
        """What a listing tells of its commit."""
        return {"Id": "", "ShortId": sha[:8] if self.hub.tells_commit else "", "Name": "somebody"}


class Files(Api):
    """The tree of a model: no pages, and no word where it is cut."""

    def get(self, id: str) -> None:
        found = self.listed("models", id)
        if found is None:
            self.tell({"Files": None, "IsVisual": 0, "LatestCommitter": None})
            return
        rows, sha = found
        self.tell({"Files": rows[: self.hub.cap], "LatestCommitter": self.committer(sha)})


class TreeOf(Api):
    """The tree of a dataset, page by page."""

    def get(self, id: str) -> None:
        found = self.listed("datasets", id)
        if found is None:
            self.tell({"Files": None, "TotalCount": 0, "LatestCommitter": None})
            return
        rows, sha = found
        number = int(self.get_query_argument("PageNumber", "1"))
        size = int(self.get_query_argument("PageSize", "100"))
        page = rows[(number - 1) * size : number * size]
        self.tell({"Files": page, "TotalCount": len(rows), "LatestCommitter": self.committer(sha)})


class Info(Api):
    """What the site itself asks of a repository."""

    def get(self, kind: str, id: str) -> None:
        repo = self.seen(kind, id)
        owner, _, name = id.partition("/")
        sha = repo.refs.get(BRANCH, "")
        self.tell(
            {
                "Path" if kind == "models" else "Owner": owner,
                "Name": name,
                "License": repo.card.get("license"),
                "LastUpdatedTime": repo.dates.get(sha),
                "Visibility": 1 if repo.private else 5,
                "ProtectedMode": 1 if repo.gated else 2,
            }
        )


class OpenInfo(Api):
    """What the documented interface tells of a repository, which is not of a private one."""

    def get(self, kind: str, id: str) -> None:
        repo = self.seen(kind, id)
        if repo.private:
            raise Refusal(404, "", "not found")
        told = {
            "id": id,
            "display_name": id.partition("/")[2],
            "license": repo.card.get("license"),
            "last_modified": repo.dates.get(repo.refs.get(BRANCH, "")),
            "private": repo.private,
            "gated": bool(repo.gated),
        }
        self.write({"success": True, "request_id": "r1", "data": told})


class Me(Api):
    def get(self) -> None:
        if self.user is None:
            raise Refusal(401, "", "no token")
        self.write({"success": True, "data": {"username": self.user, "email": ""}})


class Revisions(Api):
    def get(self, kind: str, id: str) -> None:
        repo = self.seen(kind, id)
        branches = [{"Revision": name, "CreatedAt": 1} for name in repo.refs]
        self.tell({"RevisionMap": {"Branches": branches, "Tags": []}})


class FileOf(Api):
    """A file: its bytes, or where the store has them."""

    async def get(self, kind: str, id: str) -> None:
        revision = self.get_query_argument("Revision", BRANCH)
        await self.hand_out(kind, id, revision, self.get_query_argument("FilePath", strip=False))

    head = get

    async def hand_out(self, kind: str, id: str, revision: str, path: str) -> None:
        """Answer with the file at `path`."""
        repo = self.entered(kind, id)
        sha = repo.resolve(revision)
        blob = None if sha is None else repo.commits[sha].get(path)
        if blob is None:
            raise Refusal(404, "10010205002", f"{path} not found")
        if blob.lfs:
            self.set_header("X-Linked-ETag", f'"{blob.sha256}"')
            self.redirect(self.hub.signed(blob, path.rpartition("/")[2]), status=302)
            return
        self.request.headers.pop("Range", None)
        await self.send_file(blob)


class Resolve(FileOf):
    """The same, by the address that people copy."""

    async def get(self, kind: str, id: str, revision: str, path: str) -> None:
        await self.hand_out(kind, id, revision, path)

    head = get


def _row(repo: Repo, sha: str, path: str) -> dict[str, Any]:
    blob = repo.commits[sha].get(path)
    row: dict[str, Any] = {
        "Name": path.rpartition("/")[2],
        "Path": path,
        "Type": "tree" if blob is None else "blob",
        "Size": 0 if blob is None else len(blob.data),
        "CommittedDate": 1726842501,
    }
    if blob is not None:
        touched = _touched(repo, sha, path, blob)
        row |= {"Sha256": blob.sha256, "IsLFS": blob.lfs, "Revision": touched}
    return row


def _touched(repo: Repo, sha: str, path: str, blob: Blob) -> str:
    """The commit that gave `path` what it has at the commit `sha`."""
    names = list(repo.commits)
    for name in reversed(names[: names.index(sha)]):
        if repo.commits[name].get(path) is not blob:
            break
        sha = name
    return sha


_REPO = r"/(models|datasets)/([^/]+/[^/]+)"
_ROUTES: list[tuple[str, type[Base]]] = [
    ("/openapi/v1/users/me", Me),
    (rf"/openapi/v1{_REPO}", OpenInfo),
    (rf"/api/v1{_REPO}", Info),
    (rf"/api/v1{_REPO}/revisions", Revisions),
    (r"/api/v1/models/([^/]+/[^/]+)/repo/files", Files),
    (r"/api/v1/datasets/([^/]+/[^/]+)/repo/tree", TreeOf),
    (rf"/api/v1{_REPO}/repo", FileOf),
    (rf"{_REPO}/resolve/([^/]+)/(.+)", Resolve),
]


@contextmanager
def running_modelscope() -> Iterator[ModelScope]:
    """A hub for the length of a ``with`` block."""
    from .modelscopeuploads import UPLOAD_ROUTES  # it imports this module

    hub = ModelScope()
    with serving(hub, [*_ROUTES, *UPLOAD_ROUTES]):
        yield hub
