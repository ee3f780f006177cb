"""SIGKILL while one file arrives in segments, and while they are joined."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from http.client import HTTPResponse
from pathlib import Path

import pytest

from ..handlers.tus_client import BODY, checksum, metadata
from ..servers.bare import BareServer
from .resuming import SEND


@pytest.mark.parametrize("kills", [16, pytest.param(200, marks=pytest.mark.soak)])
def test_kills_of_segments(server, chance, kills):
    """Several segments of one file are sent in turns, and joined, through kills."""
    for number in range(kills // 4):
        file = Segments(server, chance, server.root / f"f{number}")
        file.run(3)
        file.final.unlink()
    assert list(server.root.iterdir()) == []


class Segments:
    """One file in three segments."""

    def __init__(self, server: BareServer, chance: random.Random, final: Path) -> None:
        self.server, self.chance, self.final = server, chance, final
        self.data = chance.randbytes(chance.randrange(1 << 20, 6 << 20))
        cuts = sorted(chance.sample(range(1, len(self.data)), 2))
        spans = zip([0, *cuts], [*cuts, len(self.data)], strict=True)
        name, size = f"{chance.getrandbits(128):032x}", str(len(self.data))
        self.metadata = metadata(filename=final.name, conflict="fail", assembly=name, size=size)
        self.ids = {self.create(start, end): (start, end) for start, end in spans}
        self.acknowledged = dict.fromkeys(self.ids, 0)

    def ask(
        self, method: str, path: str, headers: dict[str, str], pieces: Iterable[bytes] = ()
    ) -> HTTPResponse | None:
        """An answer that came."""
        return self.server.ask(method, path, headers, pieces)

    def create(self, start: int, end: int) -> str:
        id = self.created(start, end)
        assert id is not None
        return id

    def created(self, start: int, end: int) -> str | None:
        """The id of a new segment; None if no answer came."""
        headers = {
            "Upload-Concat": "partial",
            "Upload-Length": str(end - start),
            "Upload-Metadata": f"{self.metadata},{metadata(start=str(start))}",
            "Content-Length": "0",
        }
        response = self.ask("POST", "", headers)
        if response is None:
            return None
        assert response.status == 201
        return response.headers["Location"].rpartition("/")[2]

    def run(self, kills: int) -> None:
        for _ in range(kills):
            self.send(self.chance.choice(list(self.ids)), kill=True)
        for id in self.ids:
            self.fill(id)
        self.join(kill=True)
        if not self.server.keeps_acknowledged:
            self.forget_acknowledged()
            if self.final.exists():
                assert self.final.read_bytes() == self.data
            else:
                for id in self.ids:
                    self.fill(id)
        for _ in range(2):
            response = self.join(kill=False)
            assert response.status == 201
            assert response.headers["Transfer-Path"] == self.final.name
        assert self.final.read_bytes() == self.data

    def send(self, id: str, *, kill: bool) -> None:
        start, end = self.ids[id]
        first = start + self.offset(id)
        response = self.patch(id, first, min(end, first + self.chance.randrange(1, 3 << 20)), kill)
        assert response is None or response.status == 204
        if kill:
            self.server.start()
            if not self.server.keeps_acknowledged:
                self.forget_acknowledged()
            for other in self.ids:
                self.offset(other)

    def forget_acknowledged(self) -> None:
        """The power was cut where nothing more is promised."""
        self.acknowledged = dict.fromkeys(self.ids, 0)

    def fill(self, id: str) -> None:
        """Send all that one segment lacks."""
        start, end = self.ids[id]
        self.offset(id)
        while self.acknowledged[id] < end - start:
            self.send(id, kill=False)

    def patch(
        self,
        id: str,
        first: int,
        stop: int,
        kill: bool = False,
        algorithm: str | None = None,
    ) -> HTTPResponse | None:
        """One PATCH with the bytes of the file from `first` to `stop`."""
        start = self.ids[id][0]
        headers = {
            **BODY,
            "Upload-Offset": str(first - start),
            "Content-Length": str(stop - first),
        }
        if algorithm:
            headers["Upload-Checksum"] = checksum(algorithm, self.data[first:stop])
        response = self.ask("PATCH", id, headers, self.pieces(first, stop, kill))
        if response is not None and response.status == 204:
            self.acknowledged[id] = stop - start
        return response

    def offset(self, id: str) -> int:
        """Where the segment stands; where it stood if nobody answers."""
        response = self.ask("HEAD", id, {})
        if response is None:
            assert self.may_be_silent
            return self.acknowledged[id]
        assert response.status == 200
        offset = int(response.headers["Upload-Offset"])
        assert offset >= self.acknowledged[id]
        self.acknowledged[id] = offset
        return offset

    may_be_silent = False
    """Whether the line may lose answers."""

    def pieces(self, start: int, stop: int, kill: bool):
        for first in range(start, stop, SEND):
            yield self.data[first : min(first + SEND, stop)]
        if kill:
            time.sleep(self.chance.random() * 0.01)
            self.server.kill()

    def join(self, *, kill: bool):
        addresses = " ".join(f"tus/{id}" for id in self.ids)
        headers = {
            "Upload-Concat": f"final;{addresses}",
            "Upload-Metadata": self.metadata,
            "Content-Length": "0",
        }
        response = self.ask("POST", "", headers, self.pieces(0, 0, kill))
        if kill:
            self.server.start()
        return response
