"""SIGKILL at any moment: no acknowledged byte is lost, no wrong file ever stands under its name.

A real process with our handlers is killed while a client sends; the client comes back, asks for
the offset and goes on. The kill points are drawn from a seed, which is printed.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..handlers.tus_client import BODY, VERSION, checksum, metadata
from .bare_server import TOKEN

KILLS = 12
SIZE = 24 << 20
PIECE = 64 << 10


class Server:
    """A process that serves uploads, and can be killed."""

    def __init__(self, root: Path, state: Path) -> None:
        self._arguments = [str(Path(__file__).with_name("bare_server.py")), str(root), str(state)]
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *self._arguments], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def ask(self, method: str, path: str, headers: dict[str, str], pieces=()):
        """The response to a request; None if the server died on the way."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, f"/jupyter-transfer/tus/{path}")
            for name, value in {**VERSION, "Authorization": f"token {TOKEN}", **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            for piece in pieces:
                connection.send(piece)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return response


@pytest.fixture
def server(tmp_path):
    (tmp_path / "root").mkdir()
    server = Server(tmp_path / "root", tmp_path / "state")
    server.start()
    yield server
    server.kill()


def test_kills(server, tmp_path, capsys):
    seed = int(os.environ.get("KILL_SEED", random.randrange(10**6)))
    with capsys.disabled():
        sys.stdout.write(f" [KILL_SEED={seed}] ")
    chance = random.Random(seed)
    kills = files = 0
    while kills < KILLS:
        kills += Upload(server, chance, tmp_path / "root", f"f{files}", KILLS - kills).run()
        files += 1
    assert not list((tmp_path / "root").rglob(".jupyter-transfer"))


class Upload:
    """One file, sent through `most` kills at most."""

    def __init__(self, server, chance: random.Random, root: Path, name: str, most: int) -> None:
        self.server, self.chance, self.root, self.most = server, chance, root, most
        self.data = chance.randbytes(chance.randrange(SIZE // 2, SIZE))
        self.final = root / name
        self.acknowledged = 0
        self.ends: set[int] | None = None
        """Where the upload may stand after a request with a checksum; None: anywhere."""
        self.kills = 0
        digest = {"sha256": hashlib.sha256(self.data).hexdigest()} if chance.random() < 0.5 else {}
        headers = {
            "Upload-Length": str(len(self.data)),
            "Upload-Metadata": metadata(filename=name, conflict="fail", **digest),
            "Content-Length": "0",
        }
        response = server.ask("POST", "", headers)
        assert response.status == 201
        self.id = response.headers["Location"].rpartition("/")[2]

    def run(self) -> int:
        """Send it all; how often the server was killed."""
        while True:
            offset = self.look()
            if offset is None:
                assert self.final.read_bytes() == self.data
                return self.kills
            self.send(offset)

    def look(self) -> int | None:
        """Ask where it stands and check all that was promised; None when it is whole."""
        response = self.server.ask("HEAD", self.id, {})
        assert response.status == 200
        offset = int(response.headers["Upload-Offset"])
        assert offset >= self.acknowledged
        assert self.ends is None or offset in self.ends
        if response.headers["Transfer-Path"]:
            assert response.headers["Transfer-Path"] == self.final.name
            assert offset == len(self.data)
            return None
        assert not self.final.exists()
        part = self.root / ".jupyter-transfer" / f"{self.id}.part"
        assert part.read_bytes() == self.data[:offset]
        return offset

    def send(self, offset: int) -> None:
        """One PATCH, which may become the server's last."""
        end = min(len(self.data), offset + self.chance.randrange(1, SIZE))
        headers = {**BODY, "Upload-Offset": str(offset), "Content-Length": str(end - offset)}
        self.ends = None
        if self.chance.random() < 0.5:
            headers["Upload-Checksum"] = checksum("sha1", self.data[offset:end])
            self.ends = {offset, end}
        killing = self.kills < self.most and self.chance.random() < 0.8
        # Every second kill after the last byte: while it is synced, checked and published.
        at_the_end = self.chance.random() < 0.5
        stop = end if at_the_end else self.chance.randrange(offset, end)
        pieces = self.pieces(offset, stop if killing else end, kill=killing)
        response = self.server.ask("PATCH", self.id, headers, pieces)
        if response is None:
            assert killing
        else:  # perhaps its last word
            assert response.status == 204
            assert response.headers["Upload-Offset"] == str(end)
            self.acknowledged = end
        if killing:
            self.server.start()

    def pieces(self, offset: int, stop: int, *, kill: bool):
        for start in range(offset, stop, PIECE):
            yield self.data[start : min(start + PIECE, stop)]
        if kill:
            time.sleep(self.chance.random() * 0.02)
            self.server.kill()
            self.kills += 1


def test_the_row_of_a_killed_server_is_found_by_the_next(server, tmp_path):
    """A killed server leaves its locks and its database; the next one goes on at once."""
    headers = {"Upload-Length": "6", "Upload-Metadata": metadata(filename="a")}
    response = server.ask("POST", "", {**headers, **BODY, "Content-Length": "3"}, [b"abc"])
    id = response.headers["Location"].rpartition("/")[2]
    server.kill()
    server.start()
    headers = {**BODY, "Upload-Offset": "3", "Content-Length": "3"}
    response = server.ask("PATCH", id, headers, [b"def"])
    assert response.status == 204
    assert (tmp_path / "root" / "a").read_bytes() == b"abcdef"
