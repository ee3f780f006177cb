"""Copies between remotes of rclone, which rclone makes by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..engine.conftest import Harness
from ..servers.chaos import noise
from ..servers.nginx import Nginx
from ..servers.rclone import rclone, write_config

MIB = 1 << 20


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


def test_no_other_service_can_fill_a_remote(
    harness: Harness, remotes: tuple[Path, Path], nginx: Nginx
):
    (nginx.files / "f").write_bytes(b"x")
    outcome = harness.run(f"{nginx.url}/f", "rclone://there/f", kind="copy")
    assert outcome.error is not None
    assert outcome.error.code == "bad_request"
    assert contents(remotes[1]) == {}
