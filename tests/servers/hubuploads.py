"""What the stand-in for the hub of Hugging Face answers to clients that write: repositories that
are made, LFS objects at the store (in one piece, or in parts), commits and pull requests."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from .hubrepos import LFS_FROM, LFS_SUFFIXES, Blob, Repo, Tree
from .huggingface import Base, Hub, HubHandler, Refusal

LFS_JSON = "application/vnd.git-lfs+json"


class Writer(HubHandler):
    """Who may write."""

    def written(self, kind: str | None, id: str, *, as_request: bool = False) -> Repo:
        """The repository, if the person may write to it; with `as_request` a pull request is
        enough, which anybody may open that sees the repository."""
        repo, user = self.seen(kind, id), self.user
        if user is None:
            raise Refusal(401, "", "Invalid username or password.")
        if not self.writes or (user not in {*repo.members, "me"} and not as_request):
            raise Refusal(403, "", "You don't have write access to this repository")
        return repo

    @property
    def as_request(self) -> bool:
        return self.get_query_argument("create_pr", "") == "1"

    @property
    def payload(self) -> Any:
        return json.loads(self.request.body)


class Create(Writer):
    def post(self) -> None:
        asked = self.payload
        kind, user = f"{asked.get('type') or 'model'}s", self.user
        owner = asked.get("organization") or user
        if user is None:
            raise Refusal(401, "", "Invalid username or password.")
        if not self.writes or owner not in (user, "owner"):
            raise Refusal(403, "", f"You don't have the rights to create a {kind[:-1]} there")
        id = f"{owner}/{asked['name']}"
        url = f"{self.hub.url}/{'' if kind == 'models' else kind + '/'}{id}"
        if (kind, id) in self.hub.repos:
            self.set_status(409)
        else:
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            repo = self.hub.repo(id, kind, private=private, members={user})
            repo.commit({".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"})
        self.write({"url": url, "name": id, "id": id})


class ValidateYaml(Writer):
    def post(self) -> None:
        self.write({"errors": [], "warnings": []})


class Preupload(Writer):
    def post(self, kind: str, id: str, revision: str) -> None:
        repo = self.written(kind, id, as_request=self.as_request or revision.startswith("refs/pr"))
        tree = repo.commits[self.commit_of(repo, revision)]
        ignored = tree[".gitignore"].data.decode().split() if ".gitignore" in tree else []
        files = []
        for one in self.payload["files"]:
            path, size = one["path"], one["size"]
            assert len(base64.b64decode(one["sample"])) == min(size, 512)
            by_name = path.endswith(LFS_SUFFIXES) or size >= LFS_FROM
            lfs = by_name if repo.lfs is None else repo.lfs
            files.append(
                {
                    "path": path,
                    "uploadMode": "lfs" if lfs else "regular",
                    "shouldIgnore": any(fnmatch.fnmatch(path, pattern) for pattern in ignored),
                    "oid": tree[path].etag if path in tree else None,
                }
            )
        self.write({"files": files, "commitOid": self.commit_of(repo, revision)})


class LfsBatch(Writer):
    def post(self, kind: str | None, id: str) -> None:
        asked = self.payload
        self.written(kind, id, as_request=True)  # of a pull request that is yet to be opened
        objects = [self.object(kind, id, one) for one in asked["objects"]]
        in_parts = any(one["size"] >= self.hub.multipart_from for one in objects)
        transfer = "multipart" if in_parts else "basic"
        self.set_header("Content-Type", LFS_JSON)
        self.write(json.dumps({"transfer": transfer, "objects": objects}))

    def object(self, kind: str | None, id: str, one: dict[str, Any]) -> dict[str, Any]:
        oid, size, hub = one["oid"], one["size"], self.hub
        if oid in hub.store:
            return {"oid": oid, "size": size}
        prefix = f"{hub.url}/{kind + '/' if kind else ''}{id}.git/info/lfs/objects"
        header: dict[str, str] = {}
        href = _signed(hub, oid)
        if size >= hub.multipart_from:
            upload = secrets.token_hex(8)
            hub.parts[upload] = {}
            header = {"chunk_size": str(hub.part_size)}
            for number in range(1, -(-size // hub.part_size) + 1):
                header[str(number)] = _signed(hub, oid, uploadId=upload, partNumber=number)
            href = f"{prefix}/complete?uploadId={upload}"
        actions = {
            "upload": {"href": href, "header": header},
            "verify": {"href": f"{prefix}/verify", "header": {}},
        }
        return {"oid": oid, "size": size, "actions": actions}


class LfsComplete(Base):
    """Its address is signed: nobody has to say who he is."""

    def post(self, kind: str | None, id: str) -> None:
        asked = json.loads(self.request.body)
        parts = self.hub.parts[self.get_query_argument("uploadId")]
        named = [(one["partNumber"], one["etag"].strip('"')) for one in asked["parts"]]
        held = [(n, hashlib.md5(parts[n]).hexdigest()) for n in sorted(parts)]
        if named != held:
            raise Refusal(400, "", "One or more of the specified parts could not be found.")
        _keep(self.hub, asked["oid"], b"".join(parts[n] for n in sorted(parts)))


class LfsVerify(Writer):
    def post(self, kind: str | None, id: str) -> None:
        self.seen(kind, id)
        blob = self.hub.store.get(self.payload["oid"])
        if blob is None or len(blob.data) != self.payload["size"]:
            raise Refusal(404, "", "Object does not exist")


class StoreUpload(Base):
    """The store takes bytes by signed addresses."""

    def put(self, oid: str) -> None:
        body, hub = self.request.body, self.hub
        self.record.received = len(body)
        until = hub.signatures.get(self.get_query_argument("Signature", ""), 0.0)
        if time.monotonic() >= until or self.request.headers.get("Authorization"):
            self.set_status(403)
            return
        if not body:
            self.set_status(501)  # as S3 does about an empty object sent in chunks
            return
        upload = self.get_query_argument("uploadId", "")
        if upload:
            hub.parts[upload][int(self.get_query_argument("partNumber"))] = body
        else:
            _keep(hub, oid, body)
        self.set_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')


class Commit(Writer):
    def post(self, kind: str, id: str, revision: str) -> None:
        onto_request = revision.startswith("refs/pr")
        repo = self.written(kind, id, as_request=self.as_request or onto_request)
        before, self.hub.before_commit = self.hub.before_commit, lambda: None
        before()
        lines = [json.loads(line) for line in self.request.body.splitlines()]
        head = lines[0]["value"]
        parent = self.commit_of(repo, revision)
        if head.get("parentCommit") not in (None, parent):
            raise Refusal(412, "", "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.commits[parent])
        for line in lines[1:]:
            self.apply(tree, line["key"], line["value"])
            self.require_tree(tree)
        answer: dict[str, Any] = {"success": True}
        if self.as_request:
            repo.requests += 1
            revision = f"refs/pr/{repo.requests}"
            page = f"{self.hub.url}/{'' if kind == 'models' else kind + '/'}{id}"
            answer["pullRequestUrl"] = f"{page}/discussions/{repo.requests}"
        sha = repo.add(tree, revision)
        repo.messages[sha] = head["summary"]
        if self.hub.lost_answers > 0:
            self.hub.lost_answers -= 1
            self.detach().close()
            return
        self.write({**answer, "commitOid": sha, "commitUrl": f"{self.hub.url}/{id}/commit/{sha}"})

    def apply(self, tree: Tree, key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "deletedFile":
            if path not in tree:
                raise Refusal(404, "EntryNotFound", f"A file with this name doesn't exist: {path}")
            del tree[path]
            return
        if key == "deletedFolder":
            for name in [name for name in tree if name.startswith(path.rstrip("/") + "/")]:
                del tree[name]
            return
        if any(part in ("", ".", "..", ".git") for part in path.split("/")):
            raise Refusal(400, "", f"Invalid path: {path}")
        if key == "file":
            assert value["encoding"] == "base64"
            tree[path] = Blob(base64.b64decode(value["content"], validate=True), lfs=False)
            return
        assert (key, value["algo"]) == ("lfsFile", "sha256")
        blob = self.hub.store.get(value["oid"])
        if blob is None or len(blob.data) != value["size"]:
            raise Refusal(400, "", f"LFS pointer pointed to a file that does not exist: {path}")
        tree[path] = blob

    @staticmethod
    def require_tree(tree: Tree) -> None:
        """git has no file and folder of one name."""
        folders = {
            "/".join(path.split("/")[:n]) for path in tree for n in range(1, path.count("/") + 1)
        }
        if both := sorted(folders & set(tree)):
            raise Refusal(400, "", f"A file and a folder have one name: {both[0]}")


class Discussions(HubHandler):
    """Pull requests, newest first."""

    def get(self, kind: str, id: str) -> None:
        repo = self.seen(kind, id)
        assert self.get_query_argument("type") == "pull_request"
        rows = [
            {
                "num": number,
                "title": repo.messages.get(repo.refs[f"refs/pr/{number}"], ""),
                "author": {"name": "me"},
                "createdAt": "2026-02-06T17:37:57.000Z",
                "status": "open",
                "isPullRequest": True,
                "repo": {"name": id, "type": kind[:-1]},
            }
            for number in range(repo.requests, 0, -1)
        ]
        self.write({"discussions": rows, "count": len(rows), "start": 0})


def _signed(hub: Hub, oid: str, **more: Any) -> str:
    signature = secrets.token_hex(16)
    hub.signatures[signature] = time.monotonic() + hub.lifetime
    return f"{hub.store_url}/upload/{oid}?{urlencode({'Signature': signature, **more})}"


def _keep(hub: Hub, oid: str, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != oid:
        raise Refusal(400, "", "The content does not match its SHA-256")
    hub.store[oid] = Blob(data, lfs=True)


_REPO = r"/api/(models|datasets|spaces)/([^/]+/[^/]+)"
_LFS = r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects"
UPLOAD_ROUTES = [
    ("/api/repos/create", Create),
    ("/api/validate-yaml", ValidateYaml),
    (rf"{_REPO}/preupload/([^/]+)", Preupload),
    (rf"{_REPO}/commit/([^/]+)", Commit),
    (rf"{_REPO}/discussions", Discussions),
    (rf"{_LFS}/batch", LfsBatch),
    (rf"{_LFS}/complete", LfsComplete),
    (rf"{_LFS}/verify", LfsVerify),
]
