"""Kills in the middle of files that come and go over FTP."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..servers.ftp import PASSWORD, USER, running_ftp
from .killing import MIB, SIZES, Killing, fetch_message, large, note_cost, send_message

LOGIN = {"username": USER, "password": PASSWORD}


class FtpKilling(Killing):
    """Counts what has arrived: data go over connections of their own, past any proxy."""

    def __init__(self, work: Path, message: dict, arrived: Callable[[], int]) -> None:
        (work / "state").mkdir(exist_ok=True)
        self.work, self.message, self.count, self.runs = work, message, arrived, []


def size_of(folder: Path, pattern: str) -> int:
    """Bytes of the only file that matches, 0 while there is none."""
    for path in folder.rglob(pattern):
        try:
            return path.stat().st_blocks * 512
        except OSError:
            continue
    return 0


@pytest.fixture
def server(tmp_path):
    (tmp_path / "ftp").mkdir()
    with running_ftp(tmp_path / "ftp") as running:
        yield running


def settled(moved: Callable[[], int]) -> int:
    """The count when the server has noticed that the last connection ended."""
    before = -1
    while before != (now := moved()):
        before = now
        time.sleep(1)
    return now


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_while_a_file_is_fetched(tmp_path, server, size, kills, record_property):
    data, draw = large(size, 31), random.Random(31)
    (server.files / "big.bin").write_bytes(data)
    os.utime(server.files / "big.bin", (1_500_000_000, 1_500_000_000))
    message = fetch_message(tmp_path, server.address("big.bin"), **LOGIN)
    message["job"]["bandwidth"] = 64 * MIB
    root = tmp_path / "root"
    killing = FtpKilling(tmp_path, message, lambda: size_of(root, "*.part"))
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        target = root / "big.bin"
        assert not target.exists() or target.read_bytes() == data
    end = killing.finish()
    assert end["state"] == "done", end
    assert (root / "big.bin").read_bytes() == data
    assert killed >= kills - 1
    again = settled(lambda: server.moved()[0]) - size
    assert again >= 0
    note_cost(record_property, size, killed, again)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_while_a_file_is_sent(tmp_path, server, size, kills, record_property):
    data, draw = large(size, 32), random.Random(32)
    message = send_message(tmp_path, server.address("new/big.bin"), **LOGIN)
    message["job"]["bandwidth"] = 64 * MIB
    (tmp_path / "root" / "big.bin").write_bytes(data)
    target = server.files / "new" / "big.bin"
    killing = FtpKilling(tmp_path, message, lambda: size_of(server.files, ".*.part"))
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        assert not target.exists() or target.read_bytes() == data
    end = killing.finish()
    assert end["state"] == "done", end
    assert target.read_bytes() == data
    assert [path.name for path in target.parent.iterdir()] == ["big.bin"]
    assert killed >= kills - 1
    again = settled(lambda: server.moved()[1]) - size
    assert again >= 0
    note_cost(record_property, size, killed, again)
