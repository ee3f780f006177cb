"""Copies that S3 makes within itself: CopyObject, above 5 GiB UploadPartCopy.

Both are bound to the state of the source that was listed (``x-amz-copy-source-if-match``), and to
what may be replaced at the destination (``If-None-Match``, ``If-Match``; where a service does not
know them for a copy, we look right before).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import TransferError
from .base import Digest, Entry
from .s3sink import MultipartSink, S3Sink, writing
from .servicesink import ServiceSink
from .sink import SourceFile, Span, State

if TYPE_CHECKING:
    from .s3 import S3Backend

COPY_AT_ONCE = 5 << 30
"""Bytes that CopyObject takes at most."""

COPY_PIECE = 256 << 20
"""Bytes of a piece of a larger copy: short enough for services that say nothing meanwhile."""

_CLOCKS = 300.0
"""Seconds that the service's clock and ours may be apart."""


def make_copy_sink(backend: S3Backend, bucket: str, key: str, source: SourceFile) -> ServiceSink:
    """The sink of a copy."""
    kind = CopySink if source.size <= COPY_AT_ONCE else CopyPartsSink
    return kind(backend, bucket, key, source)


class _OfObject(S3Sink):
    """What both ways of copying share."""

    proof: Digest | None = None

    @property
    def _etag(self) -> str | None:
        """The ETag of the state that is copied."""
        entry = self._source.entry
        return None if entry is None else entry.validators.etag

    def _origin(self) -> dict[str, Any]:
        from .s3 import object_of  # noqa: PLC0415 - imports this module

        entry = self._source.entry
        assert entry is not None
        bucket, key = object_of(entry.address)
        source = {"Bucket": bucket, "Key": key}
        if entry.validators.version:
            source["VersionId"] = entry.validators.version
        keys = {f"CopySource{n}": v for n, v in self._backend.customer_parameters.items()}
        return {"CopySource": source, "CopySourceIfMatch": self._etag, **keys}

    def _ask_to_copy(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Raises ``remote_changed`` for another state of the source, ``exists`` for what may not be
        replaced: the service says 412 to both. Some services know no conditions, so look, too."""
        if not self._service.is_aws and not self._is_unchanged():
            raise TransferError("remote_changed", "The object has changed since it was listed.")
        try:
            return self._service.ask(
                operation, self._bucket, Key=self._key, **self._origin(), **parameters
            )
        except TransferError as error:
            if error.code == "remote_changed" and self._conditions() and self._is_unchanged():
                raise self._taken() from None
            raise

    def _is_unchanged(self) -> bool:
        source = self._origin()["CopySource"]
        found = self._backend.head(source["Bucket"], source["Key"], version=source.get("VersionId"))
        return self._etag in (None, found.get("ETag"))

    def _result(self, head: Mapping[str, Any]) -> Entry:
        """What stands there. An ETag is only a digest of both where it is the same of both: what
        is encrypted, or was sent in parts, has another kind."""
        entry = self._entry(head)
        digest = entry.digest
        if digest is not None and self._etag != f'"{digest.value}"':
            return replace(entry, digest=None)
        self.proof = digest
        return entry


class CopySink(_OfObject, ServiceSink):
    """One CopyObject, which publishes the copy by itself."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.piece_size = max(1, self._source.size)
        self._began = time.time()

    def begin(self, state: State | None) -> Sequence[Span]:
        """See `Sink`; raises ``exists`` where that is known."""
        if state is None:
            self._look()
            return []
        self._began = float(state["began"])
        head = self._head()
        return [(0, self._source.size)] if head and self._is_copy(head) else []

    def _is_copy(self, head: Mapping[str, Any]) -> bool:
        """Whether what stands there is our copy."""
        if head.get("ContentLength") != self._source.size:
            return False
        if self._etag is not None and head.get("ETag") == self._etag:
            return True
        in_parts = self._etag is not None and "-" in self._etag
        return in_parts and bool(head["LastModified"].timestamp() >= self._began - _CLOCKS)

    def state(self) -> State:
        """See `Sink`."""
        return {"service": True, "began": self._began}

    def take(self, span: Span) -> None:
        """See `ServiceSink`."""
        self._look()
        conditions = {n.replace("-", ""): value for n, value in self._conditions().items()}
        made = writing(self._backend)
        try:
            self._ask_to_copy("copy_object", **made, **conditions)
        except TransferError as error:
            if not conditions or error.detail.get("s3_code") not in ("NotImplemented", "501"):
                raise
            self._ask_to_copy("copy_object", **made)

    def sent(self, span: Span, headers: Mapping[str, str], digest: Digest | None = None) -> None:
        """See `Sink`."""

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`: the object is there already."""
        head = self._head()
        if head is None or head.get("ContentLength") != self._source.size:
            raise TransferError("gone", "The service does not hold the object.")
        return self._result(head)

    def abort(self) -> None:
        """See `Sink`: there is never a piece of it."""


class CopyPartsSink(_OfObject, MultipartSink, ServiceSink):
    """A multipart upload whose parts are copied."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.piece_size = max(COPY_PIECE, self.piece_size)
        self.digests = ()

    def state(self) -> State:
        """See `Sink`."""
        return {**super().state(), "service": True}

    def _about(self) -> dict[str, Any]:
        """The type and the metadata of the source, which no part carries."""
        source = self._origin()["CopySource"]
        head = self._backend.head(source["Bucket"], source["Key"], version=source.get("VersionId"))
        return {"ContentType": head.get("ContentType"), "Metadata": head.get("Metadata") or None}

    def take(self, span: Span) -> None:
        """See `ServiceSink`."""
        answer = self._ask_to_copy(
            "upload_part_copy",
            UploadId=self._upload,
            PartNumber=self._number(span),
            CopySourceRange=f"bytes={span[0]}-{span[1] - 1}",
            RequestPayer=self._backend.payer,
            **self._backend.customer_parameters,
        )
        self._parts[self._number(span)] = answer["CopyPartResult"]["ETag"]

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`."""
        return replace(super().finish(digests), digest=None)
