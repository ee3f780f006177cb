"""Many files, and a process that dies at each step of giving them their names."""

from __future__ import annotations

import os
import random

import pytest

from jupyter_transfer.engine import groups, many, publisher, small
from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.errors import TransferError
from jupyter_transfer.parts import Part, StagedFiles
from jupyter_transfer.paths import STAGING, Folders

from ..servers.chaos import Resource, noise
from .test_many import Site, contents

pytestmark = pytest.mark.usefixtures("listing")

FILES = 30

STEPS = [
    (StagedFiles, "write", 3),
    (StagedFiles, "write", 14),
    (StagedFiles, "sync", 0),
    (StagedFiles, "sync", 1),
    (StagedFiles, "sync", 2),
    (StagedFiles, "sync", 3),
    (Part, "append", 0),
    (Part, "append", 1),
    (Part, "append", 2),
    (Part, "append", 3),
    (Folders, "publish", 0),
    (Folders, "publish", 4),
    (Folders, "publish", 13),
    (publisher.Publisher, "close", 0),
    (groups.Groups, "forget", 0),
]


@pytest.fixture(autouse=True, params=[float("inf"), -1], ids=["one thread", "two threads"])
def small_groups(request, monkeypatch):
    """Also on a disk that is too slow for the thread that fetches."""
    monkeypatch.setattr(publisher, "GROUP_FILES", 10)
    monkeypatch.setattr(publisher, "PATIENCE", request.param)


@pytest.fixture
def site(chaos):
    found = Site(chaos)
    for number in range(FILES):
        found.add(f"d{number % 3}/f{number}", listed=("size", "etag"))
    return found


def die_at(monkeypatch, owner, name, calls, *, after):
    """From now on the process ends at the call of that number, before or after it is done."""
    real, left = getattr(owner, name), [calls]

    def wrapped(*arguments, **options):
        left[0] -= 1
        if left[0] < 0 and not after:
            os._exit(9)
        result = real(*arguments, **options)
        if left[0] < 0:
            os._exit(9)
        return result

    monkeypatch.setattr(owner, name, wrapped)


def in_child(act):
    """Run `act` in a process that may die; its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[1]}-{step[2]}")
@pytest.mark.parametrize("conflict", [None, "rename"])
def test_a_death_at_any_step(harness, site, monkeypatch, step, after, conflict):
    if step[1] == "forget" and after:
        pytest.skip("by then whoever drives the job has saved the rows")
    options = {"conflict": conflict} if conflict else {}
    mine = {}
    if conflict == "rename":
        (harness.folder / "in" / "d1").mkdir(parents=True)
        (harness.folder / "in" / "d1" / "f1").write_bytes(b"mine")
        mine = {"d1/f1": b"mine", "d1/f1 (1)": site.data["d1/f1"]}

    def run():
        with monkeypatch.context() as patch:
            die_at(patch, *step, after=after)
            harness.run(site.source, "in", **options)

    assert in_child(run) == 9
    shown = visible(harness)
    for name, data in shown.items():
        assert data == {**site.data, **mine}[name]
    before = len(site.chaos.requests)
    assert harness.run(site.source, "in", **options).state == "done"
    assert visible(harness) == {**site.data, **mine}
    assert not list(harness.folder.rglob(STAGING))
    # What had its name is not fetched again, and its row is told as if nothing had happened.
    again = {r.path.removeprefix("/data/") for r in site.chaos.requests[before:]}
    assert again & ({name.removesuffix(" (1)") for name in shown} - set(mine)) == set()
    rows = {row["path"]: row for row in harness.report.files}
    assert len(rows) == FILES
    assert {row["state"] for row in rows.values()} == {"done"}
    for path, row in rows.items():
        status = (harness.folder / path).stat()
        assert (row["size"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
        assert row["validators"]["etag"]


def visible(harness):
    if not (harness.folder / "in").exists():
        return {}
    found = contents(harness.folder / "in")
    return {name: data for name, data in found.items() if STAGING not in name}


@pytest.mark.parametrize("seed", range(4))
def test_deaths_one_after_the_other(harness, site, monkeypatch, seed):
    """Also while what an earlier death left is taken over."""
    dice = random.Random(seed)
    for _ in range(6):
        owner, name, _ = dice.choice(STEPS)
        calls, after = dice.randrange(12), dice.random() < 0.5

        def run(owner=owner, name=name, calls=calls, after=after):
            with monkeypatch.context() as patch:
                die_at(patch, owner, name, calls, after=after)
                harness.run(site.source, "in", close=False)

        in_child(run)
        assert all(site.data[name] == data for name, data in visible(harness).items())
    assert harness.run(site.source, "in").state == "done"
    assert visible(harness) == site.data
    assert not list(harness.folder.rglob(STAGING))
    assert {row["state"] for row in harness.report.files} == {"done"}


def test_death_among_the_names_of_two_groups_in_turn(harness, site, monkeypatch):
    """What the second process finished for the first is still known to the third."""
    for calls in (1, 2):  # of the second process the first call is for the first one's group

        def run(calls=calls):
            with monkeypatch.context() as patch:
                die_at(patch, StagedFiles, "sync", calls, after=True)
                harness.run(site.source, "in")

        assert in_child(run) == 9
    assert len(visible(harness)) == 20
    assert harness.run(site.source, "in").state == "done"
    assert visible(harness) == site.data


@pytest.mark.parametrize("step", [s for s in STEPS if s[1] not in ("close", "forget")], ids=str)
def test_a_disk_that_fails_at_any_step(harness, site, monkeypatch, step):
    owner, name, calls = step
    real, left = getattr(owner, name), [calls]

    def broken(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            raise TransferError("io_error", "The disk of the server reported: broken.")
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        outcome = harness.run(site.source, "in")
    assert (outcome.state, outcome.error.code) == ("failed", "io_error")
    assert all(site.data[name] == data for name, data in visible(harness).items())
    saved = harness.delivered(site.source)
    assert harness.run(site.source, "in", delivered=saved).state == "done"
    assert visible(harness) == site.data
    assert not list(harness.folder.rglob(STAGING))


@pytest.mark.parametrize("large", [False, True])
def test_what_a_dead_process_left_is_discarded_without_the_source(
    harness, site, monkeypatch, large
):
    if large:
        monkeypatch.setattr(many, "SMALL", 100)
        monkeypatch.setattr(small, "SMALL", 100)

    def run():
        with monkeypatch.context() as patch:
            if large:
                die_at(patch, Part, "publish", 7, after=False)
            else:
                die_at(patch, StagedFiles, "sync", 1, after=False)
            harness.run(site.source, "in")

    assert in_child(run) == 9
    assert list(harness.folder.rglob(STAGING))
    site.chaos.drain()
    asked = len(site.chaos.requests)
    discard(harness.root, JobRequest("job", site.source, "in"), harness.context({}))
    assert not list(harness.folder.rglob(STAGING))
    assert len(site.chaos.requests) == asked
    assert all(site.data[name] == data for name, data in visible(harness).items())


def test_what_another_source_left_is_not_believed(harness, site, chaos, monkeypatch):
    def run():
        with monkeypatch.context() as patch:
            die_at(patch, StagedFiles, "sync", 1, after=False)
            harness.run(site.source, "in")

    assert in_child(run) == 9
    shown = visible(harness)
    other = site.source.replace("/data/", "/other/")
    chaos.add("/other/.index", chaos.resources["/data/.index"])
    for number in range(FILES):
        chaos.add(f"/other/d{number % 3}/f{number}", Resource(noise(5000, seed=number)))
    harness.run(other, "to")
    assert visible(harness) == shown
    assert len(contents(harness.folder / "to")) == FILES
