"""Objects that come in parts: what the last answer of an upload proves, and what is known later."""

from __future__ import annotations

import hashlib
import os
from typing import ClassVar

import pytest

from jupyter_transfer.backends import s3sink
from jupyter_transfer.backends.base import Digest, Validators

from ..servers.chaos import noise
from ..servers.s3 import STARTERS
from .test_s3 import S3Site, no_aws  # noqa: F401 - a fixture

SIZE = 2 * s3sink.PIECE + 3
MTIME_NS = 1_700_000_000_123_456_789


@pytest.fixture(scope="module", params=list(STARTERS))
def server(request, tmp_path_factory):
    with STARTERS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def site(server):
    return S3Site(server)


def etag_of(data, length=s3sink.PIECE):
    pieces = [data[at : at + length] for at in range(0, len(data), length)]
    whole = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces))
    return f"{whole.hexdigest()}-{len(pieces)}"


def write(path, data, mtime_ns=MTIME_NS):
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def send(harness, site, **more):
    access = site.access("f.bin")
    outcome = harness.run("f.bin", access.address, kind="send", **access.options, **more)
    return outcome, harness.report.files[-1]


def sent_once(harness, site, data):
    """The rows that are remembered of a file that was sent."""
    write(harness.folder / "f.bin", data)
    outcome, row = send(harness, site)
    assert (outcome.state, outcome.error, row["state"]) == ("done", None, "done")
    return harness.delivered("f.bin")


def renewed(rows, row):
    """The rows that a server remembers after `row` was reported."""
    return ({**rows[0], "digest": row["digest"], "validators": row["validators"]},)


def test_the_last_answer_proves_what_was_sent(site, harness, monkeypatch):
    def look(*_):
        raise AssertionError("nobody need look at it again")

    monkeypatch.setattr(s3sink.MultipartSink, "_finished", look)
    data = noise(SIZE)
    (row,) = sent_once(harness, site, data)
    assert harness.report.files[-1]["verified"] is True
    assert row["digest"] == f"s3-etag-{s3sink.PIECE}:{etag_of(data)}"
    assert site.read("f.bin") == data


def test_again_moves_nothing_and_learns_what_is_stated_now(site, harness, monkeypatch):
    data = noise(SIZE)
    rows = sent_once(harness, site, data)
    outcome, row = send(harness, site, id="again", delivered=rows)
    assert (outcome.state, row["state"]) == ("done", "present")
    now = site.client.head_object(Bucket=site.bucket, Key="f.bin")["ETag"]
    assert row["validators"]["etag"] == now
    if site.server.kind == "rclone":
        md5 = hashlib.md5(data).hexdigest()
        assert (now, row["digest"], row["verified"]) == (f'"{md5}"', f"md5:{md5}", True)
        rows = renewed(rows, row)
    monkeypatch.setattr("jupyter_transfer.engine.local.digest_of", None)  # it is not read again
    outcome, row = send(harness, site, id="third", delivered=rows)
    assert (outcome.state, row["state"], row["verified"]) == ("done", "present", None)


def test_a_file_that_has_changed_replaces_what_we_sent(site, harness):
    rows = sent_once(harness, site, noise(SIZE))
    changed = noise(SIZE + 1)[1:]
    write(harness.folder / "f.bin", changed, MTIME_NS + 10**9)
    outcome, row = send(harness, site, id="again", delivered=rows)
    assert (outcome.state, outcome.error, row["state"]) == ("done", None, "done")
    assert site.read("f.bin") == changed


@pytest.mark.parametrize("changed", [False, True])
def test_what_somebody_else_put_there_stays(site, harness, changed):
    data = noise(SIZE)
    rows = sent_once(harness, site, data)
    other = bytes([data[0] ^ 1]) + data[1:]
    site.client.put_object(Bucket=site.bucket, Key="f.bin", Body=other)
    if changed:
        write(harness.folder / "f.bin", data[::-1], MTIME_NS + 10**9)
    outcome, row = send(harness, site, id="again", delivered=rows)
    assert (outcome.state, row["error"]["code"]) == ("failed", "exists")
    assert site.read("f.bin") == other


def test_the_same_bytes_by_somebody_else_are_present(site, harness):
    data = noise(SIZE)
    rows = sent_once(harness, site, data)
    site.client.put_object(Bucket=site.bucket, Key="f.bin", Body=data)
    outcome, row = send(harness, site, id="again", delivered=rows)
    assert (outcome.state, row["state"], row["verified"]) == ("done", "present", True)


def test_an_answer_that_proves_nothing_is_looked_after(site, harness, monkeypatch):
    ask = s3sink.MultipartSink._ask

    def without_etag(sink, operation, **parameters):
        answer = ask(sink, operation, **parameters)
        return {} if operation == "complete_multipart_upload" else answer

    monkeypatch.setattr(s3sink.MultipartSink, "_ask", without_etag)
    data = noise(SIZE)
    (row,) = sent_once(harness, site, data)
    now = site.client.head_object(Bucket=site.bucket, Key="f.bin")["ETag"]
    assert harness.report.files[-1]["verified"] is True
    assert Validators.from_dict(row["validators"]) == Validators(now)


def test_an_upload_that_goes_on_is_proven_too(site, harness):
    data = noise(SIZE)
    write(harness.folder / "f.bin", data)
    harness.control.bandwidth.rate = SIZE

    def pause(counts):
        if counts["bytes_done"] > 0.7 * SIZE:
            harness.control.pause()

    harness.report.on_progress = pause
    access = site.access("f.bin")
    outcome = harness.run("f.bin", access.address, kind="send", **access.options)
    assert outcome.state == "paused"
    harness.fresh_control()
    outcome, row = send(harness, site)
    assert (outcome.state, row["verified"]) == ("done", True)
    assert row["digest"].endswith(etag_of(data))
    assert site.read("f.bin") == data


@pytest.mark.parametrize("arguments", [{}, {"ServerSideEncryption": "aws:kms"}])
def test_an_etag_of_other_bytes_proves_nothing(arguments):
    class Backend:
        customer_key: ClassVar = {}

    sink = object.__new__(s3sink.MultipartSink)
    sink._backend = Backend()
    ours = Digest("s3-etag-8388608", etag_of(b"ours"))
    good = {"ETag": f'"{ours.value}"', **arguments}
    assert sink._proven(good, [ours]) == (None if arguments else ours)
    assert sink._proven({**good, "ETag": f'"{etag_of(b"others")}"'}, [ours]) is None
