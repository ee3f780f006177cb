"""An extraction whose process dies at each step, pauses, or is cancelled."""

from __future__ import annotations

import os

import pytest

from jupyter_transfer.engine import publisher
from jupyter_transfer.engine.groups import Groups
from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.parts import Part, StagedFiles
from jupyter_transfer.paths import STAGING, Folders

from ..archives.making import archive, info, link, tar
from ..servers.chaos import noise
from .test_extract import contents, extract, put
from .test_many_crashes import die_at, in_child

FILES = {f"d{number % 3}/f{number}": noise(200, seed=number) for number in range(30)}

STEPS = [
    (StagedFiles, "write", 3),
    (StagedFiles, "write", 14),
    (StagedFiles, "sync", 0),
    (StagedFiles, "sync", 1),
    (Part, "append", 1),
    (Part, "append", 2),
    (Folders, "publish", 0),
    (Folders, "publish", 13),
    (publisher.Publisher, "close", 0),
    (Groups, "forget", 0),
]


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(publisher, "GROUP_FILES", 10)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[1]}-{step[2]}")
@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_a_death_at_any_step(harness, monkeypatch, step, format):
    """What is there is whole; what has its name is not written again, and told as it was."""
    put(harness, "x.archive", archive(format, FILES))

    def run():
        with monkeypatch.context() as patch:
            die_at(patch, *step, after=False)
            extract(harness)

    assert in_child(run) == 9
    out = harness.folder / "out"
    before = {path: path.stat().st_ino for path in out.rglob("f*") if STAGING not in str(path)}
    for path in before:
        assert path.read_bytes() == FILES[path.relative_to(out).as_posix()]
    assert extract(harness).state == "done"
    assert contents(out) == FILES
    assert not list(harness.folder.rglob(STAGING))
    assert before == {path: path.stat().st_ino for path in before}
    assert len(harness.report.files) == len(FILES)
    for row in harness.report.files:
        status = (harness.folder / row["path"]).stat()
        assert row["state"] == "done"
        assert (row["size"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
        assert row["verified"] is (True if format == "zip" else None)


def test_a_death_in_a_large_file(harness, monkeypatch):
    """Nothing of it is seen, and it begins again."""
    put(harness, "x.archive", archive("tar.gz", {"a": b"1", "big": noise(5_000_000)}))

    def run():
        monkeypatch.setattr("jupyter_transfer.engine.run.PROGRESS_INTERVAL", 0)
        harness.report.on_progress = lambda counts: (
            os._exit(9) if counts["bytes_done"] > 3_000_000 else None
        )
        extract(harness)

    assert in_child(run) == 9
    assert "big" not in contents(harness.folder / "out")
    assert extract(harness).state == "done"
    assert contents(harness.folder / "out") == {"a": b"1", "big": noise(5_000_000)}
    assert not list(harness.folder.rglob(STAGING))


def test_what_is_thrown_away_after_a_death(harness, monkeypatch):
    """What has its name stays, and nothing else."""
    put(harness, "x.archive", archive("zip", FILES))

    def run():
        with monkeypatch.context() as patch:
            die_at(patch, Folders, "publish", 15, after=False)
            extract(harness)

    assert in_child(run) == 9
    assert list(harness.folder.rglob(STAGING))
    request = JobRequest("job", "x.archive", "out", kind="extract")
    discard(harness.root, request, harness.context({}))
    assert not list(harness.folder.rglob(STAGING))
    there = contents(harness.folder / "out")
    assert len(there) == 15
    assert all(FILES[name] == data for name, data in there.items())


def test_another_archive_after_a_death(harness, monkeypatch):
    put(harness, "x.archive", archive("zip", FILES))

    def run():
        with monkeypatch.context() as patch:
            die_at(patch, Folders, "publish", 15, after=False)
            extract(harness)

    assert in_child(run) == 9
    other = {name: data[::-1] for name, data in FILES.items()}
    put(harness, "x.archive", archive("zip", other))
    assert extract(harness).state == "done"
    assert contents(harness.folder / "out") == other


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_it_is_stopped(harness, monkeypatch, how):
    monkeypatch.setattr("jupyter_transfer.engine.run.PROGRESS_INTERVAL", 0)
    files = {**FILES, "big": noise(6_000_000), "last": b"last"}
    put(harness, "x.archive", archive("tar", files))

    def stop(counts):
        if counts["bytes_done"] > 3_000_000:
            getattr(harness.control, how)()

    harness.report.on_progress = stop
    outcome = extract(harness)
    assert outcome.state == {"pause": "paused", "cancel": "cancelled"}[how]
    there = contents(harness.folder / "out")
    assert not {"big", "last"} & set(there)
    assert all(data == files[name] for name, data in there.items() if STAGING not in name)
    if how == "cancel":
        assert not list(harness.folder.rglob(STAGING))
        return
    assert set(there) == set(FILES)
    delivered = harness.delivered("x.archive")
    harness.fresh_control()
    assert extract(harness, delivered=delivered).state == "done"
    assert contents(harness.folder / "out") == files
    states = [row["state"] for row in harness.report.files]
    assert (states.count("present"), states.count("done")) == (len(FILES), 2)


def test_links_after_a_death(harness, monkeypatch):
    data = tar([info("a", b"1"), *(link(f"l{number}", "a") for number in range(25))])
    put(harness, "x.archive", data)

    def run():
        with monkeypatch.context() as patch:
            die_at(patch, Folders, "publish", 15, after=False)
            extract(harness)

    assert in_child(run) == 9
    assert extract(harness).state == "done"
    assert contents(harness.folder / "out") == {
        "a": b"1",
        **{f"l{number}": b"1" for number in range(25)},
    }
    assert {row["state"] for row in harness.report.files} == {"done"}
