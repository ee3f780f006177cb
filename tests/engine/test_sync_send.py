"""Syncs from the disk to real services: S3, SFTP, FTP, WebDAV, a remote of rclone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine.run import Outcome
from jupyter_transfer.engine.sync import sending
from jupyter_transfer.secrets import Credential

from ..servers import s3 as s3_module
from ..servers.ftp import PASSWORD, USER, FtpServer, running_ftp
from ..servers.nginx import Nginx
from ..servers.rclone import write_config
from ..servers.s3 import KEY, SECRET, S3Server, running_moto
from ..servers.sshd import PASSPHRASE, Sshd, running_sshd
from ..servers.webdav import WebDav, running_webdav
from .conftest import Harness
from .test_sync_fetch import read, write

ODD = {"a": "1", "子/b c": "22", "deep/er/é": "333", "empty": "", "q?x&y=#%41": "4"}


@pytest.fixture(scope="module")
def moto(tmp_path_factory) -> Iterator[S3Server]:
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[S3Server]:
    with s3_module.running_rclone(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def sshd(tmp_path_factory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def ftp(tmp_path_factory) -> Iterator[FtpServer]:
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


@pytest.fixture(scope="module")
def dav(tmp_path_factory) -> Iterator[WebDav]:
    with running_webdav(tmp_path_factory.mktemp("dav") / "files") as server:
        yield server


class Bucket:
    """A prefix of a bucket as a folder."""

    def __init__(self, server: S3Server, name: str) -> None:
        self._client = server.client()
        self._name = name
        self._client.create_bucket(Bucket=name)

    def read(self) -> dict[str, bytes]:
        listed = self._client.list_objects_v2(Bucket=self._name, Prefix="t/")
        keys = [found["Key"] for found in listed.get("Contents", [])]
        return {
            key.removeprefix("t/"): self._client.get_object(Bucket=self._name, Key=key)[
                "Body"
            ].read()
            for key in keys
        }

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            self._client.put_object(Bucket=self._name, Key=f"t/{name}", Body=text.encode())

    def remove(self, name: str) -> None:
        self._client.delete_object(Bucket=self._name, Key=f"t/{name}")


class Goal:
    """A folder of a service to which `src` of a harness is synced."""

    def __init__(
        self,
        harness: Harness,
        address: str,
        options: dict[str, Any],
        read: Callable[[], dict[str, bytes]],
        write: Callable[[dict[str, str]], None],
        remove: Callable[[str], None],
    ) -> None:
        self.harness = harness
        self.address = address
        self.options = options
        self.read = read
        self.write = write
        self.remove = remove
        self.source = harness.folder / "src"
        self.source.mkdir()
        self.rows: list[dict[str, Any]] = []

    def sync(self, **options: Any) -> Outcome:
        self.harness.report.files.clear()
        outcome = self.harness.run(
            "src",
            self.address,
            kind="sync",
            delivered=tuple(self.rows),
            **{**self.options, **options},
        )
        self.rows += self.harness.delivered("src")
        return outcome

    def actions(self) -> dict[str, str]:
        return {
            file["path"].removeprefix("src/"): file["action"]
            for file in self.harness.report.files
            if file["state"] in ("done", "planned")
        }


def of_s3(harness: Harness, server: S3Server, name: str) -> Goal:
    bucket = Bucket(server, name)
    options = {
        "endpoint": server.url,
        "region": "us-east-1",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
    }
    return Goal(harness, f"s3://{name}/t", options, bucket.read, bucket.write, bucket.remove)


@pytest.fixture
def on_s3(harness: Harness, moto: S3Server, request: pytest.FixtureRequest) -> Goal:
    return of_s3(harness, moto, f"b{abs(hash(request.node.name))}")


@pytest.fixture(params=["moto", "rclone s3", "sftp", "ftp", "rclone", "webdav"])
def goal(harness: Harness, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Goal:
    kind = request.param
    if kind in ("moto", "rclone s3"):
        server = request.getfixturevalue("moto" if kind == "moto" else "served")
        return of_s3(harness, server, f"b{abs(hash(request.node.name))}")
    if kind == "sftp":
        sshd = request.getfixturevalue("sshd")
        home = tmp_path / "home"
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh" / "known_hosts").write_text(sshd.known_host())
        monkeypatch.setenv("HOME", str(home))
        folder, address = sshd.files / tmp_path.name, sshd.address(sshd.files / tmp_path.name)
        options = {"key_file": str(sshd.key), "passphrase": PASSPHRASE}
    elif kind == "webdav":
        dav = request.getfixturevalue("dav")
        folder, address, options = dav.files / tmp_path.name, f"{dav.url}/{tmp_path.name}", {}
    elif kind == "rclone":
        folder, address, options = tmp_path / "remote", "rclone://it", {}
        folder.mkdir()
        monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "rclone.conf"))
        write_config(tmp_path / "rclone.conf", it={"type": "alias", "remote": str(folder)})
    else:
        ftp = request.getfixturevalue("ftp")
        folder, address, options = ftp.files / tmp_path.name, ftp.address(tmp_path.name), {}
        harness.credential = Credential(USER, PASSWORD)

    def there() -> dict[str, bytes]:
        return read(folder) if folder.exists() else {}

    return Goal(
        harness,
        address,
        options,
        there,
        lambda files: write(folder, files),
        lambda name: (folder / name).unlink(),
    )


def test_made_equal_and_again_nothing_to_do(goal: Goal):
    write(goal.source, ODD)
    outcome = goal.sync()
    assert outcome.state == "done", outcome.error
    assert goal.read() == read(goal.source)
    assert set(goal.actions().values()) == {"copy"}
    assert goal.sync().state == "done"
    assert goal.harness.report.files == []
    goal.rows.clear()  # as after a lost database
    assert goal.sync().state == "done"
    assert goal.harness.report.files == []


def test_deletions_are_asked_about_first(goal: Goal):
    write(goal.source, {"a": "1", "b": "2"})
    goal.write({"a": "older", "gone": "333", "sub/gone": "4"})
    question = goal.sync()
    assert question.state == "waiting"
    assert question.error is not None
    detail = question.error.detail
    assert [detail[name] for name in ("copy", "replace", "delete", "bytes")] == [1, 1, 2, 2]
    expected = {"a": "replace", "b": "copy", "gone": "delete", "sub/gone": "delete"}
    assert goal.actions() == expected
    assert set(goal.read()) == {"a", "gone", "sub/gone"}
    outcome = goal.sync(approve=detail["hash"])
    assert outcome.state == "done", outcome.error
    assert goal.actions() == expected
    assert goal.read() == read(goal.source)
    assert os.listdir(goal.harness.folder.parent / "state" / "jobs") == []


def test_only_what_differs_is_moved(goal: Goal):
    write(goal.source, {"same": "1", "longer": "22", "other": "333"})
    assert goal.sync().state == "done"
    write(goal.source, {"longer": "22+", "new": "4"})
    write(goal.source, {"other": "abc"}, age=500)
    outcome = goal.sync()
    assert outcome.state == "done", outcome.error
    assert goal.actions() == {"longer": "replace", "new": "copy", "other": "replace"}
    assert goal.read() == read(goal.source)


def test_an_empty_source_is_always_asked_about(goal: Goal):
    goal.write({"x": "1"})
    outcome = goal.sync(approve=True)
    assert outcome.state == "waiting"
    assert outcome.error is not None
    assert outcome.error.detail["source_files"] == 0
    assert set(goal.read()) == {"x"}
    assert goal.sync(approve=outcome.error.detail["hash"]).state == "done"
    assert goal.read() == {}


def test_filters_protect(goal: Goal):
    write(goal.source, {"a.txt": "1", "b.tmp": "new"})
    goal.write({"b.tmp": "old", "c.tmp": "3", "gone.txt": "4"})
    assert goal.sync(approve=True, exclude=["*.tmp"]).state == "done"
    assert goal.read() == {"a.txt": b"1", "b.tmp": b"old", "c.tmp": b"3"}


# ---- one service is enough --------------------------------------------------------------------


def test_more_than_may_be_deleted(on_s3: Goal):
    write(on_s3.source, {"a": "1"})
    on_s3.write({"x": "1", "y": "2"})
    outcome = on_s3.sync(approve=True, max_delete=1)
    assert outcome.error is not None
    assert (outcome.state, outcome.error.code) == ("failed", "too_many_deletions")
    assert set(on_s3.read()) == {"x", "y"}


def test_what_no_disk_can_hold_is_left_alone(on_s3: Goal):
    """A deletion of ``t/../x`` may be one of ``x``, as some in between understand it."""
    write(on_s3.source, {"a": "1"})
    odd = {"../x": "1", "s/../../y": "2", "./z": "3", "s//w": "4"}
    on_s3.write({"gone": "5", **odd})
    assert on_s3.sync(approve=True).state == "done"
    assert set(on_s3.read()) == {"a", *odd}
    assert on_s3.actions() == {"a": "copy", "gone": "delete"}


def test_many_deletions(on_s3: Goal):
    write(on_s3.source, {"a": "1"})
    doomed = {f"x{n:03}": "1" for n in range(2 * sending.DELETED_AT_ONCE + 5)}
    on_s3.write(doomed)
    assert on_s3.sync(approve=True).state == "waiting"
    assert set(on_s3.read()) == set(doomed)
    assert on_s3.sync(approve=True, max_delete=len(doomed)).state == "done"
    assert set(on_s3.read()) == {"a"}
    assert len(on_s3.harness.report.files) == 2 * sending.DELETED_AT_ONCE + 6


def test_what_is_lost_is_kept_in_the_trash(on_s3: Goal):
    write(on_s3.source, {"a": "new", "same": "1"})
    on_s3.write({"a": "older", "sub/gone": "2"})
    question = on_s3.sync(trash=True)
    assert question.error is not None
    trash = question.error.detail["trash"]
    assert on_s3.sync(trash=True, approve=question.error.detail["hash"]).state == "done"
    assert on_s3.read() == {
        "a": b"new",
        "same": b"1",
        f"{trash}/a": b"older",
        f"{trash}/sub/gone": b"2",
    }
    rows = {file["path"]: file for file in on_s3.harness.report.files}
    assert rows["src/sub/gone"]["trash"] == f"{on_s3.address}/{trash}/sub/gone"
    assert on_s3.sync(trash=True).state == "done"
    assert on_s3.harness.report.files == []


def test_equal_bytes_with_other_times_are_known_by_their_digest(on_s3: Goal):
    write(on_s3.source, {"a": "same", "b": "left"})
    on_s3.write({"a": "same", "b": "rite"})
    assert on_s3.sync().state == "done"
    assert on_s3.actions() == {"b": "replace"}


def test_a_digest_finds_what_time_hides(on_s3: Goal):
    write(on_s3.source, {"a": "1234"})
    assert on_s3.sync().state == "done"
    moment = os.stat(on_s3.source / "a").st_mtime_ns
    (on_s3.source / "a").write_text("4321")
    os.utime(on_s3.source / "a", ns=(moment, moment))
    assert on_s3.sync().state == "done"
    assert on_s3.harness.report.files == []
    assert on_s3.sync(compare="checksum").state == "done"
    assert on_s3.actions() == {"a": "replace"}
    assert on_s3.read() == {"a": b"4321"}
    os.utime(on_s3.source / "a", (time.time(), time.time()))
    assert on_s3.sync(compare="size").state == "done"
    assert on_s3.harness.report.files == []


def test_what_changed_there_after_the_plan_is_left_alone(on_s3: Goal, monkeypatch):
    write(on_s3.source, {"a": "new", "c": "new"})
    on_s3.write({"a": "older", "gone": "2"})
    agree = sending.agree

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        found = agree(*arguments, **named)
        on_s3.write({"a": "theirs", "c": "theirs"})
        return found

    monkeypatch.setattr(sending, "agree", meanwhile)
    outcome = on_s3.sync(approve=True)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "exists"
    assert on_s3.read() == {"a": b"theirs", "c": b"theirs", "gone": b"2"}


def test_what_is_to_be_deleted_and_changed_after_the_plan_is_left_alone(goal: Goal, monkeypatch):
    write(goal.source, {"a": "1"})
    goal.write({"gone": "2", "changed": "3", "deleted": "4"})
    agree = sending.agree

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        found = agree(*arguments, **named)
        goal.write({"changed": "theirs"})
        goal.remove("deleted")
        return found

    monkeypatch.setattr(sending, "agree", meanwhile)
    outcome = goal.sync(approve=True)
    assert (outcome.state, outcome.error and outcome.error.code) == ("failed", "changed")
    assert goal.read() == {"a": b"1", "changed": b"theirs"}
    assert goal.actions() == {"a": "copy", "gone": "delete", "deleted": "delete"}


def test_a_file_is_no_source(on_s3: Goal):
    (on_s3.source / "x").write_text("1")
    outcome = on_s3.harness.run("src/x", on_s3.address, kind="sync", **on_s3.options)
    assert outcome.error is not None
    assert outcome.error.code == "not_a_directory"


def test_a_destination_that_cannot_be_listed_is_left_alone(on_s3: Goal):
    write(on_s3.source, {"a": "1"})
    on_s3.write({"gone": "2"})
    wrong = {**on_s3.options, "region": "us-east-1", "endpoint": "http://127.0.0.1:9"}
    outcome = on_s3.harness.run("src", on_s3.address, kind="sync", **{**wrong, "approve": True})
    assert outcome.state == "failed"
    assert set(on_s3.read()) == {"gone"}


def test_what_lies_behind_a_link_that_leads_out_is_left_alone(on_s3: Goal, tmp_path: Path):
    write(on_s3.source, {"a": "1"})
    write(tmp_path / "outside", {"x": "1"})
    os.symlink(tmp_path / "outside" / "x", on_s3.source / "link")
    on_s3.write({"link": "there"})
    assert on_s3.sync(approve=True).state == "done"
    assert on_s3.read() == {"a": b"1", "link": b"there"}


def test_a_server_that_does_not_list_is_left_alone(harness: Harness, nginx: Nginx):
    write(harness.folder / "src", {"a": "1"})
    write(nginx.files / "plain", {"gone": "2"})
    outcome = harness.run("src", f"{nginx.url}/plain/", kind="sync", approve=True)
    assert outcome.error is not None
    assert (outcome.state, outcome.error.code) == ("failed", "bad_request")
    assert read(nginx.files / "plain") == {"gone": b"2"}
