"""Remote sides that lie, fail or attack: no wrong file ever stands under the final name."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from jupyter_transfer.engine import ranged, transport, writer

from ..servers.chaos import (
    Connection,
    Resource,
    chunked,
    cut,
    noise,
    status,
    times,
)

DATA = noise(700_001)
OTHER = noise(700_001, seed=2)


def whole(harness, name="f"):
    return (harness.folder / name).read_bytes()


# ---- statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "state", "expected"),
    [
        (401, "waiting", "needs_credentials"),
        (403, "failed", "remote_forbidden"),
        (404, "failed", "remote_not_found"),
        (410, "failed", "remote_not_found"),
        (400, "failed", "remote_refused"),
        (418, "failed", "remote_refused"),
        (204, "failed", "remote_refused"),
        (304, "failed", "remote_refused"),
        (505, "failed", "remote_refused"),
        (500, "failed", "remote_busy"),
        (503, "failed", "remote_busy"),
    ],
)
def test_statuses(harness, chaos, code, state, expected):
    outcome = harness.run(chaos.add("/f", status(code)))
    assert (outcome.state, outcome.error.code) == (state, expected)
    assert outcome.error.retryable == (expected == "remote_busy")
    assert harness.names() == []
    assert harness.report.files[0]["error"]["code"] == expected


def test_a_busy_server_is_asked_again(harness, chaos):
    resource = Resource(DATA)
    resource.faults += [times(2, status(503), probes=True), times(3, status(429))]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


def test_retry_after_is_honoured(harness, chaos):
    resource = Resource(DATA, faults=[times(1, status(503, Retry_After="1"), probes=True)])
    started = time.monotonic()
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert time.monotonic() - started >= 1


def test_a_long_retry_after_is_left_to_the_queue(harness, chaos):
    resource = Resource(DATA, faults=[times(99, status(429, Retry_After="600"), probes=True)])
    outcome = harness.run(chaos.add("/f", resource))
    assert (outcome.state, outcome.error.code) == ("failed", "remote_busy")
    assert outcome.error.retryable
    assert outcome.error.retry_after == 600
    assert len(chaos.requests) == 1


def test_the_budget_ends_and_the_part_stays(harness, chaos):
    resource = Resource(DATA)
    served = [0]

    def fault(connection: Connection) -> bool:
        if connection.request.is_probe:
            return False
        served[0] += 1
        if served[0] <= 3:
            return False
        status(503)(connection)
        return True

    resource.faults = [fault]
    outcome = harness.run(chaos.add("/f", resource))
    assert (outcome.state, outcome.error.code) == ("failed", "remote_busy")
    assert outcome.error.retryable
    assert harness.visible() == []
    assert any(name.endswith(".part") for name in harness.names())
    resource.faults = []
    before = chaos.sent()
    assert harness.run(chaos.url + "/f").state == "done"
    assert whole(harness) == DATA
    assert chaos.sent() - before < len(DATA) - 2 * ranged.SEGMENT


# ---- broken connections -------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
def test_connections_that_end_in_the_middle(harness, chaos, reset):
    resource = Resource(DATA)
    resource.faults = [times(9, cut(resource, 30_000, reset=reset))]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA
    # What had come in of a cut part is not asked for again.
    assert chaos.sent("/f") <= len(DATA) + 9 * writer.BLOCK + 1


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
def test_a_stream_that_ends_in_the_middle_begins_again(harness, chaos, reset):
    resource = Resource(DATA, ranges=False)
    resource.faults = [times(2, cut(resource, 300_000, reset=reset))]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


def test_a_chunked_answer_without_its_end_is_not_whole(harness, chaos):
    outcome = harness.run(chaos.add("/f", chunked(Resource(DATA), whole=False)))
    assert (outcome.state, outcome.error.code) == ("failed", "connection_lost")
    assert harness.names() == []


def test_nobody_listens(harness):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    outcome = harness.run(f"http://127.0.0.1:{port}/f")
    assert (outcome.error.code, outcome.error.retryable) == ("connect_failed", True)


def test_a_name_that_does_not_exist(harness):
    outcome = harness.run("http://nonexistent.invalid/f")
    assert (outcome.error.code, outcome.error.retryable) == ("dns_failed", True)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(
        transport.Timeouts.__init__, "__defaults__", (2.0, 1.0, 1.0)
    )  # connect, stall: seconds


def test_a_stalled_connection_is_given_up(harness, chaos, impatient):
    resource = Resource(DATA)
    released = threading.Event()

    def stall(connection: Connection) -> None:
        start, end = connection.request.byte_range or (0, None)
        connection.head(
            206,
            {
                **resource.common(),
                "Content-Range": f"bytes {start}-{end}/{len(DATA)}",
                "Content-Length": str((end or 0) - start + 1),
            },
        )
        connection.body(DATA[start : start + 100])
        released.wait(30)
        raise ConnectionAbortedError

    resource.faults = [times(1, stall)]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    released.set()
    assert whole(harness) == DATA


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 206 X\r\nContent-Range: bytes 0-0/zzz\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000,
        b"\xff" * 1000,
    ],
    ids=["nothing", "blank", "ssh", "status", "negative", "two", "words", "endless", "noise"],
)
def test_answers_that_are_no_http(harness, chaos, junk):
    def answer(connection: Connection) -> None:
        connection.send_raw(junk)
        raise ConnectionAbortedError

    outcome = harness.run(chaos.add("/f", answer))
    assert outcome.state == "failed"
    assert outcome.error.code in ("remote_lied", "connection_lost", "remote_refused")
    assert harness.names() == []


# ---- lies about ranges and lengths --------------------------------------------------------------


def ranged_answer(resource: Resource, *, shift: int = 0, total: int = 0, length: int = 0):
    """An answer 206 that says something else than it should."""

    def act(connection: Connection) -> None:
        if connection.request.byte_range is None:
            resource.answer(connection)
            return
        start, end = connection.request.byte_range
        end, size = end or 0, len(resource.data) + total
        data = resource.data[start + shift : end + 1 + shift]
        connection.head(
            206,
            {
                **resource.common(),
                "Content-Range": f"bytes {start + shift}-{end + shift}/{size}",
                "Content-Length": str(len(data) + length),
            },
        )
        connection.body(data)

    return act


def test_a_206_with_another_range_is_not_used(harness, chaos):
    resource = Resource(DATA)
    resource.faults = [times(999, ranged_answer(resource, shift=7))]
    outcome = harness.run(chaos.add("/f", resource))
    assert (outcome.state, outcome.error.code) == ("failed", "remote_lied")
    assert harness.visible() == []


def test_a_206_with_another_length_is_not_used(harness, chaos):
    resource = Resource(DATA)
    resource.faults = [times(999, ranged_answer(resource, length=3))]
    outcome = harness.run(chaos.add("/f", resource))
    assert (outcome.state, outcome.error.code) == ("failed", "remote_lied")
    assert harness.visible() == []


def test_a_206_with_another_total_means_a_changed_file(harness, chaos):
    resource = Resource(DATA)
    resource.faults = [times(999, ranged_answer(resource, total=5))]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA  # in one piece, which cannot be mixed
    assert harness.report.notes[0][0] == "remote_changed"


def test_a_range_that_is_ignored_in_the_middle(harness, chaos):
    """The first parts come as asked, then a node answers 200: one piece, from the start."""
    resource = Resource(DATA)
    count = [0]

    def fault(connection: Connection) -> bool:
        if connection.request.is_probe:
            return False
        count[0] += 1
        if count[0] <= 4:
            return False
        connection.head(200, {**resource.common(), "Content-Length": str(len(DATA))})
        connection.body(DATA)
        return True

    resource.faults = [fault]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


def test_a_206_without_validators_is_not_trusted(harness, chaos):
    resource, bare = Resource(DATA), Resource(OTHER, etag=None, modified=None)
    resource.faults = [times(1, bare.answer)]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


def test_a_416_in_the_middle_means_a_changed_file(harness, chaos):
    resource = Resource(DATA, faults=[times(1, status(416))])
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


def test_more_bytes_than_announced_are_cut_off(harness, chaos):
    resource = Resource(DATA, ranges=False)

    def long(connection: Connection) -> None:
        connection.head(200, {**resource.common(), "Content-Length": str(len(DATA))})
        connection.body(DATA + b"surplus" * 1000)
        raise ConnectionAbortedError

    resource.faults = [times(99, long)]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


def test_fewer_bytes_than_announced_are_no_file(harness, chaos):
    resource = Resource(DATA, ranges=False)

    def short(connection: Connection) -> None:
        connection.head(200, {**resource.common(), "Content-Length": str(len(DATA) + 100)})
        connection.body(DATA)
        raise ConnectionAbortedError

    resource.faults = [times(99, short, probes=False)]
    outcome = harness.run(chaos.add("/f", resource))
    assert (outcome.state, outcome.error.code) == ("failed", "connection_lost")
    assert harness.names() == []


def test_an_endless_body_behind_a_range(harness, chaos):
    resource = Resource(DATA)

    def endless(connection: Connection) -> None:
        start, end = connection.request.byte_range or (0, 0)
        connection.head(
            206,
            {
                **resource.common(),
                "Content-Range": f"bytes {start}-{end}/{len(DATA)}",
                "Transfer-Encoding": "chunked",
            },
        )
        data = DATA[start : (end or 0) + 1]
        connection.send_raw(b"%x\r\n" % len(data))
        connection.body(data)
        connection.send_raw(b"\r\n")
        while True:
            connection.send_raw(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    resource.faults = [times(999, endless)]
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA
