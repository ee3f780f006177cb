"""Syncs between two services: S3 to S3, where the service copies by itself, and FTP to S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.run import JobRequest, Outcome

from ..servers.ftp import PASSWORD, USER, FtpServer, running_ftp
from ..servers.s3 import KEY, SECRET, S3Server, running_moto
from .conftest import Harness
from .test_sync_fetch import read, write
from .test_sync_send import ODD, Bucket


@pytest.fixture(scope="module")
def moto(tmp_path_factory) -> Iterator[S3Server]:
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="module")
def ftp(tmp_path_factory) -> Iterator[FtpServer]:
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


class Between:
    """A folder of a service that is synced to a prefix of a bucket."""

    def __init__(self, harness: Harness, name: str, moto: S3Server) -> None:
        self.harness = harness
        self.target = Bucket(moto, f"{name}-target")
        self.ends = ("", f"s3://{name}-target/t")
        self.options: dict[str, Any] = {
            "endpoint": moto.url,
            "region": "us-east-1",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }
        self.rows: list[dict[str, Any]] = []

    def put(self, files: dict[str, str]) -> None:
        raise NotImplementedError

    def source(self) -> dict[str, bytes]:
        raise NotImplementedError

    def sync(self, **options: Any) -> Outcome:
        self.harness.report.files.clear()
        outcome = self.harness.run(
            *self.ends,
            kind="sync",
            delivered=tuple(self.rows),
            **{**self.options, **options},
        )
        self.rows += self.harness.delivered(self.ends[0])
        return outcome

    def actions(self) -> dict[str, str]:
        files = self.harness.report.files
        return {f["path"]: f["action"] for f in files if f["state"] in ("done", "planned")}


class OfS3(Between):
    def __init__(self, harness: Harness, name: str, moto: S3Server) -> None:
        super().__init__(harness, name, moto)
        self._bucket = Bucket(moto, f"{name}-source")
        self.ends = (f"s3://{name}-source/t", self.ends[1])
        self.put, self.source = self._bucket.write, self._bucket.read  # type: ignore[method-assign]


class OfFtp(Between):
    def __init__(self, harness: Harness, name: str, moto: S3Server, ftp: FtpServer) -> None:
        super().__init__(harness, name, moto)
        self._files = ftp.files / name
        self._files.mkdir()
        self.ends = (ftp.address(name), self.ends[1])
        self.options |= {"username": USER, "password": PASSWORD}

    def put(self, files: dict[str, str]) -> None:
        write(self._files, files)  # type: ignore[arg-type]

    def source(self) -> dict[str, bytes]:
        return read(self._files)


@pytest.fixture(params=["s3", "ftp"])
def between(
    harness: Harness, moto: S3Server, ftp: FtpServer, request: pytest.FixtureRequest, tmp_path: Path
) -> Between:
    name = f"b{abs(hash(request.node.name))}"
    if request.param == "s3":
        return OfS3(harness, name, moto)
    return OfFtp(harness, name, moto, ftp)


def test_made_equal_and_again_nothing_to_do(between: Between):
    between.put(ODD)
    outcome = between.sync()
    assert outcome.state == "done", outcome.error
    assert between.target.read() == between.source()
    assert set(between.actions().values()) == {"copy"}
    assert between.sync().state == "done"
    assert between.harness.report.files == []
    between.rows.clear()
    assert between.sync().state == "done"
    assert between.harness.report.files == []
    assert between.harness.names() == []


def test_the_plan_is_shown_agreed_to_and_done(between: Between):
    between.put({"a": "new", "b": "2"})
    between.target.write({"a": "older", "gone": "333", "sub/gone": "4"})
    ends, options = between.ends, between.options
    request = JobRequest("plan", *ends, options, (), "sync")
    shown = plan(between.harness.root, request, between.harness.context(options), Control())
    assert (shown["plan"]["replace"], shown["plan"]["delete"]) == (1, 2)
    question = between.sync(trash=True)
    assert question.error is not None
    assert question.error.detail["hash"] == shown["plan"]["hash"]
    outcome = between.sync(trash=True, approve=shown["plan"]["hash"])
    assert outcome.state == "done", outcome.error
    trash = question.error.detail["trash"]
    assert between.target.read() == {
        "a": b"new",
        "b": b"2",
        f"{trash}/a": b"older",
        f"{trash}/gone": b"333",
        f"{trash}/sub/gone": b"4",
    }
    expected = {"a": "replace", "b": "copy", "gone": "delete", "sub/gone": "delete"}
    assert between.actions() == expected


def test_a_source_that_is_not_there_deletes_nothing(between: Between):
    between.target.write({"x": "1"})
    ends = (between.ends[0] + "/nothing", between.ends[1])
    options = {**between.options, "approve": True}
    outcome = between.harness.run(*ends, kind="sync", **options)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "remote_not_found"
    assert between.target.read() == {"x": b"1"}
