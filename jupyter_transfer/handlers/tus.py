"""Uploads by tus 1.0 (https://tus.io/protocols/resumable-upload): core, creation,
creation-with-upload, creation-defer-length, expiration, checksum, termination, concatenation.

The handlers know the protocol; `uploads.manager.Uploads` knows the rest. Only what exists is
advertised. For clients behind proxies that let only GET and POST pass, POST with
``X-HTTP-Method-Override`` stands for PATCH, HEAD and DELETE, and GET says what HEAD says; no other
verb can be overridden, since a GET would evade the check against cross-site requests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.httputil import format_timestamp

from ..errors import TransferError
from ..spec import iso_time
from ..uploads.append import UploadState
from ..uploads.checksum import ALGORITHMS, Checksum
from ..uploads.rows import PARTIAL
from .base import allow
from .uploadbody import WRITE, UploadBodyHandler

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
BODY_TYPE = "application/offset+octet-stream"

_NUMBER = re.compile(r"[0-9]{1,19}")
_LARGEST = 2**63 - 1

KEEP_ALIVE_SECONDS = 30.0

_FINAL = "final;"
_PARTIAL_PATH = re.compile(r"(?:.*/)?tus/([^/]+)/?")

_OWN_HEADERS = (
    "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Location, "
    "Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Expires, "
    "Upload-Concat, Transfer-Path, Transfer-SHA256, Transfer-Files-Done, Transfer-Files-Failed, "
    "Transfer-Files-Skipped"
)
_CLIENT_HEADERS = (
    "accept, content-type, authorization, x-xsrftoken, tus-resumable, upload-length, "
    "upload-defer-length, upload-metadata, upload-offset, upload-checksum, upload-concat, "
    "x-http-method-override"
)


class TusHandler(UploadBodyHandler):
    """What both addresses share: version and headers."""

    def set_default_headers(self) -> None:
        """On every answer, errors too."""
        super().set_default_headers()
        self.set_header("Tus-Resumable", VERSION)
        self.set_header("Access-Control-Expose-Headers", _OWN_HEADERS)

    def error_headers(self, error: TransferError) -> None:
        """Where to go on, and which version we speak."""
        if error.code == "version_mismatch":
            self.set_header("Tus-Version", VERSION)
        if "offset" in error.detail:
            self.set_header("Upload-Offset", str(error.detail["offset"]))

    @allow_unauthenticated
    def options(self, *args: Any) -> None:
        """What this server can do. A browser asks without credentials (preflight)."""
        super().options(*args)
        self.set_header("Access-Control-Allow-Headers", _CLIENT_HEADERS)
        self.set_header("Access-Control-Allow-Methods", "POST, GET, HEAD, PATCH, DELETE, OPTIONS")
        self.set_header("Tus-Version", VERSION)
        self.set_header("Tus-Extension", ",".join(EXTENSIONS))
        self.set_header("Tus-Checksum-Algorithm", ",".join(ALGORITHMS))
        if self.transfer.max_upload_size is not None:
            self.set_header("Tus-Max-Size", str(self.transfer.max_upload_size))
        self.set_status(200)

    async def begin(self) -> None:
        """Refuse what is not for us; a subclass opens the upload then."""
        if self.request.headers.get("Tus-Resumable") != VERSION:
            raise TransferError("version_mismatch", "The request is not of tus version 1.0.0.")
        self.check_enabled()

    def byte_count(self, name: str) -> int:
        """The header `name` as a number of bytes. Raises ``bad_request``."""
        value = self.request.headers.get(name)
        if value is None:
            raise TransferError("bad_request", f"The header {name} is missing.")
        if not _NUMBER.fullmatch(value) or int(value) > _LARGEST:
            raise TransferError("bad_request", f"The header {name} is not a number of bytes.")
        return int(value)

    def checksum(self) -> Checksum | None:
        """What the body must have, if the client says so. Raises ``bad_request``."""
        header = self.request.headers.get("Upload-Checksum")
        return None if header is None else Checksum.from_header(header)

    def write_state(self, state: UploadState) -> None:
        """The headers that say where an upload stands."""
        self.set_header("Upload-Offset", str(state.offset))
        self.write_result(state.upload)
        if state.upload.path is None:
            self.set_header("Upload-Expires", format_timestamp(state.upload.expires))


class UploadsHandler(TusHandler):
    """``tus/``: creation, with or without the first bytes."""

    async def begin(self) -> None:
        """Create the upload."""
        await super().begin()
        await self.require_of_archives(self._metadata)
        if self._concat.startswith(_FINAL):
            self._check_final()
            return
        if "Upload-Concat" in self.request.headers and self._concat != PARTIAL:
            raise TransferError("bad_request", "Upload-Concat is neither “partial” nor “final;…”.")
        length = self._length()
        if self.has_body:
            self.check_type(BODY_TYPE)
            self.check_length(0, self.transfer.max_upload_size if length is None else length)
        self.append = await self.transfer.uploads.create(
            self.owner,
            length,
            self._metadata,
            self.fail_later,
            concat=self._concat,
            checksum=self.checksum(),
        )

    @property
    def _metadata(self) -> str:
        return self.request.headers.get("Upload-Metadata", "")

    @property
    def _concat(self) -> str:
        return self.request.headers.get("Upload-Concat", "")

    def _check_final(self) -> None:
        """Refuse what only an upload with bytes of its own may have."""
        for name in ("Upload-Length", "Upload-Defer-Length"):
            if name in self.request.headers:
                raise TransferError("bad_request", f"A final upload has no {name}.")
        if self.has_body:
            raise TransferError("bad_request", "A final upload has no bytes of its own.")

    async def _make_final(self) -> UploadState:
        """The upload made of the partial ones that ``Upload-Concat`` lists, by relative or absolute
        addresses: what stands before ``tus/`` a proxy may have changed."""
        paths = [
            _PARTIAL_PATH.fullmatch(urlsplit(url).path)
            for url in self._concat.removeprefix(_FINAL).split()
        ]
        ids = [path[1] for path in paths if path is not None]
        if not ids or len(ids) < len(paths):
            raise TransferError("bad_request", "Upload-Concat lists what is no upload.")
        uploads = self.transfer.uploads
        work = asyncio.ensure_future(
            uploads.concatenate(self.owner, ids, self._metadata, self._concat)
        )
        while not work.done():  # copying, and the digest of the whole, may take minutes
            self.transfer.keep_alive()
            await asyncio.wait([work], timeout=KEEP_ALIVE_SECONDS)
        return work.result()

    def _length(self) -> int | None:
        """The length of the new upload; None if the client is to tell it later."""
        defer = self.request.headers.get("Upload-Defer-Length")
        if defer is None:
            return self.byte_count("Upload-Length")
        if defer != "1" or "Upload-Length" in self.request.headers:
            raise TransferError(
                "bad_request", "Upload-Defer-Length must be 1, and without Upload-Length."
            )
        return None

    @allow(WRITE)
    async def post(self) -> None:
        """Say where the new upload is."""
        append = self.append
        state = await (self._make_final() if append is None else append.finish())
        self.write_state(state)
        self.set_header("Location", self.address("tus", state.upload.id))
        self.set_status(201)


class UploadHandler(TusHandler):
    """``tus/{id}``: one upload."""

    @property
    def verb(self) -> str:
        """What is asked for, be it by override."""
        method = self.request.method or ""
        if method == "POST":
            method = self.request.headers.get("X-HTTP-Method-Override", "").strip().upper()
        return method

    @property
    def id(self) -> str:
        """The id in the address."""
        return str(self.path_args[0])

    async def begin(self) -> None:
        """For PATCH with a body: open the upload for it."""
        await super().begin()
        if self.request.method != "GET" and self.verb not in ("PATCH", "HEAD", "DELETE"):
            raise TransferError("method_not_allowed", "This address has no such method.")
        if self.verb == "PATCH" and self.has_body:
            self.check_type(BODY_TYPE)
            offset = self.byte_count("Upload-Offset")
            self.append = await self.transfer.uploads.append(
                self.owner,
                self.id,
                offset,
                self.fail_later,
                length=self._declared_length(),
                checksum=self.checksum(),
            )
            await self.check_rest(offset)

    @allow(WRITE)
    async def patch(self, id: str) -> None:
        """Acknowledge the bytes. A body without any asks to finish what is whole."""
        if self.append is not None:
            state = await self.append.finish()
        else:
            state = await self._finish_whole(id)
        self.write_state(state)
        self.set_status(204)

    def _declared_length(self) -> int | None:
        return self.byte_count("Upload-Length") if "Upload-Length" in self.request.headers else None

    async def _finish_whole(self, id: str) -> UploadState:
        self.check_type(BODY_TYPE)
        offset, length = self.byte_count("Upload-Offset"), self._declared_length()
        checksum = self.checksum()
        state = await self.transfer.uploads.state(self.owner, id)
        state.upload.check_takes_bytes()
        if state.offset != offset:
            raise TransferError(
                "offset_mismatch",
                f"The upload stands at byte {state.offset}.",
                detail={"offset": state.offset},
            )
        if checksum is not None:
            checksum.verify()
        if length in (None, state.upload.length):
            return state
        append = await self.transfer.uploads.append(self.owner, id, offset, length=length)
        return await append.finish()

    async def _write_details(self, id: str) -> UploadState:
        state = await self.transfer.uploads.look(self.owner, id)
        if state.refusal is not None:
            # An offset at the end is the only word of tus for a finished upload, and clients take
            # it for one: who asks for the name again brings the last byte again.
            state = replace(state, offset=max(0, state.offset - 1))
        self.write_state(state)
        if state.upload.length is None:
            self.set_header("Upload-Defer-Length", "1")
        else:
            self.set_header("Upload-Length", str(state.upload.length))
        if state.upload.spec.header:
            self.set_header("Upload-Metadata", state.upload.spec.header)
        if state.upload.concat:
            self.set_header("Upload-Concat", state.upload.concat)
        return state

    @allow(WRITE)
    async def head(self, id: str) -> None:
        """Where the upload stands."""
        await self._write_details(id)
        self.set_status(200)

    @allow(WRITE)
    async def get(self, id: str) -> None:
        """Where the upload stands, for clients whose proxies let no HEAD pass."""
        state = await self._write_details(id)
        upload = state.upload
        self.write_json(
            {
                "id": upload.id,
                "offset": state.offset,
                "length": upload.length,
                "path": upload.path,
                "expires": iso_time(upload.expires) if upload.path is None else None,
                **({} if upload.files is None else {"files": upload.files}),
            }
        )

    @allow(WRITE)
    async def delete(self, id: str) -> None:
        """Forget the upload; a file that is published already stays."""
        await self.transfer.uploads.terminate(self.owner, id)
        self.set_status(204)

    @allow(WRITE)
    async def post(self, id: str) -> None:
        """The verb of ``X-HTTP-Method-Override``."""
        verbs: dict[str, Callable[[str], Awaitable[None]]] = {
            "PATCH": self.patch,
            "HEAD": self.head,
            "DELETE": self.delete,
        }
        await verbs[self.verb](id)


class UploadFilesHandler(TusHandler):
    """``tus/{id}/files``: what became of the files of a pack, without those that are as wanted."""

    _track_activity = False

    async def begin(self) -> None:
        """Whoever asks need not speak tus: it is our own addition."""
        self.check_enabled()

    @allow(WRITE)
    async def get(self, id: str) -> None:
        """A page of the files, failed ones first, by ``state`` if given."""
        limit, offset = self.page()
        state = self.get_query_argument("state", "") or None
        files, total = await self.transfer.uploads.files(self.owner, id, state, limit, offset)
        self.write_json({"files": files, "total": total})


ROUTES = [
    (r"jupyter-transfer/tus/?", UploadsHandler),
    (r"jupyter-transfer/tus/([^/]+)/files/?", UploadFilesHandler),
    (r"jupyter-transfer/tus/([^/]+)/?", UploadHandler),
]
