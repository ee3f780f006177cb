"""The client that every server here is measured with: its own process, raw sockets, sendfile.

It costs next to nothing and the same for all rivals, so that the difference is the servers'. It is
driven by JSON lines: a command on stdin, ``{"ready": true}`` when everything is prepared (files
open, bodies encoded), an empty line as the starting shot, then one line with the result. It uses
the standard library only and is started with ``-I -S``.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

MIB = 2**20


class Server:
    """One keep-alive connection to a server, made anew when the server closes it."""

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.headers = headers
        self.socket: socket.socket | None = None

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        piece: tuple[int, int, int] | None = None,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One exchange; `piece` is descriptor, offset, length of a file that is the body."""
        connection = self.send_head(method, path, headers, len(body) if piece is None else piece[2])
        # Refused before the end of the body? The answer says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if piece is not None:
                _send_file(connection, *piece)
            elif body:
                connection.sendall(body)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        answer = response.read()
        if response.will_close:
            self.close()
        return response.status, response.msg, answer

    def send_head(
        self, method: str, path: str, headers: dict[str, str] | None, length: int
    ) -> socket.socket:
        """Send everything before the body."""
        if self.socket is None:
            self.socket = socket.create_connection((self.host, self.port), timeout=300)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fields = {"Host": f"{self.host}:{self.port}", **self.headers, **(headers or {})}
        if length or method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = str(length)
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return self.socket

    def close(self) -> None:
        """End the connection."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def _send_file(connection: socket.socket, descriptor: int, offset: int, length: int) -> None:
    # A timeout makes the descriptor non-blocking, which os.sendfile would answer with EAGAIN.
    connection.settimeout(None)
    end = offset + length
    while offset < end:
        offset += os.sendfile(connection.fileno(), descriptor, offset, end - offset)


def _expect(answer: tuple[int, Any, bytes], *statuses: int) -> tuple[int, Any, bytes]:
    if answer[0] not in statuses:
        raise ValueError(f"status {answer[0]}: {answer[2][:300]!r}")
    return answer


Action = Callable[[], dict[str, Any]]


def tus(order: dict[str, Any]) -> Action:
    """Upload a file by tus: creation, then PATCH requests of `piece` bytes."""
    server = Server(order["url"], order.get("headers", {}) | {"Tus-Resumable": "1.0.0"})
    descriptor = os.open(order["file"], os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    pairs = [f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in order["metadata"].items()]
    headers = {"Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}

    def run() -> dict[str, Any]:
        path = urlsplit(order["url"]).path
        _, answer, _ = _expect(server.ask("POST", path, headers), 201)
        place, offset = urlsplit(answer["Location"]).path, 0
        while offset < size:
            length = min(order["piece"], size - offset)
            fields = {
                "Content-Type": "application/offset+octet-stream",
                "Upload-Offset": str(offset),
            }
            piece = (descriptor, offset, length)
            _, answer, _ = _expect(server.ask("PATCH", place, fields, piece=piece), 204)
            offset = int(answer["Upload-Offset"])
        return {"location": place, "path": answer.get("Transfer-Path")}

    return run


def stock(order: dict[str, Any]) -> Action:
    """Upload a file as JupyterLab does to the stock contents API: base64 JSON PUTs of 1 MiB.

    The bodies are encoded before the shot, which spares the rival what the browser pays.
    """
    server = Server(order["url"], order.get("headers", {}) | {"Content-Type": "application/json"})
    with open(order["file"], "rb") as file:
        pieces = [base64.b64encode(piece).decode() for piece in iter(lambda: file.read(MIB), b"")]
    name = order["url"].rpartition("/")[2]
    bodies = []
    for number, content in enumerate(pieces, 1):
        chunk = -1 if number == len(pieces) else number
        fields = {"type": "file", "format": "base64", "name": name, "chunk": chunk}
        bodies.append(json.dumps(fields | {"content": content}).encode())

    def run() -> dict[str, Any]:
        for body in bodies:
            _expect(server.ask("PUT", urlsplit(order["url"]).path, body=body), 200, 201)
        return {}

    return run


def put(order: dict[str, Any]) -> Action:
    """Upload a file by one plain PUT."""
    server = Server(order["url"], order.get("headers", {}))
    descriptor = os.open(order["file"], os.O_RDONLY)
    size = os.fstat(descriptor).st_size

    def run() -> dict[str, Any]:
        path = urlsplit(order["url"]).path
        _expect(server.ask("PUT", path, piece=(descriptor, 0, size)), 201, 204)
        return {}

    return run


def get(order: dict[str, Any]) -> Action:
    """Download into a file: everything after the head, as it comes over the wire."""
    server = Server(order["url"], order.get("headers", {}) | {"Connection": "close"})
    parts = urlsplit(order["url"])
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    target = os.open(order["file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def run() -> dict[str, Any]:
        connection = server.send_head("GET", path, None, 0)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(1)  # the rest belongs to the body, which is spliced
            if not piece:
                raise ValueError("closed before the end of the head")
            head += piece
        status = int(head.split(None, 2)[1])
        connection.settimeout(None)
        size = _splice(connection.fileno(), target)
        os.close(target)
        if status != 200:
            raise ValueError(f"status {status}")
        return {"head": head.decode("latin-1"), "size": size}

    return run


def _splice(source: int, target: int) -> int:
    """Move everything from a socket into a file through a pipe, without touching it."""
    reader, writer = os.pipe()
    size = 0
    while moved := os.splice(source, writer, MIB):
        size += moved
        while moved:
            moved -= os.splice(reader, target, moved)
    os.close(reader)
    os.close(writer)
    return size


def status(order: dict[str, Any]) -> Action:
    """Ask for a small answer every `interval` seconds for `seconds`; all latencies in seconds."""
    server = Server(order["url"], order.get("headers", {}))
    path = urlsplit(order["url"]).path
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # how long the server takes counts, not how long this process waits for a core

    def run() -> dict[str, Any]:
        interval, latencies = order["interval"], []
        begin = time.monotonic()
        while (sent := time.monotonic()) < begin + order["seconds"]:
            _expect(server.ask("GET", path), 200)
            latencies.append(time.monotonic() - sent)
            # The next beat of the fixed grid that is still to come.
            elapsed = time.monotonic() - begin
            time.sleep(interval - elapsed % interval)
        return {"latencies": latencies}

    return run


ACTIONS: dict[str, Callable[[dict[str, Any]], Action]] = {
    "tus": tus,
    "stock": stock,
    "put": put,
    "get": get,
    "status": status,
}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Carry out one command a line until stdin closes."""
    for line in sys.stdin:
        order = json.loads(line)
        try:
            action = ACTIONS[order["op"]](order)
            print(json.dumps({"ready": True}), flush=True)
            sys.stdin.readline()
            cpu, begin = _cpu(), time.monotonic()
            result = action()
            result |= {"seconds": time.monotonic() - begin, "cpu": _cpu() - cpu}
        except (OSError, ValueError, http.client.HTTPException) as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
