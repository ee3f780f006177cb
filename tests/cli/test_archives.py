"""``archive`` and ``extract`` by the command itself; those on a server: `test_on_a_server`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jupyter_transfer.cli.main import main

from ..archives.making import archive
from ..servers.chaos import noise

FILES = {"a.txt": b"alpha", "sub/b.bin": noise(50_000)}


@dataclass
class Here:
    """Commands in this process, which is a second less for each; typed in `folder`."""

    folder: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    def job(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = self.run(*arguments, "--json")
        return done.exit_code, json.loads(done.stdout.splitlines()[-1])

    def names(self) -> list[str]:
        paths = self.folder.rglob("*")
        return sorted(p.relative_to(self.folder).as_posix() for p in paths if p.is_file())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    for name in ("data", "runtime", "config"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Here(tmp_path / "here")


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_there_and_back(shell):
    for name, data in FILES.items():
        put(shell.folder / "data" / name, data)
    put(shell.folder.parent / "elsewhere" / "c", b"c")
    done = shell.run("archive", "data", "../elsewhere/c", "-o", "out/x.tar.gz")
    assert done.exit_code == 0, done.stderr
    assert "Archive " in done.stderr
    assert " and 1 more → " in done.stderr
    done = shell.run("extract", "out/x.tar.gz")
    assert done.exit_code == 0, done.stderr
    assert {n for n in shell.names() if n.startswith("x/")} == {
        "x/c",
        "x/data/a.txt",
        "x/data/sub/b.bin",
    }
    assert (shell.folder / "x/data/sub/b.bin").read_bytes() == FILES["sub/b.bin"]
    code, job = shell.job("extract", "out/x.tar.gz", "../elsewhere/into")
    assert (code, job["state"], job["kind"]) == (0, "done", "extract")
    assert (shell.folder.parent / "elsewhere/into/c").read_bytes() == b"c"


def test_again_writes_nothing(shell):
    put(shell.folder / "x.zip", archive("zip", FILES))
    assert shell.run("extract", "x.zip").exit_code == 0
    before = {name: (shell.folder / name).stat().st_ino for name in shell.names()}
    assert shell.run("extract", "x.zip").exit_code == 0
    assert {name: (shell.folder / name).stat().st_ino for name in shell.names()} == before
    put(shell.folder / "x/a.txt", b"mine")
    assert shell.run("extract", "x.zip").exit_code == 3
    assert (shell.folder / "x/a.txt").read_bytes() == b"mine"
    assert shell.run("extract", "x.zip", "--conflict", "overwrite").exit_code == 0
    assert (shell.folder / "x/a.txt").read_bytes() == b"alpha"


def test_exit_codes(shell):
    put(shell.folder / "bad.zip", b"no archive")
    put(shell.folder / "partly.zip", archive("zip", {"../up": b"1", "good": b"2"}))
    done = shell.run("extract", "bad.zip")
    assert done.exit_code == 1
    assert "no archive that can be read here" in done.stderr
    assert shell.run("extract", "nothing.zip").exit_code == 1
    assert shell.run("extract").exit_code == 2
    assert shell.run("archive", "x").exit_code == 2
    done = shell.run("extract", "partly.zip")
    assert done.exit_code == 3
    assert shell.names() == ["bad.zip", "partly.zip", "partly/good"]


def test_dry_run(shell):
    put(shell.folder / "x.zip", archive("zip", FILES))
    done = shell.run("extract", "x.zip", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "  copy     a.txt  5 B" in done.stdout
    assert "To copy: 2 files" in done.stdout
    answer = json.loads(shell.run("extract", "x.zip", "--dry-run", "--json").stdout)
    assert (answer["title"], answer["files"]) == ("zip", 2)
    assert shell.names() == ["x.zip"]
    done = shell.run("archive", "x.zip", "-o", "y.tar", "--dry-run")
    assert "To copy: 1 file" in done.stdout
    assert shell.names() == ["x.zip"]


def test_limits(shell):
    put(shell.folder / "x.zip", archive("zip", {"a": bytes(2000), "b": b"1"}))
    done = shell.run("extract", "x.zip", "--max-bytes", "1K")
    assert done.exit_code == 1
    assert "max_bytes" in done.stderr
    assert shell.run("extract", "x.zip", "--max-files", "1").exit_code == 1
    assert shell.run("extract", "x.zip", "--max-bytes", "2K").exit_code == 0
