"""What the stand-in for ModelScope answers to clients that write: repositories that are made, the
store of large files, commits."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any

from .hubrepos import Blob, Repo, Tree
from .huggingface import Refusal
from .modelscope import BRANCH, READER, Api

MOST = 2000
"""Actions of one commit."""


class Writer(Api):
    """Who may write."""

    def written(self, kind: str, id: str) -> Repo:
        """The repository, if the person may write to it."""
        user = self.user
        if user is None:
            raise Refusal(401, "10010103001", "not logged in")
        repo = self.seen(kind, id)
        if self.token == READER or user not in {*repo.members, "me"}:
            raise Refusal(403, "10010205004", "no permission to write")
        return repo

    @property
    def payload(self) -> Any:
        return json.loads(self.request.body)


class Create(Writer):
    def post(self, kind: str) -> None:
        if kind == "models":
            asked = self.payload
            owner = asked["Path"]
        else:
            names = ("Owner", "Name", "Visibility", "License")
            asked = {name: self.get_body_argument(name) for name in names}
            owner = asked["Owner"]
        if self.user is None:
            raise Refusal(401, "10010103001", "not logged in")
        if self.token == READER or owner not in (self.user, "owner"):
            raise Refusal(403, "10010205004", "no permission")
        id = f"{owner}/{asked['Name']}"
        if (kind, id) in self.hub.repos:
            raise Refusal(400, "10010101001", "the name exists already")
        assert asked["License"]
        private = int(asked["Visibility"]) == 1
        repo = self.hub.repo(id, kind, private=private, members={self.user})
        repo.commit({".gitattributes": b"*.bin filter=lfs\n", "README.md": b"# new\n"}, BRANCH)
        self.tell({"Id": 1, "Name": asked["Name"]})


class Batch(Writer):
    def post(self, kind: str, id: str) -> None:
        self.written(kind, id)
        asked = self.payload
        assert asked["operation"] == "upload"
        assert len(asked["objects"]) <= 64
        rows = []
        for one in asked["objects"]:
            row: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] in self.hub.store:
                continue  # what is there is not spoken of
            row["actions"] = {"upload": {"href": self.address(one["oid"])}}
            rows.append(row)
        self.tell({"objects": rows})

    def address(self, oid: str) -> str:
        signature = secrets.token_hex(16)
        self.hub.signatures[signature] = time.monotonic() + self.hub.lifetime
        base = f"{self.hub.store_url}/upload" if self.hub.elsewhere else f"{self.hub.url}/lfs"
        return f"{base}/{oid}?Signature={signature}"


class OwnStore(Writer):
    """The hub's own store, which wants to know who sends, and may fail with a 200."""

    def put(self, oid: str) -> None:
        body = self.request.body
        self.record.received = len(body)
        until = self.hub.signatures.get(self.get_query_argument("Signature"), 0.0)
        if self.user is None or time.monotonic() >= until:
            raise Refusal(403, "", "expired")
        if self.hub.forgetful > 0:
            self.hub.forgetful -= 1
            self.write({"Code": 500, "Success": False, "Message": "storage"})
            return
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refusal(400, "", "the content does not match its SHA-256")
        self.hub.store[oid] = Blob(body, lfs=True)
        self.tell({})


class Commit(Writer):
    def post(self, kind: str, id: str, revision: str) -> None:
        repo = self.written(kind, id)
        before, self.hub.before_commit = self.hub.before_commit, lambda: None
        before()
        asked = self.payload
        if len(asked["actions"]) > MOST:
            raise Refusal(422, "", "commit request exceeds actions limit")
        if self.hub.races > 0:
            self.hub.races -= 1
            raise Refusal(400, "10030000001", "the branch was updated")
        sha = repo.resolve(revision)
        if sha is None:
            raise Refusal(404, "", "no such branch")
        tree = dict(repo.commits[sha])
        for action in asked["actions"]:
            self.apply(tree, action)
        sha = repo.add(tree, revision)
        repo.messages[sha] = asked["commit_message"]
        if self.hub.lost_answers > 0:
            self.hub.lost_answers -= 1
            self.detach().close()
            return
        self.tell({"oid": sha})

    def apply(self, tree: Tree, action: dict[str, Any]) -> None:
        path = action["path"]
        if any(part in ("", ".", "..", ".git") for part in path.split("/")):
            raise Refusal(400, "3021", f"invalid path: {path}")
        if action["action"] == "delete":
            if tree.pop(path, None) is None:
                raise Refusal(400, "", f"{path} does not exist")
            return
        assert action["action"] == "create"
        if action["type"] == "normal":
            assert action["encoding"] == "base64"
            data = base64.b64decode(action["content"], validate=True)
            assert len(data) == action["size"] <= 64 << 10
            tree[path] = Blob(data, lfs=False)
            return
        blob = self.hub.store.get(action["sha256"])
        if blob is None or len(blob.data) != action["size"]:
            raise Refusal(400, "", f"{path} is not in the store")
        tree[path] = blob


_REPO = r"/api/v1/repos/(models|datasets)/([^/]+/[^/]+)"
UPLOAD_ROUTES: list[tuple[str, type[Api]]] = [
    (r"/api/v1/(models|datasets)", Create),
    (rf"{_REPO}/info/lfs/objects/batch", Batch),
    (rf"{_REPO}/commit/([^/]+)", Commit),
    (r"/lfs/([0-9a-f]{64})", OwnStore),
]
