"""Kills in the middle of a clone: objects of LFS go on, git's own pack begins anew."""

from __future__ import annotations

import random
import time

import pytest

from ..servers.git import git, running_git
from ..servers.worker import run_message
from .killing import MIB, Killing, fetch_message, large, note_cost

SIZES = [(48 * MIB, 3), pytest.param(1024 * MIB, 20, marks=pytest.mark.soak)]
"""Bytes of the objects, and how often what moves them is killed."""


class GitKilling(Killing):
    """Counts what the server has sent of objects."""

    def __init__(self, work, message, server):
        (work / "state").mkdir(exist_ok=True)
        self.work, self.message, self.server, self.runs = work, message, server, []

    def count(self) -> int:
        return sum(one.sent for one in self.server.requests if len(one.path) == 65)


@pytest.fixture
def server(tmp_path):
    with running_git(tmp_path / "git") as running:
        yield running


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_among_objects(tmp_path, server, size, kills, record_property):
    data, draw = large(size, 41), random.Random(41)
    half = len(data) // 2
    files = {"a.bin": data[:half], "b.bin": data[half:]}
    files |= {f"s{n}.bin": data[n * MIB : n * MIB + 9999] for n in range(20)}
    repository = server.repository("big")
    repository.use_lfs("*.bin")
    repository.commit(files)
    server.rate = 200 * MIB
    message = fetch_message(tmp_path, repository.address)
    message["job"]["bandwidth"] = 64 * MIB
    killing = GitKilling(tmp_path, message, server)
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        assert not (tmp_path / "root" / "big").exists() or killed < kills
    end = killing.finish()
    assert (end["state"], end["error"]) == ("done", None)
    clone = tmp_path / "root" / "big"
    for name, content in files.items():
        assert (clone / name).read_bytes() == content
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "lfs", "fsck") == "Git LFS fsck OK"
    total = sum(map(len, files.values()))
    note_cost(record_property, total, max(1, killed), killing.count() - total)
    packs = [one for one in server.asked("git-upload-pack") if one.method == "POST"]
    assert len(packs) <= 2 * (1 + kills)
    assert [path.name for path in (tmp_path / "root").iterdir() if path.name[0] != "."] == ["big"]


@pytest.mark.timeout(120)
def test_a_kill_of_a_push(tmp_path, server, record_property):
    """Objects that arrived stay; nothing is pushed before all are there."""
    repository = server.repository("big")
    repository.commit({"a.txt": b"one\n"})
    message = run_message(
        tmp_path / "root",
        "here",
        repository.address,
        kind="send",
        options={},
        state_dir=str(tmp_path / "state"),
    )
    clone = tmp_path / "root" / "here"
    (tmp_path / "root").mkdir()
    git(tmp_path / "root", "clone", "-q", repository.url, "here")
    git(clone, "lfs", "install", "--local", "--skip-repo")
    (clone / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    data = large(16 * MIB, 47)
    for number in range(16):
        (clone / f"{number}.bin").write_bytes(data[number * MIB : (number + 1) * MIB])
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "large")
    server.rate = 4 * MIB
    killing = GitKilling(tmp_path, message, server)
    killing.count = lambda: sum(one.received for one in server.requests)
    before = repository.branch()
    assert killing.run_and_kill(7 * MIB)
    assert repository.branch() == before
    server.rate = None
    end = killing.finish()
    assert (end["state"], end["error"]) == ("done", None)
    assert repository.branch() == git(clone, "rev-parse", "HEAD")
    note_cost(record_property, len(data), 1, killing.count() - len(data))


def test_a_kill_while_git_works(tmp_path, server):
    """No process of it is left, and the next one makes the clone."""
    repository = server.repository("big")
    repository.commit({"big": large(2 * MIB, 43)})
    server.rate = MIB
    message = fetch_message(tmp_path, repository.address)
    killing = GitKilling(tmp_path, message, server)
    killing.count = lambda: sum(one.sent for one in server.asked("git-upload-pack"))
    assert killing.run_and_kill(MIB // 2)
    ended = time.monotonic() + 5
    while server_is_read(server):
        assert time.monotonic() < ended, "git goes on without its worker"
        time.sleep(0.1)
    server.rate = None
    assert killing.finish()["state"] == "done"
    assert git(tmp_path / "root" / "big", "fsck", "--strict") == ""
    assert [path.name for path in (tmp_path / "root").iterdir() if path.name[0] != "."] == ["big"]


def server_is_read(server) -> bool:
    """Whether somebody takes what the server sends."""
    before = sum(one.sent for one in server.requests)
    time.sleep(0.5)
    return sum(one.sent for one in server.requests) > before
