"""Power cuts in the middle of uploads: an ext4 of its own loses all that was not synced."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from ..servers.bare import BareServer
from ..servers.disk import Disk
from .resuming import ResumingUpload
from .test_kill_packs import KilledPack
from .test_kill_segments import Segments

SEED = 1821
SIZE = 12 << 20


class PoweredServer(BareServer):
    """A server that the power of `disk` dies with; both come back together."""

    disk: Disk

    def kill(self) -> None:
        if self.lives:
            os.kill(self.pid, signal.SIGSTOP)  # no last word on what the disk refuses then
            while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.001)
            self.disk.cut()
        super().kill()

    def start(self) -> None:
        if self.port:
            self.disk.power_on()
            self.check_database()
        self._arguments["boot"] = uuid4().hex
        super().start()

    def check_database(self) -> None:
        with closing(sqlite3.connect(self.disk.folder / "state" / "transfers.sqlite")) as database:
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.fixture(params=["ack", "publish"])
def server(request, disk, bare_servers):
    (disk.folder / "root").mkdir()
    folders = disk.folder / "root", disk.folder / "state"
    server = PoweredServer(bare_servers, *folders, durability=request.param)
    server.disk = disk
    server.keeps_acknowledged = request.param == "ack"
    server.start()
    yield server
    BareServer.kill(server)  # before the disk is taken away


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
                if not self.server.keeps_acknowledged:
                    upload.acknowledged = 0
            else:
                assert response.status == 204
        if self.left:  # when its whole is there, all modes are alike
            self.disk.cut()
            self.back()
        assert upload.final.read_bytes() == data

    def back(self) -> None:
        """Everything starts again on what is left."""
        self.left -= 1
        BareServer.kill(self.server)
        self.server.start()


@pytest.mark.parametrize("cuts", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_power_cuts_while_files_are_uploaded(disk, server, cuts):
    power = Power(disk, server, cuts)
    old = None
    while power.left > 0:
        power.send("f", old)
        old = (server.root / "f").read_bytes()
    assert [path.name for path in server.root.iterdir()] == ["f"]


@pytest.mark.parametrize("files", [2, pytest.param(50, marks=pytest.mark.soak)])
def test_power_cuts_while_segments_are_uploaded(server, files):
    chance = random.Random(SEED)
    for number in range(files):
        file = Segments(server, chance, server.root / f"f{number}")
        file.run(3)
        file.final.unlink()
        os.sync()  # else the next cut brings it back
    assert list(server.root.iterdir()) == []


@pytest.mark.parametrize("cuts", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_power_cuts_while_packs_are_taken_apart(server, cuts):
    chance = random.Random(SEED)
    while cuts:
        pack = KilledPack(server, chance, f"p{cuts}", cuts)
        cuts = pack.run()
        shutil.rmtree(server.root / pack.folder)
        os.sync()  # else the next cut brings it back
