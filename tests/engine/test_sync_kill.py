"""Syncs whose worker is killed between copies and deletions: another one goes on with what is left
of the plan that was agreed to, and asks nothing again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..servers.ftp import PASSWORD, USER, FtpServer, running_ftp
from ..servers.worker import WorkerProcess, run_message
from .test_sync_fetch import read, write

LOGIN = {"username": USER, "password": PASSWORD}
TRASH = "transfer-trash"
DOOMED = {"to disk": 3000, "to service": 150}
"""Files to delete: so many that a kill comes before the last, at the speed of each."""


@pytest.fixture(scope="module")
def ftp(tmp_path_factory) -> Iterator[FtpServer]:
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


class Job:
    """A sync whose destination has files that the source lacks."""

    def __init__(self, work: Path, ends: tuple[str, str], files: Path, doomed: int) -> None:
        self.work = work
        self.ends = ends
        self.files = files
        self.doomed = sorted(f"d{n % 7}/x{n:04}" for n in range(doomed))
        """What is to be deleted, in the order in which it goes."""
        self.rows: dict[str, dict[str, Any]] = {}
        (work / "state").mkdir()

    def message(self, **options: Any) -> dict[str, Any]:
        return run_message(
            self.work / "root",
            *self.ends,
            kind="sync",
            options={**LOGIN, **options},
            state_dir=str(self.work / "state"),
        )

    def run(self, until: Callable[[], bool] | None = None, **options: Any) -> dict[str, Any] | None:
        """How it ended; None if it was killed when `until` was true."""
        worker = WorkerProcess(self.work)
        end = None
        try:
            worker.wait_for("ready")
            worker.send(**self.message(**options))
            if until is None:
                end = worker.wait_for("end")
            else:
                while not until():
                    assert worker.process.poll() is None
            return end
        finally:
            if end is not None:
                worker.send(op="saved")
                worker.send(op="browse", url="nonsense:")
                worker.wait_for("browse")
            worker.kill()
            while (event := worker.events.get(timeout=10)) is not None:
                worker.seen.append(event)
            for message in worker.of("file"):
                self.rows[message["file"]["path"]] = message["file"]

    def is_gone(self, number: int) -> bool:
        """Whether the file to delete of that `number` is gone."""
        return not (self.files / self.doomed[number]).exists()


@pytest.fixture(params=["to disk", "to service"])
def job(request: pytest.FixtureRequest, tmp_path: Path, ftp: FtpServer) -> Job:
    there, here = ftp.files / tmp_path.name, tmp_path / "root" / "here"
    address = ftp.address(tmp_path.name)
    to_disk = request.param == "to disk"
    source, target = (there, here) if to_disk else (here, there)
    write(source, {f"c{n:02}": f"new {n}" for n in range(20)})
    write(source, {"old0": "changed", "old1": "changed"})
    ends = (address, "here") if to_disk else ("here", address)
    made = Job(tmp_path, ends, target, DOOMED[request.param])
    write(target, dict.fromkeys(made.doomed, "gone"))
    write(target, {"old0": "old", "old1": "old"})
    made.source = source  # type: ignore[attr-defined]
    return made


def is_equal(job: Job) -> bool:
    return read(job.files) == read(job.source)  # type: ignore[attr-defined]


def test_killed_between_deletions(job: Job):
    trash = job.ends[1] == "here"  # FTP cannot copy
    options = {"trash": True} if trash else {}
    question = job.run(**options)
    assert question is not None
    assert question["state"] == "waiting"
    detail = question["error"]["detail"]
    assert (detail["copy"], detail["replace"], detail["delete"]) == (20, 2, len(job.doomed))
    options["approve"] = detail["hash"]
    job.rows.clear()

    assert job.run(lambda: job.is_gone(2), **options) is None
    assert job.run(lambda: job.is_gone(60), **options) is None
    assert not job.is_gone(-1)
    end = job.run(**options)
    assert end is not None
    assert end["state"] == "done", end
    if trash:
        kept = list((job.files / TRASH).rglob("x*"))
        assert len(kept) == len(job.doomed)
        assert len({p.parent.parent for p in kept}) == 1  # one folder for the whole sync
    else:
        assert is_equal(job)
    gone = [row for row in job.rows.values() if row.get("action") == "delete"]
    assert {row["state"] for row in gone} == {"done"}
    assert len(gone) == len(job.doomed)
    assert list((job.work / "state").rglob("*.plan")) == []


def test_killed_between_copies(job: Job):
    question = job.run()
    assert question is not None
    hash = question["error"]["detail"]["hash"]
    assert job.run((job.files / "c05").exists, approve=hash) is None
    end = job.run(approve=hash)
    assert end is not None
    assert end["state"] == "done", end
    assert is_equal(job)


@pytest.mark.soak
def test_approved_beforehand_and_killed(job: Job):
    options = {"approve": True, "max_delete": len(job.doomed)}
    assert job.run(lambda: job.is_gone(10), **options) is None
    end = job.run(**options)
    assert end is not None
    assert end["state"] == "done", end
    assert is_equal(job)
    gone = [row for row in job.rows.values() if row.get("action") == "delete"]
    assert len(gone) == len(job.doomed)
