"""What is said of a file that nothing proves: the code for why, in rows and of the job."""

from __future__ import annotations

import hashlib
import os
import zlib
from base64 import b64encode

import pytest

from jupyter_transfer.backends.base import Digest
from jupyter_transfer.engine import sums
from jupyter_transfer.engine.transport import Headers
from jupyter_transfer.engine.verify import digest_in, doubt_in, verify, verify_bytes
from jupyter_transfer.errors import TransferError, wait_in

from ..servers.chaos import Resource, gzipped, noise, times
from .test_crashes import release_locks

DATA = noise(300_001)
NINE = b"123456789"
CHECKS = {  # the catalogue of parametrised CRC algorithms, "check"
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "crc64ecma": "995dc9bbdf1939fa",
}


def b64(value: bytes) -> str:
    return b64encode(value).decode()


def headers(**fields: str) -> Headers:
    result = Headers()
    for name, value in fields.items():
        result.add([f"{name.replace('_', '-')}: {value}".encode()])
    return result


# ---- checksums ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "value"), CHECKS.items())
def test_cyclic_checksums(algorithm, value):
    assert sums.known(algorithm)
    running = sums.new(algorithm, len(NINE))
    running.update(memoryview(NINE[:4]))
    running.update(memoryview(NINE[4:]))
    assert running.hexdigest() == value


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello", "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"),
    ],
)
def test_the_name_of_a_blob_is_that_of_git(data, name, tmp_path):
    assert verify_bytes(data, Digest("git-blob-sha1", name)) is True
    with pytest.raises(TransferError, match="git-blob-sha1"):
        verify_bytes(data + b"x", Digest("git-blob-sha1", name))
    (tmp_path / "f").write_bytes(data)
    with open(tmp_path / "f", "rb") as file:
        digest = Digest("git-blob-sha1", name)
        assert verify(file.fileno(), len(data), digest, lambda: None) is True


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api";r=12;t=55'}, None),
        ({"ratelimit": '"a";r=0;t=5, "b";r=0;t=9'}, 9.0),
        ({"ratelimit": '"a";r=0;t=5', "retry-after": "2"}, 2.0),
        ({"ratelimit": '"a";r=0;t=999999999'}, 86400.0),
        ({"ratelimit": "nonsense"}, None),
    ],
)
def test_how_long_a_service_asks_to_be_left_alone(fields, seconds):
    assert wait_in(fields.get) == seconds


def test_leading_zeros_are_kept():
    data = next(n for n in map(str, range(10_000)) if zlib.crc32(n.encode()) < 1 << 20).encode()
    running = sums.new("crc32", len(data))
    running.update(memoryview(data))
    assert len(running.hexdigest()) == 8


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5", "blake2b", "sha3_256"])
def test_algorithms_of_hashlib(algorithm, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(DATA)
    fd = os.open(path, os.O_RDONLY)
    good = Digest(algorithm, hashlib.new(algorithm, DATA).hexdigest())
    assert verify(fd, len(DATA), good, lambda: None) is True
    with pytest.raises(TransferError) as caught:
        verify(fd, len(DATA), Digest(algorithm, "00" + good.value[2:]), lambda: None)
    assert caught.value.code == "digest_mismatch"
    os.close(fd)


@pytest.mark.parametrize("algorithm", ["shake_128", "nonsense", "", "crc16"])
def test_what_is_no_digest_of_a_file(algorithm):
    assert not sums.known(algorithm)


# ---- headers ------------------------------------------------------------------------------------


CRC32C = bytes.fromhex(CHECKS["crc32c"])
NVME = bytes.fromhex(CHECKS["crc64nvme"])


@pytest.mark.parametrize(
    ("fields", "digest"),
    [
        ({"x_amz_checksum_crc64nvme": b64(NVME)}, f"crc64nvme:{NVME.hex()}"),
        ({"x_amz_checksum_crc32c": b64(CRC32C)}, f"crc32c:{CRC32C.hex()}"),
        ({"x_amz_checksum_crc32": b64(bytes.fromhex("cbf43926"))}, "crc32:cbf43926"),
        ({"x_goog_hash": f"crc32c={b64(CRC32C)}"}, f"crc32c:{CRC32C.hex()}"),
        ({"x_oss_hash_crc64ecma": str(0x995DC9BBDF1939FA)}, "crc64ecma:995dc9bbdf1939fa"),
        ({"x_cos_hash_crc64ecma": "1"}, "crc64ecma:0000000000000001"),
        ({"x_checksum_sha1": "AB" * 20, "x_checksum_md5": "00" * 16}, "sha1:" + "ab" * 20),
    ],
)
def test_checksums_of_whole_objects(fields, digest):
    assert str(digest_in(headers(**fields), whole=False)) == digest


@pytest.mark.parametrize(
    ("fields", "doubt"),
    [
        ({}, "no_digest"),
        ({"etag": '"' + "ab" * 16 + '"'}, "no_digest"),
        ({"etag": '"' + "ab" * 16 + '-3"'}, "no_digest"),
        ({"x_amz_checksum_sha256": b64(bytes(32)) + "-3"}, "composite_checksum"),
        (
            {"x_amz_checksum_crc32c": b64(CRC32C), "x_amz_checksum_type": "COMPOSITE"},
            "composite_checksum",
        ),
        ({"digest": "unixsum=30637"}, "unsupported_algorithm"),
        ({"x_oss_hash_crc64ecma": "99999999999999999999"}, "no_digest"),
        ({"x_checksum_sha1": "zz"}, "no_digest"),
    ],
)
def test_why_headers_prove_nothing(fields, doubt):
    assert digest_in(headers(**fields), whole=True) is None
    assert doubt_in(headers(**fields), whole=True) == doubt


def test_without_its_library_a_checksum_proves_nothing(monkeypatch):
    monkeypatch.setattr(sums, "_maker", lambda algorithm: None)
    stated = headers(x_amz_checksum_crc64nvme=b64(NVME))
    assert digest_in(stated, whole=True) is None
    assert doubt_in(stated, whole=True) == "unsupported_algorithm"


# ---- rows and jobs ------------------------------------------------------------------------------


def test_a_file_without_a_digest(harness, chaos):
    outcome = harness.run(chaos.add("/f", Resource(DATA)))
    (row,) = harness.report.files
    assert (row["verified"], row["unverified"]) == (None, "no_digest")
    assert (outcome.verified, outcome.unverified) == (None, "no_digest")


def test_an_etag_that_looks_like_a_digest_is_none(harness, chaos):
    md5 = hashlib.md5(DATA).hexdigest()
    outcome = harness.run(chaos.add("/f", Resource(DATA, etag=f'"{md5}"')))
    (row,) = harness.report.files
    assert (row["verified"], row["digest"], row["unverified"]) == (None, None, "no_digest")
    assert outcome.unverified == "no_digest"


def test_a_verified_file_has_no_doubt(harness, chaos):
    sha = b64(hashlib.sha256(DATA).digest())
    resource = Resource(DATA, headers={"Repr-Digest": f"sha-256=:{sha}:"})
    outcome = harness.run(chaos.add("/f", resource))
    (row,) = harness.report.files
    assert (row["verified"], row["unverified"]) == (True, None)
    assert (outcome.verified, outcome.unverified) == (True, None)


def test_a_composite_checksum_is_said_to_be_one(harness, chaos):
    value = b64(hashlib.sha256(DATA).digest()) + "-2"
    outcome = harness.run(chaos.add("/f", Resource(DATA, headers={"x-amz-checksum-sha256": value})))
    assert (outcome.verified, outcome.unverified) == (None, "composite_checksum")


def test_the_digest_of_a_compressed_form_proves_nothing(harness, chaos):
    sha = b64(hashlib.sha256(DATA).digest())
    resource = Resource(DATA, headers={"Digest": f"SHA-256={sha}"})
    resource.faults = [times(100, gzipped(resource), probes=True)]
    outcome = harness.run(chaos.add("/f", resource))
    assert (harness.folder / "f").read_bytes() == DATA
    assert (outcome.verified, outcome.unverified) == (None, "content_coding")


def test_what_is_there_already_was_not_read_again(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    harness.run(source)
    outcome = harness.run(source, id="again", delivered=harness.delivered(source))
    row = harness.report.files[-1]
    assert (row["state"], row["verified"], row["unverified"]) == ("present", None, "present")
    assert outcome.unverified == "present"


def test_what_was_left_alone_is_not_ours(harness, chaos):
    (harness.folder / "f").write_bytes(b"mine")
    harness.run(chaos.add("/f", Resource(DATA)), conflict="skip")
    row = harness.report.files[-1]
    assert (row["state"], row["unverified"]) == ("skipped", "skipped")


def test_the_reason_survives_a_kill_between_publishing_and_reporting(harness, chaos):
    source = chaos.add("/f", Resource(DATA))
    harness.run(source, close=False)
    release_locks()
    outcome = harness.run(source)
    assert harness.report.files[-1]["unverified"] == "no_digest"
    assert outcome.unverified == "no_digest"
