"""Sources that change while they are fetched, and bytes that are damaged: never a mixed file."""

from __future__ import annotations

import hashlib

import pytest

from ..servers.chaos import Connection, Resource, noise, times

DATA = noise(700_001)
OTHER = noise(700_001, seed=2)


def whole(harness):
    return (harness.folder / "f").read_bytes()


@pytest.mark.parametrize("after", [1, 3, 8])
def test_a_file_that_changes_in_the_middle_is_never_mixed(harness, chaos, after):
    old, new = Resource(DATA, etag='"old"'), Resource(OTHER[:650_000], etag='"new"')
    served = [0]

    def swapping(connection: Connection) -> None:
        served[0] += not connection.request.is_probe
        (old if served[0] <= after else new)(connection)

    assert harness.run(chaos.add("/f", swapping)).state == "done"
    assert whole(harness) == new.data
    assert harness.report.notes[0][0] == "remote_changed"


def test_a_change_of_the_modification_time_alone_counts(harness, chaos):
    old, new = Resource(DATA, etag=None), Resource(OTHER, etag=None, modified=1_600_000_500.0)
    served = [0]

    def swapping(connection: Connection) -> None:
        served[0] += not connection.request.is_probe
        (old if served[0] <= 4 else new)(connection)

    assert harness.run(chaos.add("/f", swapping)).state == "done"
    assert whole(harness) == OTHER


def test_nodes_that_disagree_about_the_etag(harness, chaos):
    """One file behind a CDN whose nodes make up their own ETags (aria2-next #46)."""
    nodes = [Resource(DATA, etag=f'"node{n}"') for n in range(3)]
    turn = [0]

    def answer(connection: Connection) -> None:
        turn[0] += 1
        nodes[turn[0] % 3](connection)

    assert harness.run(chaos.add("/f", answer)).state == "done"
    assert whole(harness) == DATA


def test_a_file_that_never_stands_still(harness, chaos):
    version = [0]

    def answer(connection: Connection) -> None:
        version[0] += 1
        resource = Resource(noise(300_000, version[0]), etag=f'"{version[0]}"')
        resource.rate = None
        resource(connection)

    outcome = harness.run(chaos.add("/f", answer))
    assert outcome.state == "done"  # one answer is always of one state
    assert len(whole(harness)) == 300_000
    assert hashlib.sha256(whole(harness)).digest() in {
        hashlib.sha256(noise(300_000, n)).digest() for n in range(1, version[0] + 1)
    }


def test_a_flipped_byte_is_found_when_a_digest_is_known(harness, chaos):
    damaged = bytearray(DATA)
    damaged[333_333] ^= 1
    digest = hashlib.sha256(DATA).hexdigest()
    source = chaos.add("/f", Resource(bytes(damaged)))
    outcome = harness.run(source, sha256=digest)
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")
    assert harness.names() == []


def test_a_byte_that_was_flipped_once_is_fetched_again(harness, chaos):
    damaged = bytearray(DATA)
    damaged[333_333] ^= 1
    resource = Resource(DATA)
    resource.faults = [times(12, Resource(bytes(damaged)).answer)]
    outcome = harness.run(chaos.add("/f", resource), sha256=hashlib.sha256(DATA).hexdigest())
    assert (outcome.state, outcome.verified) == ("done", True)
    assert whole(harness) == DATA
