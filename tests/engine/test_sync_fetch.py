"""Syncs from real services to the disk: what is moved, what is asked, what is left alone."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.run import JobRequest, Outcome
from jupyter_transfer.engine.sync import fetching
from jupyter_transfer.secrets import Credential

from ..servers.chaos import ChaosServer, Connection, Resource
from ..servers.ftp import PASSWORD, USER, FtpServer, running_ftp
from ..servers.nginx import Nginx
from .conftest import Harness


@pytest.fixture(scope="module")
def ftp(tmp_path_factory) -> Iterator[FtpServer]:
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


def write(folder: Path, files: dict[str, bytes | str], age: float = 1000.0) -> None:
    """Files that were changed `age` seconds ago."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        moment = int(time.time() - age)
        os.utime(path, (moment, moment))


def read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".jupyter-transfer" not in path.parts
    }


class Side:
    """A folder of a service, and its mirror on the disk of a harness."""

    def __init__(self, harness: Harness, files: Path, address: str) -> None:
        self.harness = harness
        self.source = files
        self.address = address
        self.target = harness.folder / "mirror"

    def sync(self, **options: Any) -> Outcome:
        self.harness.report.files.clear()
        rows = tuple(self.rows)
        outcome = self.harness.run(self.address, "mirror", kind="sync", delivered=rows, **options)
        self.rows += self.harness.delivered(self.address)
        return outcome

    rows: list[dict[str, Any]]

    def actions(self) -> dict[str, str]:
        return {
            file["path"].removeprefix("mirror/"): file["action"]
            for file in self.harness.report.files
            if file["state"] in ("done", "planned")
        }


@pytest.fixture
def side(harness: Harness, ftp: FtpServer, tmp_path: Path) -> Side:
    harness.credential = Credential(USER, PASSWORD)
    name = tmp_path.name
    (ftp.files / name).mkdir()
    made = Side(harness, ftp.files / name, ftp.address(name))
    made.rows = []
    return made


def test_made_equal_and_again_nothing_to_do(side: Side):
    write(side.source, {"a": "1", "子/b c": "22", "deep/er/é": "333", "empty": ""})
    assert side.sync().state == "done"
    assert read(side.target) == read(side.source)
    assert set(side.actions().values()) == {"copy"}
    assert side.sync().state == "done"
    assert side.harness.report.files == []
    side.rows.clear()  # as after a lost database: sizes and times tell
    assert side.sync().state == "done"
    assert side.harness.report.files == []


def test_only_what_differs_is_moved(side: Side):
    write(side.source, {"same": "1", "longer": "22", "other": "333"})
    side.sync()
    write(side.source, {"longer": "22+", "new": "4"})
    write(side.source, {"other": "abc"}, age=500)
    assert side.sync().state == "done"
    assert side.actions() == {"longer": "replace", "new": "copy", "other": "replace"}
    assert read(side.target) == read(side.source)


# ---- deletions --------------------------------------------------------------------------------


def test_deletions_are_asked_about_first(side: Side):
    write(side.source, {"a": "1", "new": "22"})
    write(side.target, {"a": "old", "gone": "333", "sub/gone": "4"})
    outcome = side.sync()
    assert outcome.state == "waiting"
    error = outcome.error
    assert error is not None
    assert error.code == "needs_decision"
    detail = error.detail
    assert {name: detail[name] for name in ("kind", "copy", "replace", "delete", "bytes")} == {
        "kind": "plan",
        "copy": 1,
        "replace": 1,
        "delete": 2,
        "bytes": 3,
    }
    assert side.actions() == {
        "a": "replace",
        "new": "copy",
        "gone": "delete",
        "sub/gone": "delete",
    }
    assert read(side.target) == {"a": b"old", "gone": b"333", "sub/gone": b"4"}

    assert side.sync(approve=detail["hash"]).state == "done"
    assert side.actions() == {
        "a": "replace",
        "new": "copy",
        "gone": "delete",
        "sub/gone": "delete",
    }
    assert read(side.target) == read(side.source)
    assert not (side.target / "sub").exists()
    assert side.target.exists()
    assert os.listdir(side.harness.folder.parent / "state" / "jobs") == []


def test_a_plan_that_changed_asks_again(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {"a": "1", "gone": "2"})
    hash = side.sync().error.detail["hash"]  # type: ignore[union-attr]
    write(side.source, {"new": "3"})  # nothing is lost by that
    write(side.target, {"late": "4"})
    outcome = side.sync(approve=hash)
    assert outcome.state == "waiting"
    assert read(side.target) == {"a": b"1", "gone": b"2", "late": b"4"}
    write(side.target, {"gone": "changed"}, age=10)
    second = side.sync(approve=outcome.error.detail["hash"])  # type: ignore[union-attr]
    assert second.state == "waiting"
    assert (side.target / "gone").read_text() == "changed"
    third = side.sync(approve=second.error.detail["hash"])  # type: ignore[union-attr]
    assert third.state == "done"
    assert read(side.target) == read(side.source)


def test_what_is_new_at_the_source_asks_nothing_again(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {"gone": "2"})
    hash = side.sync().error.detail["hash"]  # type: ignore[union-attr]
    write(side.source, {"new": "3"})
    assert side.sync(approve=hash).state == "done"
    assert read(side.target) == read(side.source)


def test_a_hash_of_a_dry_run_is_an_approval(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {"gone": "2"})
    request = JobRequest("plan", side.address, "mirror", {}, (), "sync")
    shown = plan(side.harness.root, request, side.harness.context({}), Control())
    assert shown["entries"] == [
        {"path": "gone", "size": 1, "action": "delete"},
        {"path": "a", "size": 1, "action": "copy"},
    ]
    assert (shown["files"], shown["bytes"]) == (1, 1)
    assert read(side.target) == {"gone": b"2"}
    assert side.sync(approve=shown["plan"]["hash"]).state == "done"
    assert read(side.target) == read(side.source)


def test_approved_beforehand(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {"gone": "2"})
    assert side.sync(approve=True).state == "done"
    assert read(side.target) == read(side.source)


def test_more_than_may_be_deleted(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {"x": "1", "y": "2", "z": "3"})
    outcome = side.sync(approve=True, max_delete=2)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.detail) == (
        "too_many_deletions",
        {"delete": 3, "max_delete": 2},
    )
    assert read(side.target) == {"x": b"1", "y": b"2", "z": b"3"}
    assert side.sync(approve=True, max_delete=3).state == "done"
    assert read(side.target) == {"a": b"1"}


def mirror(side: Side, stays: int, goes: int) -> None:
    """A destination that has `stays` files of the source, and `goes` that it lacks."""
    write(side.source, {f"a{n:02}": "1" for n in range(stays)})
    write(side.target, {f"x{n:02}": "1" for n in range(goes)})
    write(side.target, {f"a{n:02}": "1" for n in range(stays)})


@pytest.mark.parametrize(("stays", "goes"), [(12, 12), (0, 10), (1, 10)])
def test_a_yes_in_advance_is_good_for_half_of_the_files(side: Side, stays: int, goes: int):
    """And for ten, however many there are."""
    mirror(side, stays, goes)
    write(side.source, {"new": "2"})
    assert side.sync(approve=True).state == "done"
    assert read(side.target) == read(side.source)


def test_a_yes_in_advance_is_not_good_for_most_of_the_files(side: Side):
    mirror(side, 12, 13)
    write(side.target, {"left.tmp": "1"})
    outcome = side.sync(approve=True, exclude=["*.tmp"])
    assert outcome.state == "waiting"
    assert outcome.error is not None
    error = outcome.error
    assert error.code == "needs_decision"
    assert error.message == (
        "13 of the 25 files at the destination would be deleted, and a yes in advance is good for "
        "12 of them."
    )
    assert error.remedy == "Look at the plan and approve it, or set “max_delete” to 13 or more."
    assert (error.detail["delete"], error.detail["target_files"]) == (13, 25)
    assert len(read(side.target)) == 26
    hash = error.detail["hash"]
    assert side.sync(approve=hash, exclude=["*.tmp"]).state == "done"
    assert set(read(side.target)) == {*read(side.source), "left.tmp"}


def test_a_limit_takes_the_place_of_half_of_the_files(side: Side):
    mirror(side, 1, 20)
    assert side.sync(approve=True, max_delete=20).state == "done"
    assert read(side.target) == read(side.source)


@pytest.mark.parametrize("stays", [0, 1])
def test_what_was_asked_is_asked_again_until_it_is_answered(side: Side, stays: int):
    """The plan that was shown is kept: it must not pass for one that was agreed to."""
    mirror(side, stays, 20)
    for _ in range(2):
        outcome = side.sync(approve=True)
        assert outcome.state == "waiting", outcome.error
        assert len(read(side.target)) == stays + 20
    assert outcome.error is not None
    assert side.sync(approve=outcome.error.detail["hash"]).state == "done"
    assert read(side.target) == read(side.source)


def test_an_empty_source_is_always_asked_about(side: Side):
    write(side.target, {"x": "1"})
    outcome = side.sync(approve=True)
    assert outcome.state == "waiting"
    assert outcome.error is not None
    assert outcome.error.detail["source_files"] == 0
    assert read(side.target) == {"x": b"1"}
    assert side.sync(approve=outcome.error.detail["hash"]).state == "done"
    assert read(side.target) == {}


def test_a_source_that_is_gone_deletes_nothing(side: Side):
    write(side.target, {"x": "1"})
    side.source.rmdir()
    outcome = side.sync(approve=True)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "remote_not_found"
    assert read(side.target) == {"x": b"1"}


def test_a_file_that_does_not_arrive_keeps_what_would_go(side: Side):
    write(side.source, {"a": "1", "b": "2"})
    write(side.target, {"gone": "3", "b/in the way": "4", "b/.hidden": "5"})
    outcome = side.sync(approve=True)
    assert outcome.state == "failed"
    assert read(side.target) == {
        "a": b"1",
        "gone": b"3",
        "b/in the way": b"4",
        "b/.hidden": b"5",
    }


def test_what_changed_after_the_plan_is_left_alone(side: Side, monkeypatch):
    write(side.source, {"a": "new", "c": "new"})
    write(side.target, {"a": "old", "gone": "2"})
    agree = fetching.agree

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        found = agree(*arguments, **named)
        write(side.target, {"a": "mine", "c": "mine"})
        return found

    monkeypatch.setattr(fetching, "agree", meanwhile)
    outcome = side.sync(approve=True)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.retryable) == ("changed", False)
    assert read(side.target) == {"a": b"mine", "c": b"mine", "gone": b"2"}


# ---- what is protected ------------------------------------------------------------------------


def test_what_filters_leave_out_is_left_alone(side: Side):
    write(side.source, {"a.txt": "1", "b.tmp": "new", "big": "x" * 5000})
    write(side.target, {"b.tmp": "old", "c.tmp": "3", "big": "small", "gone.txt": "4"})
    outcome = side.sync(approve=True, exclude=["*.tmp"], max_size=1000)
    assert outcome.state == "done"
    assert read(side.target) == {
        "a.txt": b"1",
        "b.tmp": b"old",
        "c.tmp": b"3",
        "big": b"small",
    }


def test_hidden_files_and_parts_of_others_stay(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {".hidden": "1", "sub/.config/x": "2", ".jupyter-transfer/x.part": "3"})
    write(side.target, {"sub/gone": "4"})
    assert side.sync(approve=True).state == "done"
    assert (side.target / ".hidden").exists()
    assert (side.target / "sub" / ".config" / "x").exists()
    assert (side.target / ".jupyter-transfer" / "x.part").exists()
    assert not (side.target / "sub" / "gone").exists()


def test_links_go_as_links(side: Side, tmp_path: Path):
    outside = tmp_path / "outside"
    write(outside, {"precious": "1"})
    write(side.source, {"a": "1", "was a link": "2"})
    write(side.harness.folder, {"elsewhere/precious": "3"})
    side.target.mkdir()
    os.symlink("../elsewhere", side.target / "inner")
    os.symlink(outside, side.target / "outer")
    os.symlink("../elsewhere/precious", side.target / "was a link")
    outcome = side.sync(approve=True)
    assert outcome.state == "done", outcome.error
    assert read(side.target) == read(side.source)
    assert not os.path.lexists(side.target / "inner")
    assert not os.path.lexists(side.target / "outer")
    assert stat.S_ISREG(os.lstat(side.target / "was a link").st_mode)
    assert (outside / "precious").read_text() == "1"
    assert (side.harness.folder / "elsewhere" / "precious").read_text() == "3"


def test_nothing_is_put_through_a_link(side: Side):
    write(side.source, {"sub/a": "1"})
    write(side.harness.folder, {"elsewhere/b": "3"})
    side.target.mkdir()
    os.symlink("../elsewhere", side.target / "sub")
    outcome = side.sync(approve=True)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "not_a_directory"
    assert os.listdir(side.harness.folder / "elsewhere") == ["b"]
    assert (side.target / "sub").is_symlink()


FOLDER = """[{"name": "a", "type": "file", "size": 1}, {"name": "sub", "type": "directory"}]"""


class Page(Resource):
    """A folder of a web server, which knows GET and HEAD."""

    def answer(self, connection: Connection) -> None:
        method = connection.request.method
        status, data = (200, self.data) if method in ("GET", "HEAD") else (405, b"")
        connection.head(status, {**self.common(), "Content-Length": str(len(data))})
        if method != "HEAD":
            connection.body(data)


def listed(text: str, kind: str = "application/json") -> Page:
    return Page(text.encode(), headers={"Content-Type": kind})


@pytest.mark.parametrize("how", ["refused", "cut off", "no list"])
def test_a_listing_that_fails_in_the_middle_deletes_nothing(
    harness: Harness, chaos: ChaosServer, how: str
):
    sub = listed(FOLDER)
    if how == "refused":
        sub.faults.append(lambda connection: connection.head(403, {"Content-Length": "0"}) or True)
    elif how == "cut off":
        sub.faults.append(lambda connection: connection.reset())  # type: ignore[arg-type,return-value]
    else:
        sub = listed("<html>Welcome", "text/html")
    chaos.resources |= {"/t/": listed(FOLDER), "/t/a": Resource(b"1"), "/t/sub/": sub}
    write(harness.folder / "mirror", {"sub/a": "2", "z": "3"})
    outcome = harness.run(f"{chaos.url}/t/", "mirror", kind="sync", approve=True)
    assert outcome.state == "failed"
    assert read(harness.folder / "mirror") == {"sub/a": b"2", "z": b"3"}


def test_a_listing_that_is_cut_short_deletes_nothing(harness: Harness, chaos: ChaosServer):
    chaos.resources |= {
        "/t/": listed(FOLDER),
        "/t/a": Resource(b"1"),
        "/t/sub/": listed(FOLDER.replace("directory", "file")),
    }
    write(harness.folder / "mirror", {"sub/a": "2", "z": "3"})
    outcome = harness.run(f"{chaos.url}/t/", "mirror", kind="sync", approve=True, depth=0)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "left_out"
    assert read(harness.folder / "mirror") == {"sub/a": b"2", "z": b"3"}


# ---- the trash --------------------------------------------------------------------------------


def test_what_is_lost_is_kept_in_the_trash(side: Side):
    write(side.source, {"a": "new", "sub/b": "new"})
    write(side.target, {"a": "older", "sub/gone": "2"})
    os.symlink("a", side.target / "link")
    old = os.lstat(side.target / "a").st_ino
    question = side.sync(trash=True)
    assert question.error is not None
    trash = question.error.detail["trash"]
    assert trash.startswith("transfer-trash/2")
    assert side.sync(trash=True, approve=question.error.detail["hash"]).state == "done"
    kept = side.target / trash
    assert (kept / "a").read_text() == "older"
    assert os.lstat(kept / "a").st_ino == old
    assert (kept / "sub" / "gone").read_text() == "2"
    assert (kept / "link").is_symlink()
    assert (side.target / "a").read_text() == "new"
    rows = {file["path"]: file for file in side.harness.report.files}
    assert rows["mirror/sub/gone"]["trash"] == f"mirror/{trash}/sub/gone"
    # No later sync sees it.
    assert side.sync(trash=True).state == "done"
    assert side.harness.report.files == []


def test_a_trash_of_another_name(side: Side):
    write(side.source, {"a": "1"})
    write(side.target, {"gone": "2", "old stuff/x": "3"})
    assert side.sync(trash="old stuff", approve=True).state == "done"
    found = read(side.target)
    assert found.pop("old stuff/x") == b"3"
    assert found.pop("a") == b"1"
    (name, data), *more = found.items()
    assert name.startswith("old stuff/2")
    assert name.endswith("/gone")
    assert (data, more) == (b"2", [])


def test_what_was_not_replaced_is_not_in_the_trash(harness: Harness, chaos: ChaosServer):
    refused = Resource(b"1")
    refused.faults.append(lambda connection: connection.head(403, {"Content-Length": "0"}) or True)
    chaos.resources |= {"/t/": listed("""[{"name": "a", "type": "file", "size": 1}]""")}
    chaos.resources["/t/a"] = refused
    write(harness.folder / "mirror", {"a": "older", "gone": "2"})
    outcome = harness.run(f"{chaos.url}/t/", "mirror", kind="sync", approve=True, trash=True)
    assert outcome.state == "failed"
    assert read(harness.folder / "mirror") == {"a": b"older", "gone": b"2"}
    assert not (harness.folder / "mirror" / "transfer-trash").exists()


# ---- comparing --------------------------------------------------------------------------------


def test_a_web_server_that_lists_no_times_is_asked(harness: Harness, nginx: Nginx):
    files = nginx.files / "synced"
    write(files, {"a": "1", "sub/b": "22"})
    side = Side(harness, files, f"{nginx.url}/listed/synced/")
    side.rows = []
    assert side.sync().state == "done"
    assert read(side.target) == read(files)
    assert side.sync().state == "done"
    assert side.harness.report.files == []
    side.rows.clear()
    assert side.sync().state == "done"
    assert side.harness.report.files == []
    write(files, {"a": "2"}, age=100)
    assert side.sync().state == "done"
    assert side.actions() == {"a": "replace"}
