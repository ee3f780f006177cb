"""Jobs as a whole: conflicts, doing it again, pausing, crashing at each step, a full disk."""

from __future__ import annotations

import os
import threading
import time

import pytest

from jupyter_transfer.backends.base import Context
from jupyter_transfer.engine import ranged
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.names import STAGING

from ..servers.chaos import Connection, Resource, noise, status, times

DATA = noise(700_001)
OTHER = noise(500_000, seed=2)


# ---- conflicts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "state", "names"),
    [
        (None, "failed", ["f"]),
        ("fail", "failed", ["f"]),
        ("skip", "done", ["f"]),
        ("rename", "done", ["f", "f (1)"]),
        ("overwrite", "done", ["f"]),
    ],
)
def test_a_name_that_is_taken(harness, chaos, conflict, state, names):
    (harness.folder / "f").write_bytes(b"mine")
    options = {"conflict": conflict} if conflict else {}
    outcome = harness.run(chaos.add("/f", Resource(DATA)), **options)
    assert outcome.state == state
    assert harness.names() == names
    kept = (harness.folder / "f").read_bytes()
    assert kept == (DATA if conflict == "overwrite" else b"mine")
    if state == "failed":
        assert outcome.error.code == "exists"
        assert chaos.sent() <= 1  # decided before the bytes were fetched
    if conflict == "rename":
        assert (harness.folder / "f (1)").read_bytes() == DATA
        assert harness.report.files[0]["path"] == "f (1)"
    if conflict == "skip":
        assert harness.report.files[0]["state"] == "skipped"


def test_an_unknown_policy(harness, chaos):
    outcome = harness.run(chaos.add("/f", Resource(DATA)), conflict="maybe")
    assert outcome.error.code == "bad_request"
    assert chaos.requests == []


def test_a_folder_with_the_name(harness, chaos):
    (harness.folder / "f").mkdir()
    (harness.folder / "f" / "f").mkdir()
    assert harness.run(chaos.add("/f", Resource(DATA)), "f").error.code == "is_a_directory"


def test_a_file_where_a_folder_should_be(harness, chaos):
    (harness.folder / "x").write_bytes(b"")
    outcome = harness.run(chaos.add("/f", Resource(DATA)), "x/y/")
    assert outcome.error.code == "not_a_directory"


def test_a_name_that_somebody_takes_meanwhile(harness, chaos):
    resource = Resource(DATA)
    resource.before = lambda request: (harness.folder / "f").write_bytes(b"mine")
    outcome = harness.run(chaos.add("/f", resource), conflict="fail")
    assert outcome.error.code == "exists"
    assert (harness.folder / "f").read_bytes() == b"mine"


def test_a_name_that_somebody_takes_while_bytes_move(harness, chaos):
    resource = Resource(DATA)

    def take(request):
        if not request.is_probe:
            (harness.folder / "f").write_bytes(b"mine")

    resource.before = take
    outcome = harness.run(chaos.add("/f", resource))
    assert outcome.error.code == "exists"
    assert (harness.folder / "f").read_bytes() == b"mine"
    # The bytes are there: with another policy nothing is fetched again.
    before = chaos.sent()
    assert harness.run(chaos.url + "/f", conflict="rename").state == "done"
    assert chaos.sent() - before == 1
    assert (harness.folder / "f (1)").read_bytes() == DATA


# ---- doing it again -----------------------------------------------------------------------------


def test_the_same_job_again_moves_nothing(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    assert harness.run(source).state == "done"
    rows, before = harness.delivered(source), chaos.sent()
    assert harness.run(source, id="again", delivered=rows).state == "done"
    assert chaos.sent() - before == 1  # the byte of the probe
    assert harness.report.files[1]["state"] == "present"
    assert harness.names() == ["f"]


@pytest.mark.parametrize("conflict", ["rename", "overwrite", "skip", "fail"])
def test_the_same_job_again_under_every_policy(harness, chaos, conflict):
    source = chaos.add("/f", Resource(DATA))
    assert harness.run(source, conflict=conflict).state == "done"
    rows = harness.delivered(source)
    assert harness.run(source, id="again", delivered=rows, conflict=conflict).state == "done"
    assert harness.names() == ["f"]
    assert harness.report.files[1]["state"] == "present"


def test_a_new_version_replaces_what_we_delivered(harness, chaos):
    resource = Resource(DATA)
    source = chaos.add("/f", resource)
    harness.run(source)
    rows = harness.delivered(source)
    resource.data, resource.etag = OTHER, '"v2"'
    assert harness.run(source, id="again", delivered=rows).state == "done"
    assert (harness.folder / "f").read_bytes() == OTHER


def test_what_a_person_changed_is_not_replaced(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    harness.run(source)
    rows = harness.delivered(source)
    (harness.folder / "f").write_bytes(b"my notes")
    outcome = harness.run(source, id="again", delivered=rows)
    assert outcome.error.code == "exists"
    assert (harness.folder / "f").read_bytes() == b"my notes"


def test_what_we_delivered_from_elsewhere_is_not_replaced(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    harness.run(source)
    rows = harness.delivered(source)
    outcome = harness.run(chaos.add("/g", Resource(OTHER)), "f", id="again", delivered=rows)
    assert outcome.error.code == "exists"


def test_what_was_removed_is_fetched_again(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    harness.run(source)
    rows = harness.delivered(source)
    (harness.folder / "f").unlink()
    assert harness.run(source, id="again", delivered=rows).state == "done"
    assert (harness.folder / "f").read_bytes() == DATA


def test_without_validators_presence_cannot_be_known(harness, chaos):
    source = chaos.add("/f", Resource(DATA, etag=None, modified=None))
    harness.run(source)
    rows, before = harness.delivered(source), chaos.sent()
    assert harness.run(source, id="again", delivered=rows).state == "done"
    assert chaos.sent() - before > len(DATA)


# ---- pause and cancel ---------------------------------------------------------------------------


class Gate:
    """Serves a resource, and holds every part after the first `free` bytes back until opened."""

    def __init__(self, resource: Resource, free: int) -> None:
        self.resource = resource
        self.left = free
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, connection: Connection) -> None:
        asked = connection.request.byte_range
        if asked is None or connection.request.is_probe:
            self.resource(connection)
            return
        if self.left <= 0:
            self.reached.set()
            self.opened.wait(20)
        self.left -= (asked[1] or 0) - asked[0]
        self.resource(connection)


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_halting_in_the_middle(harness, chaos, how):
    gate = Gate(Resource(DATA), 4 * ranged.SEGMENT)
    source = chaos.add("/f", gate)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(harness.run(source)))
    thread.start()
    assert gate.reached.wait(20)
    getattr(harness.control, how)()
    thread.join(20)
    assert outcomes[0].state == {"pause": "paused", "cancel": "cancelled"}[how]
    assert harness.visible() == []
    gate.opened.set()
    if how == "cancel":
        assert os.listdir(harness.folder) == []
        return
    assert [name.rpartition(".")[2] for name in harness.names()] == ["journal", "part"]
    harness.control = Control()
    before = chaos.sent()
    assert harness.run(source).state == "done"
    assert (harness.folder / "f").read_bytes() == DATA
    assert chaos.sent() - before <= len(DATA) - 2 * ranged.SEGMENT + 1


def test_halted_before_it_began(harness, chaos):
    harness.control.cancel()
    assert harness.run(chaos.add("/f", Resource(DATA))).state == "cancelled"
    assert chaos.requests == []


def test_cancelling_while_it_waits_for_a_retry(harness, chaos):
    source = chaos.add("/f", status(503, Retry_After="25"))
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(harness.run(source)))
    thread.start()
    while not chaos.requests:
        time.sleep(0.01)
    harness.control.cancel()
    thread.join(10)
    assert outcomes[0].state == "cancelled"


def test_cancelling_a_resumed_job_removes_what_was_left(harness, chaos):
    resource = Resource(DATA, faults=[times(999, status(503))])
    source = chaos.add("/f", resource)
    assert harness.run(source).state == "failed"
    assert harness.names()
    harness.control.cancel()
    assert harness.run(source).state == "cancelled"


def test_discard_removes_what_an_unfinished_job_left(harness, chaos):
    resource = Resource(DATA, faults=[times(999, status(503))])
    source = chaos.add("/f", resource)
    harness.run(source, "a/b/")
    assert harness.names()
    (harness.folder / "a" / "b").mkdir(parents=True)  # made since: the part lies further up
    discard(harness.root, JobRequest("job", source, "a/b/"), Context())
    assert harness.names() == []
    assert STAGING not in os.listdir(harness.folder)


# ---- many files ---------------------------------------------------------------------------------


def test_many_files_of_one_source(harness, chaos, monkeypatch):
    """A backend that lists several entries; one of them fails, one has a bad name."""
    from jupyter_transfer.backends import http
    from jupyter_transfer.backends.base import Entry

    for name in ("a", "b", "missing"):
        chaos.add(f"/{name}", Resource(DATA) if name != "missing" else status(404))

    def entries(self, address):
        for path, name in [("x/a", "a"), ("missing", "missing"), ("../up", "a"), ("b", "b")]:
            yield Entry(path, f"{chaos.url}/{name}")

    monkeypatch.setattr(http.HttpBackend, "entries", entries)
    outcome = harness.run(chaos.url + "/", "set")
    assert outcome.state == "failed"
    assert harness.names() == ["set/b", "set/x/a"]
    errors = {f["path"]: f["error"]["code"] for f in harness.report.files if f["error"]}
    assert errors == {"set/missing": "remote_not_found", "../up": "invalid_path"}
    assert outcome.error.code in errors.values()
    states = {file["path"]: file["state"] for file in harness.report.files}
    assert states == {
        "set/x/a": "done",
        "set/missing": "failed",
        "../up": "failed",
        "set/b": "done",
    }
    last = harness.report.counts[-1]
    assert (last["files_done"], last["files_total"], last["files_failed"]) == (2, 4, 2)
    assert last["bytes_done"] == 2 * len(DATA)
