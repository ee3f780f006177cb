"""Sending to S3: one PUT for a small file, a multipart upload for a large one.

What the service holds of an upload is asked of it (``ListParts``), so a crash costs the parts that
were under way and no more. Nothing shows under the key before the whole is there, and what stood
there stays until then: so are both operations of S3.

Nothing is replaced unless asked: ``If-None-Match: *``, or ``If-Match`` with what may be replaced.
Some services take these headers and ignore them; off AWS we look, too, right before.
"""

from __future__ import annotations

import mimetypes
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import TransferError
from .base import Digest, Entry, Validators
from .etags import algorithm_of_parts
from .s3objects import entry_of_head, kept_mtime_ns, version_of, written_mtime
from .sink import Gone, Outlet, Sink, SourceFile, Span, State

if TYPE_CHECKING:
    from .s3 import S3Backend

WHOLE = 8 << 20
"""Bytes up to which a file is sent with one request."""

PIECE = 8 << 20
MOST_PIECES = 10_000
LARGEST_PIECE = 5 << 30
"""Bytes of a part where the number of parts allows it; limits of S3 (Amazon S3 User Guide,
"Amazon S3 multipart upload limits")."""

_ABORTS = 3
"""Times that an upload is aborted at most."""

_CLOCK = 2.0
"""Seconds that a service's own times may be apart."""

_HEADERS = {
    "ACL": "x-amz-acl",
    "StorageClass": "x-amz-storage-class",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "RequestPayer": "x-amz-request-payer",
}

_CODED_TYPES = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}


def make_sink(backend: S3Backend, bucket: str, key: str, source: SourceFile) -> Sink:
    """The sink for one file. Raises ``too_large``."""
    if source.entry is not None:
        from .s3copy import make_copy_sink  # noqa: PLC0415 - imports this module

        return make_copy_sink(backend, bucket, key, source)
    kind = PutSink if source.size <= WHOLE else MultipartSink
    return kind(backend, bucket, key, source)


def piece_size(size: int) -> int:
    """Bytes of a part, so that `size` bytes need at most `MOST_PIECES`. Raises ``too_large``."""
    least = -(-size // MOST_PIECES)
    piece = max(PIECE, -(-least // (1 << 20)) << 20)
    if piece > LARGEST_PIECE:
        raise TransferError("too_large", "The file is larger than an object of S3 can be.")
    return piece


def content_type(name: str) -> str:
    """The media type of a file by its name."""
    return _type_of(".".join(["f", *name.lstrip(".").split(".")[1:][-2:]]))


@lru_cache(maxsize=1024)  # there are few endings
def _type_of(name: str) -> str:
    kind, coding = mimetypes.guess_type(name)
    default = "application/octet-stream"
    return _CODED_TYPES.get(coding, default) if coding else kind or default


def writing(backend: S3Backend) -> dict[str, Any]:
    """Parameters of every operation that makes an object."""
    return {
        "ACL": backend.option("acl"),
        "StorageClass": backend.option("storage_class"),
        "ServerSideEncryption": backend.option("sse"),
        "SSEKMSKeyId": backend.option("sse_kms_key_id"),
        "RequestPayer": backend.payer,
        **backend.customer_parameters,
    }


def put_headers(backend: S3Backend) -> dict[str, str]:
    """`writing` as headers of a PUT."""
    given = writing(backend)
    named = {header: given[name] for name, header in _HEADERS.items() if given[name]}
    return {**named, **backend.customer_key}


class S3Sink(Sink):
    """What both ways of sending share."""

    piece_digest = "md5"  # to compare with the ETag of a part

    def __init__(self, backend: S3Backend, bucket: str, key: str, source: SourceFile) -> None:
        self._backend = backend
        self._service = backend.service
        self._bucket = bucket
        self._key = key
        self._source = source
        self._doubted: set[Span] = set()
        self._address = f"s3://{bucket}/{key}"

    # -- what may be replaced --

    def _conditions(self) -> dict[str, str]:
        """``If-…`` headers of the request that publishes."""
        if not self._source.replace:
            return {"If-None-Match": "*"}
        state = self._source.replaces
        return {"If-Match": state.etag} if state is not None and state.etag else {}

    def _look(self) -> None:
        """Refuse to replace what may not be, where the service might not. Raises ``exists``."""
        if self._service.is_aws or not self._conditions():
            return
        state = self._source.replaces
        if not self._source.replace and self._backend.is_free(self._address):
            return
        there = self._head()
        if there is not None and not self._source.replace:
            raise self._taken()
        if state is not None and state.etag and (there or {}).get("ETag") != state.etag:
            raise self._taken()

    def _taken(self) -> TransferError:
        return TransferError(
            "exists", f"The service holds another object named “{self._key}” already."
        )

    # -- what is there --

    def _head(self) -> dict[str, Any] | None:
        try:
            return self._backend.head(self._bucket, self._key)
        except TransferError as error:
            if error.code == "remote_not_found":
                return None
            raise

    def _is_ours(self, head: Mapping[str, Any] | None) -> bool:
        """Whether an object is the very file that is sent, as far as size and time tell."""
        return (
            head is not None
            and self._source.mtime_ns is not None
            and head.get("ContentLength") == self._source.size
            and kept_mtime_ns(head.get("Metadata", {})) == self._source.mtime_ns
        )

    def _entry(self, head: Mapping[str, Any]) -> Entry:
        return entry_of_head(self._address, self._key, head)

    def _metadata(self) -> dict[str, str]:
        mtime = self._source.mtime_ns
        return {} if mtime is None else {"mtime": written_mtime(mtime)}

    def _content_type(self) -> str:
        return self._backend.option("content_type") or content_type(self._source.name)

    # -- what arrived --

    def _compare(self, span: Span, headers: Mapping[str, str], digest: Digest | None) -> None:
        """Compare the MD5 of a piece with its ETag. A service whose ETags are none is found out
        by a piece that differs twice. Raises ``digest_mismatch``."""
        etag = (headers.get("etag") or "").strip('"')
        plain = self._is_plain(headers.get("x-amz-server-side-encryption"))
        if digest is None or digest.algorithm != "md5" or not plain:
            return
        if not re.fullmatch(r"[0-9a-f]{32}", etag) or self._backend.etag_is_md5 is False:
            return
        if etag == digest.value:
            self._backend.etag_is_md5 = True
            return
        if self._backend.etag_is_md5 is None and span in self._doubted:
            self._backend.etag_is_md5 = False
            return
        self._doubted.add(span)
        raise TransferError("digest_mismatch", "The service holds other bytes than were sent.")

    def _is_plain(self, encryption: str | None) -> bool:
        """Whether ETags are made of the bytes that are sent, under this encryption."""
        return not self._backend.customer_key and (encryption or "AES256") == "AES256"

    @abstractmethod
    def sent(self, span: Span, headers: Mapping[str, str], digest: Digest | None = None) -> None:
        """See `Sink`."""


class PutSink(S3Sink):
    """One PUT, which publishes the object by itself."""

    publishes = True
    digests = ("md5",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.piece_size = max(1, self._source.size)
        self._answer: dict[str, Any] | None = None

    def begin(self, state: State | None) -> Sequence[Span]:
        """See `Sink`; raises ``exists`` before a byte is sent, where that is known."""
        if state is None:
            self._look()
            return []
        head = self._head()
        if not self._is_ours(head):
            return []
        self._answer = head
        return [(0, self._source.size)]

    def state(self) -> State:
        """See `Sink`."""
        return {"put": True}

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`."""
        headers = {
            "Content-Type": self._content_type(),
            **{f"x-amz-meta-{name}": value for name, value in self._metadata().items()},
            **self._backend.put_headers,
        }
        url = self._service.presign("PUT", self._bucket, self._key, (), headers)
        return Outlet(url, "PUT", {**headers, **self._conditions()})

    def _conditions(self) -> dict[str, str]:
        if self._answer is not None and self._doubted:  # what we put there ourselves is damaged
            return {"If-Match": self._answer["ETag"]}
        return super()._conditions()

    def sent(self, span: Span, headers: Mapping[str, str], digest: Digest | None = None) -> None:
        """See `Sink`."""
        self._answer = {
            "ContentLength": self._source.size,
            "ETag": headers.get("etag"),
            "VersionId": headers.get("x-amz-version-id"),
            "Metadata": self._metadata(),
            "ServerSideEncryption": headers.get("x-amz-server-side-encryption"),
            "SSECustomerAlgorithm": headers.get("x-amz-server-side-encryption-customer-algorithm"),
        }
        self._compare(span, headers, digest)

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`: the object is there already."""
        if self._answer is None or not self._answer.get("ETag"):
            head = self._head()
            if head is None or not self._is_ours(head):
                raise TransferError("gone", "The service does not hold the object.")
            self._answer = head
        return self._entry(self._answer)

    def abort(self) -> None:
        """See `Sink`: there is never a piece of it."""


class MultipartSink(S3Sink):
    """A multipart upload."""

    states = ("crc64nvme",)  # what AWS computes by itself

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.piece_size = piece_size(self._source.size)
        if self._is_plain(self._backend.option("sse")):
            self.digests = (algorithm_of_parts(self.piece_size),)
        self._upload: str | None = None
        self._began: str | None = None
        self._parts: dict[int, str] = {}

    # -- begin, or go on --

    def begin(self, state: State | None) -> Sequence[Span]:
        """See `Sink`; raises ``exists`` before a byte is sent, where that is known."""
        if state is None:
            self._look()
            self._create()
            return []
        self._upload, self._began = str(state["upload"]), state.get("began")
        self.piece_size = int(state["piece"])
        return self._list_parts()

    def _create(self) -> None:
        answer = self._service.ask(
            "create_multipart_upload",
            self._bucket,
            Key=self._key,
            **self._about(),
            **writing(self._backend),
        )
        self._upload = answer["UploadId"]
        self._began = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        self._parts.clear()

    def _about(self) -> dict[str, Any]:
        return {"ContentType": self._content_type(), "Metadata": self._metadata() or None}

    def _list_parts(self) -> list[Span]:
        """What the service holds. Raises `Gone`."""
        self._parts.clear()
        spans, marker = [], None
        while True:
            try:
                answer = self._ask("list_parts", PartNumberMarker=marker)
            except TransferError as error:
                if error.code == "remote_not_found":
                    raise Gone from None
                raise
            for part in answer.get("Parts", []):
                number = int(part["PartNumber"])
                start = (number - 1) * self.piece_size
                end = min(start + self.piece_size, self._source.size)
                if part["Size"] == end - start > 0:
                    self._parts[number] = part["ETag"]
                    spans.append((start, end))
            following = answer.get("NextPartNumberMarker")
            if not answer.get("IsTruncated") or following in (None, marker):
                return spans
            marker = following

    def state(self) -> State:
        """See `Sink`."""
        return {"upload": self._upload, "piece": self.piece_size, "began": self._began}

    # -- pieces --

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`."""
        assert self._upload is not None
        headers = dict(self._backend.customer_key)
        if self._backend.payer:
            headers["x-amz-request-payer"] = self._backend.payer
        query = [("partNumber", str(self._number(span))), ("uploadId", self._upload)]
        url = self._service.presign("PUT", self._bucket, self._key, query, headers)
        return Outlet(url, "PUT", headers)

    def sent(self, span: Span, headers: Mapping[str, str], digest: Digest | None = None) -> None:
        """See `Sink`."""
        self._compare(span, headers, digest)
        if etag := headers.get("etag"):
            self._parts[self._number(span)] = etag

    def _number(self, span: Span) -> int:
        return span[0] // self.piece_size + 1

    # -- the end --

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`."""
        pieces = -(-self._source.size // self.piece_size)
        try:
            if len(self._parts) != pieces:
                self._list_parts()
            if len(self._parts) != pieces:
                raise TransferError("conflict", "The service lacks parts of the file.")
            self._look()
            answer = self._complete()
        except (Gone, TransferError) as error:
            lost = isinstance(error, Gone) or error.code in ("remote_not_found", "exists")
            if lost and self._was_finished():
                return self._finished(digests)
            if isinstance(error, Gone):
                raise TransferError("gone", "The service does not know the upload.") from None
            raise
        return self._made(answer, digests) or self._finished(digests)

    def _complete(self) -> dict[str, Any]:
        parts = [{"PartNumber": n, "ETag": self._parts[n]} for n in sorted(self._parts)]
        conditions = {n.replace("-", ""): value for n, value in self._conditions().items()}
        try:
            return self._ask(
                "complete_multipart_upload", MultipartUpload={"Parts": parts}, **conditions
            )
        except TransferError as error:
            if error.code == "remote_changed":
                raise self._taken() from None
            if not conditions or error.detail.get("s3_code") not in ("NotImplemented", "501"):
                raise
            return self._ask("complete_multipart_upload", MultipartUpload={"Parts": parts})

    def _made(self, answer: Mapping[str, Any], digests: Sequence[Digest]) -> Entry | None:
        """What stands there now, if the answer to the last request proves it; else somebody has to
        look."""
        digest = self._proven(answer, digests)
        if digest is None:
            return None
        # ``rclone serve s3`` states another ETag from then on.
        validators = Validators(
            f'"{digest.value}"', version=version_of(answer), provisional=not self._service.is_aws
        )
        return Entry(
            self._key.rpartition("/")[2],
            self._address,
            self._source.size,
            validators,
            digest,
            mtime_ns=self._source.mtime_ns,
        )

    def _proven(self, stated: Mapping[str, Any], digests: Sequence[Digest]) -> Digest | None:
        """The one of `digests` that the service states as an ETag."""
        if not self._is_plain(stated.get("ServerSideEncryption")):
            return None
        etag = str(stated.get("ETag") or "").strip('"')
        return next((digest for digest in digests if digest.value == etag), None)

    def _was_finished(self) -> bool:
        """Whether what stands there was made by this very upload, in this process or before."""
        head = self._head()
        if head is None or not self._is_ours(head) or self._began is None:
            return False
        pieces = str(head.get("ETag") or "").strip('"').rpartition("-")[2]
        began = parsedate_to_datetime(self._began).timestamp()
        return (
            pieces == str(-(-self._source.size // self.piece_size)) or not pieces.isdigit()
        ) and head["LastModified"].timestamp() >= began - _CLOCK

    def _finished(self, digests: Sequence[Digest]) -> Entry:
        head = self._head()
        if head is None or head.get("ContentLength") != self._source.size:
            raise TransferError("gone", "The service does not hold the object.")
        entry = self._entry(head)
        return entry if entry.digest else replace(entry, digest=self._proven(head, digests))

    def abort(self) -> None:
        """See `Sink`. A part that was under way may arrive after the first request: ask again."""
        for _ in range(_ABORTS):
            try:
                self._ask("abort_multipart_upload")
                if not self._list_parts():
                    return
            except Gone:
                return
            except TransferError as error:
                if error.code != "remote_not_found":
                    raise
                return

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation != "abort_multipart_upload":
            parameters.update(self._backend.customer_parameters)
        return self._service.ask(
            operation,
            self._bucket,
            Key=self._key,
            UploadId=self._upload,
            RequestPayer=self._backend.payer,
            **parameters,
        )
