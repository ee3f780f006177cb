"""SIGKILL at any moment: no acknowledged byte is lost, no wrong file ever stands under its name.

So a kill costs the client one piece at most: what was not yet acknowledged.

A real process with our handlers is killed while a client sends; the client comes back, asks for
the offset and goes on. The kill points are drawn from a seed, which is printed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from ..handlers.tus_client import BODY, metadata
from ..servers.bare import BareServer
from .bare_server import WAYS
from .resuming import ResumableUpload, ResumingUpload

SIZE = 24 << 20


@pytest.mark.parametrize("server", WAYS, indirect=True)
@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("protocol", ["tus", "resumable"])
def test_kills(server, chance, protocol, kills):
    left = kills
    while left:
        upload = KILLED[protocol](server, chance, f"f{left}", left)
        upload.run()
        upload.final.unlink()
        left = upload.left
    assert list(server.root.iterdir()) == []


class KilledUpload(ResumingUpload):
    """One file, sent through kills of its server, of which `left` are left."""

    def __init__(self, server: BareServer, chance: random.Random, name: str, left: int) -> None:
        data = chance.randbytes(chance.randrange(SIZE // 8, SIZE))
        super().__init__(server, name, data, digest=chance.random() < 0.5)
        self.chance, self.left = chance, left

    def run(self) -> None:
        """Send it all."""
        assert self.create()
        ends: set[int] | None = None  # where it may stand after a request with a checksum
        while (offset := self.look()) is not None:
            assert ends is None or offset in ends
            end = min(len(self.data), offset + self.chance.randrange(1, SIZE))
            algorithm = self.chance.choice([None, "sha1"])
            ends = {offset, end} if algorithm else None
            killing = self.left > 0 and self.chance.random() < 0.8
            response = self.send(
                offset, end, algorithm=algorithm, pieces=self.until_killed if killing else None
            )
            assert response is None or response.status < 300  # perhaps its last word
            if killing:
                self.server.start()
            else:
                assert response is not None
        assert self.final.read_bytes() == self.data

    def until_killed(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` on, until the server is killed."""
        # Every second kill after the last byte: while it is synced, checked and published.
        at_the_end = offset == end or self.chance.random() < 0.5
        yield from self.pieces(offset, end if at_the_end else self.chance.randrange(offset, end))
        time.sleep(self.chance.random() * 0.02)
        self.server.kill()
        self.left -= 1


class KilledResumable(KilledUpload, ResumableUpload):
    """The same by the IETF's protocol."""


KILLED = {"tus": KilledUpload, "resumable": KilledResumable}


def test_the_row_of_a_killed_server_is_found_by_the_next(server):
    """A killed server leaves its locks and its database; the next one goes on at once."""
    headers = {"Upload-Length": "6", "Upload-Metadata": metadata(filename="a")}
    response = server.ask("POST", "", {**headers, **BODY, "Content-Length": "3"}, [b"abc"])
    id = response.headers["Location"].rpartition("/")[2]
    server.kill()
    server.start()
    headers = {**BODY, "Upload-Offset": "3", "Content-Length": "3"}
    response = server.ask("PATCH", id, headers, [b"def"])
    assert response.status == 204
    assert (server.root / "a").read_bytes() == b"abcdef"
