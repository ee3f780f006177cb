"""HTTP over a raw socket, with or without TLS."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

MIB = 2**20
SMALL = 64 * 2**10
"""Bytes of a body that travels with its head in one write."""

TUS = {"Tus-Resumable": "1.0.0"}

Answer = tuple[int, http.client.HTTPMessage, bytes]
Piece = tuple[int, int, int]
"""Descriptor, offset and length of a part of a file."""


class Server:
    """One keep-alive connection to the server of an order, made anew when the server closes it."""

    def __init__(self, order: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(order["url"])
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.path = parts.path + (f"?{parts.query}" if parts.query else "")
        self.headers = order.get("headers", {}) | (headers or {})
        self.socket: socket.socket | None = None
        self._trust = None
        if "certificate" in order:
            self._trust = ssl.create_default_context(cafile=order["certificate"])

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        piece: Piece | None = None,
    ) -> Answer:
        """One exchange; `piece` is the body if it is given."""
        length = len(body) if piece is None else piece[2]
        small = body if len(body) <= SMALL else b""
        connection = self.send_head(method, path, headers, length, small)
        # Refused before the end of the body? The answer says why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if piece is not None:
                send_file(connection, *piece)
            elif body is not small:
                connection.sendall(body)
        return self.answer(method)

    def send_head(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        length: int = 0,
        body: bytes = b"",
    ) -> socket.socket:
        """Send everything before a body of `length` bytes, and `body`, its beginning."""
        if self.socket is None:
            self.socket = self._connect()
        fields = {"Host": f"{self.host}:{self.port}", **self.headers, **(headers or {})}
        if length or method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = str(length)
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self.socket

    def answer(self, method: str) -> Answer:
        """Read the answer to a request that was sent."""
        assert self.socket is not None
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        answer = response.read()
        if response.will_close:
            self.close()
        return response.status, response.msg, answer

    def close(self) -> None:
        """End the connection."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self.host, self.port), timeout=300)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._trust is None:
            return connection
        return self._trust.wrap_socket(connection, server_hostname=self.host)


def send_file(connection: socket.socket, descriptor: int, offset: int, length: int) -> None:
    """Send a part of a file: by sendfile(2), over TLS in pieces of 1 MiB."""
    # A timeout makes the descriptor non-blocking, which os.sendfile would answer with EAGAIN.
    connection.settimeout(None)
    end = offset + length
    if isinstance(connection, ssl.SSLSocket):
        buffer = memoryview(bytearray(MIB))
        while offset < end:
            count = os.preadv(descriptor, [buffer[: end - offset]], offset)
            connection.sendall(buffer[:count])
            offset += count
    else:
        while offset < end:
            offset += os.sendfile(connection.fileno(), descriptor, offset, end - offset)


def expect(answer: Answer, *statuses: int) -> Answer:
    """`answer`, if it has one of the `statuses`. Raises ValueError."""
    if answer[0] not in statuses:
        raise ValueError(f"status {answer[0]}: {answer[2][:300]!r}")
    return answer
