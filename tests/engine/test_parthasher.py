"""The MD5s of parts, of bytes in memory, whatever order they come in."""

from __future__ import annotations

import hashlib
import os
import random

import pytest

from jupyter_transfer.engine.parthasher import PartHasher

LENGTH = 1000
SIZE = 4 * LENGTH + 7
DATA = random.Random(3).randbytes(SIZE)


def expected() -> str:
    pieces = [DATA[at : at + LENGTH] for at in range(0, SIZE, LENGTH)]
    whole = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces))
    return f"{whole.hexdigest()}-{len(pieces)}"


@pytest.fixture
def file(tmp_path):
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled", "twice", "some"])
@pytest.mark.parametrize("step", [100, 300, LENGTH, 2500])
def test_in_whatever_order(file, order, step):
    os.pwrite(file, DATA, 0)
    offsets = list(range(0, SIZE, step))
    if order == "backward":
        offsets.reverse()
    elif order == "shuffled":
        random.Random(step).shuffle(offsets)
    elif order == "twice":
        offsets = [*offsets[:3], *offsets]
    elif order == "some":
        offsets = offsets[1::2]
    held = []
    hasher = PartHasher(file, f"s3-etag-{LENGTH}", SIZE)
    for at in offsets:
        piece = memoryview(DATA[at : at + step])
        hasher.put(piece, at, lambda: held.append(1), lambda: held.append(-1))
    hasher.close()
    assert (hasher.backlog, sum(held)) == (0, 0)
    assert hasher.finish(SIZE, lambda: None) == expected()


def test_bytes_that_came_in_order_are_not_read_again(file):
    os.ftruncate(file, SIZE)
    hasher = PartHasher(file, f"s3-etag-{LENGTH}", SIZE)
    for at in range(0, SIZE, 300):
        hasher.put(memoryview(DATA[at : at + 300]), at, lambda: None, lambda: None)
    hasher.close()
    assert hasher.finish(SIZE, lambda: None) == expected()
