"""Uploads by draft-ietf-httpbis-resumable-upload-12, interop version 8.

    POST   resumable/      begins an upload, with all, some or none of its bytes
    HEAD   resumable/{id}  says where it stands
    PATCH  resumable/{id}  goes on
    DELETE resumable/{id}  forgets it

The same sessions as under ``tus/``, with other rules: whether an upload is complete is said by
``Upload-Complete``, never by its offset; fields that are malformed count as absent; refusals are
problem details (RFC 9457) around our own error. A client that announces an interop version learns
the address of its upload by an interim response 104 before it sends the first byte; to nobody else
is 104 sent, since proxies trip over it.

The name of the file comes from ``Content-Disposition`` (RFC 6266), everything else as in tus from
``Upload-Metadata``, which wins where both name the file. The answer to the request that completes
an upload is given again to whoever asks once more.
"""

from __future__ import annotations

import base64
import time
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.http1connection import HTTP1Connection

from ..engine.disposition import filename_of
from ..errors import TransferError
from ..uploads.append import UploadState
from ..uploads.checksum import Checksum
from .base import allow
from .fields import boolean, digest, digest_field, size
from .uploadbody import WRITE, UploadBodyHandler

BODY_TYPE = "application/partial-upload"
INTEROP_VERSIONS = ("8", "6")
"""Values of ``Upload-Draft-Interop-Version`` whose clients understand our 104."""

_PROBLEMS = "https://iana.org/assignments/http-problem-types#"


class ResumableHandler(UploadBodyHandler):
    """What both addresses share: limits, problem details, lengths and digests of requests."""

    _problem = ""
    """Name of the problem type that the error of this request has, if any."""
    _completed = False
    """Whether the upload of this request is complete, be it that its file was refused."""

    @allow_unauthenticated
    def options(self, *args: Any) -> None:
        """What this server can do (section 4.1.4)."""
        super().options(*args)
        self.set_header("Accept-Patch", BODY_TYPE)
        self.set_header("Access-Control-Allow-Methods", "POST, HEAD, PATCH, DELETE, OPTIONS")
        self._write_limits(self.transfer.upload_expiry)
        self.set_status(200)

    # -- what the request says --

    @property
    def complete(self) -> bool:
        """Whether the body is the end of the file (section 4.1.2). Raises ``bad_request``."""
        value = boolean(self.request.headers.get("Upload-Complete"))
        if value is None:
            raise TransferError("bad_request", "The header Upload-Complete is not ?0 or ?1.")
        return value

    def length(self, offset: int) -> int | None:
        """The length of the whole file, as far as the request tells it (section 4.1.3).

        Raises ``bad_request`` where it contradicts itself.
        """
        stated = size(self.request.headers.get("Upload-Length"))
        if not self.complete or "Transfer-Encoding" in self.request.headers:
            return stated
        counted = offset + (self.content_length or 0)
        if stated not in (None, counted):
            raise self.inconsistent(
                f"Upload-Length says {stated} bytes, and the file ends at byte {counted}."
            )
        return counted

    def checksum(self) -> Checksum | None:
        """What the body must have (``Content-Digest``, RFC 9530)."""
        value = digest(self.request.headers.get("Content-Digest"), "sha-256")
        if value is None:
            return None
        return Checksum.from_header("sha256 " + base64.b64encode(value).decode())

    # -- what we answer --

    def inconsistent(self, message: str) -> TransferError:
        """The error of lengths that contradict each other (section 7.3)."""
        self._problem = "inconsistent-upload-length"
        return TransferError("bad_request", message, "Ask for the state of the upload.")

    def write_state(self, state: UploadState) -> None:
        """The fields that say where an upload stands (section 4.3.2)."""
        upload = state.upload
        self.set_header("Upload-Offset", str(state.offset))
        self.set_header("Upload-Complete", "?1" if upload.path is not None else "?0")
        if upload.length is not None:
            self.set_header("Upload-Length", str(upload.length))
        self._write_limits(upload.expires - time.time())
        self.write_result(upload)
        if upload.sha256 is not None:
            self.set_header("Repr-Digest", digest_field("sha-256", bytes.fromhex(upload.sha256)))

    def _write_limits(self, age: float) -> None:
        limits = [f"max-age={max(0, int(age))}"]
        if self.transfer.max_upload_size is not None:
            limits.insert(0, f"max-size={self.transfer.max_upload_size}")
        self.set_header("Upload-Limit", ", ".join(limits))

    def write_end(self, state: UploadState, status: int) -> None:
        """The answer to the request that completed the upload, and to each that asks again."""
        upload = state.upload
        self.write_json(
            {"path": upload.path, "size": upload.length, "sha256": upload.sha256}, status
        )

    def error_headers(self, error: TransferError) -> None:
        """Where to go on, and that this is an answer of the protocol."""
        if "offset" in error.detail:
            self.set_header("Upload-Offset", str(error.detail["offset"]))
        self.set_header("Upload-Complete", "?1" if self._completed else "?0")
        if error.code == "too_large":
            self._write_limits(self.transfer.upload_expiry)

    def error_body(self, error: TransferError) -> dict[str, Any]:
        """The contract's error inside of problem details (RFC 9457)."""
        problem = ""
        if error.code == "offset_mismatch":
            problem = "mismatching-upload-offset"
        elif error.code in ("bad_request", "too_large"):
            problem = self._problem
        if not problem:
            return super().error_body(error)
        self.set_header("Content-Type", "application/problem+json")
        body = {"type": _PROBLEMS + problem, "title": error.message, **super().error_body(error)}
        if error.code == "offset_mismatch":
            body["expected-offset"] = error.detail["offset"]
            body["provided-offset"] = size(self.request.headers.get("Upload-Offset"))
        return body


class ResumablesHandler(ResumableHandler):
    """``resumable/``: creation (section 4.2)."""

    async def begin(self) -> None:
        """Create the upload, and tell its address to who understands it."""
        self.check_enabled()
        await self.require_of_archives(self._metadata())
        length = self.length(0)
        self.check_length(0, self.transfer.max_upload_size if length is None else length)
        self.append = await self.transfer.uploads.create(
            self.owner,
            length,
            self._metadata(),
            self.fail_later,
            explicit=True,
            checksum=self.checksum(),
        )
        self._announce()

    def _metadata(self) -> str:
        """``Upload-Metadata`` with what the protocol says in other fields."""
        headers = self.request.headers
        header = headers.get("Upload-Metadata", "")
        given = {pair.strip().partition(" ")[0] for pair in header.split(",")}
        added = {"filename": filename_of(headers.get("Content-Disposition"))}
        whole = digest(headers.get("Repr-Digest"), "sha-256")
        if whole is not None:
            added["sha256"] = whole.hex()
        pairs = [header] if header.strip() else []
        for key, value in added.items():
            if value and key not in given:
                pairs.append(f"{key} {base64.b64encode(value.encode()).decode()}")
        return ",".join(pairs)

    def _announce(self) -> None:
        """The interim response 104 (section 5)."""
        version = self.request.headers.get("Upload-Draft-Interop-Version", "")
        connection = self.request.connection
        if version not in INTEROP_VERSIONS or not isinstance(connection, HTTP1Connection):
            return
        assert self.append is not None
        upload = self.append.upload
        self.append.fresh = False
        self._write_limits(upload.expires - time.time())
        fields = {
            "Upload-Draft-Interop-Version": version,
            "Location": self.address("resumable", upload.id),
            "Upload-Limit": self._headers["Upload-Limit"],
        }
        lines = ["HTTP/1.1 104 Upload Resumption Supported"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        connection.stream.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    @allow(WRITE)
    async def post(self) -> None:
        """Say where the new upload is, or what became of a complete one."""
        assert self.append is not None
        state = await self.append.finish(complete=self.complete)
        self.set_header("Location", self.address("resumable", state.upload.id))
        self.write_state(state)
        if self.complete:
            self.write_end(state, 201)
        else:
            self.set_status(201)


class ResumeHandler(ResumableHandler):
    """``resumable/{id}``: one upload."""

    async def begin(self) -> None:
        """For PATCH: open the upload for the body."""
        self.check_enabled()
        if self.request.method != "PATCH":
            return
        self.check_type(BODY_TYPE)
        offset = size(self.request.headers.get("Upload-Offset"))
        if offset is None:
            raise TransferError("bad_request", "The header Upload-Offset is not a number of bytes.")
        length, id = self.length(offset), str(self.path_args[0])
        state = await self.transfer.uploads.state(self.owner, id)
        if state.upload.path is not None:
            self._refuse_complete(state, offset)
            return
        checksum = self.checksum()
        self._problem = "inconsistent-upload-length"
        self.append = await self.transfer.uploads.append(
            self.owner, id, offset, self.fail_later, length=length, checksum=checksum
        )
        await self.check_rest(offset)
        self._problem = ""

    def _refuse_complete(self, state: UploadState, offset: int) -> None:
        """Nothing is added to a complete upload; but the request that completed it may come again,
        because its answer was lost (section 4.4.2)."""
        self._completed = True
        if self.has_body:
            raise self.inconsistent("The upload is complete.")
        if not self.complete or offset != state.offset:
            self._problem = "completed-upload"
            raise TransferError("bad_request", "The upload is complete.", "There is nothing to do.")

    async def failed(self, error: TransferError) -> TransferError:
        """An upload that got more bytes than it has is of no use any more (section 4.4.2)."""
        error = await super().failed(error)
        if error.code == "too_large" and self.append is not None:
            await self.transfer.uploads.terminate(self.owner, self.append.upload.id)
            error.detail.pop("offset", None)
            self._problem = "inconsistent-upload-length"
        return error

    @allow(WRITE)
    async def patch(self, id: str) -> None:
        """Acknowledge the bytes, or say what became of the file."""
        if self.append is None:
            state = await self.transfer.uploads.state(self.owner, id)
        else:
            state = await self._finish()
        self.write_state(state)
        if self.complete:
            self.write_end(state, 200)
        else:
            self.set_status(204)

    async def _finish(self) -> UploadState:
        assert self.append is not None
        try:
            return await self.append.finish(complete=self.complete)
        except TransferError as error:
            # A wrong digest of the whole, not of this body: there is nothing to go on with.
            self._completed = error.code == "digest_mismatch" and "offset" not in error.detail
            if error.code == "bad_request":
                self._problem = "inconsistent-upload-length"
            raise

    @allow(WRITE)
    async def head(self, id: str) -> None:
        """Where the upload stands (section 4.3)."""
        self.write_state(await self.transfer.uploads.look(self.owner, id))
        self.set_status(204)

    @allow(WRITE)
    async def delete(self, id: str) -> None:
        """Forget the upload; a file that is published already stays (section 4.5)."""
        await self.transfer.uploads.terminate(self.owner, id)
        self.set_status(204)


ROUTES = [
    (r"jupyter-transfer/resumable/?", ResumablesHandler),
    (r"jupyter-transfer/resumable/([^/]+)/?", ResumeHandler),
]
