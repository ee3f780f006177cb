"""Answering GET and HEAD with bytes that a browser saves: one file, or an archive.

Every answer is an attachment with a safe name, never shown in the page's origin, with an exact
length and a strong entity tag, so that the browser's own download manager resumes it. What can no
longer be sent whole is cut short of its Content-Length, which every client takes for a failure.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from tornado.http1connection import HTTP1Connection
from tornado.httputil import format_timestamp
from tornado.iostream import StreamClosedError

from ..archives.stream import Source, pump
from ..errors import TransferError
from .base import TransferHandler
from .conditions import Validators, precondition, requested_range


@dataclass(frozen=True)
class Representation:
    """What is sent."""

    name: str
    """What the browser shall call it."""
    size: int
    """Bytes of all of it."""
    validators: Validators


class DeliveryHandler(TransferHandler):
    """Base of the handlers that send bytes to be saved."""

    def initialize(self) -> None:
        """Nobody is gone yet."""
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def content_security_policy(self) -> str:
        """Even where a browser shows it against our will, nothing in it runs or loads."""
        return super().content_security_policy + "; sandbox"

    def set_default_headers(self) -> None:
        """The content type that we state is the one that counts."""
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")

    def compute_etag(self) -> str | None:
        """Ours, instead of a hash that tornado would make of the body."""
        return self._headers.get("Etag")

    def error_headers(self, error: TransferError) -> None:
        """A 416 says how many bytes there are (RFC 9110, 15.5.17)."""
        if error.code == "range_not_satisfiable":
            self.set_header("Content-Range", f"bytes */{error.detail['size']}")

    # -- the other side --

    def on_connection_close(self) -> None:
        """The browser is gone, or we have cut it."""
        super().on_connection_close()
        if not self._gone.done():
            self._gone.set_result(None)

    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._gone.done()

    def cut(self) -> None:
        """Close the connection short of the promised length."""
        cast("HTTP1Connection", self.request.connection).stream.close()

    async def _write_block(self, block: memoryview) -> None:
        if not self._headers_written:
            # Only now: what goes wrong before the first block is a clear answer, no cut.
            await self.flush()
        # Straight to the connection: RequestHandler.write would copy every block. Tornado's
        # stream takes a memoryview and resolves the future when the last byte is in the socket.
        connection = cast("HTTP1Connection", self.request.connection)
        written = connection.write(cast("bytes", block))
        if not written.done():
            await asyncio.wait((written, self._gone), return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done() or connection.stream.closed():
            raise StreamClosedError
        self.transfer.keep_alive()

    # -- answering --

    async def deliver(
        self,
        what: Representation,
        source: Callable[[int, int], Source],
        watch: Callable[[int], Any] | None = None,
    ) -> None:
        """Answer with `what`: 200, 206, 304 or an error.

        `source` gives the bytes from a start to an end. `watch` gives an asynchronous context
        around the sending from a start, which yields a function to be told of each block that left.
        """
        self._describe(what)
        if precondition(self.request.headers, what.validators) == "not_modified":
            self._headers.pop("Content-Length", None)
            self.set_status(304)
            return
        if self.request.method == "HEAD":
            return
        part = requested_range(self.request.headers, what.validators, what.size)
        start, end = part or (0, what.size)
        if part is not None:
            self.set_status(206)
            self.set_header("Content-Range", f"bytes {start}-{end - 1}/{what.size}")
            self.set_header("Content-Length", str(end - start))
        await self._send(start, end, source, watch or _unwatched)

    def _describe(self, what: Representation) -> None:
        # No guessed type: proxies and tornado compress what they take for text, which breaks the
        # length, the ranges and the tag.
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Cache-Control", "private, no-cache, no-transform")
        self.set_header("Content-Disposition", content_disposition(what.name))
        self.set_header("Content-Length", str(what.size))
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Etag", what.validators.etag)
        # A time of this very second or of the future may stand for two versions: not as a
        # validator then (RFC 9110, 8.8.2.2).
        modified = what.validators.modified
        if modified is not None and 0 <= modified < time.time() - 1:
            self.set_header("Last-Modified", format_timestamp(modified))

    async def _send(
        self,
        start: int,
        end: int,
        source: Callable[[int, int], Source],
        watch: Callable[[int], Any],
    ) -> None:
        try:
            async with watch(start) as moved:
                try:
                    await pump(source(start, end), self._write_block, end - start, moved)
                except TransferError:
                    # A reader that stopped because the browser left has not failed.
                    if self.gone():
                        raise StreamClosedError from None
                    raise
        except StreamClosedError:
            self.log.debug("The download %s was cut by the browser", self.request.path)
        except TransferError as error:
            if not self._headers_written:
                raise
            self.log.warning("A download was cut short: %s", error)
            self.cut()


@asynccontextmanager
async def _unwatched(start: int) -> AsyncIterator[Callable[[int], None]]:
    yield lambda count: None


def entity_tag(*identity: int) -> str:
    """A strong entity tag of what identifies a content; tells nothing about the server's disk."""
    return f'"{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}"'


def content_disposition(name: str) -> str:
    """The header field that makes a browser save the answer as `name`: RFC 6266, with the full
    name in RFC 8187 coding and an ASCII one that no parser can take for anything else."""
    name = name.encode("utf-8", "replace").decode()
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._ ()+,=@~-]", "_", plain).strip() or "download"
    if plain.startswith("."):
        plain = "download" + plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
