"""Files on their way into a commit of the hub: small ones wait for it, large ones go to its store
by LFS (git-lfs, docs/api/batch.md, with the hub's own transfer ``multipart``).

The store keeps bytes by their SHA-256, so a file that it has already is not sent. For many small
ones it is asked at once (`HuggingFaceBranch.expect`). Parts of a file
that is sent in parts are the store's as long as one process goes on: the hub tells nobody later
which of them arrived.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..errors import TransferError
from ..secrets import redact
from .base import Digest, Entry, Validators
from .committing import StagingSink
from .git_lfs import TYPE
from .hub_address import HUB
from .hub_branch import HuggingFaceBranch
from .hub_known import Branch
from .sink import Gone, Outlet, SourceFile, Span, State


class HubSink(StagingSink):
    """What both have in common: the file's `path` in the repository, and its `digest` there."""

    def __init__(self, branch: Branch, address: str, path: str, source: SourceFile) -> None:
        super().__init__(address, source)
        self.branch = branch
        self.path = path
        self.piece_size = max(1, source.size)
        self.digest: Digest | None = None

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`."""
        (self.digest,) = digests
        known = Validators(version=str(self.digest))
        return Entry(self.source.name, self.address, self.source.size, known, self.digest)


class CarriedSink(HubSink):
    """A file that the commit carries."""

    digests = ("git-blob-sha1",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.carried = self.source.size

    def begin(self, state: State | None) -> Sequence[Span]:
        """See `Sink`: nothing is sent before the commit."""
        return []

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`: there is none."""
        raise AssertionError("the commit carries the file")

    def content(self) -> bytes:
        """The file. Raises ``changed`` where it is not what was staged."""
        assert self.source.read is not None
        return self.source.read(None)


class LfsSink(HubSink):
    """A file that goes to the store."""

    branch: HuggingFaceBranch
    digests = ("sha256",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._oid = ""
        self._upload: dict[str, Any] = {}
        self._verify: dict[str, Any] = {}
        self._parts: list[str] = []
        """The addresses of the parts, where there are several."""
        self._sent: dict[int, str] = {}
        self._done = False

    def begin(self, state: State | None) -> Sequence[Span]:
        """See `Sink`; reads the file, for the store is asked by its SHA-256."""
        if state is not None and self._sent and not self._done:
            return [self._span(number) for number in self._sent]
        expected = None if self._oid else self.branch.expected(self.path, self.source)
        if expected is not None:
            self._oid = expected.oid
            self._follow(expected.row)
        else:
            if not self._oid:
                assert self.source.prefix is not None
                self._oid = self.source.prefix(self.source.size, "sha256").value
            self._ask()
        return [(0, self.source.size)] if self._done else []

    def _ask(self) -> None:
        """Ask where the file goes; `_done` where the store has it."""
        self._follow(self.branch.batch({self._oid: self.source.size}).get(self._oid))

    def _follow(self, row: Any) -> None:
        try:
            actions = row.get("actions") or {}
            self._take(row.get("error"), actions.get("upload"), actions.get("verify"))
        except (TypeError, KeyError, AttributeError, ValueError):
            raise TransferError("remote_lied", "The hub does not say where a file goes.") from None

    def _take(self, error: Any, upload: Any, verify: Any) -> None:
        if error:
            said = redact(str(error.get("message", "")))[:200]
            raise TransferError("remote_refused", f"The hub does not take the file: {said}")
        self._done = upload is None
        self._upload, self._verify = upload or {}, verify or {}
        headers = self._upload.get("header") or {}
        self._sent.clear()
        self._parts = []
        if "chunk_size" in headers:
            self.piece_size = int(headers["chunk_size"])
            count = -(-self.source.size // self.piece_size)
            self._parts = [str(headers[number]) for number in _numbers(headers)]
            if len(self._parts) != count:
                raise ValueError

    # -- the bytes --

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`."""
        if self._parts:
            return Outlet(self._parts[self._number(span) - 1])
        headers = {str(k): str(v) for k, v in (self._upload.get("header") or {}).items()}
        return Outlet(self._here(self._upload["href"]), "PUT", headers)

    def expired(self) -> None:
        """See `Sink`. Raises `Gone` where parts that were sent are of no use any more."""
        before, kept = self._upload_id, dict(self._sent)
        self._ask()
        if self._done or (kept and (before is None or before != self._upload_id)):
            raise Gone
        self._sent = kept

    @property
    def _upload_id(self) -> str | None:
        """What the store calls the upload in parts."""
        query = parse_qs(urlsplit(self._parts[0]).query) if self._parts else {}
        return next(iter(query.get("uploadId", [])), None)

    def sent(self, span: Span, headers: Mapping[str, str], digest: Digest | None = None) -> None:
        """See `Sink`."""
        if self._parts:
            if not headers.get("etag"):
                raise TransferError("remote_lied", "The store does not name what it got.")
            self._sent[self._number(span)] = headers["etag"]

    def _number(self, span: Span) -> int:
        return span[0] // self.piece_size + 1

    def _span(self, number: int) -> Span:
        start = (number - 1) * self.piece_size
        return start, min(start + self.piece_size, self.source.size)

    # -- the end --

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`. Raises ``changed`` where what was sent is not what was announced."""
        if digests[0].value != self._oid:
            raise TransferError("changed", f"“{self.source.name}” changed while it was sent.")
        if not self._done:
            if self._parts:
                parts = [{"partNumber": n, "etag": self._sent[n]} for n in sorted(self._sent)]
                self._tell(self._upload, {"oid": self._oid, "parts": parts})
            if self._verify:
                self._tell(self._verify, {"oid": self._oid, "size": self.source.size})
            self._done = True
        return super().finish(digests)

    def _tell(self, action: Mapping[str, Any], payload: dict[str, Any]) -> None:
        self.branch.client.tell(self.branch.place, self._here(action["href"]), payload, TYPE)

    def _here(self, url: str) -> str:
        """An address of the hub as it is called here: a mirror hands out those of the original."""
        hub = self.branch.client.hub
        return hub + url[len(HUB) :] if url.startswith(f"{HUB}/") else url


def _numbers(headers: Mapping[str, Any]) -> list[str]:
    return sorted((name for name in headers if name.isdigit()), key=int)


def line_of(sink: HubSink) -> tuple[bytes, bytes]:
    """The line of a commit about the file of `sink`: what stands before its content, which a file
    of LFS has not, and behind it."""
    assert sink.digest is not None
    if isinstance(sink, CarriedSink):
        value: dict[str, Any] = {"path": sink.path, "encoding": "base64"}
        line = json.dumps({"key": "file", "value": {"content": "", **value}}).encode()
        before, after = line.split(b'""', 1)
        return before + b'"', b'"' + after + b"\n"
    value = {
        "path": sink.path,
        "algo": "sha256",
        "oid": sink.digest.value,
        "size": sink.source.size,
    }
    return json.dumps({"key": "lfsFile", "value": value}).encode(), b"\n"
