"""Sums that go on where an earlier one stopped."""

from __future__ import annotations

import os
import zlib

import pytest

from jupyter_transfer.archives.crc import BLOCK, CrcCache, RunningCrc
from jupyter_transfer.archives.manifest import freeze
from jupyter_transfer.errors import TransferError


def test_overlapping_pieces_count_once():
    data = os.urandom(1000)
    running = RunningCrc()
    for start, end in [(0, 300), (0, 200), (250, 600), (600, 600), (100, 1000)]:
        running.feed(start, memoryview(data)[start:end])
    assert (running.position, running.value) == (1000, zlib.crc32(data))


def test_catch_up_reads_only_what_is_missing(folder, root):
    data = os.urandom(2 * BLOCK + 17)
    (folder / "f").write_bytes(data)
    member = freeze(root, ["f"]).members[0]
    running = RunningCrc(BLOCK, zlib.crc32(data[:BLOCK]))
    fd = root.open("f")
    try:
        running.catch_up(fd, member, len(data), lambda: False)
        assert running.value == zlib.crc32(data)
        with pytest.raises(TransferError) as caught:
            RunningCrc().catch_up(fd, member, 1, lambda: True)
        assert caught.value.code == "cancelled"
        (folder / "f").write_bytes(data + b"!")
        with pytest.raises(TransferError) as caught:
            RunningCrc().catch_up(fd, member, 1, lambda: False)
        assert caught.value.code == "changed"
    finally:
        os.close(fd)


def test_the_cache_forgets_the_least_recently_used():
    cache = CrcCache(limit=2)
    cache.whole.put((1, 1, 1, 1, 1), 10)
    cache.whole.put((2, 2, 2, 2, 2), 20)
    assert cache.whole.get((1, 1, 1, 1, 1)) == 10
    cache.whole.put((3, 3, 3, 3, 3), 30)
    assert cache.whole.get((2, 2, 2, 2, 2)) is None
    assert cache.whole.get((1, 1, 1, 1, 1)) == 10
