"""Syncs where a path is a file at one end and a folder at the other, and folders that are emptied:
to the disk, to services with folders, from one service to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.run import JobRequest, Outcome
from jupyter_transfer.engine.sync import fetching, sending

from ..servers.ftp import PASSWORD, USER, FtpServer
from ..servers.s3 import S3Server
from .conftest import Harness
from .test_sync_copy import OfS3
from .test_sync_fetch import Side, ftp, read, side, write  # noqa: F401 - fixtures
from .test_sync_send import Goal, dav, goal, moto, on_s3, served, sshd  # noqa: F401


def folders(top: Path) -> set[str]:
    """The folders below `top`, without ours."""
    found = (path.relative_to(top) for path in top.rglob("*") if path.is_dir())
    return {path.as_posix() for path in found if not path.name.startswith(".")}


def detail_of(outcome: Outcome) -> dict[str, Any]:
    assert outcome.state == "waiting", outcome.error
    assert outcome.error is not None
    return outcome.error.detail


SOURCE = {"was folder": "file", "was file/a": "1", "was file/b/c": "2", "was file-x": "3", "k": "4"}
TARGET = {
    "was folder/a": "1",
    "was folder/b/c": "2",
    "was file": "old",
    "was folder-x": "3",
    "k": "4",
}


# ---- to the disk ------------------------------------------------------------------------------


def test_to_the_disk(side: Side):  # noqa: F811
    write(side.source, SOURCE)
    write(side.target, TARGET)
    detail = detail_of(side.sync())
    assert (detail["copy"], detail["delete"], detail["folders"]) == (4, 4, 2)
    assert read(side.target) == {name: text.encode() for name, text in TARGET.items()}
    assert side.actions() == {
        **dict.fromkeys(("was folder/a", "was folder/b/c", "was file", "was folder-x"), "delete"),
        **dict.fromkeys(set(SOURCE) - {"k"}, "copy"),
    }
    outcome = side.sync(approve=detail["hash"])
    assert outcome.state == "done", outcome.error
    assert read(side.target) == read(side.source)
    assert folders(side.target) == folders(side.source)
    assert side.sync().state == "done"
    assert side.harness.report.files == []


def test_what_is_in_the_way_is_kept_in_the_trash(side: Side):  # noqa: F811
    write(side.source, {"a": "file", "b/c": "1"})
    write(side.target, {"a/x/y": "2", "b": "3"})
    detail = detail_of(side.sync(trash=True))
    assert side.sync(trash=True, approve=detail["hash"]).state == "done"
    kept = detail["trash"]
    assert read(side.target) == {
        "a": b"file",
        "b/c": b"1",
        f"{kept}/a/x/y": b"2",
        f"{kept}/b": b"3",
    }


@pytest.mark.parametrize("hidden", ["a/.hidden", "a/b/.x/y", "a/.jupyter-transfer/x.part"])
def test_a_folder_that_holds_more_than_is_seen_stays(side: Side, hidden: str):  # noqa: F811
    write(side.source, {"a": "file", "new": "1"})
    write(side.target, {"a/x": "2", hidden: "3"})
    request = JobRequest("plan", side.address, "mirror", {}, (), "sync")
    shown = plan(side.harness.root, request, side.harness.context({}), Control())
    assert (shown["plan"]["copy"], shown["plan"]["fail"]) == (1, 1)
    assert detail_of(side.sync())["fail"] == 1
    assert side.actions() == {"a": "fail", "a/x": "delete", "new": "copy"}
    outcome = side.sync(approve=True)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "is_a_directory"
    assert (side.target / "a" / "x").read_text() == "2"
    assert (side.target / hidden).read_text() == "3"
    assert (side.target / "new").read_text() == "1"


def test_what_filters_protect_stays_in_the_way(side: Side):  # noqa: F811
    write(side.source, {"a": "file", "b/c": "1", "d": "2"})
    write(side.target, {"a/x": "2", "a/keep.tmp": "3", "b": "a file of more than a few bytes"})
    outcome = side.sync(approve=True, exclude=["*.tmp"], max_size=10)
    assert outcome.state == "failed"
    codes = {file["path"]: (file["error"] or {}).get("code") for file in side.harness.report.files}
    assert codes == {
        "mirror/a": "is_a_directory",
        "mirror/b/c": "not_a_directory",
        "mirror/d": None,
    }
    assert read(side.target) == {
        "a/x": b"2",
        "a/keep.tmp": b"3",
        "b": b"a file of more than a few bytes",
        "d": b"2",
    }


def test_nothing_in_the_way_goes_where_something_else_failed(side: Side):  # noqa: F811
    write(side.source, {"a": "file", ".hidden": "refused"})
    write(side.target, {"a/x": "2"})
    assert side.sync(approve=True).state == "failed"
    assert read(side.target) == {"a/x": b"2"}


def test_folders_that_were_empty_before_stay(side: Side):  # noqa: F811
    write(side.source, {"a": "1"})
    write(side.target, {"a": "1", "x/y/gone": "2", "x/more/.hidden": "3", "z/gone": "4"})
    (side.target / "empty").mkdir()
    (side.target / "z" / "empty").mkdir()
    detail = detail_of(side.sync())
    assert detail["folders"] == 3
    assert side.sync(approve=detail["hash"]).state == "done"
    assert folders(side.target) == {"empty", "x", "x/more", "z", "z/empty"}


# ---- to services ------------------------------------------------------------------------------


KINDS = ("sftp", "ftp", "rclone", "webdav")
with_folders = pytest.mark.parametrize("goal", KINDS, indirect=True)


@pytest.fixture
def there(goal: Goal, tmp_path: Path, request: pytest.FixtureRequest) -> Path:  # noqa: F811
    """The folder on the disk of the service."""
    kind = request.node.callspec.params["goal"]
    if kind == "rclone":
        return tmp_path / "remote"
    server = request.getfixturevalue({"sftp": "sshd", "webdav": "dav"}.get(kind, kind))
    return Path(server.files / tmp_path.name)


@with_folders
def test_to_a_service(goal: Goal, there: Path):  # noqa: F811
    write(goal.source, SOURCE)
    goal.write(TARGET)
    detail = detail_of(goal.sync())
    assert (detail["copy"], detail["delete"], detail["folders"]) == (4, 4, 2)
    assert goal.read() == {name: text.encode() for name, text in TARGET.items()}
    outcome = goal.sync(approve=detail["hash"])
    assert outcome.state == "done", outcome.error
    assert goal.read() == read(goal.source)
    assert folders(there) == folders(goal.source)


@with_folders
def test_folders_of_a_service_that_are_emptied_go(goal: Goal, there: Path):  # noqa: F811
    write(goal.source, {"a": "1", "both/a": "2"})
    goal.write(
        {"a": "1", "é x/y/gone": "2", "both/gone": "3", "kept.d/x.tmp": "4", "kept.d/y": "5"}
    )
    (there / "empty").mkdir()
    detail = detail_of(goal.sync(exclude=["*.tmp"]))
    assert detail["folders"] == 2
    assert goal.sync(exclude=["*.tmp"], approve=detail["hash"]).state == "done"
    assert folders(there) == {"both", "empty", "kept.d"}


@with_folders
def test_a_folder_that_is_filled_meanwhile_stays(
    goal: Goal,  # noqa: F811
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    agree = sending.agree

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        found = agree(*arguments, **named)
        goal.write({"sub/new": "theirs"})
        return found

    write(goal.source, {"a": "1"})
    goal.write({"a": "1", "sub/gone": "2"})
    monkeypatch.setattr(sending, "agree", meanwhile)
    assert goal.sync(approve=True).state == "done"
    assert goal.read() == {"a": b"1", "sub/new": b"theirs"}


def test_objects_stand_in_nobodys_way(on_s3: Goal):  # noqa: F811
    write(on_s3.source, {"a": "file", "b/c": "1"})
    on_s3.write({"a/x": "2", "b": "3"})
    detail = detail_of(on_s3.sync())
    assert (detail["copy"], detail["delete"], detail["folders"]) == (2, 2, 0)
    assert on_s3.sync(approve=detail["hash"]).state == "done"
    assert on_s3.read() == {"a": b"file", "b/c": b"1"}


# ---- after a crash ----------------------------------------------------------------------------


class CrashError(Exception):
    """As if the process ended here."""


def test_a_process_that_ends_before_the_folders_are_removed(
    side: Side,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    write(side.source, {"a": "file", "k": "1"})
    write(side.target, {"a/x/y": "2", "z/gone": "3"})

    def crash(*_: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(fetching.SyncFetchRun, "_remove_folder", crash)
        assert side.sync(approve=True).state == "failed"
    assert folders(side.target) == {"a", "a/x", "z"}
    outcome = side.sync(approve=True)
    assert outcome.state == "done", outcome.error
    assert read(side.target) == read(side.source)
    assert folders(side.target) == set()


@pytest.mark.parametrize("goal", ["ftp"], indirect=True)
def test_the_same_at_a_service(
    goal: Goal,  # noqa: F811
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    write(goal.source, {"a": "file", "k": "1"})
    goal.write({"a/x/y": "2", "z/gone": "3"})

    def crash(*_: object) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(sending.SyncSending, "_remove_folder", crash)
        assert goal.sync(approve=True).state == "failed"
    assert folders(there) == {"a", "a/x", "z"}
    outcome = goal.sync(approve=True)
    assert outcome.state == "done", outcome.error
    assert goal.read() == read(goal.source)
    assert folders(there) == set()


# ---- between services, and from one whose names no disk can hold --------------------------------


@pytest.fixture
def bucket(harness: Harness, moto: S3Server, request: pytest.FixtureRequest) -> OfS3:  # noqa: F811
    return OfS3(harness, f"b{abs(hash(request.node.name))}", moto)


def test_from_a_bucket_to_a_server(bucket: OfS3, ftp: FtpServer, tmp_path: Path):  # noqa: F811
    there = ftp.files / tmp_path.name
    bucket.put({"a": "file", "b/c": "1"})
    write(there, {"a/x": "2", "b": "3"})
    bucket.ends = (bucket.ends[0], ftp.address(tmp_path.name))
    bucket.options |= {"dest_username": USER, "dest_password": PASSWORD}
    detail = detail_of(bucket.sync())
    assert (detail["copy"], detail["delete"], detail["folders"]) == (2, 2, 1)
    outcome = bucket.sync(approve=detail["hash"])
    assert outcome.state == "done", outcome.error
    assert read(there) == {"a": b"file", "b/c": b"1"}


def test_a_bucket_that_has_both(bucket: OfS3):
    bucket.put({"a": "file", "a/x": "1", "k": "2"})
    target = bucket.harness.folder / "mirror"
    write(target, {"a/x": "1", "gone": "2"}, age=-5)
    outcome = bucket.harness.run(
        bucket.ends[0], "mirror", kind="sync", **bucket.options, compare="size", approve=True
    )
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "is_a_directory"
    assert read(target) == {"a/x": b"1", "gone": b"2", "k": b"2"}
