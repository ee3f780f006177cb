"""Trees that rclone moves: each file has its row in the report, as rclone itself accounts for it
(``rclone check --combined``), and the limit is changed while it runs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ..engine.conftest import Harness
from ..servers.chaos import noise
from ..servers.ftp import PASSWORD, USER, running_ftp
from ..servers.rclone import obscured, rclone, run_rclone, write_config

Files = dict[str, bytes]

OLD, OLDER = 1_700_000_000, 1_600_000_000

TREE: Files = {
    "big.bin": noise(3_000_000),
    "new": b"1",
    "d/数据": b"22",
    "d/equal": b"333",
    "theirs": b"4444",
    "under/a file": b"5",
    "folder": b"6",
}
"""What goes: large and small files, and two that a service with folders cannot take."""

THERE: Files = {
    "d/equal": TREE["d/equal"],
    "theirs": b"other",
    "under": b"a file where a folder is to come",
    "folder/of theirs": b"a folder where a file is to come",
}


def write(folder: Path, files: Files, moment: int = OLD) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (moment, moment))


class Tree:
    """A tree here or at one remote, and the folder of another one that it goes to."""

    def __init__(self, harness: Harness, kind: str, source: Path, service: Path, ends: Any) -> None:
        self.harness = harness
        self.kind = kind
        self.source = source
        self.service = service
        self.ends = ends
        self.remotes()

    def remotes(self, **others: dict[str, str]) -> None:
        """Write the configuration of rclone: ``here``, ``there`` and `others`."""
        folders = {"here": self.source.parent, "there": self.service.parent}
        known = {name: {"type": "alias", "remote": str(to)} for name, to in folders.items()}
        write_config(Path(os.environ["RCLONE_CONFIG"]), **{**known, **others})

    def run(self, **options: Any) -> str:
        self.harness.report.files.clear()
        outcome = self.harness.run(*self.ends, kind=self.kind, **options)
        return outcome.state

    def rows(self) -> dict[str, str]:
        """The state of each file; what it failed of."""
        found = {}
        for row in self.harness.report.files:
            path = row["path"].removeprefix("t/")
            assert path not in found
            error = row["error"]
            found[path] = row["state"] if error is None else error["code"]
        return found

    def account(self) -> dict[str, str]:
        """What rclone itself says of each file: ``=`` the same at both ends, ``*`` different,
        ``+`` at the source only, ``!`` an error."""
        said = run_rclone(
            "check",
            "--one-way",
            "--combined",
            "-",
            str(self.source),
            str(self.service),
            check=False,
        )
        lines = said.decode().splitlines()
        return {line[2:]: line[0] for line in lines}


@pytest.fixture(params=["send", "copy"])
def tree(request, harness, tmp_path, monkeypatch) -> Tree:
    rclone()
    service, origin = tmp_path / "service", tmp_path / "origin"
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "rclone.conf"))
    for folder in (service, origin):
        folder.mkdir()
    kind = request.param
    source = (harness.folder if kind == "send" else origin) / "t"
    start = "t" if kind == "send" else "rclone://here/t"
    return Tree(harness, kind, source, service / "out", (start, "rclone://there/out"))


REFUSED = {"under/a file": "remote_refused", "folder": "is_a_directory"}


@pytest.mark.parametrize(
    ("conflict", "taken", "state"),
    [("fail", "*", "exists"), ("skip", "*", "skipped"), ("overwrite", "=", "done")],
)
def test_each_file_has_its_row(tree: Tree, conflict: str, taken: str, state: str):
    write(tree.source, TREE)
    write(tree.service, THERE, OLDER)
    assert tree.run(conflict=conflict) == "failed"
    rows = tree.rows()
    assert rows == {
        "big.bin": "done",
        "new": "done",
        "d/数据": "done",
        "d/equal": state,
        "theirs": state,
        **REFUSED,
    }
    words = [row["error"]["message"] for row in tree.harness.report.files if row["error"]]
    assert any("rclone: " in text and "not a directory" in text for text in words)
    account = tree.account()
    same = {path for path, sign in account.items() if sign == "="}
    assert same == {path for path, found in rows.items() if found == "done"} | {"d/equal"}
    assert account["theirs"] == taken
    assert all(account[path] in "+!" for path in REFUSED)


def test_what_the_service_refuses(tree: Tree, tmp_path: Path):
    """One file of several that rclone is asked to copy together fails, in its own words."""
    (tmp_path / "ftp").mkdir()
    with running_ftp(tmp_path / "ftp", closed="closed") as server:
        secret = obscured(PASSWORD)
        login = {"host": "127.0.0.1", "port": str(server.port), "user": USER, "pass": secret}
        tree.remotes(there={"type": "ftp", **login})
        write(tree.source, {"a": b"1", "closed/b": b"2", "open/c": b"3", "z": b"4"})
        tree.ends = (tree.ends[0], "rclone://there/")
        assert tree.run() == "failed"
        assert tree.rows() == {
            "a": "done",
            "closed/b": "remote_forbidden",
            "open/c": "done",
            "z": "done",
        }
        tree.service = server.files
        assert tree.account() == {"a": "=", "closed/b": "+", "open/c": "=", "z": "="}
    (failed,) = [row["error"] for row in tree.harness.report.files if row["error"]]
    assert "rclone: " in failed["message"]
    assert "Not enough privileges" in failed["message"]


def test_what_is_equal_is_not_moved_again(tree: Tree):
    tree.kind = "sync"
    write(tree.source, {**TREE, "changed": b"new"})
    write(tree.service, {"changed": b"older", "gone": b"7", "d/equal": TREE["d/equal"]}, OLD)
    assert tree.run(approve=True) == "done"
    actions = {row["path"].removeprefix("t/"): row["action"] for row in tree.harness.report.files}
    moved = dict.fromkeys(TREE.keys() - {"d/equal"}, "copy")
    assert actions == {**moved, "changed": "replace", "gone": "delete"}
    assert set(tree.account().values()) == {"="}
    assert not (tree.service / "gone").exists()
    assert tree.run(approve=True) == "done"
    assert tree.rows() == {}


def test_the_limit_of_a_tree_changes_while_it_runs(tree: Tree):
    """In the middle of a large file, which would take 20 seconds; small ones come behind it."""
    files = {f"s{n:02}": noise(50_000, seed=n) for n in range(20)}
    write(tree.source, {"a": noise(4_000_000), **files})
    control = tree.harness.control
    control.bandwidth.rate = 200_000
    raised: list[float] = []
    begun = time.monotonic()

    def raise_it(counts: dict[str, Any]) -> None:
        if counts["bytes_done"] >= 200_000 and not raised:
            assert counts["files_done"] == 0
            raised.append(time.monotonic())
            control.bandwidth.rate = None

    tree.harness.report.on_progress = raise_it
    assert tree.run() == "done"
    assert raised[0] - begun > 0.5
    assert time.monotonic() - raised[0] < 10
    assert len(tree.rows()) == 21
    assert set(tree.account().values()) == {"="}
