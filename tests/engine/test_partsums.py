"""The ETag that S3 gives an object in parts, of a file in order and of parts in any order."""

from __future__ import annotations

import hashlib
import os
import random

import pytest

from jupyter_transfer.backends.base import Digest
from jupyter_transfer.backends.etags import digest_of_parts, part_length, parts_in
from jupyter_transfer.engine import sums
from jupyter_transfer.engine.digests import Digests, digest_of
from jupyter_transfer.engine.filling import cut
from jupyter_transfer.engine.partsums import PartDigests
from jupyter_transfer.engine.sumsonway import SumsOnWay

LENGTH = 1000
NAME = f"s3-etag-{LENGTH}"
SIZES = [0, 1, LENGTH - 1, LENGTH, LENGTH + 1, 3 * LENGTH, 3 * LENGTH + 7]


def md5(data: bytes) -> Digest:
    return Digest("md5", hashlib.md5(data).hexdigest())


def expected(data: bytes) -> Digest:
    pieces = [data[at : at + LENGTH] for at in range(0, max(1, len(data)), LENGTH)]
    whole = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces))
    return Digest(NAME, f"{whole.hexdigest()}-{len(pieces)}")


def nothing() -> None:
    pass


@pytest.mark.parametrize("step", [1, 333, LENGTH, 10_000])
@pytest.mark.parametrize("size", SIZES)
def test_in_order(size, step):
    data = random.Random(size).randbytes(size)
    running = sums.new(NAME, size)
    for at in range(0, size, step):
        running.update(memoryview(data[at : at + step]))
        running.hexdigest()  # which changes nothing
    assert Digest(NAME, running.hexdigest()) == expected(data)


@pytest.mark.parametrize("size", SIZES)
def test_parts_in_any_order(size):
    data = random.Random(size).randbytes(size)
    parts = PartDigests(NAME, size)
    spans = list(cut((0, size), LENGTH)) or [(0, 0)]
    for left, span in enumerate(reversed(spans), 1):
        assert parts.digest() is None
        assert len(list(parts.missing())) == len(spans) - left + 1
        parts.take(span, md5(data[slice(*span)]))
    assert (parts.digest(), list(parts.missing())) == (expected(data), [])


@pytest.mark.parametrize(
    ("span", "algorithm"), [((0, 999), "md5"), ((1, 1000), "md5"), ((0, 1000), "sha256")]
)
def test_what_is_no_part_is_not_taken(span, algorithm):
    parts = PartDigests(NAME, 1500)
    parts.take(span, Digest(algorithm, "00" * 16))
    assert list(parts.missing()) == [(0, 1000), (1000, 1500)]


def test_what_was_sent_is_not_read_again(tmp_path):
    data = random.Random(1).randbytes(2500)
    (tmp_path / "f").write_bytes(data)
    fd = os.open(tmp_path / "f", os.O_RDWR)
    digests = Digests(fd, 2500, [NAME])
    digests.piece((1000, 2000), md5(data[1000:2000]))
    digests.piece((0, 1000), None)  # it was sent, but not summed up
    os.pwrite(fd, b"other bytes", 1000)
    assert digests.finish(nothing) == [expected(data)]
    os.pwrite(fd, data, 0)
    assert digest_of(fd, 2500, NAME, nothing) == expected(data)
    os.close(fd)


def test_what_comes_by_once():
    data = random.Random(2).randbytes(1500)
    whole = SumsOnWay(1500, [NAME, "md5"])
    of_parts = SumsOnWay(1500, ["md5"], of_parts=[NAME])
    for total in (whole, of_parts):
        total.feed(0, memoryview(data))
    assert set(whole.finish(nothing)) == {expected(data), md5(data)}
    assert of_parts.finish(nothing) == [md5(data)]
    for span in ((1000, 1500), (0, 1000)):
        of_parts.piece(span, md5(data[slice(*span)]))
    assert set(of_parts.finish(nothing)) == {expected(data), md5(data)}


@pytest.mark.parametrize(
    ("name", "length"),
    [(NAME, 1000), ("s3-etag-0", None), ("s3-etag-", None), ("md5", None), (NAME + "\n", None)],
)
def test_names(name, length):
    assert part_length(name) == length
    assert sums.known(name) is (length is not None or name == "md5")


@pytest.mark.parametrize(
    ("etag", "parts"),
    [
        (f'"{"a" * 32}-12"', 12),
        (f"{'a' * 32}-12", 12),
        (f'"{"a" * 32}"', None),
        (f'"{"a" * 32}-0"', None),
        (None, None),
    ],
)
def test_parts_of_an_etag(etag, parts):
    assert parts_in(etag) == parts
    assert digest_of_parts(etag, 11_500, LENGTH) == (
        Digest(NAME, f"{'a' * 32}-12") if parts else None
    )
    assert digest_of_parts(etag, 12_500, LENGTH) is None
