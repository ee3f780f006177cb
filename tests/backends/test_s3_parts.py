"""Objects that come in parts: what the last answer of an upload proves, and what is known later."""

from __future__ import annotations

import hashlib
import os
from typing import ClassVar

import pytest

from jupyter_transfer.backends import s3parts, s3sink
from jupyter_transfer.backends.base import Digest, Entry, Validators
from jupyter_transfer.errors import TransferError

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


# ---- fetching -----------------------------------------------------------------------------------


def put_parts(site, data, lengths, name="big.bin", **more):
    """An object in parts of these lengths."""
    where = {"Bucket": site.bucket, "Key": name}
    where["UploadId"] = site.client.create_multipart_upload(**where, **more)["UploadId"]
    parts, start = [], 0
    for number, length in enumerate(lengths, 1):
        piece = data[start : start + length]
        etag = site.client.upload_part(**where, PartNumber=number, Body=piece)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
        start += length
    assert start == len(data)
    return site.client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})["ETag"]


def fetch(harness, site, **more):
    access = site.access("big.bin")
    outcome = harness.run(access.address, "out.bin", **access.options, **more)
    return outcome, harness.report.files[-1]


MIB = 1 << 20
FIVE = [5 * MIB, 5 * MIB, 5 * MIB, 3]


def test_an_object_in_parts_is_proven_by_its_etag(site, harness):
    data = noise(sum(FIVE))
    put_parts(site, data, FIVE)
    outcome, row = fetch(harness, site)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert (harness.folder / "out.bin").read_bytes() == data
    if site.server.kind != "rclone":  # whose ETags are MD5s
        assert row["digest"] == f"s3-etag-{5 * MIB}:{etag_of(data, 5 * MIB)}"
    rows = harness.delivered(site.access("big.bin").address)
    outcome, row = fetch(harness, site, id="again", delivered=rows)
    assert (outcome.state, row["state"]) == ("done", "present")


@pytest.mark.parametrize("lengths", [[5 * MIB, 6 * MIB, 5 * MIB, 3], [5 * MIB, 6 * MIB + 1]])
def test_parts_of_several_sizes_prove_nothing(site, harness, lengths):
    if site.server.kind == "rclone":
        pytest.skip("its ETags are MD5s")
    data = noise(sum(lengths))
    put_parts(site, data, lengths)
    outcome, row = fetch(harness, site)
    assert (outcome.state, outcome.verified, row["unverified"]) == ("done", None, "multipart_etag")
    assert row["digest"] is None
    assert (harness.folder / "out.bin").read_bytes() == data
    rows = harness.delivered(site.access("big.bin").address)
    outcome, row = fetch(harness, site, id="again", delivered=rows)
    assert (outcome.state, row["state"]) == ("done", "present")


def test_parts_are_hashed_after_a_break_too(site, harness):
    if site.server.kind == "rclone":
        pytest.skip("its ETags are MD5s")
    lengths = [6 * MIB] * 4 + [1]
    data = noise(sum(lengths))
    put_parts(site, data, lengths)
    if site.server.kind == "juicefs":  # it does not tell the size of a part
        lengths = None
    harness.control.bandwidth.rate = len(data)

    def pause(counts):
        if counts["bytes_done"] > 0.6 * len(data):
            harness.control.pause()

    harness.report.on_progress = pause
    access = site.access("big.bin")
    assert harness.run(access.address, "out.bin", **access.options).state == "paused"
    harness.fresh_control()
    outcome, _ = fetch(harness, site)
    assert (outcome.state, outcome.verified) == ("done", True if lengths else None)
    assert (harness.folder / "out.bin").read_bytes() == data


@pytest.mark.parametrize("whole", [True, False])
def test_verifying_can_be_switched_off(site, harness, monkeypatch, whole):
    monkeypatch.setattr(s3parts, "presumed", None)  # nobody asks
    data = noise(sum(FIVE))
    if whole:
        site.put("big.bin", data)
    else:
        put_parts(site, data, FIVE)
    access = site.access("big.bin")
    options = {**access.options, "checksum": "off"}
    outcome = harness.run(access.address, "out.bin", **options)
    row = harness.report.files[-1]
    assert (outcome.state, row["verified"], row["digest"]) == ("done", None, None)
    assert row["unverified"] == "switched_off"
    assert (harness.folder / "out.bin").read_bytes() == data


@pytest.mark.parametrize(
    ("etag", "more", "first", "algorithm"),
    [
        ("a-4", {}, 5 * MIB, "s3-etag-5242880"),
        ("a-4", {}, None, "s3-etag-5242880"),  # the service tells the size of the whole
        ("a-2", {}, None, "s3-etag-8388608"),
        ("a-1", {}, None, "s3-etag-15728643"),
        ("a-3", {}, 5 * MIB, None),  # the others were of other sizes
        ("a-900", {}, None, None),
        ("a", {}, None, None),
        ("a-4", {"x-amz-server-side-encryption": "aws:kms"}, 5 * MIB, None),
    ],
)
def test_what_the_etag_of_parts_may_say(etag, more, first, algorithm):
    size = 15 * MIB + 3

    class Service:
        def ask(self, *_, **__):
            if first is None and "a-2" in etag:
                raise TransferError("remote_refused", "Not known.")
            return {"ContentLength": first or size}

    class Backend:
        service = Service()
        payer = None
        customer_key: ClassVar = {}
        customer_parameters: ClassVar = {}

        def option(self, _):
            return None

    headers = {"etag": f'"{etag.replace("a", "a" * 32)}"', "content-range": f"bytes 0-0/{size}"}
    found = s3parts.presumed(Backend(), Entry("k", "s3://bucket/k", 7), {**headers, **more})
    assert (found and found.digest.algorithm) == algorithm
    assert found is None or found.presumed
