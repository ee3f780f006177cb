"""Copies between remotes of rclone, which rclone makes by itself."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

from ..engine.conftest import Harness
from ..servers.chaos import ChaosServer, Connection, Resource, noise
from ..servers.nginx import Nginx
from ..servers.rclone import rclone, served, write_config

MIB = 1 << 20
MOMENT = 1_700_000_000


@pytest.fixture
def remotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folders behind two remotes, ``here`` and ``there``."""
    rclone()
    folders = tmp_path / "service" / "here", tmp_path / "service" / "there"
    for folder in folders:
        folder.mkdir(parents=True)
    config = tmp_path / "rclone.conf"
    monkeypatch.setenv("RCLONE_CONFIG", str(config))
    names = {folder.name: {"type": "alias", "remote": str(folder)} for folder in folders}
    write_config(config, **names)
    return folders


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_folder_from_one_remote_to_another(harness: Harness, remotes: tuple[Path, Path]):
    here, there = remotes
    data = {"a b.bin": noise(3 * MIB), "d/数据.csv": b"x" * 1000, "empty": b""}
    for name, content in data.items():
        (here / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "in" / name).write_bytes(content)
    outcome = harness.run("rclone://here/in", "rclone://there/out", kind="copy")
    assert outcome.state == "done", (outcome.error, harness.report.files)
    assert contents(there) == {f"out/{name}": content for name, content in data.items()}
    assert harness.names() == []
    assert harness.report.counts[-1]["bytes_done"] == sum(map(len, data.values()))
    (there / "out" / "a b.bin").write_bytes(b"theirs")
    outcome = harness.run("rclone://here/in", "rclone://there/out", kind="copy", id="2")
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "exists"
    assert (there / "out" / "a b.bin").read_bytes() == b"theirs"


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_stopped_in_the_middle(harness: Harness, remotes: tuple[Path, Path], how: str):
    here, there = remotes
    data = noise(8 * MIB)
    (here / "f").write_bytes(data)
    harness.control.bandwidth.rate = 4 * MIB

    def stop(counts: dict) -> None:
        if counts["bytes_done"] >= 2 * MIB:
            getattr(harness.control, how)()

    harness.report.on_progress = stop
    outcome = harness.run("rclone://here/f", "rclone://there/f", kind="copy")
    assert outcome.state == ("paused" if how == "pause" else "cancelled"), outcome.error
    assert not (there / "f").exists()
    if how == "cancel":
        assert contents(there) == {}
        return
    harness.fresh_control()
    outcome = harness.run("rclone://here/f", "rclone://there/f", kind="copy")
    assert outcome.state == "done", outcome.error
    assert contents(there) == {"f": data}


# ---- from other services ------------------------------------------------------------------------

DATA = {"a b.bin": noise(3 * MIB), 'd/数 "据".csv': b"x" * 1000, "empty": b""}


@pytest.fixture
def web(nginx: Nginx, tmp_path: Path) -> str:
    """A folder that a web server lists."""
    folder = nginx.files / tmp_path.name
    for name, content in DATA.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        os.utime(folder / name, (MOMENT, MOMENT))
    return f"{nginx.url}/json/{tmp_path.name}/"


def test_a_folder_of_another_service(harness: Harness, remotes: tuple[Path, Path], web: str):
    _, there = remotes
    outcome = harness.run(web, "rclone://there/out", kind="copy")
    assert outcome.state == "done", (outcome.error, harness.report.files)
    assert contents(there) == {f"out/{name}": content for name, content in DATA.items()}
    assert harness.names() == []  # not by way of this disk
    assert harness.report.counts[-1]["bytes_done"] == sum(map(len, DATA.values()))
    assert (there / "out" / "empty").stat().st_mtime == MOMENT
    rows, harness.report.files = harness.delivered(web), []
    outcome = harness.run(web, "rclone://there/out", kind="copy", id="1", delivered=rows)
    assert {row["state"] for row in harness.report.files} == {"present"}
    (there / "out" / "a b.bin").write_bytes(b"theirs")
    outcome = harness.run(web, "rclone://there/out", kind="copy", id="2")
    assert outcome.error is not None
    assert outcome.error.code == "exists"
    assert (there / "out" / "a b.bin").read_bytes() == b"theirs"


def test_a_sync_from_another_service(harness: Harness, remotes: tuple[Path, Path], web: str):
    _, there = remotes
    assert harness.run(web, "rclone://there/out", kind="sync").state == "done"
    assert contents(there) == {f"out/{name}": content for name, content in DATA.items()}
    assert harness.run(web, "rclone://there/out", kind="sync", id="2").state == "done"
    assert harness.report.counts[-1]["bytes_moved"] == 0


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_a_stream_that_is_stopped_shows_nothing(
    harness: Harness, remotes: tuple[Path, Path], web: str, how: str
):
    _, there = remotes
    harness.control.bandwidth.rate = 4 * MIB

    def stop(counts: dict) -> None:
        if counts["bytes_done"] >= MIB:
            getattr(harness.control, how)()

    harness.report.on_progress = stop
    source = f"{web}a%20b.bin"
    outcome = harness.run(source, "rclone://there/f", kind="copy")
    assert outcome.state == ("paused" if how == "pause" else "cancelled"), outcome.error
    assert not (there / "f").exists()
    if how == "cancel":
        assert contents(there) == {}
        return
    harness.fresh_control()
    assert harness.run(source, "rclone://there/f", kind="copy").state == "done"
    assert contents(there) == {"f": DATA["a b.bin"]}


def test_a_source_that_changes_meanwhile_is_never_mixed(
    harness: Harness, remotes: tuple[Path, Path], chaos: ChaosServer
):
    old = Resource(noise(18 * MIB), etag='"old"')
    new = Resource(noise(17 * MIB)[::-1], etag='"new"')
    answers = count()

    def answer(connection: Connection) -> None:
        """Another file from the third answer on: of the look and one range."""
        (old if next(answers) < 2 else new)(connection)

    outcome = harness.run(chaos.add("/f", answer), "rclone://there/f", kind="copy")
    assert outcome.state == "done", outcome.error
    assert contents(remotes[1]) == {"f": new.data}
    assert [code for code, _ in harness.report.notes] == ["remote_changed"]


def test_what_rclone_says_of_a_stream_that_it_refuses(
    harness: Harness, remotes: tuple[Path, Path], web: str
):
    _, there = remotes
    (there / "out").write_bytes(b"a file, where a folder should be")
    outcome = harness.run(web, "rclone://there/out/in", kind="copy")
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code != "remote_busy"
    assert contents(there) == {"out": b"a file, where a folder should be"}


def test_an_object_store(harness: Harness, remotes: tuple[Path, Path], web: str, tmp_path: Path):
    """What comes in a stream is named by a copy within the service."""
    folder = tmp_path / "objects"
    (folder / "bucket").mkdir(parents=True)
    with served("s3", folder, "--auth-key", "key,secret") as port:
        s3 = {
            "type": "s3",
            "provider": "Rclone",
            "endpoint": f"http://127.0.0.1:{port}",
            "access_key_id": "key",
            "secret_access_key": "secret",
        }
        write_config(tmp_path / "rclone.conf", s3=s3)
        outcome = harness.run(web, "rclone://s3/bucket/out", kind="copy")
        assert outcome.state == "done", (outcome.error, harness.report.files)
        rows, harness.report.files = harness.delivered(web), []
        harness.run(web, "rclone://s3/bucket/out", kind="copy", id="2", delivered=rows)
        assert {row["state"] for row in harness.report.files} == {"present"}
    assert contents(folder) == {f"bucket/out/{name}": content for name, content in DATA.items()}


def test_a_remote_that_takes_no_stream(harness: Harness, remotes: tuple[Path, Path], web: str):
    """A remote of rclone that reads what others have written, and moves nothing."""
    config = remotes[0].parent.parent / "rclone.conf"
    write_config(config, http={"type": "http", "url": web.replace("/json/", "/listed/")})
    outcome = harness.run(f"{web}empty", "rclone://http/new", kind="copy")
    assert outcome.error is not None
    assert outcome.error.code == "bad_request"
    assert "Fetch" in outcome.error.remedy
