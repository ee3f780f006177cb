"""A stand-in for the hub of Hugging Face and for the store of its large files, on two origins.

It answers what clients ask, with the headers and errors of the hub: in order to read here, in order
to write in hubuploads.py. tests/backends/test_hub_server.py lets the real huggingface_hub judge it.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from .hubrepos import Blob, Repo
from .xet import Cas

TOKEN, STRANGER = "hf_aTokenOfTheTests0123456789", "hf_aTokenOfAStranger0123456789"
READER = "hf_aTokenThatOnlyReads0123456789"
"""What a member (``me``) and somebody else (``stranger``) come with; the last is the member's, and
good for reading only."""

CHUNK = 64 << 10


@dataclass
class Asked:
    """A request, and how many bytes of files it got."""

    origin: str
    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0
    received: int = 0
    status: int = 0


@dataclass
class Fault:
    """The next `times` requests whose path matches `path` get this answer."""

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass
class Hub:
    """The running stand-in.

    Parameters
    ----------
    renamed: old names of repositories, and what they are called now.
    page: rows in one answer to ``tree``.
    lifetime: seconds that an address of the store is valid.
    rate: bytes a second of each answer that holds a file.
    flipped: byte of files that the store sends wrong.
    store: what the store holds, by SHA-256.
    resolve_cache: whether small files are sent from a second address of the hub.
    cas: what Xet holds (see xet.py).
    """

    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    users: dict[str, str] = field(
        default_factory=lambda: {TOKEN: "me", STRANGER: "stranger", READER: "me"}
    )
    renamed: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    page: int = 1000
    lifetime: float = 3600.0
    rate: float | None = None
    flipped: int | None = None
    resolve_cache: bool = False
    cas: Cas = field(default_factory=Cas)
    url: str = ""
    store_url: str = ""
    store: dict[str, Blob] = field(default_factory=dict)
    signatures: dict[str, float] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Parts that arrived, by upload."""
    multipart_from: int = 16 << 20
    part_size: int = 6 << 20
    """Bytes from which on a file is taken in parts, and of each of them."""
    lost_answers: int = 0
    """Commits whose answers get lost on the way."""
    before_commit: Callable[[], None] = lambda: None
    """Called once when the next commit has arrived, before it is looked at."""

    def repo(self, id: str | None = None, kind: str = "models", **more: Any) -> Repo:
        """A new repository; of a name that no other has, unless it is given."""
        id = id or f"owner/r{secrets.token_hex(8)}"
        repo = self.repos[kind, id] = Repo(kind, id, **more)
        return repo

    def fail(self, path: str, status: int, times: int = 1, **headers: str) -> None:
        """Have requests fail; underscores in names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(path, status, named, times))

    def sent(self) -> int:
        """Bytes of files that were handed out."""
        return sum(one.sent for one in self.asked)

    def received(self) -> int:
        """Bytes of files that the store was sent."""
        return sum(one.received for one in self.asked)

    def forget(self) -> None:
        """Forget what was asked."""
        self.asked.clear()

    def signed(self, blob: Blob, filename: str) -> str:
        """An address of the store."""
        self.store[blob.sha256] = blob
        signature = secrets.token_hex(16)
        self.signatures[signature] = time.monotonic() + self.lifetime
        shown = f"inline; filename*=UTF-8''{quote(filename)}"
        query = urlencode({"response-content-disposition": shown, "Signature": signature})
        return f"{self.store_url}/{blob.sha256}?{query}"


class Refusal(Exception):  # noqa: N818 - what the hub says
    """An answer that is no success."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Base(RequestHandler):
    """What all answers have in common."""

    def initialize(self, hub: Hub, origin: str) -> None:
        self.hub, self.origin = hub, origin

    def prepare(self) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        uri = self.request.uri or ""
        self.record = Asked(self.origin, self.request.method or "", uri, headers)
        self.hub.asked.append(self.record)
        for old, new in self.hub.renamed.items():
            if f"/{old}" in uri:
                self.redirect(uri.replace(f"/{old}", f"/{new}"), status=307)
                return
        for fault in self.hub.faults:
            if fault.times > 0 and re.search(fault.path, uri):
                fault.times -= 1
                self.set_status(fault.status)
                for name, value in fault.headers.items():
                    self.set_header(name, value)
                self.finish()
                return

    def on_finish(self) -> None:
        self.record.status = self.get_status()

    def compute_etag(self) -> None:
        return None

    def write_error(self, status_code: int, **values: Any) -> None:
        error = values["exc_info"][1]
        if isinstance(error, Refusal):
            self.set_status(error.status)
            if error.code:
                self.set_header("X-Error-Code", error.code)
            self.set_header("X-Error-Message", error.message)
            self.finish({"error": error.message})
        else:
            super().write_error(status_code, **values)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, (Refusal, StreamClosedError)):
            super().log_exception(typ, value, tb)

    async def send_file(self, blob: Blob) -> None:
        """Answer with `blob`, or the range of it that is asked for."""
        await self.send_bytes(blob.data, rate=self.hub.rate, flipped=self.hub.flipped)

    async def send_bytes(self, data: bytes, *, rate: float | None, flipped: int | None) -> None:
        """Answer with `data`, or the range of it that is asked for (RFC 9110 section 14)."""
        size = len(data)
        start, end = 0, size - 1
        self.set_header("Accept-Ranges", "bytes")
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.request.headers.get("Range", ""))
        if asked:
            start = int(asked[1])
            if start >= size:
                self.set_status(416)
                self.set_header("Content-Range", f"bytes */{size}")
                return
            end = min(end, int(asked[2])) if asked[2] else end
            self.set_status(206)
            self.set_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.set_header("Content-Length", str(end - start + 1))
        if self.request.method == "HEAD":
            return
        for position in range(start, end + 1, CHUNK):
            piece = data[position : min(position + CHUNK, end + 1)]
            flip = (flipped if flipped is not None else -1) - position
            if 0 <= flip < len(piece):
                piece = piece[:flip] + bytes([piece[flip] ^ 1]) + piece[flip + 1 :]
            self.record.sent += len(piece)
            self.write(piece)
            await self.flush()
            if rate:
                await asyncio.sleep(len(piece) / rate)


class HubHandler(Base):
    """The hub itself: who asks, and which repository is meant."""

    @property
    def user(self) -> str | None:
        """Who asks; None for a stranger without a token."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme != "Bearer" or token not in self.hub.users:
            raise Refusal(401, "", "Invalid credentials in Authorization header")
        return self.hub.users[token]

    def seen(self, kind: str | None, id: str) -> Repo:
        """The repository, if the person may know that it is there."""
        user, repo = self.user, self.hub.repos.get((kind or "models", id))
        if repo is None or (repo.private and user not in repo.members):
            if user is None:
                raise Refusal(401, "RepoNotFound", "Invalid username or password.")
            raise Refusal(404, "RepoNotFound", "Repository not found")
        return repo

    def entered(self, kind: str | None, id: str) -> Repo:
        """The repository, if the person may have files of it."""
        repo, user = self.seen(kind, id), self.user
        if repo.gated and user not in repo.granted:
            restricted = f"Access to model {id} is restricted"
            if user is None:
                raise Refusal(401, "GatedRepo", f"{restricted}. Please log in.")
            raise Refusal(403, "GatedRepo", f"{restricted} and you are not in the list.")
        return repo

    @property
    def writes(self) -> bool:
        """Whether the token is one for writing."""
        return self.request.headers.get("Authorization", "") != f"Bearer {READER}"

    def commit_of(self, repo: Repo, revision: str) -> str:
        """The commit that `revision` stands for."""
        sha = repo.resolve(revision)
        if sha is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha


class WhoAmI(HubHandler):
    def get(self) -> None:
        if self.user is None:
            raise Refusal(401, "", "Invalid username or password.")
        self.write({"type": "user", "name": self.user, "orgs": []})


class Info(HubHandler):
    def get(self, kind: str, id: str, revision: str | None) -> None:
        repo = self.seen(kind, id)
        sha = self.commit_of(repo, revision or "main")
        facts: dict[str, Any] = {
            "sha": sha,
            "lastModified": repo.dates[sha],
            "gated": repo.gated,
            "private": repo.private,
            "disabled": False,
            "cardData": repo.card,
            "tags": [f"license:{repo.card['license']}"] if "license" in repo.card else [],
            "siblings": [{"rfilename": path} for path in sorted(repo.commits[sha])],
        }
        expand = self.get_query_arguments("expand")
        if expand:
            facts = {name: facts[name] for name in expand}
        self.write({"_id": "0", "id": id, "modelId": id, **facts})


class TreeOf(HubHandler):
    def get(self, kind: str, id: str, revision: str, folder: str | None) -> None:
        repo = self.seen(kind, id)
        recursive = self.get_query_argument("recursive", "false").lower() == "true"
        sha = self.commit_of(repo, revision)
        rows = repo.listed(sha, folder or "", recursive=recursive)
        if rows is None:
            raise Refusal(404, "EntryNotFound", f"{folder} does not exist on {revision}")
        start = int(self.get_query_argument("cursor", "0"))
        if start + self.hub.page < len(rows):
            query = {"recursive": str(recursive).lower(), "cursor": start + self.hub.page}
            path = self.request.path
            self.set_header("Link", f'<{self.hub.url}{path}?{urlencode(query)}>; rel="next"')
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(rows[start : start + self.hub.page]))


class PathsInfo(HubHandler):
    def post(self, kind: str, id: str, revision: str) -> None:
        repo = self.seen(kind, id)
        sha = self.commit_of(repo, revision)
        paths = self.get_body_arguments("paths", strip=False)
        rows = [row for path in paths if (row := repo.one(sha, path)) is not None]
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(rows))


class AuthCheck(HubHandler):
    def get(self, kind: str, id: str) -> None:
        self.entered(kind, id)


class Resolve(HubHandler):
    """A file: its bytes, or where the store has them."""

    async def get(self, kind: str | None, id: str, revision: str, path: str) -> None:
        repo = self.entered(kind, id)
        sha = self.commit_of(repo, revision)
        self.set_header("X-Repo-Commit", sha)
        blob = repo.commits[sha].get(path)
        if blob is None:
            raise Refusal(404, "EntryNotFound", "Entry not found")
        name = path.rpartition("/")[2]
        if blob.lfs:
            self.set_header("X-Linked-Size", str(len(blob.data)))
            self.set_header("X-Linked-ETag", f'"{blob.sha256}"')
            if blob.xet:
                route = f"{self.hub.url}/api/{kind or 'models'}/{id}/xet-read-token/{sha}"
                self.set_header("X-Xet-Hash", blob.xet)
                self.set_header("Link", f'<{route}>; rel="xet-auth", </>; rel="up"')
            if not blob.plain:
                self.set_status(200 if self.request.method == "HEAD" else 400)
                return
            self.redirect(self.hub.signed(blob, name), status=302)
            return
        if self.hub.resolve_cache and not self.request.path.startswith("/api/"):
            onward = f"/api/resolve-cache/{kind or 'models'}/{id}/{sha}/{quote(path)}"
            self.redirect(onward, status=307)
            return
        self.set_header("ETag", f'"{blob.oid}"')
        self.set_header("Content-Disposition", f"inline; filename*=UTF-8''{quote(name)}")
        await self.send_file(blob)

    head = get


class Store(Base):
    """Large files by signed addresses."""

    async def get(self, sha256: str) -> None:
        until = self.hub.signatures.get(self.get_query_argument("Signature", ""), 0.0)
        if time.monotonic() >= until or self.request.headers.get("Authorization"):
            self.set_status(403)
            return
        blob = self.hub.store[sha256]
        self.set_header("ETag", f'"{blob.md5}"')
        shown = self.get_query_argument("response-content-disposition")
        self.set_header("Content-Disposition", shown)
        await self.send_file(blob)

    head = get


_REPO = r"/api/(models|datasets|spaces)/([^/]+/[^/]+)"
_ROUTES = [
    ("/api/whoami-v2", WhoAmI),
    (rf"{_REPO}(?:/revision/([^/]+))?", Info),
    (rf"{_REPO}/tree/([^/]+)(?:/(.+))?", TreeOf),
    (rf"{_REPO}/paths-info/([^/]+)", PathsInfo),
    (rf"{_REPO}/auth-check", AuthCheck),
    (r"/api/resolve-cache/(models|datasets|spaces)/([^/]+/[^/]+)/([^/]+)/(.+)", Resolve),
    (r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", Resolve),
]


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub for the length of a ``with`` block."""
    from .hubbuckets import BUCKET_ROUTES  # they import this module
    from .hubuploads import UPLOAD_ROUTES
    from .xetserver import GRANT_ROUTES

    hub = Hub()
    with serving(hub, [*_ROUTES, *UPLOAD_ROUTES, *BUCKET_ROUTES, *GRANT_ROUTES]):
        yield hub


@contextmanager
def serving(hub: Hub, routes: list[tuple[str, type[Base]]]) -> Iterator[None]:
    """Serve `routes` of `hub`, its store and that of Xet, in a thread of its own."""
    from .hubuploads import StoreUpload  # they import this module
    from .xetserver import CAS_ROUTES

    ready, ends = threading.Event(), []

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(ended.set))
        given = {"hub": hub, "origin": "hub"}
        servers = []
        at_store, at_cas = {**given, "origin": "store"}, {**given, "origin": "cas"}
        for rules in (
            [(path, handler, given) for path, handler in routes],
            [
                (r"/([0-9a-f]{64})", Store, at_store),
                (r"/upload/([0-9a-f]+)", StoreUpload, at_store),
            ],
            [(path, handler, at_cas) for path, handler in CAS_ROUTES],
        ):
            (sock,) = bind_sockets(0, "127.0.0.1")
            application = Application(rules, log_function=lambda _: None)
            server = HTTPServer(application, max_buffer_size=1 << 30)
            server.add_sockets([sock])
            servers.append((server, f"http://127.0.0.1:{sock.getsockname()[1]}"))
        hub.url, hub.store_url, hub.cas.url = (url for _, url in servers)
        ready.set()
        await ended.wait()
        for server, _ in servers:
            server.stop()
            await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="hub", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        ends[0]()
        thread.join(10)
