"""SIGKILL while a pack is taken apart: each file stands under its name once and whole, or not.

The kill points are drawn from a seed, which is printed. The policy is `rename`: a file that was
published twice would stand there under a second name.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable
from http.client import HTTPResponse
from pathlib import Path

import pytest

from ..handlers.tus_client import BODY, checksum, metadata
from ..servers.bare import BareServer
from .tars import tar

SEND = 32 << 10


@pytest.mark.parametrize("kills", [50, pytest.param(1000, marks=pytest.mark.soak)])
def test_kills(server, chance, kills):
    for number in itertools.count():
        kills = KilledPack(server, chance, f"p{number}", kills).run()
        if not kills:
            break


class KilledPack:
    """A pack that goes into `folder` through at most `left` kills."""

    def __init__(self, server: BareServer, chance: random.Random, folder: str, left: int) -> None:
        self.server, self.chance, self.folder, self.left = server, chance, folder, left
        self.files = {
            f"d{n % 7}/f{n}": chance.randbytes(size) for n, size in enumerate(self.sizes())
        }
        self.old: dict[str, bytes] = {}
        """What stands there before."""
        self.conflict = "rename"
        self.data = tar(*self.files.items())
        self.acknowledged = self.done = 0

    def sizes(self) -> list[int]:
        """Of the files."""
        chance = self.chance
        sizes = [chance.choice([0, 10, 512, 4000, 100_000]) for _ in range(chance.randrange(150))]
        return [*sizes, 2 << 20]

    def run(self) -> int:
        """Send it all; the kills that are left."""
        id = self.create()
        while (offset := self.look(id)) is not None:
            end = min(len(self.data), offset + self.chance.randrange(1, 4 << 20))
            killing = self.left > 0 and self.chance.random() < 0.9
            response = self.send(id, offset, end, killing=killing)
            assert killing or response is not None
            assert response is None or response.status == 204  # perhaps its last word
            if killing:
                self.server.start()
                if not self.server.keeps_acknowledged:
                    self.acknowledged = 0  # but what is published is there
        self.check_end()
        return self.left

    def create(self) -> str:
        """The id of a new upload of the pack."""
        header = metadata(pack="tar", path=self.folder, conflict=self.conflict)
        headers = {"Upload-Length": str(len(self.data)), "Upload-Metadata": header}
        response = self.server.ask("POST", "", {**headers, "Content-Length": "0"})
        assert response.status == 201
        return response.headers["Location"].rpartition("/")[2]

    def send(self, id: str, offset: int, end: int, *, killing: bool = False) -> HTTPResponse | None:
        """One PATCH with the bytes from `offset` to `end`."""
        body = self.data[offset:end]
        headers = {**BODY, "Upload-Offset": str(offset), "Content-Length": str(len(body))}
        if self.chance.random() < 0.3:
            headers["Upload-Checksum"] = checksum("sha1", body)
        response = self.server.ask("PATCH", id, headers, self.pieces(body, killing=killing))
        if response is not None and response.status == 204:
            self.acknowledged = end
            self.done = int(response.headers["Transfer-Files-Done"])
        return response

    def check_end(self) -> None:
        """The files are there, and nothing else."""
        assert content(self.server.root / self.folder) == self.files
        assert not list(self.server.root.rglob(".jupyter-transfer"))

    def look(self, id: str) -> int | None:
        """Where it stands; None when it is whole. No acknowledged file is gone."""
        response = self.server.ask("HEAD", id, {})
        assert response.status == 200
        done = int(response.headers["Transfer-Files-Done"])
        offset = int(response.headers["Upload-Offset"])
        assert offset >= self.acknowledged
        assert done >= self.done
        assert response.headers["Transfer-Files-Failed"] == "0"
        found = content(self.server.root / self.folder)
        wrong = {
            name
            for name, data in found.items()
            if data not in (self.files.get(name), self.old.get(name))
        }
        assert not wrong
        assert len(found) >= done
        if response.headers["Transfer-Path"] is None:
            return offset
        assert (done, offset) == (len(self.files), len(self.data))
        return None

    def pieces(self, body: bytes, *, killing: bool) -> Iterable[bytes]:
        """The bytes of `body`, until the server is killed."""
        early = killing and self.chance.random() < 0.3
        stop = self.chance.randrange(len(body) + 1) if early else len(body)
        for start in range(0, stop, SEND):
            yield body[start : min(start + SEND, stop)]
        if killing:
            time.sleep(self.chance.random() * 0.1)
            self.server.kill()
            self.left -= 1


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".jupyter-transfer" not in path.parts
    }
