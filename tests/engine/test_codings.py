"""Answers in a Content-Encoding that nobody asked for."""

from __future__ import annotations

import gzip
import zlib

import pytest

from jupyter_transfer.engine import coding as engine_coding

from ..servers.chaos import Resource, gzipped, noise

DATA = noise(700_001)


def whole(harness):
    return (harness.folder / "f").read_bytes()


def test_a_bomb_is_stopped(harness, chaos, monkeypatch):
    monkeypatch.setattr(engine_coding, "BOMB_FREE", 1 << 20)
    bomb = Resource(b"\0" * (40 << 20))
    outcome = harness.run(chaos.add("/page", gzipped(bomb)))
    assert (outcome.state, outcome.error.code) == ("failed", "too_large")
    assert harness.names() == []


@pytest.mark.parametrize(
    ("coding", "code"), [("gzip", "remote_lied"), ("nonsense", "remote_refused")]
)
def test_a_coding_that_is_a_lie(harness, chaos, coding, code):
    resource = Resource(DATA, headers={"Content-Encoding": coding})
    outcome = harness.run(chaos.add("/page", resource))
    assert (outcome.state, outcome.error.code) == ("failed", code)
    assert harness.names() == []


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


CODED = {
    "gzip": gzip.compress(DATA),
    "x-gzip": gzip.compress(DATA[:1000]) + gzip.compress(DATA[1000:]) + b"\0" * 10,
    "deflate": zlib.compress(DATA),
    "Deflate": raw_deflate(DATA),
}


@pytest.mark.parametrize("coding", CODED)
def test_codings_are_undone(harness, chaos, coding):
    resource = Resource(CODED[coding], headers={"Content-Encoding": coding})
    assert harness.run(chaos.add("/f", resource)).state == "done"
    assert whole(harness) == DATA


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_truncated_coding_is_not_whole(harness, chaos, coding):
    resource = Resource(CODED[coding][:-2000], headers={"Content-Encoding": coding})
    outcome = harness.run(chaos.add("/page", resource))
    assert (outcome.state, outcome.error.code) == ("failed", "connection_lost")
    assert harness.names() == []
