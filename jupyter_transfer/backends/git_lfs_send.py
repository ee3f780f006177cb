"""Objects of LFS on their way to a server: the batch API says which it lacks and where they go
(git-lfs docs/api/batch.md), the engine sends them (docs/api/basic-transfers.md).

A server names an object by the SHA-256 of its bytes and refuses others; so what it has once been
sent whole is never sent again. Within an object the basic transfer knows no going on.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import TransferError
from ..net import Url, parse_url
from .base import Caller, Digest, Entry
from .git_lfs import BATCH, FRESH, TYPE, lied, oid_of, private_headers, refused
from .sink import Outlet, Sink, Span, State


@dataclass(frozen=True)
class _Way:
    """Where an object goes, and who is told that it is there; `url` is None where it is there."""

    url: str | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: tuple[str, Mapping[str, str]] | None = field(default=None, repr=False)
    until: float = 0.0


class Uploads:
    """What an LFS server says about objects; several threads ask, each by a caller of its own.

    Parameters
    ----------
    headers: who asks; for the origin of `url` only.
    branch: that they are for, by which some servers decide who may.
    """

    def __init__(self, url: Url, headers: Mapping[str, str], branch: str) -> None:
        self._url = f"{url}/objects/batch"
        self._origin = url.origin
        self._headers = dict(headers)
        self._branch = branch
        self._lock = threading.Lock()
        self._known: dict[str, _Way] = {}

    def ask(self, caller: Caller, entries: Sequence[Entry]) -> set[str]:
        """The addresses of those of `entries` that the server lacks. Raises ``needs_credentials``,
        ``remote_forbidden``, ``remote_refused`` …"""
        lacking = set()
        for start in range(0, len(entries), BATCH):
            asked = entries[start : start + BATCH]
            for entry, way in zip(asked, self._ask(caller, asked), strict=True):
                if way.url is not None:
                    lacking.add(entry.address)
                    with self._lock:
                        self._known[entry.address] = way
        return lacking

    def way(self, caller: Caller, entry: Entry) -> _Way:
        """Where `entry` goes. What was answered is given out once: who asks again needs a new
        one."""
        with self._lock:
            known = self._known.pop(entry.address, None)
        if known is not None and time.monotonic() < known.until:
            return known
        return self._ask(caller, [entry])[0]

    def verify(self, caller: Caller, way: _Way, oid: str, size: int) -> None:
        """Let the server look whether an object is there, if it wants to be asked. Raises
        ``remote_refused``."""
        if way.verify is None:
            return
        url, headers = way.verify
        answer = _post(caller, url, headers, {"oid": oid, "size": size})
        if answer.status == 404:
            raise TransferError(
                "gone", f"The LFS server does not find the object {oid[:12]}… that was sent."
            )
        if answer.status != 200:
            raise refused(answer.status, url, answer.retry_after, sending=True)

    def _ask(self, caller: Caller, entries: Sequence[Entry]) -> list[_Way]:
        body = {
            "operation": "upload",
            "transfers": ["basic"],
            "ref": {"name": f"refs/heads/{self._branch}"},
            "hash_algo": "sha256",
            "objects": [{"oid": oid_of(one), "size": one.size} for one in entries],
        }
        answer = _post(caller, self._url, self._headers, body)
        if answer.status != 200:
            raise refused(answer.status, self._url, answer.retry_after, sending=True)
        try:
            listed = {one["oid"]: one for one in json.loads(answer.body)["objects"]}
            return [self._way(listed[oid_of(entry)]) for entry in entries]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise lied(self._url) from None

    def _way(self, told: Mapping[str, Any]) -> _Way:
        if isinstance(error := told.get("error"), dict):
            code = error.get("code")
            raise refused(code if isinstance(code, int) else 500, self._url, None, sending=True)
        actions = told.get("actions") or {}
        upload, verify = actions.get("upload"), actions.get("verify")
        if upload is None:
            return _Way(None)
        seconds = upload.get("expires_in")
        good = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0
        life = max(0.0, min(FRESH, seconds - 10)) if good else FRESH
        url, headers = self._action(upload)
        if "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = "application/octet-stream"
        verification = None if verify is None else self._action(verify)
        return _Way(url, headers, verification, time.monotonic() + life)

    def _action(self, action: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        url = parse_url(action["href"], ("https", "http"))
        own = self._headers if url.origin == self._origin else {}
        return str(url), private_headers(action, own)


def _post(caller: Caller, url: str, headers: Mapping[str, str], body: Any) -> Any:
    types = {"Accept": TYPE, "Content-Type": TYPE}
    return caller.call(
        url, method="POST", headers={**types, **headers}, body=json.dumps(body).encode()
    )


class LfsSink(Sink):
    """One object, in one request.

    Parameters
    ----------
    address: ``lfs:`` and its id.
    """

    digests = ("sha256",)

    def __init__(self, uploads: Uploads, caller: Caller, address: str, size: int) -> None:
        self._uploads = uploads
        self._caller = caller
        self._oid = address.removeprefix("lfs:")
        self._entry = Entry(self._oid, address, size)
        self._way: _Way | None = None
        self._used = False
        self.piece_size = max(1, size)

    def begin(self, state: State | None) -> Sequence[Span]:
        """All of it, where the server has it."""
        self._way, self._used = self._uploads.way(self._caller, self._entry), False
        return [(0, self._entry.size or 0)] if self._way.url is None else []

    def state(self) -> State:
        """See `Sink`."""
        return {"oid": self._oid}

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`."""
        if self._way is None or self._used:
            self._way = self._uploads.way(self._caller, self._entry)
        self._used = True
        if self._way.url is None:
            raise TransferError("remote_busy", "Somebody else has just sent the object.")
        return Outlet(self._way.url, "PUT", self._way.headers)

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`. Raises ``digest_mismatch`` where the file is not what its name says."""
        found = next((one.value for one in digests if one.algorithm == "sha256"), self._oid)
        if found != self._oid:
            raise TransferError(
                "io_error",
                f"The object {self._oid[:12]}… of the clone is damaged: its bytes are others.",
                "Remove it from .git/lfs/objects, and get it again (“git lfs fetch”).",
                retryable=False,
            )
        if self._way is not None and self._way.url is not None:
            self._uploads.verify(self._caller, self._way, self._oid, self._entry.size or 0)
        return Entry(
            self._oid, self._entry.address, self._entry.size, digest=Digest("sha256", self._oid)
        )

    def abort(self) -> None:
        """Nothing: what is not whole a server does not keep."""
