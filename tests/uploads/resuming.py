"""Clients that go on through whatever happens, and check every promise on their way."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path

from ..handlers.tus_client import BODY, checksum, metadata
from ..servers.bare import BareServer

SEND = 64 << 10
"""Bytes that are handed to the socket at a time."""


@dataclass
class ResumingUpload:
    """One file on its way to `server`, through the port `via` if something stands before it.

    `look` checks what the server promised: it never falls back behind what it acknowledged, what
    it states is on disk and right, and no file stands under its name before it is whole.
    """

    server: BareServer
    name: str
    data: bytes
    via: int | None = None
    timeout: float = 30
    digest: bool = False
    """Whether the SHA-256 of the whole is announced."""
    conflict: str = "fail"
    old: bytes | None = None
    """What stands under its name before it does; None for nothing."""
    id: str | None = None
    acknowledged: int = 0
    reached: int = 0
    """End of the bytes that were handed to the socket."""
    failures: list[int] = field(default_factory=list)
    """Statuses of the answers that were no success."""

    protocol = "tus"

    @property
    def final(self) -> Path:
        """Where the file will stand."""
        return self.server.root / self.name

    def ask(
        self, method: str, path: str, headers: dict[str, str], pieces: Iterable[bytes] = ()
    ) -> HTTPResponse | None:
        """An answer that came; what is no success is noted."""
        response = self.server.ask(
            method,
            path,
            headers,
            pieces,
            port=self.via,
            timeout=self.timeout,
            protocol=self.protocol,
        )
        if response is not None and response.status >= 400:
            self.failures.append(response.status)
        return response

    def create(self) -> bool:
        """Create the upload; whether it worked."""
        digest = {"sha256": hashlib.sha256(self.data).hexdigest()} if self.digest else {}
        header = metadata(filename=self.name, conflict=self.conflict, **digest)
        headers = {"Upload-Length": str(len(self.data)), "Upload-Metadata": header}
        return self.created({**headers, "Content-Length": "0"})

    def created(self, headers: dict[str, str]) -> bool:
        """Ask for a new upload; whether there is one."""
        response = self.ask("POST", "", headers)
        if response is None or response.status != 201:
            return False
        self.id = response.headers["Location"].rpartition("/")[2]
        return True

    def look(self) -> int | None:
        """Where it stands; None when the file is whole, -1 when nobody answered."""
        assert self.id is not None
        response = self.ask("HEAD", self.id, {})
        if response is None or response.status >= 500:
            return -1
        assert response.status == 200
        offset = int(response.headers["Upload-Offset"])
        assert self.acknowledged <= offset <= self.reached
        if response.headers["Transfer-Path"]:
            assert response.headers["Transfer-Path"] == self.name
            assert offset == len(self.data)
            return None
        self.check_disk(offset)
        return offset

    def check_disk(self, offset: int) -> None:
        """An unfinished upload: its part is right up to `offset`, and it has no name yet."""
        assert (self.final.read_bytes() if self.final.exists() else None) == self.old
        part = self.server.root / ".jupyter-transfer" / f"{self.id}.part"
        with part.open("rb") as file:
            assert file.read(offset) == self.data[:offset]

    def send(
        self,
        offset: int,
        end: int,
        *,
        algorithm: str | None = None,
        pieces: Callable[[int, int], Iterable[bytes]] | None = None,
    ) -> HTTPResponse | None:
        """One PATCH with the bytes from `offset` to `end`, which `pieces` hands out."""
        assert self.id is not None
        headers = {"Upload-Offset": str(offset), "Content-Length": str(end - offset)}
        headers |= self.headers_of(offset, end, algorithm)
        response = self.ask("PATCH", self.id, headers, (pieces or self.pieces)(offset, end))
        if response is not None and response.status < 300:
            self.check_answer(response, end)
            assert int(response.headers["Upload-Offset"]) == end
            self.acknowledged = end
        return response

    def headers_of(self, offset: int, end: int, algorithm: str | None) -> dict[str, str]:
        """What the protocol says of the bytes from `offset` to `end`."""
        stated = checksum(algorithm, self.data[offset:end]) if algorithm else ""
        return {**BODY, **({"Upload-Checksum": stated} if stated else {})}

    def check_answer(self, response: HTTPResponse, end: int) -> None:
        """A PATCH that ends at `end` was a success."""
        assert response.status == 204

    def pieces(self, offset: int, end: int) -> Iterable[bytes]:
        """The bytes from `offset` to `end`."""
        for start in range(offset, end, SEND):
            stop = min(start + SEND, end)
            self.reached = max(self.reached, stop)
            yield self.data[start:stop]


class ResumableUpload(ResumingUpload):
    """The same by the IETF's protocol: the offset alone never says that the file is whole."""

    protocol = "resumable"

    def created(self, headers: dict[str, str]) -> bool:
        return super().created({**headers, "Upload-Complete": "?0"})

    def look(self) -> int | None:
        assert self.id is not None
        response = self.ask("HEAD", self.id, {})
        if response is None or response.status >= 500:
            return -1
        assert response.status == 204
        offset = int(response.headers["Upload-Offset"])
        assert self.acknowledged <= offset <= self.reached
        assert response.headers["Upload-Length"] == str(len(self.data))
        if response.headers["Upload-Complete"] == "?1":
            assert (response.headers["Transfer-Path"], offset) == (self.name, len(self.data))
            return None
        self.check_disk(offset)
        return offset

    def headers_of(self, offset: int, end: int, algorithm: str | None) -> dict[str, str]:
        headers = {
            "Content-Type": "application/partial-upload",
            "Upload-Complete": "?1" if end == len(self.data) else "?0",
        }
        if algorithm:  # whichever: the protocol knows one
            digest = base64.b64encode(hashlib.sha256(self.data[offset:end]).digest()).decode()
            headers["Content-Digest"] = f"sha-256=:{digest}:"
        return headers

    def check_answer(self, response: HTTPResponse, end: int) -> None:
        complete = end == len(self.data)
        assert response.status == (200 if complete else 204)
        if complete:
            assert json.loads(response.content)["path"] == self.name
