"""A real git server on loopback: ``git http-backend`` behind HTTP, with LFS (batch API, basic
transfers) whose objects lie at another origin, as those of most hosts do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LFS_TYPE = "application/vnd.git-lfs+json"
LFS_KEY = "lfs-key-canary-5187"
"""What the storage wants to see in the header ``X-Lfs-Key``."""

_QUIET = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "LC_ALL": "C",
}


def git(folder: Path, *arguments: str, check: bool = True, **variables: str) -> str:
    """What git prints, called past everything that is tested."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env={**_QUIET, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


@dataclass
class Request:
    """What somebody asked, and how many bytes of body the answer had, and the request."""

    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0
    received: int = 0


@dataclass
class Repository:
    """One repository of the server, with a working copy to commit from."""

    name: str
    bare: Path
    work: Path
    url: str
    objects: Path

    @property
    def address(self) -> str:
        """What a job is given."""
        return f"git+{self.url}"

    def commit(self, files: dict[str, bytes | None], message: str = "c", push: str = "") -> str:
        """Commit `files` (None removes one) and push; the id of the commit."""
        for name, data in files.items():
            path = self.work / name
            if data is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", message)
        self.push(push or "HEAD")
        return git(self.work, "rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        """Push past the server, and hand it the objects of LFS."""
        git(self.work, "push", "-q", "--force", "--no-verify", "origin", *refs)
        found = self.work / ".git" / "lfs" / "objects"
        if found.is_dir():
            for path in found.rglob("*"):
                if path.is_file():
                    shutil.copyfile(path, self.objects / path.name)

    def branch(self, name: str = "main") -> str:
        """The commit that the branch of the server shows; empty for none."""
        return git(self.bare, "rev-parse", "-q", "--verify", f"refs/heads/{name}", check=False)

    def refuse(self, words: str) -> None:
        """Let a hook of the server refuse whatever is pushed, and say why."""
        hook = self.bare / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{words}' >&2\nexit 1\n")
        hook.chmod(0o755)

    def use_lfs(self, *patterns: str) -> None:
        """Files of `patterns` are kept by LFS from now on."""
        git(self.work, "lfs", "install", "--local", "--skip-repo")
        lines = "".join(f"{one} filter=lfs diff=lfs merge=lfs -text\n" for one in patterns)
        (self.work / ".gitattributes").write_text(lines)


@dataclass
class GitServer:
    """A running server.

    Parameters
    ----------
    user, password: what it wants to be told, unless empty.
    rate: bytes a second of packs and objects, None for all that goes.
    faults: asked before a request is answered; True if it has answered itself.
    flip: ids of LFS objects that are sent with one bit changed.
    closed: nobody may push, though everybody may fetch.
    verifies: whether it wants to be told that an object was sent.
    """

    folder: Path
    url: str = ""
    storage: str = ""
    user: str = ""
    password: str = ""
    rate: int | None = None
    lfs: bool = True
    closed: bool = False
    verifies: bool = False
    flip: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    faults: Callable[[Any], bool] | None = None

    @property
    def objects(self) -> Path:
        """Where the objects of LFS lie, by their ids."""
        return self.folder / "objects"

    def repository(self, name: str, *, branch: str = "main") -> Repository:
        """A new, empty one."""
        bare, work = self.folder / "repos" / f"{name}.git", self.folder / "work" / name
        bare.mkdir(parents=True)
        git(bare, "init", "-q", "--bare", f"--initial-branch={branch}")
        for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant", "http.receivepack"):
            git(bare, "config", key, "true")
        work.mkdir(parents=True)
        git(work, "init", "-q", f"--initial-branch={branch}")
        git(work, "remote", "add", "origin", str(bare))
        return Repository(name, bare, work, f"{self.url}/{name}.git", self.objects)

    def asked(self, part: str) -> list[Request]:
        """Requests whose path holds `part`."""
        return [one for one in self.requests if part in one.path]

    def fresh(self) -> None:
        """Nobody has asked anything, nothing is out of order."""
        self.requests.clear()
        self.flip.clear()
        self.user = self.password = ""
        self.rate, self.faults, self.lfs = None, None, True
        self.closed = self.verifies = False


class _Handler(BaseHTTPRequestHandler):
    git_server: GitServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815 - names of http.server

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen = Request(self.command, self.path, headers)
        self.git_server.requests.append(self.seen)
        with suppress(ConnectionError):
            if self.git_server.faults is not None and self.git_server.faults(self):
                return
            self.answer()

    def answer(self) -> None:
        server = self.git_server
        if server.user or server.password:
            pair = f"{server.user}:{server.password}".encode()
            if self.headers.get("authorization") != "Basic " + base64.b64encode(pair).decode():
                self.reply(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
                return
        if server.closed and "receive-pack" in self.path:
            self.reply(403, b"")
        elif self.path.endswith("/info/lfs/objects/batch"):
            self._batch()
        elif self.path.endswith("/info/lfs/verify"):
            there = (server.objects / json.loads(self.body())["oid"]).is_file()
            self.reply(200 if there else 404, b"{}", {"Content-Type": LFS_TYPE})
        else:
            self._backend()

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer with all of `body`."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.stream(body)

    def stream(self, data: bytes) -> None:
        """Send bytes of the body, as fast as the server may."""
        rate = self.git_server.rate
        step = len(data) or 1 if rate is None else max(1, rate // 20)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self.wfile.write(piece)
            self.seen.sent += len(piece)
            if rate is not None:
                time.sleep(len(piece) / rate)

    def body(self) -> bytes:
        """The body of the request."""
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        return data

    def _batch(self) -> None:
        if not self.git_server.lfs:
            self.reply(404, b"")
            return
        asked = json.loads(self.body())
        if asked["operation"] == "upload" and self.git_server.closed:
            self.reply(403, b"")
            return
        objects = []
        for one in asked["objects"]:
            answer: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            is_there = (self.git_server.objects / one["oid"]).is_file()
            href = f"{self.git_server.storage}/{one['oid']}"
            action = {"href": href, "header": {"X-Lfs-Key": LFS_KEY}, "expires_in": 3600}
            if asked["operation"] == "upload":
                if not is_there:
                    answer["actions"] = {"upload": action}
                if self.git_server.verifies and not is_there:
                    url = self.git_server.url + self.path.replace("objects/batch", "verify")
                    answer["actions"]["verify"] = {"href": url}
            elif is_there:
                answer["actions"] = {"download": action}
            else:
                answer["error"] = {"code": 404, "message": "Object does not exist"}
            objects.append(answer)
        data = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.reply(200, data, {"Content-Type": LFS_TYPE})

    def _backend(self) -> None:
        parts = urlsplit(self.path)
        variables = {
            "GIT_PROJECT_ROOT": str(self.git_server.folder / "repos"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            "REMOTE_USER": "user",
            "REMOTE_ADDR": "127.0.0.1",
        }
        process = subprocess.Popen(
            ["git", "http-backend"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**_QUIET, **variables},
        )
        assert process.stdin
        assert process.stdout
        try:
            with suppress(OSError):
                process.stdin.write(self.body())
                process.stdin.close()
            status, headers = 200, {}
            while line := process.stdout.readline().strip():
                name, _, value = line.decode().partition(":")
                if name.lower() == "status":
                    status = int(value.split()[0])
                else:
                    headers[name] = value.strip()
            self.send_response(status)
            for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
                self.send_header(name, value)
            self.end_headers()
            while data := process.stdout.read1(1 << 16):
                self.wfile.write(b"%x\r\n" % len(data))
                self.stream(data)
                self.wfile.write(b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class _Storage(_Handler):
    def take(self, oid: str) -> None:
        """Keep an object that is what its name says."""
        size, data = int(self.headers["content-length"]), b""
        while len(data) < size and (piece := self.rfile.read1(1 << 16)):
            data += piece
            self.seen.received = len(data)
            if self.git_server.rate is not None:
                time.sleep(len(piece) / self.git_server.rate)
        good = hashlib.sha256(data).hexdigest() == oid
        if good:
            (self.git_server.objects / oid).write_bytes(data)
        self.reply(200 if good else 422, b"")

    def answer(self) -> None:
        oid = self.path.strip("/")
        path = self.git_server.objects / oid
        if self.command == "PUT" and self.headers.get("x-lfs-key") == LFS_KEY:
            self.take(oid)
            return
        if self.headers.get("x-lfs-key") != LFS_KEY or not path.is_file():
            self.reply(403, b"")
            return
        size, status, headers = path.stat().st_size, 200, {"Accept-Ranges": "bytes"}
        start, end = 0, size - 1
        if (asked := self.headers.get("range", "")).startswith("bytes="):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or size), size - 1)
            if start >= size:
                self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(end - start + 1)
        if oid in self.git_server.flip and start == 0:
            data = bytes([data[0] ^ 1]) + data[1:]
        headers["ETag"] = f'"{oid}"'
        self.reply(status, data, headers)


@contextmanager
def running_git(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[GitServer]:
    """Start one that keeps its things in `folder`, with TLS where it has a `certificate` and its
    key; it has ended when the block is left."""
    server = GitServer(folder)
    server.objects.mkdir(parents=True)
    running = []
    for base in (_Handler, _Storage):
        handler = type(base.__name__, (base,), {"git_server": server})
        one = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        one.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            one.socket = context.wrap_socket(one.socket, server_side=True)
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
        running.append(one)
    scheme = "https" if certificate else "http"
    server.url, server.storage = (f"{scheme}://127.0.0.1:{one.server_port}" for one in running)
    try:
        yield server
    finally:
        for one in running:
            one.shutdown()
            one.server_close()
