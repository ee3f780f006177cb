"""The pump between a reader in threads and a socket on the loop."""

from __future__ import annotations

import asyncio
import os

import pytest

from jupyter_transfer.archives.crc import CrcCache
from jupyter_transfer.archives.manifest import Member, freeze, identity_of
from jupyter_transfer.archives.stream import BLOCK, ArchiveSource, FileSource, pump
from jupyter_transfer.archives.zip_layout import ZipLayout
from jupyter_transfer.archives.zip_reader import ZipReader
from jupyter_transfer.errors import TransferError

SIZE = 5 * BLOCK + 123


class GoneError(Exception):
    """The other side has closed the connection."""


class Sink:
    """A browser that keeps what it gets, and can be slow or leave."""

    def __init__(self, leaves_after: int = SIZE * 2, slow: bool = False) -> None:
        self.data = bytearray()
        self._leaves_after = leaves_after
        self._slow = slow

    async def write(self, block: memoryview) -> None:
        if self._slow:
            await asyncio.sleep(0.01)
        self.data += block
        if len(self.data) >= self._leaves_after:
            raise GoneError


@pytest.fixture
def content(folder) -> bytes:
    data = os.urandom(SIZE)
    (folder / "f").write_bytes(data)
    return data


@pytest.fixture
def source(root):
    """A source of the file ``f`` from a start."""

    def make(start: int = 0) -> FileSource:
        fd = root.open("f")
        return FileSource(fd, Member("f", "f", 0o644, identity_of(os.fstat(fd))), start)

    return make


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("start", [0, 1, BLOCK, SIZE - 1, SIZE])
@pytest.mark.parametrize("slow", [False, True])
async def test_all_bytes_in_order(content, source, start, slow):
    sink = Sink(slow=slow)
    moved: list[int] = []
    await pump(source(start), sink.write, SIZE - start, moved.append)
    assert bytes(sink.data) == content[start:]
    assert sum(moved) == SIZE - start


async def test_nothing_is_read_or_kept_open_after_a_disconnect(content, source, monkeypatch):
    reads: list[int] = []
    original = Member.read

    def counting(self, fd, buffer, position):
        reads.append(position)
        return original(self, fd, buffer, position)

    monkeypatch.setattr(Member, "read", counting)
    before = descriptors()
    with pytest.raises(GoneError):
        await pump(source(), Sink(leaves_after=1).write, SIZE, lambda count: None)
    assert descriptors() == before
    # The block that was sent and the one that was read ahead.
    assert reads == [0, BLOCK]


async def test_a_slow_browser_holds_back_the_reader(content, source, monkeypatch):
    reads: list[int] = []
    original = Member.read

    def counting(self, fd, buffer, position):
        reads.append(position)
        return original(self, fd, buffer, position)

    monkeypatch.setattr(Member, "read", counting)
    go_on = asyncio.Event()

    async def write(block: memoryview) -> None:
        await go_on.wait()

    task = asyncio.ensure_future(pump(source(), write, SIZE, lambda count: None))
    await asyncio.sleep(0.1)
    assert reads == [0, BLOCK]
    go_on.set()
    await task
    assert len(reads) == 6


async def test_a_file_that_changes_while_it_is_sent(content, source, folder):
    before = descriptors()
    sent = bytearray()

    async def write(block: memoryview) -> None:
        sent.extend(block)
        if len(sent) == 2 * BLOCK:
            (folder / "f").write_bytes(bytes(SIZE))

    with pytest.raises(TransferError) as caught:
        await pump(source(), write, SIZE, lambda count: None)
    assert caught.value.code == "changed"
    assert len(sent) < SIZE
    assert content.startswith(bytes(sent))
    assert descriptors() == before


async def test_an_archive(content, root, produce):
    layout = ZipLayout(freeze(root, ["f"]))
    sink = Sink()
    reader = ZipReader(root, layout, CrcCache())
    await pump(ArchiveSource(reader), sink.write, layout.size, lambda count: None)
    assert bytes(sink.data) == produce(layout)
