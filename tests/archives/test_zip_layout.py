"""The layout against readers that are not ours: zipfile, unzip, 7z and bsdtar."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from jupyter_transfer.archives import zip_layout, zip_reader
from jupyter_transfer.archives.manifest import Manifest, Member, freeze
from jupyter_transfer.archives.zip_layout import (
    CRC_AHEAD,
    ZipLayout,
    central_header,
    descriptor,
    local_header,
)

NOON_2024 = 1_709_294_400 * 10**9  # 2024-03-01T12:00:00Z


def file(name: str, size: int, mtime_ns: int = NOON_2024) -> Member:
    return Member(name, name, 0o644, (1, 2, size, mtime_ns, mtime_ns))


def manifest(*members: Member) -> Manifest:
    return Manifest(members, (), 0)


def archive_of(layout: ZipLayout, content: bytes = b"") -> bytes:
    """The archive of files that all have `content`."""
    crc = zlib.crc32(content)
    out = bytearray()
    for member in layout.manifest.members:
        out += local_header(member, crc) + content + descriptor(member, crc)
    for member, offset in zip(layout.manifest.members, layout.offsets, strict=True):
        out += central_header(member, crc, offset)
    return bytes(out + layout.end())


def check_with_tools(archive: Path) -> None:
    """Every unpacker that is installed must find the archive whole."""
    tools = {
        "unzip": ["unzip", "-tqq", archive],
        "7z": ["7z", "t", "-bso0", "-bsp0", archive],
        "bsdtar": ["bsdtar", "-xOf", archive],
    }
    for name, command in tools.items():
        if shutil.which(name):
            done = subprocess.run(command, capture_output=True, check=False)
            assert done.returncode == 0, (name, done.stdout[-500:], done.stderr[-500:])


def test_more_entries_than_16_bits_count(tmp_path):
    layout = ZipLayout(manifest(*(file(f"f{n}", 0) for n in range(70_000))))
    data = archive_of(layout)
    assert len(data) == layout.size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000
        assert archive.infolist()[69_999].header_offset == layout.offsets[69_999]
    (tmp_path / "many.zip").write_bytes(data)
    check_with_tools(tmp_path / "many.zip")


def test_exactly_65535_entries_need_zip64():
    few = ZipLayout(manifest(*(file(f"f{n:05}", 0) for n in range(0xFFFE))))
    many = ZipLayout(manifest(*(file(f"f{n:05}", 0) for n in range(0xFFFF))))
    assert len(few.end()) == 22
    assert len(many.end()) == 22 + 56 + 20
    with zipfile.ZipFile(io.BytesIO(archive_of(many))) as archive:
        assert len(archive.namelist()) == 0xFFFF


@pytest.mark.parametrize(
    ("size", "zip64"), [(0xFFFFFFFE, False), (0xFFFFFFFF, True), (0x100000000, True)]
)
def test_zip64_by_size_alone(size, zip64):
    member = file("big", size)
    local, central = local_header(member, 7), central_header(member, 7, 0)
    field = struct.pack("<HHQQ", 1, 16, size, size)
    assert (field in local) is zip64
    assert (field in central) is zip64
    assert len(descriptor(member, 7)) == (24 if zip64 else 16)
    assert struct.unpack_from("<H", local, 4)[0] == (45 if zip64 else 20)


@pytest.mark.parametrize(("offset", "zip64"), [(0xFFFFFFFE, False), (0xFFFFFFFF, True)])
def test_zip64_by_offset_alone(offset, zip64):
    central = central_header(file("late", 3), 7, offset)
    assert (struct.pack("<HHQ", 1, 8, offset) in central) is zip64
    assert struct.unpack_from("<I", central, 42)[0] == min(offset, 0xFFFFFFFF)


def test_crc_stands_ahead_up_to_the_limit_and_behind_above():
    small, large = file("s", CRC_AHEAD), file("l", CRC_AHEAD + 1)
    assert struct.unpack_from("<I", local_header(small, 0xABCD), 14)[0] == 0xABCD
    assert descriptor(small, 0xABCD) == b""
    assert struct.unpack_from("<I", local_header(large, 0xABCD), 14)[0] == 0
    assert struct.unpack_from("<I", descriptor(large, 0xABCD), 4)[0] == 0xABCD


@pytest.mark.parametrize(
    ("seconds", "date"),
    [
        (0, (1980, 1, 1, 0, 0, 0)),
        (-(10**10), (1980, 1, 1, 0, 0, 0)),
        (1_709_294_401, (2024, 3, 1, 12, 0, 0)),
        (2**31 + 1, (2038, 1, 19, 3, 14, 8)),
        (10**10, (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_times_before_1980_after_2038_and_after_2107(seconds, date):
    layout = ZipLayout(manifest(file("f", 0, seconds * 10**9 + 5)))
    data = archive_of(layout)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.infolist()[0]
    assert info.date_time == date
    unix = struct.pack("<HHBi", 0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""
    assert info.extra == unix


def test_an_empty_archive_is_one():
    with zipfile.ZipFile(io.BytesIO(archive_of(ZipLayout(manifest())))) as archive:
        assert archive.namelist() == []


def test_etag_tells_every_difference():
    one = file("f", 5)
    others = [
        file("g", 5),
        file("f", 6),
        file("f", 5, NOON_2024 + 1),
        Member("f", "f", 0o755, one.identity),
        Member("f", "f", 0o644, (1, 3, 5, NOON_2024, NOON_2024)),
        Member("f", "f", 0o644, (*one.identity[:4], NOON_2024 + 1)),
    ]
    tags = {ZipLayout(manifest(member)).etag for member in [one, *others]}
    assert len(tags) == 7
    assert ZipLayout(manifest(file("f", 5))).etag == ZipLayout(manifest(one)).etag


def test_member_at_every_place():
    layout = ZipLayout(manifest(file("a", 10), file("b", 0), file("c", 10)))
    for index, offset in enumerate(layout.offsets):
        assert layout.member_at(offset) == index
        if offset:
            assert layout.member_at(offset - 1) == index - 1
    assert layout.member_at(layout.directory_offset) == 3
    assert layout.member_at(layout.size - 1) == 3


def test_real_files_in_all_unpackers(folder, root, produce, tmp_path, monkeypatch):
    monkeypatch.setattr(zip_layout, "CRC_AHEAD", 1_000_000)
    (folder / "data" / "empty").mkdir(parents=True)
    (folder / "data" / "none").write_bytes(b"")
    (folder / "data" / "café ☕ 数据.txt").write_text("unicode")
    (folder / "data" / "script").write_bytes(b"#!/bin/sh\n")
    os.chmod(folder / "data" / "script", 0o4755)
    (folder / "data" / "medium").write_bytes(os.urandom(700_000))
    (folder / "data" / "large").write_bytes(os.urandom(2_500_000))
    os.utime(folder / "data" / "large", (1_600_000_001, 1_600_000_001))
    layout = ZipLayout(freeze(root, ["data"]))
    archive = tmp_path / "a.zip"
    archive.write_bytes(produce(layout))
    assert archive.stat().st_size == layout.size
    check_with_tools(archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.getinfo("data/empty/").is_dir()
        # Of permissions only the plain bits: no setuid travels.
        assert opened.getinfo("data/script").external_attr >> 16 == 0o100755
        assert all(info.flag_bits & 0x800 for info in opened.infolist())
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-qq", archive, "-d", tmp_path / "out"], check=True)
        for path in (folder / "data").iterdir():
            if path.is_file():
                assert (tmp_path / "out" / "data" / path.name).read_bytes() == path.read_bytes()
        unpacked = tmp_path / "out" / "data" / "large"
        assert unpacked.stat().st_mtime == 1_600_000_001


def test_beyond_4_gib_with_a_sparse_file(folder, root, produce, tmp_path, monkeypatch):
    """The archive of a sparse file of 5 GiB, put together without reading its zeros."""
    size = 5 << 30
    with open(folder / "sparse", "wb") as sparse:
        sparse.truncate(size)
    (folder / "tail").write_bytes(b"behind the limit")
    layout = ZipLayout(freeze(root, ["sparse", "tail"]))
    crc = crc_of_zeros(size)

    def no_reading(reader, index, fd=None):
        return crc if index == 0 else original(reader, index, fd)

    original = zip_reader.ZipReader._crc_of
    monkeypatch.setattr(zip_reader.ZipReader, "_crc_of", no_reading)
    first = layout.manifest.members[0]
    head = len(local_header(first, 0))
    with open(tmp_path / "big.zip", "wb") as out:
        out.write(local_header(first, 0))
        out.seek(head + size)
        out.write(descriptor(first, crc))
        assert out.tell() == layout.offsets[1] > 0xFFFFFFFF
        out.write(produce(layout, layout.offsets[1]))
        assert out.tell() == layout.size
    with zipfile.ZipFile(tmp_path / "big.zip") as archive:
        sparse_info, tail_info = archive.infolist()
        assert (sparse_info.file_size, sparse_info.CRC) == (size, crc)
        assert tail_info.header_offset == layout.offsets[1]
        assert archive.read("tail") == b"behind the limit"
        with archive.open("sparse") as member:
            assert member.read(1 << 16) == bytes(1 << 16)
    if shutil.which("7z"):
        listed = subprocess.run(
            ["7z", "l", "-slt", tmp_path / "big.zip"], capture_output=True, check=True, text=True
        ).stdout
        assert f"Size = {size}" in listed
        assert "Warnings" not in listed
        assert "Errors" not in listed
    if shutil.which("unzip"):
        done = subprocess.run(
            ["unzip", "-tqq", tmp_path / "big.zip", "tail"], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def crc_of_zeros(count: int) -> int:
    """CRC-32 of `count` zero bytes, by squaring the matrix that one zero byte is."""
    step = [0] * 32
    for bit in range(32):
        value = 1 << bit
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        step[bit] = value

    def times(matrix: list[int], vector: int) -> int:
        product = 0
        for bit, column in enumerate(matrix):
            if vector >> bit & 1:
                product ^= column
        return product

    state = 0xFFFFFFFF
    while count:
        if count & 1:
            state = times(step, state)
        step = [times(step, column) for column in step]
        count >>= 1
    return state ^ 0xFFFFFFFF
