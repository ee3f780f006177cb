"""An HTTP server that misbehaves on purpose: every way in which a remote side can lie or fail.

A `Resource` serves `data` like a good server; its `faults` say what goes wrong, for how many
requests. All requests are recorded, with the bytes of the body that were handed to the socket.
"""

from __future__ import annotations

import email.utils
import gzip
import random
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LONG_AGO = 1_600_000_000.0


@dataclass
class Request:
    """What a client asked for and got."""

    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0
    taken: int = 0
    """Bytes of its body that the server has read."""
    status: int = 0

    @property
    def byte_range(self) -> tuple[int, int | None] | None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        return (int(match[1]), int(match[2]) if match[2] else None) if match else None

    @property
    def is_probe(self) -> bool:
        return self.byte_range == (0, 0)


class Connection:
    """The server's end of one connection, with the ways to break it."""

    def __init__(self, sock: socket.socket, request: Request, reader: BinaryIO) -> None:
        self.sock = sock
        self.request = request
        self._reader = reader
        self.untaken = int(request.headers.get("content-length", "0"))
        """Bytes of the request's body that nobody has read yet."""

    def take(self, count: int | None = None, *, rate: float | None = None) -> bytes:
        """Read the request's body, or `count` bytes of it, at `rate` bytes a second."""
        wanted = self.untaken if count is None else min(count, self.untaken)
        taken = bytearray()
        while len(taken) < wanted:
            data = self._reader.read(min(16384 if rate else 262144, wanted - len(taken)))
            if not data:
                raise ConnectionAbortedError
            taken += data
            self.untaken -= len(data)
            self.request.taken += len(data)
            if rate:
                time.sleep(len(data) / rate)
        return bytes(taken)

    def send_raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.request.status = status
        lines = [f"HTTP/1.1 {status} Chaos", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        self.send_raw("\r\n".join(lines).encode("utf-8", "surrogateescape"))

    def body(self, data: bytes, *, rate: float | None = None) -> None:
        view = memoryview(data)
        while view:
            piece = view[: 16384 if rate else 262144]
            self.request.sent += len(piece)  # before: the client may look as soon as it has it
            self.sock.sendall(piece)
            view = view[len(piece) :]
            if rate:
                time.sleep(len(piece) / rate)

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError


Answer = Callable[[Connection], None]


@dataclass
class Resource:
    """A file and how it is served.

    `etag` None leaves the header out. `faults` are tried in order before the good answer; each is
    asked with the connection and says by True that it has answered.
    """

    data: bytes = b""
    etag: str | None = '"v1"'
    modified: float | None = LONG_AGO
    ranges: bool = True
    rate: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    faults: list[Callable[[Connection], bool]] = field(default_factory=list)
    before: Callable[[Request], None] | None = None

    def common(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self.etag:
            headers["ETag"] = self.etag
        if self.modified is not None:
            headers["Last-Modified"] = email.utils.formatdate(self.modified, usegmt=True)
        return headers

    def __call__(self, connection: Connection) -> None:
        if self.before is not None:
            self.before(connection.request)
        for fault in self.faults:
            if fault(connection):
                return
        self.answer(connection)

    def answer(self, connection: Connection) -> None:
        asked, size = connection.request.byte_range, len(self.data)
        if asked is None or not self.ranges:
            connection.head(200, {**self.common(), "Content-Length": str(size)})
            connection.body(self.data, rate=self.rate)
            return
        start = asked[0]
        if start >= size:
            connection.head(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
            return
        end = min(size - 1, size - 1 if asked[1] is None else asked[1])
        headers = {
            **self.common(),
            "Content-Range": f"bytes {start}-{end}/{size}",
            "Content-Length": str(end - start + 1),
        }
        connection.head(206, headers)
        connection.body(self.data[start : end + 1], rate=self.rate)


def times(count: int, act: Answer, *, probes: bool = False) -> Callable[[Connection], bool]:
    """A fault that happens to the first `count` requests; probes are spared unless `probes`."""
    left = [count]
    lock = threading.Lock()

    def fault(connection: Connection) -> bool:
        if connection.request.is_probe and not probes:
            return False
        with lock:
            if left[0] <= 0:
                return False
            left[0] -= 1
        act(connection)
        return True

    return fault


def status(code: int, **headers: str) -> Answer:
    """Answer with a status and no body; underscores in names of headers stand for hyphens."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda connection: connection.head(code, {**fields, "Content-Length": "0"})


def redirect(location: str, code: int = 302) -> Answer:
    """Answer with a redirect."""
    return status(code, Location=location)


def cut(resource: Resource, after: int, *, reset: bool = False) -> Answer:
    """Answer as `resource`, but end the connection after so many bytes of the body."""

    def act(connection: Connection) -> None:
        asked = connection.request.byte_range
        start = asked[0] if asked else 0
        whole = resource.data[start:]
        if asked and asked[1] is not None:
            whole = resource.data[start : asked[1] + 1]
        headers = {**resource.common(), "Content-Length": str(len(whole))}
        if asked:
            end = start + len(whole) - 1
            headers["Content-Range"] = f"bytes {start}-{end}/{len(resource.data)}"
        connection.head(206 if asked else 200, headers)
        connection.body(whole[:after])
        if reset:
            connection.reset()
        raise ConnectionAbortedError

    return act


def gzipped(resource: Resource) -> Answer:
    """Answer with a Content-Encoding that nobody asked for."""

    def act(connection: Connection) -> None:
        body = gzip.compress(resource.data)
        headers = {"Content-Encoding": "gzip", "Content-Length": str(len(body))}
        connection.head(200, {**resource.common(), **headers})
        connection.body(body)

    return act


def chunked(resource: Resource, *, whole: bool = True) -> Answer:
    """Answer without a length; not `whole` leaves the last chunk out."""

    def act(connection: Connection) -> None:
        connection.head(200, {**resource.common(), "Transfer-Encoding": "chunked"})
        for start in range(0, len(resource.data), 65536):
            piece = resource.data[start : start + 65536]
            connection.send_raw(b"%x\r\n" % len(piece))
            connection.body(piece)
            connection.send_raw(b"\r\n")
        if whole:
            connection.send_raw(b"0\r\n\r\n")
        else:
            raise ConnectionAbortedError

    return act


class ChaosServer:
    """The server: `resources` by path, everything that was asked in `requests`."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.resources: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        scheme = "https" if certificate else "http"
        self.port = int(self._listener.getsockname()[1])
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def add(self, path: str, resource: Answer) -> str:
        """Serve `resource` at `path`; its address."""
        self.resources[path] = resource
        return self.url + path

    def sent(self, path: str | None = None) -> int:
        """Bytes of bodies that were handed to sockets."""
        return sum(r.sent for r in self.requests if path is None or r.path == path)

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`."""
        return [request for request in self.requests if request.path.partition("?")[0] == path]

    def drain(self, seconds: float = 20) -> None:
        """Wait until all that a client which is dead had asked has been heard."""
        # Connections are accepted in their order: when this one is answered, all older ones were.
        with (
            socket.create_connection(("127.0.0.1", self.port)) as sock,
            sock.makefile("rb") as reader,
        ):
            sock.sendall(b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
            reader.readline()
        until = time.monotonic() + seconds
        while self._open:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self._open)} connections are still open.")
            time.sleep(0.01)

    def close(self) -> None:
        self._closing.set()
        for sock in [self._listener, *self._open]:
            end(sock)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._context:
                self._open.discard(sock)
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.add(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with sock.makefile("rb") as reader:
                while (request := _read_request(reader)) is not None:
                    self.requests.append(request)
                    path = request.path.partition("?")[0]
                    answer = self.resources.get(path, status(404))
                    connection = Connection(sock, request, reader)
                    answer(connection)
                    if connection.untaken:
                        return
        except (OSError, ValueError):
            pass
        finally:
            self._open.discard(sock)
            sock.close()


def end(sock: socket.socket) -> None:
    """Close `sock`, and wake the thread that waits for it: one that waits in accept(2) keeps the
    number of a descriptor to itself, for ever."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def _read_request(reader: BinaryIO) -> Request | None:
    line = reader.readline(65536).decode("latin-1")
    if not line.strip():
        return None
    method, path, _ = line.split(" ", 2)
    headers = {}
    while (field_line := reader.readline(65536).decode("latin-1").strip()) != "":
        name, _, value = field_line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, path, headers)


@contextmanager
def running_chaos(certificate: tuple[Path, Path] | None = None) -> Iterator[ChaosServer]:
    """A server for the length of a ``with`` block."""
    server = ChaosServer(certificate)
    try:
        yield server
    finally:
        server.close()


def noise(size: int, seed: int = 1) -> bytes:
    """`size` bytes that do not compress and are the same every time."""
    return random.Random(seed).randbytes(size)
