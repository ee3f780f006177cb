"""Kills in the middle of files that come and go over SFTP."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from ..servers.sshd import PASSPHRASE, running_sshd
from ..servers.toxics import Toxics, running_toxics
from .killing import SIZES, Killing, fetch_message, large, note_cost, send_message


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def server(tmp_path, home):
    (tmp_path / "sshd").mkdir()
    with running_sshd(tmp_path / "sshd") as running:
        yield running


@pytest.fixture
def proxy(server, home):
    with running_toxics(server.port, lambda _: Toxics()) as running:
        line = server.known_host().replace(str(server.port), str(running.port), 1)
        (home / ".ssh" / "known_hosts").write_text(line)
        yield running


def options(server):
    return {"key_file": str(server.key), "passphrase": PASSPHRASE}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_while_a_file_is_fetched(tmp_path, server, proxy, size, kills, record_property):
    data, draw = large(size, 21), random.Random(21)
    (server.files / "big.bin").write_bytes(data)
    os.utime(server.files / "big.bin", (1_500_000_000, 1_500_000_000))
    source = f"sftp://127.0.0.1:{proxy.port}{server.files}/big.bin"
    killing = Killing(tmp_path, proxy, fetch_message(tmp_path, source, **options(server)))
    target = tmp_path / "root" / "big.bin"
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        assert not target.exists() or target.read_bytes() == data
    assert killing.finish()["state"] == "done"
    assert target.read_bytes() == data
    assert killed >= kills - 1
    note_cost(record_property, size, killed, killing.count() - size, killing.costs())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_while_a_file_is_sent(tmp_path: Path, server, proxy, size, kills, record_property):
    data, draw = large(size, 22), random.Random(22)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "big.bin").write_bytes(data)
    folder = server.files / "new"
    destination = f"sftp://127.0.0.1:{proxy.port}{folder}/big.bin"
    killing = Killing(tmp_path, proxy, send_message(tmp_path, destination, **options(server)))
    target = folder / "big.bin"
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        assert not target.exists() or target.read_bytes() == data
    end = killing.finish()
    assert end["state"] == "done", end
    assert target.read_bytes() == data
    assert [path.name for path in folder.iterdir()] == ["big.bin"]
    assert killed >= kills - 1
    note_cost(record_property, size, killed, killing.count() - size)
