"""A browser's end of a connection, byte by byte: it can be slow, leave, or resume."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit


class Answer:
    """The head of an answer, and the connection on which its body comes."""

    def __init__(self, status: int, headers: dict[str, str], reader: Any, writer: Any) -> None:
        self.status = status
        self.headers = headers
        self._reader = reader
        self._writer = writer

    async def read(self, count: int) -> bytes:
        """The next `count` bytes of the body, fewer only at the connection's end."""
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            return error.partial
        except ConnectionResetError:
            return b""

    async def rest(self) -> bytes:
        """All that comes until the connection is closed."""
        parts = []
        while part := await self.read(1 << 20):
            parts.append(part)
        return b"".join(parts)

    async def leave(self) -> None:
        """Close the connection without reading on."""
        self._writer.transport.abort()


class Browser:
    """Asks one server for addresses below its base URL."""

    def __init__(self, server: Any) -> None:
        self._base = urlsplit(server.connection_url)
        self._headers = {"Authorization": f"token {server.identity_provider.token}"}

    async def sign_in(self) -> None:
        """From now on be known by a cookie, as a person's browser is, not by the token."""
        token = self._headers.pop("Authorization").removeprefix("token ")
        for page in (f"api/status?token={token}", "no-such-page"):
            answer = await self.get(page)
            await answer.rest()
            cookie = answer.headers["Set-Cookie"].split(";")[0]
            known = self._headers.get("Cookie")
            self._headers["Cookie"] = f"{known}; {cookie}" if known else cookie
        self.xsrf = cookie.removeprefix("_xsrf=")

    async def ask(self, path: str, **headers: str) -> tuple[Any, Any]:
        """Send GET `path` (below the base URL, with its query); reader and writer of the answer."""
        reader, writer = await asyncio.open_connection(
            self._base.hostname, self._base.port, limit=1 << 16
        )
        fields = {"Host": self._base.netloc, "Connection": "close", **self._headers, **headers}
        target = quote(self._base.path, safe="/%") + path
        lines = [f"GET {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        return reader, writer

    async def get(self, path: str, **headers: str) -> Answer:
        """The answer to GET `path`."""
        reader, writer = await self.ask(path, **headers)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        named = dict(line.split(": ", 1) for line in head[1:] if line)
        return Answer(int(head[0].split()[1]), named, reader, writer)
