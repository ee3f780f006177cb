"""Processes that die at each step, leftovers that are damaged, disks that fail."""

from __future__ import annotations

import errno
import gc
import os
import random
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_transfer.directio import DirectFile
from jupyter_transfer.engine import delivery, drain
from jupyter_transfer.errors import TransferError
from jupyter_transfer.names import STAGING
from jupyter_transfer.parts import Part
from jupyter_transfer.paths import Root

from ..servers.chaos import Connection, Resource, noise, status, times

DATA = noise(700_001)
OTHER = noise(500_000, seed=2)


class Crash(BaseException):
    """The process dies here."""


CRASHES: list[Crash] = []
"""They keep alive what the process held open when it died."""


def crash(*_args: object, **_kwargs: object) -> None:
    CRASHES.append(Crash())
    raise CRASHES[-1]


@pytest.mark.parametrize(
    "where",
    [
        (Part, "publish"),
        (delivery.Journal, "finish"),
        (delivery.Delivery, "_row_of_published"),
        (Part, "forget"),
    ],
    ids=lambda where: where[1],
)
def test_a_crash_near_the_end_loses_nothing(harness, chaos, monkeypatch, where):
    source = chaos.add("/f", Resource(DATA))
    with monkeypatch.context() as patch:
        patch.setattr(*where, crash)
        with pytest.raises(Crash):
            harness.run(source)
    release_locks()
    before = chaos.sent()
    assert harness.run(source).state == "done"
    assert chaos.sent() - before <= 1
    assert (harness.folder / "f").read_bytes() == DATA
    assert harness.names() == ["f"]
    row = harness.report.files[-1]
    assert (row["state"], row["size"]) == ("done", len(DATA))
    assert row["validators"]["etag"] == '"v1"'


def test_a_crash_after_publishing_is_found_even_if_the_source_is_gone(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    assert harness.run(source, close=False).state == "done"
    release_locks()
    chaos.add("/f", status(404))
    assert harness.run(source).state == "done"
    assert harness.names() == ["f"]


def release_locks() -> None:
    """What the kernel does when a process dies: let go of the locks of parts in this process."""
    for found in gc.get_objects():
        if isinstance(found, Part):
            found.close()
    CRASHES.clear()


def test_a_part_that_a_dying_process_still_holds(harness, chaos, monkeypatch):
    resource = Resource(DATA, faults=[times(999, status(503))])
    source = chaos.add("/f", resource)
    harness.run(source)
    holder = Part.open(harness.root, "", "job-0")
    threading.Timer(0.5, holder.close).start()
    resource.faults = []
    assert harness.run(source).state == "done"
    assert (harness.folder / "f").read_bytes() == DATA


def test_a_part_that_another_process_keeps(harness, chaos, monkeypatch):
    monkeypatch.setattr(delivery, "LOCK_PATIENCE", 0.2)
    resource = Resource(DATA, faults=[times(999, status(503))])
    source = chaos.add("/f", resource)
    harness.run(source)
    holder = Part.open(harness.root, "", "job-0")
    outcome = harness.run(source)
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert outcome.error.retryable
    holder.close()


@pytest.mark.parametrize("damage", ["torn", "empty", "foreign", "short"])
def test_damaged_leftovers(harness, chaos, damage):
    resource = Resource(DATA)
    served = [0]

    def fault(connection: Connection) -> bool:
        served[0] += not connection.request.is_probe
        if served[0] > 5:
            status(503)(connection)
        return served[0] > 5

    resource.faults = [fault]
    source = chaos.add("/f", resource)
    assert harness.run(source).state == "failed"
    journal = harness.folder / STAGING / "job-0.journal"
    part = harness.folder / STAGING / "job-0.part"
    if damage == "torn":
        journal.write_bytes(journal.read_bytes()[:-3])
    elif damage == "empty":
        journal.write_bytes(b"")
    elif damage == "foreign":
        journal.write_bytes(b'00000000 {"kind":"upload"}\n')
    else:
        with part.open("r+b") as file:
            file.truncate(1000)
    resource.faults = []
    assert harness.run(source).state == "done"
    assert (harness.folder / "f").read_bytes() == DATA
    assert harness.names() == ["f"]


def test_a_source_that_changed_between_two_runs(harness, chaos):
    resource = Resource(DATA)
    served = [0]

    def fault(connection: Connection) -> bool:
        served[0] += not connection.request.is_probe
        if served[0] > 5:
            status(503)(connection)
        return served[0] > 5

    resource.faults = [fault]
    source = chaos.add("/f", resource)
    assert harness.run(source).state == "failed"
    resource.faults, resource.data, resource.etag = [], OTHER, '"v2"'
    assert harness.run(source).state == "done"
    assert (harness.folder / "f").read_bytes() == OTHER
    assert [code for code, _ in harness.report.notes] == ["remote_changed"]


@pytest.mark.parametrize("power", ["kept", "lost"])
def test_a_kill_costs_little_where_the_disk_is_slow_to_sync(
    harness, chaos, monkeypatch, tmp_path, power
):
    """What is written and not synced is believed if it is there: a kill leaves it, a power cut
    takes it."""
    data, left = noise(4 << 20), tmp_path / "left" / "root"
    source = chaos.add("/f", Resource(data))
    go_on = threading.Event()
    monkeypatch.setattr(Part, "sync", lambda self: go_on.wait())
    monkeypatch.setattr(drain, "UNSEEN", 256 << 10)

    def look(counts):
        if counts["bytes_done"] > 2 << 20 and not left.exists():
            shutil.copytree(harness.folder, left)  # as a kill would leave it
            go_on.set()

    harness.report.on_progress = look
    harness.control.bandwidth.rate = 4 << 20
    assert harness.run(source).state == "done"
    monkeypatch.undo()
    harness.fresh_control()
    if power == "lost":
        part = left / STAGING / "job-0.part"
        size = part.stat().st_size
        part.write_bytes(bytes(size))
    shutil.rmtree(harness.folder)
    left.rename(harness.folder)
    harness.root.close()
    harness.root = Root(str(harness.folder), direct_from=0)
    before = chaos.sent()
    assert harness.run(source).state == "done"
    assert (harness.folder / "f").read_bytes() == data
    again = chaos.sent() - before - len(data)
    assert (again < -(256 << 10)) is (power == "kept")


# ---- disks --------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, size: str):
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if made.returncode != 0:
        pytest.skip("this container may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(harness, chaos, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, "400k"):
        harness.root = Root(str(folder))
        outcome = harness.run(chaos.add("/f", Resource(DATA)))
        harness.root.close()
        assert (outcome.state, outcome.error.code) == ("failed", "disk_full")
        assert outcome.error.detail["needed_bytes"] == len(DATA)
        assert outcome.error.detail["free_bytes"] <= 400 << 10
        assert chaos.sent() <= 1
        assert os.listdir(folder) == []


def test_a_disk_that_fills_up_in_the_middle(harness, chaos, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, "1m"):
        harness.root = Root(str(folder))
        resource, one = Resource(DATA), threading.Lock()

        def fill(request):
            with one:  # nothing is sent before
                if not request.is_probe and not (folder / "ballast").exists():
                    (folder / "ballast").write_bytes(bytes(600 << 10))

        resource.before = fill
        source = chaos.add("/f", resource)
        outcome = harness.run(source)
        assert (outcome.state, outcome.error.code) == ("failed", "disk_full")
        assert set(outcome.error.detail) == {"needed_bytes", "free_bytes"}
        assert not (folder / "f").exists()
        (folder / "ballast").write_bytes(b"")
        before = chaos.sent()
        assert harness.run(source).state == "done"
        assert (folder / "f").read_bytes() == DATA
        assert chaos.sent() - before < len(DATA)
        harness.root.close()


@pytest.mark.parametrize("seed", range(3))
def test_what_did_not_get_to_the_disk_is_not_recorded(harness, chaos, monkeypatch, seed):
    """The disk is full for a while, and takes a part of what it is given."""
    chance = random.Random(seed)
    real, left = DirectFile.pwrite, [chance.randrange(len(DATA))]

    def pwrite(file, data, position):
        if not left[0]:
            raise OSError(errno.ENOSPC, "")
        count = real(file, data[: left[0]], position)
        left[0] -= count
        return count

    monkeypatch.setattr(DirectFile, "pwrite", pwrite)
    source = chaos.add("/f", Resource(DATA))
    outcome = harness.run(source)
    assert (outcome.state, outcome.error.code) == ("failed", "disk_full")
    monkeypatch.undo()
    assert harness.run(source).state == "done"
    assert (harness.folder / "f").read_bytes() == DATA


def test_a_bug_in_writing_is_no_success(harness, chaos, monkeypatch):
    def broken(file, data, position):
        raise ValueError("a bug")

    monkeypatch.setattr(DirectFile, "pwrite", broken)
    outcome = harness.run(chaos.add("/f", Resource(DATA)))
    assert (outcome.state, outcome.error.code) == ("failed", "internal")
    assert harness.visible() == []


def test_an_error_of_the_disk_is_no_success(harness, chaos, monkeypatch):
    def broken(self):
        raise TransferError("io_error", "The disk of the server reported: Input/output error")

    monkeypatch.setattr(Part, "sync", broken)
    outcome = harness.run(chaos.add("/f", Resource(DATA)))
    assert (outcome.state, outcome.error.code) == ("failed", "io_error")
    assert harness.visible() == []


def test_a_folder_that_may_not_be_written(harness, chaos, tmp_path):
    folder = tmp_path / "ro"
    folder.mkdir()
    with small_disk(folder, "2m"):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        harness.root = Root(str(folder))
        outcome = harness.run(chaos.add("/f", Resource(DATA)))
        harness.root.close()
    assert (outcome.state, outcome.error.code) == ("failed", "read_only")


def test_a_link_does_not_lead_out_of_the_root(harness, chaos, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (harness.folder / "link").symlink_to(outside)
    outcome = harness.run(chaos.add("/f", Resource(DATA)), "link/")
    assert outcome.error.code == "invalid_path"
    assert os.listdir(outside) == []
