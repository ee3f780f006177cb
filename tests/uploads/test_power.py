"""Power cuts in the middle of uploads: an ext4 of its own loses all that was not synced."""

from __future__ import annotations

import random
import sqlite3
import threading

import pytest

from ..servers.bare import BareServer
from ..servers.disk import Disk
from .resuming import ResumingUpload

SEED = 1821
SIZE = 12 << 20


@pytest.fixture
def server(disk, bare_server):
    (disk.folder / "root").mkdir()
    server = bare_server(disk.folder / "root", disk.folder / "state")
    server.start()
    yield server
    server.kill()  # before the disk is taken away


class Power:
    """Cuts the power of `disk`, `left` times, while `server` runs on it."""

    def __init__(self, disk: Disk, server: BareServer, left: int) -> None:
        self.disk, self.server, self.left = disk, server, left
        self.chance = random.Random(SEED)

    def send(self, name: str, old: bytes | None) -> None:
        """One file through some of the cuts; its whole is on disk when the client hears of it."""
        data = self.chance.randbytes(self.chance.randrange(SIZE // 4, SIZE))
        conflict = "overwrite" if old else "fail"
        upload = ResumingUpload(self.server, name, data, conflict=conflict, old=old)
        assert upload.create()
        while (offset := upload.look()) is not None:
            end = min(len(data), offset + self.chance.randrange(1, SIZE // 2))
            cut = threading.Timer(self.chance.random() * 0.04, self.disk.cut)
            cutting = self.left > 0
            if cutting:
                cut.start()
            response = upload.send(offset, end)
            if cutting:
                cut.join()
                self.back()
            else:
                assert response.status == 204
        if self.left:
            self.disk.cut()
            self.back()
        assert upload.final.read_bytes() == data

    def back(self) -> None:
        """Everything starts again on what is left."""
        self.left -= 1
        self.server.kill()
        self.disk.power_on()
        with sqlite3.connect(self.disk.folder / "state" / "transfers.sqlite") as database:
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        database.close()
        self.server.start()


@pytest.mark.parametrize("cuts", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_power_cuts_while_files_are_uploaded(disk, server, cuts):
    power = Power(disk, server, cuts)
    old = None
    while power.left > 0:
        power.send("f", old)
        old = (server.root / "f").read_bytes()
    assert [path.name for path in server.root.iterdir()] == ["f"]
