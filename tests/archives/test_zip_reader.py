"""Every byte of the archive from any offset, and never a byte of a changed file."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from jupyter_transfer.archives import zip_layout, zip_reader
from jupyter_transfer.archives.crc import CrcCache, RunningCrc
from jupyter_transfer.archives.manifest import Member, freeze
from jupyter_transfer.archives.zip_layout import ZipLayout
from jupyter_transfer.archives.zip_reader import ZipReader
from jupyter_transfer.errors import TransferError


@pytest.fixture
def layout(folder: Path, root, monkeypatch) -> ZipLayout:
    """A small, a medium and a large file: one of each way to be sent."""
    monkeypatch.setattr(zip_reader, "SMALL", 100)
    monkeypatch.setattr(zip_layout, "CRC_AHEAD", 5000)
    (folder / "p" / "z").mkdir(parents=True)
    (folder / "p" / "a").write_bytes(os.urandom(60))
    (folder / "p" / "b").write_bytes(os.urandom(3000))
    (folder / "p" / "c").write_bytes(os.urandom(9000))
    (folder / "p" / "d").write_bytes(b"")
    return ZipLayout(freeze(root, ["p"]))


def test_from_every_offset(layout, produce):
    whole = produce(layout)
    for start in range(layout.size):
        end = min(layout.size, start + 40)
        assert produce(layout, start, end) == whole[start:end]
    rng = random.Random(7)
    for _ in range(100):
        start = rng.randrange(layout.size)
        end = rng.randrange(start, layout.size + 1)
        assert produce(layout, start, end) == whole[start:end]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_any_size_of_buffer(layout, produce, root, size):
    reader = ZipReader(root, layout, CrcCache())
    parts = []
    buffer = bytearray(size)
    while count := reader.read_into(memoryview(buffer)):
        parts.append(bytes(buffer[:count]))
    assert {len(part) for part in parts[:-1]} == {size}
    assert b"".join(parts) == produce(layout)


def test_a_resumed_archive_reads_nothing_twice(layout, produce, root, monkeypatch):
    whole = produce(layout)
    cache = CrcCache()
    cut = layout.offsets[3] + 4000  # in the middle of the large file
    assert produce(layout, 0, cut, cache) == whole[:cut]
    read: list[tuple[str, int]] = []
    original = Member.read

    def counting(self, fd, buffer, position):
        count = original(self, fd, buffer, position)
        read.append((self.name, count))
        return count

    monkeypatch.setattr(Member, "read", counting)
    assert produce(layout, cut - 500, None, cache) == whole[cut - 500 :]
    of_large = sum(count for name, count in read if name == "p/c")
    position_in_file = (
        cut - 500 - layout.offsets[3] - len(zip_layout.local_header(layout.manifest.members[3], 0))
    )
    assert of_large == 9000 - position_in_file
    assert not any(name == "p/b" for name, _ in read)


@pytest.mark.parametrize("name", ["a", "b", "c"])
@pytest.mark.parametrize(
    "change", ["grow", "shrink", "touch", "rewrite", "remove", "replace", "link", "fifo"]
)
def test_a_changed_file_ends_it(layout, root, folder, tmp_path, name, change):
    reader = ZipReader(root, layout, CrcCache())
    before = layout.offsets[[m.name for m in layout.manifest.members].index(f"p/{name}")]
    assert reader.read_into(memoryview(bytearray(before))) == before
    path = folder / "p" / name
    content = path.read_bytes()
    if change == "grow":
        path.write_bytes(content + b"x")
    elif change == "shrink":
        path.write_bytes(content[:-1])
    elif change == "touch":
        os.utime(path, ns=(1, 1))
    elif change == "rewrite":
        before_ns = path.stat().st_mtime_ns
        path.write_bytes(bytes(len(content)))
        os.utime(path, ns=(before_ns, before_ns))
    else:
        path.unlink()
        if change == "replace":
            path.write_bytes(content)
        elif change == "link":
            (tmp_path / "outside").write_bytes(content)
            path.symlink_to(tmp_path / "outside")
        elif change == "fifo":
            os.mkfifo(path)
    with pytest.raises(TransferError) as caught:
        reader.read_into(memoryview(bytearray(layout.size)))
    reader.close()
    assert caught.value.code == "changed"
    assert str(tmp_path) not in caught.value.message


def test_a_file_that_changes_between_two_reads(layout, root, folder):
    reader = ZipReader(root, layout, CrcCache())
    first = layout.offsets[3] + 5000
    assert reader.read_into(memoryview(bytearray(first))) == first
    with open(folder / "p" / "c", "r+b") as file:
        file.seek(8000)
        file.write(b"changed")
    os.utime(folder / "p" / "c")
    with pytest.raises(TransferError) as caught:
        reader.read_into(memoryview(bytearray(100)))
    reader.close()
    assert caught.value.code == "changed"


def test_it_stops_when_nobody_waits(layout, root):
    reader = ZipReader(root, layout, CrcCache(), stopped=lambda: True)
    with pytest.raises(TransferError) as caught:
        reader.read_into(memoryview(bytearray(10)))
    reader.close()
    assert caught.value.code == "cancelled"


def test_no_descriptor_stays_open(layout, root):
    def open_files():
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    for start in (0, layout.offsets[2] + 200, layout.offsets[3] + 200):
        reader = ZipReader(root, layout, CrcCache(), start=start)
        reader.read_into(memoryview(bytearray(150)))
        reader.close()
    assert open_files() == before


def test_what_is_kept_of_a_cut_file_is_its_true_sum(layout, root, folder):
    cache = CrcCache()
    reader = ZipReader(root, layout, cache)
    reader.read_into(memoryview(bytearray(layout.offsets[3] + 2000)))
    reader.close()
    kept = cache.partial.get(layout.manifest.members[3].identity)
    assert kept is not None
    position, value = kept
    expected = RunningCrc()
    expected.feed(0, memoryview((folder / "p" / "c").read_bytes()[:position]))
    assert 0 < position <= 2000
    assert value == expected.value
