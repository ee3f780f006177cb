"""What the protocols of uploads share: bodies that go to an upload, and what is said of one."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable
from urllib.parse import quote

from jupyter_server.utils import url_path_join

from ..errors import TransferError
from ..uploads.append import Append
from ..uploads.metadata import asks_to_unpack
from ..uploads.rows import Upload
from .body import BodyHandler

WRITE = ("write", "contents")

_PROTO = re.compile(r"https?")
_HOST = re.compile(r"[A-Za-z0-9._~\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class UploadBodyHandler(BodyHandler):
    """A handler whose body goes to an upload, once `begin` has opened one."""

    append: Append | None = None
    """The upload that the body of this request goes to."""

    def set_default_headers(self) -> None:
        """On every answer, errors too: where an upload stands changes."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """None: a state has no representation that could be unchanged (304)."""

    # -- refusing --

    def check_enabled(self) -> None:
        """Raise ``disabled`` or ``not_local`` where this server takes no uploads."""
        if not self.transfer.uploads_enabled:
            raise TransferError("disabled", "Uploads are switched off on this server.")
        self.transfer.require_local()

    async def require_of_archives(self, metadata: str) -> None:
        """Raise ``forbidden`` if what is uploaded is to be extracted, which is a job, and the user
        may start none."""
        if asks_to_unpack(metadata):
            await self.require("write", "transfers")
            await self.require("read", "contents")

    def check_type(self, expected: str) -> None:
        """Raise ``unsupported_media_type`` unless the body is of the type `expected`."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != expected:
            raise TransferError(
                "unsupported_media_type", f"The body of this request must be {expected}."
            )

    def check_length(self, offset: int, limit: int | None) -> None:
        """Raise ``too_large`` for a body that says itself that it is too long. One that does not
        say, or lies, is stopped when it is."""
        if limit is not None and offset + (self.content_length or 0) > limit:
            raise TransferError(
                "too_large",
                "The body is longer than what is left of the upload.",
                "Upload the file again: it may have grown meanwhile.",
            )

    async def check_rest(self, offset: int) -> None:
        """`check_length` for what is left of the opened upload, which is let go if it raises."""
        assert self.append is not None
        try:
            self.check_length(offset, self.append.limit)
        except TransferError as error:
            await self.append.aborted()
            error.detail["offset"] = offset
            raise

    # -- the body --

    def take(self, data: bytes) -> Awaitable[None] | None:
        """Pass a piece on; the body of a request that needs none is ignored."""
        if self.append is None:
            return None
        self.transfer.keep_alive()
        return self.append.feed(data)

    @property
    def splices(self) -> bool:  # type: ignore[override]
        """Whether bytes may go straight from the socket to the disk."""
        append = self.append
        return self.transfer.upload_fast_path and append is not None and append.receives

    async def take_from(self, socket: int, limit: int) -> int:
        """Pass on what stands ready in the socket."""
        assert self.append is not None
        self.transfer.keep_alive()
        return await self.append.receive(socket, limit)

    async def failed(self, error: TransferError) -> TransferError:
        """Keep what arrived before the failure, and learn where to go on."""
        if self.append is None:
            return error
        try:
            state = await self.append.finish()
        except TransferError as failure:
            return failure
        error.detail["offset"] = state.offset
        return error

    def cut(self) -> None:
        """Keep what arrived."""
        if self.append is not None:
            self.append.abort()

    def on_finish(self) -> None:
        """Whatever happened: never leave an upload claimed."""
        super().on_finish()
        self.cut()

    # -- what is said of an upload --

    def write_result(self, upload: Upload) -> None:
        """The headers that say what became of a finished upload, and of the files of a pack."""
        if upload.path is not None:
            self.set_header("Transfer-Path", quote(os.fsencode(upload.path)))
        if upload.sha256 is not None:
            self.set_header("Transfer-SHA256", upload.sha256)
        for state, count in (upload.files or {}).items():
            self.set_header(f"Transfer-Files-{state.capitalize()}", str(count))

    def address(self, protocol: str, id: str) -> str:
        """The absolute address of the upload `id` as this client can reach it."""
        proto, host = self.request.protocol, self.request.host
        if self.transfer.trust_forwarded:
            proto = self._forwarded("Proto", _PROTO) or proto
            host = self._forwarded("Host", _HOST) or host
        return f"{proto}://{host}" + url_path_join(self.base_url, "jupyter-transfer", protocol, id)

    def _forwarded(self, what: str, pattern: re.Pattern[str]) -> str | None:
        # Of several proxies the first one spoke with the client.
        value = self.request.headers.get(f"X-Forwarded-{what}", "").partition(",")[0].strip()
        return value if pattern.fullmatch(value) else None
