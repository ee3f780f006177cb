"""Very many files: the memory stays flat, and what is there is decided quickly."""

from __future__ import annotations

import os
import time

import pytest

from jupyter_transfer.backends.base import Entry, Validators
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.delivered import Delivered
from jupyter_transfer.engine.job import JobRequest, make_run

from ..servers.listing import ListingBackend

pytestmark = pytest.mark.usefixtures("listing")


class Silent:
    """A report that keeps nothing but counts."""

    def __init__(self) -> None:
        self.states: dict[str, int] = {}
        self.highest = 0

    def progress(self, **counts):
        self.highest = max(self.highest, resident())

    def state(self, note):
        return

    def note(self, code, message):
        return

    def file(self, file):
        self.states[file["state"]] = self.states.get(file["state"], 0) + 1


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def paths(count):
    return (f"d{number // 1000:04}/file-{number:07}.bin" for number in range(count))


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [200_000])
def test_very_many_files_that_are_there_already(harness, monkeypatch, record_property, count):
    source = "listing://127.0.0.1:9/set/"
    etag = '"' + "e" * 32 + '"'

    def entries(self, address):
        for path in paths(count):
            yield Entry(path, address + path, 0, Validators(etag))

    monkeypatch.setattr(ListingBackend, "entries", entries)
    for path in paths(count):
        target = harness.folder / "to" / path
        if path.endswith("000.bin"):
            target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        os.utime(target, (1, 1))
    rows = (
        {
            "path": f"to/{path}",
            "source": source,
            "size": 0,
            "mtime_ns": 10**9,
            "digest": None,
            "validators": {"etag": etag},
        }
        for path in paths(count)
    )
    report = Silent()
    before = resident()
    request = JobRequest("job", source, "to", {}, Delivered(source, rows))
    run = make_run(harness.root, request, harness.context({}), Control(), report)
    started = time.monotonic()
    outcome = run.run()
    seconds = time.monotonic() - started
    run.close()
    assert outcome.state == "done"
    assert report.states == {"present": count}
    grown = max(report.highest, resident()) - before
    record_property("files_per_second", round(count / seconds))
    record_property("mib_more", round(grown / 2**20))
    assert grown < 200 * 2**20 * count / 1_000_000 + (20 << 20)
    assert count / seconds > 2000
