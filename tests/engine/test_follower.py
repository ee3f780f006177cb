"""The digest of a file is there soon after its last byte."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from jupyter_transfer.engine import verify, writer
from jupyter_transfer.engine.control import Stopped
from jupyter_transfer.engine.follower import CHUNK, Follower

from ..servers.chaos import Connection, Resource, cut, noise, times

DATA = noise(3 * CHUNK + 4567)
SHA = hashlib.sha256(DATA).hexdigest()


def nothing() -> None:
    pass


@pytest.fixture
def file(tmp_path):
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def read_by(follower: Follower) -> int:
    return follower._position


def test_it_reads_what_is_there_and_no_further(file):
    follower = Follower(file, "sha256", len(DATA))
    os.pwrite(file, DATA[: 2 * CHUNK], 0)
    follower.advance(CHUNK + 10)
    limit = time.monotonic() + 5
    while read_by(follower) < CHUNK + 10 and time.monotonic() < limit:
        time.sleep(0.01)
    assert read_by(follower) == CHUNK + 10
    os.pwrite(file, DATA[CHUNK + 10 :], CHUNK + 10)
    follower.close()
    assert follower.finish(len(DATA), nothing) == SHA


def test_nothing_read_yet(file):
    os.pwrite(file, DATA, 0)
    follower = Follower(file, "sha256", len(DATA))
    follower.close()
    assert follower.finish(len(DATA), nothing) == SHA


def test_a_file_that_became_shorter_has_no_digest(file):
    os.pwrite(file, DATA, 0)
    follower = Follower(file, "sha256", len(DATA))
    follower.close()
    os.ftruncate(file, CHUNK)
    assert follower.finish(len(DATA), nothing) is None


def test_the_rest_can_be_stopped(file):
    os.pwrite(file, DATA, 0)
    follower = Follower(file, "sha256", len(DATA))
    follower.close()

    def stop() -> None:
        raise Stopped("cancel")

    with pytest.raises(Stopped):
        follower.finish(len(DATA), stop)


def test_a_fetch_reads_little_again(harness, chaos, monkeypatch):
    again = []
    whole = verify.sum_of
    monkeypatch.setattr(verify, "sum_of", lambda *a: again.append(a) or whole(*a))
    outcome = harness.run(chaos.add("/f", Resource(DATA)), sha256=SHA)
    assert (outcome.state, outcome.verified, again) == ("done", True, [])


def test_a_fetch_in_two_runs(harness, chaos):
    """What the first has brought is read by the second."""
    resource = Resource(DATA)
    pauses = [harness.control.pause]

    def stop_at_half(connection: Connection) -> None:
        asked = connection.request.byte_range
        if asked and asked[0] > len(DATA) // 2 and pauses:
            pauses.pop()()
        resource(connection)

    source = chaos.add("/f", stop_at_half)
    assert harness.run(source, sha256=SHA).state == "paused"
    harness.fresh_control()
    before = chaos.sent("/f")
    outcome = harness.run(source, sha256=SHA)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert chaos.sent("/f") - before < len(DATA)


def test_a_wrong_digest_is_found_by_it_too(harness, chaos):
    damaged = bytearray(DATA)
    damaged[-5] ^= 1
    resource = Resource(DATA)
    resource.faults = [times(3, cut(resource, 70_000))]
    good = harness.run(chaos.add("/good", resource), sha256=SHA)
    assert (good.state, good.verified) == ("done", True)
    bad = harness.run(chaos.add("/bad", Resource(bytes(damaged))), id="bad", sha256=SHA)
    assert bad.error is not None
    assert bad.error.code == "digest_mismatch"


def test_it_is_told_of_every_block(harness, chaos, monkeypatch):
    """Not only when the network has a pause: else much is left to read in the end."""
    told = []
    advance = Follower.advance
    monkeypatch.setattr(Follower, "advance", lambda one, end: told.append(end) or advance(one, end))
    outcome = harness.run(chaos.add("/f", Resource(DATA)), sha256=SHA)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert told == sorted(told)
    assert told[-1] == len(DATA)
    assert len(set(told)) > len(DATA) // writer.BLOCK // 2  # blocks may come out of order
