"""A tus client for tests: one method a verb, and raw connections for what no client would do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import HTTPResponse

VERSION = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}


def metadata(**pairs: str | bytes | None) -> str:
    """The header ``Upload-Metadata``."""
    return ",".join(
        key if value is None else f"{key} {_base64(value)}" for key, value in pairs.items()
    )


def checksum(algorithm: str, data: bytes) -> str:
    """The header ``Upload-Checksum`` of the body `data`."""
    return f"{algorithm} {_base64(hashlib.new(algorithm, data).digest())}"


def _base64(value: str | bytes) -> str:
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return base64.b64encode(data).decode()


class TusClient:
    """The verbs of tus through `ask`; an error status is an answer."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask

    async def options(self, id: str = "", **headers: str) -> HTTPResponse:
        return await self._ask("tus", id, method="OPTIONS", headers=_names(headers))

    async def post(
        self, length: int | str | None, body: bytes = b"", headers: Any = None, **pairs: Any
    ) -> HTTPResponse:
        """Create an upload of `length` bytes with the metadata `pairs`."""
        sent = {**VERSION, **(BODY if body else {})}
        if length is not None:
            sent["Upload-Length"] = str(length)
        if pairs:
            sent["Upload-Metadata"] = metadata(**pairs)
        return await self._ask("tus/", method="POST", headers=_merge(sent, headers), body=body)

    async def create(self, length: int, **pairs: Any) -> str:
        """The id of a new upload."""
        response = await self.post(length, **pairs)
        assert response.code == 201, response.body
        return response.headers["Location"].rpartition("/")[2]

    async def head(self, id: str, headers: Any = None) -> HTTPResponse:
        return await self._ask("tus", id, method="HEAD", headers=_merge(VERSION, headers))

    async def get(self, id: str, headers: Any = None) -> HTTPResponse:
        return await self._ask("tus", id, method="GET", headers=_merge(VERSION, headers))

    async def offset(self, id: str) -> int:
        """Where the server says that the upload stands."""
        response = await self.head(id)
        assert response.code == 200
        return int(response.headers["Upload-Offset"])

    async def patch(
        self, id: str, offset: int | str, body: bytes, headers: Any = None
    ) -> HTTPResponse:
        sent = {**VERSION, **BODY, "Upload-Offset": str(offset)}
        return await self._ask("tus", id, method="PATCH", headers=_merge(sent, headers), body=body)

    async def delete(self, id: str, headers: Any = None) -> HTTPResponse:
        return await self._ask("tus", id, method="DELETE", headers=_merge(VERSION, headers))


def _merge(headers: dict[str, str], changes: dict[str, str | None] | None) -> dict[str, str]:
    merged = {**headers, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Answer:
    """A response as it came over a raw connection; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """Connections to the server on which a test decides about every byte."""

    def __init__(self, port: int, base_url: str, token: str) -> None:
        self.port = port
        self.base_url = base_url
        self.token = token

    async def open(
        self, method: str, path: str, headers: dict[str, str | None] | None = None
    ) -> RawRequest:
        """Send the head of a request to ``jupyter-transfer/`` + `path`; the body is yours."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        sent = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"token {self.token}"}
        lines = [f"{method} {self.base_url}jupyter-transfer/{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in _merge(sent, headers).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin1"))
        return RawRequest(reader, writer)

    async def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str | None] | None = None,
        body: Iterable[bytes] | bytes = b"",
    ) -> Answer:
        """A whole request; its Content-Length, if any, is in `headers`."""
        request = await self.open(method, path, headers)
        for piece in [body] if isinstance(body, bytes) else body:
            await request.send(piece)
        return await request.answer(method)


class RawRequest:
    """One request on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send a piece of the body as it is; a server that closed makes it a no-op."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def send_chunk(self, data: bytes) -> None:
        """Send a chunk of a chunked body; empty ends it."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def answer(self, method: str = "GET") -> Answer:
        """Read the response and close."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin1")
        status, *lines = head.rstrip().split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        body = await self._reader.readexactly(length)
        await self.close()
        return Answer(int(status.split()[1]), headers, body)

    async def is_closed_by_server(self) -> bool:
        """Wait until the server closes the connection, whatever it says before."""
        with suppress(ConnectionError):
            await self._reader.read()
        return True

    async def close(self) -> None:
        """Close in an orderly way (FIN)."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """Cut the connection (RST)."""
        self._writer.transport.abort()
