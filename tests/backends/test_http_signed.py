"""Addresses that hold a signature: it goes to the server and into nothing else."""

from __future__ import annotations

import json

import pytest

from ..servers.chaos import Connection, Resource, noise, redirect, running_chaos, status

DATA = noise(300_000)
QUERY = "b=1&X-Amz-Signature=canary-5ec9e7f00d&a=%2f"
SHOWN = "b=1&a=%2f"


@pytest.fixture
def guarded(chaos):
    """Serves `/d/f.bin`, and a listing of `/d/`, to who has the signature."""

    def serve(answer):
        def guard(connection: Connection) -> None:
            signed = connection.request.path.partition("?")[2] == QUERY
            (answer if signed else status(403))(connection)

        return guard

    page = b'<html><h1>Index of /d/</h1><a href="../">../</a><a href="f.bin">f.bin</a></html>'
    chaos.add("/d/f.bin", serve(Resource(DATA)))
    chaos.add("/d/", serve(Resource(page, etag=None, headers={"Content-Type": "text/html"})))
    return chaos


def seen(harness) -> str:
    """All that a job tells and leaves."""
    report = harness.report
    told = json.dumps([report.files, report.notes, report.states], default=str)
    state = harness.folder.parent / "state"
    files = [path for top in (harness.folder, state) for path in top.rglob("*") if path.is_file()]
    return told + "".join(path.read_bytes().decode("latin-1") for path in files)


@pytest.mark.parametrize("given", [QUERY, f"?{QUERY}", f"https://elsewhere.example/x?{QUERY}"])
def test_a_file_is_fetched_with_it(harness, guarded, given):
    outcome = harness.run(f"{guarded.url}/d/f.bin?{SHOWN}", query=given)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "f.bin").read_bytes() == DATA
    assert "5ec9e7" not in seen(harness)


def test_a_half_fetched_file_leaves_nothing_of_it(harness, guarded):
    harness.control.bandwidth.rate = len(DATA)
    harness.report.on_progress = lambda counts: counts["bytes_done"] and harness.control.pause()
    source = f"{guarded.url}/d/f.bin?{SHOWN}"
    assert harness.run(source, query=QUERY).state == "paused"
    assert "5ec9e7" not in seen(harness)
    harness.fresh_control()
    assert harness.run(source, query=QUERY).state == "done"


def test_a_folder_and_what_lies_in_it(harness, guarded):
    outcome = harness.run(f"{guarded.url}/d/", query=QUERY, ignore_robots=True)
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["d/f.bin"]
    assert "5ec9e7" not in seen(harness)


def test_nobody_else_gets_it(harness, guarded):
    with running_chaos() as other:
        other.add("/d/f.bin", Resource(DATA))
        guarded.add("/d/f.bin", redirect(f"{other.url}/d/f.bin"))
        assert harness.run(f"{guarded.url}/d/f.bin?{SHOWN}", query=QUERY).state == "done"
        assert other.requests
        assert not [r for r in other.requests if "5ec9e7" in r.path + str(r.headers)]


def test_a_file_is_sent_with_it(harness, chaos):
    held: dict[str, bytes] = {}

    def store(connection: Connection) -> None:
        request = connection.request
        if request.path.partition("?")[2] != QUERY:
            status(403)(connection)
        elif request.method == "PUT":
            held["f"] = connection.take()
            status(201)(connection)
        elif request.method == "HEAD" and "f" in held:
            connection.head(200, {"Content-Length": str(len(held["f"]))})
        else:
            status(404)(connection)

    chaos.add("/put/f.bin", store)
    (harness.folder / "f.bin").write_bytes(DATA)
    outcome = harness.run(
        "f.bin", f"{chaos.url}/put/f.bin?{SHOWN}", kind="send", query=QUERY, webdav="no"
    )
    assert (outcome.state, outcome.error) == ("done", None)
    assert held["f"] == DATA
    (harness.folder / "f.bin").unlink()
    assert "5ec9e7" not in seen(harness)
