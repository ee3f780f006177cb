"""Reading the members of a tar stream that is still arriving."""

from __future__ import annotations

import contextlib
import random
import tarfile
from collections.abc import Iterable

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.uploads.tarstream import TarReader

from .tars import tar


def reader(data: bytes, position: int = 0) -> TarReader:
    return TarReader(lambda start, size: data[start : start + size], position)


def read(data: bytes, limits: Iterable[int] = (), *, anew: bool = False) -> list[tuple]:
    """Name, kind, content and mtime of all members, of which ever more has arrived; with `anew`
    each time by a reader that knows nothing but where the one before stood."""
    stream, found = reader(data), []
    for limit in [*limits, len(data)]:
        while (member := stream.next(limit, len(data))) is not None:
            assert member.end == stream.position <= limit
            content = stream.read(member.data, member.size, limit)
            found.append((member.name, member.kind, content, member.mtime_ns))
        if anew and not stream.ended:
            stream = reader(data, stream.position)
    assert stream.ended
    return found


LONG = "d" * 90 + "/" + "数据" * 40 + ".txt"
ARCHIVE = tar(
    ("a.txt", b"hello", {"mtime": 1}),
    ("empty", b"", {"mtime": 2}),
    (LONG, b"x" * 700, {"mtime": 1700000000.123456}),
    ("folder/", None),
    ("block", b"y" * 512),
)
MEMBERS = [
    ("a.txt", "file", b"hello", 10**9),
    ("empty", "file", b"", 2 * 10**9),
    (LONG, "file", b"x" * 700, 1_700_000_000_123_456_000),
    ("folder/", "folder", b"", 0),
    ("block", "file", b"y" * 512, 0),
]


def test_what_an_archive_holds():
    assert read(ARCHIVE) == MEMBERS


@pytest.mark.parametrize("anew", [False, True])
def test_whatever_has_arrived(anew):
    for limit in range(0, len(ARCHIVE), 3):
        assert read(ARCHIVE, [limit], anew=anew) == MEMBERS
    assert read(ARCHIVE, range(len(ARCHIVE)), anew=anew) == MEMBERS


def test_a_member_is_not_told_of_before_its_last_byte_is_there():
    stream = reader(ARCHIVE)
    assert stream.next(1023, len(ARCHIVE)) is None
    assert stream.next(1024, len(ARCHIVE)).name == "a.txt"


def test_bytes_that_came_instead_of_others_are_seen():
    data = bytearray(ARCHIVE)
    stream = TarReader(lambda start, size: bytes(data[start : start + size]))
    data[512] = 0
    assert stream.read(512, 5, 1024) == b"\0ello"
    data[512:517] = b"jello"
    stream.seek(0)
    assert stream.read(512, 5, 1024) == b"jello"


def test_our_own_records():
    data = tar(
        ("a", b"x", {"pax_headers": {"TRANSFER.sha256": "AB" * 32, "TRANSFER.conflict": "skip"}}),
        ("b", b"x"),
    )
    stream = reader(data)
    first, second = (stream.next(len(data), len(data)) for _ in range(2))
    assert (first.sha256, first.conflict) == ("ab" * 32, "skip")
    assert (second.sha256, second.conflict) == (None, None)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"pax_headers": {"TRANSFER.sha256": "ab"}}, "bad_request"),
        ({"pax_headers": {"TRANSFER.conflict": "maybe"}}, "bad_request"),
        ({"pax_headers": {"mtime": "1e3"}}, "bad_request"),
        ({"pax_headers": {"mtime": "99999999999999"}}, "bad_request"),
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "not_a_file"),
        ({"type": tarfile.LNKTYPE, "linkname": "b"}, "not_a_file"),
        ({"type": tarfile.CHRTYPE}, "not_a_file"),
        ({"type": tarfile.BLKTYPE}, "not_a_file"),
        ({"type": tarfile.FIFOTYPE}, "not_a_file"),
    ],
)
def test_what_cannot_be_taken_says_why_and_the_next_one_is_read(attributes, code):
    data = tar(("a", b"", attributes), ("b", b"x"))
    stream = reader(data)
    first, second = (stream.next(len(data), len(data)) for _ in range(2))
    assert first.error.code == code
    assert (second.name, second.error) == ("b", None)


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_names(format):
    names = ["d" * 99 + "/" + "e" * 90, "é", "a b", "ü/x"]
    assert [name for name, *_ in read(tar(*((n, b"") for n in names), format=format))] == names


def test_times():
    times = [(-1.5, -1_500_000_000), (0, 0), (1.25, 1_250_000_000), (2**33, 2**33 * 10**9)]
    data = tar(*((f"f{n}", b"", {"mtime": time}) for n, (time, _) in enumerate(times)))
    assert [mtime for *_, mtime in read(data)] == [ns for _, ns in times]
    data = tar(("a", b"", {"pax_headers": {"mtime": "1.0000000019"}}))
    assert read(data)[0][3] == 1_000_000_001


def test_large_sizes():
    info = tarfile.TarInfo("big")
    info.size = 2**40
    head = info.tobuf(tarfile.PAX_FORMAT)
    assert reader(head).next(len(head), None) is None
    with pytest.raises(TransferError) as caught:
        reader(head).next(len(head), 2**40)  # not with its header
    assert caught.value.code == "bad_request"
    info.size = 2**33
    binary = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    binary[257:265] = b"ustar\x0000"
    binary[148:156] = b"        "
    binary[148:156] = b"%06o\0 " % sum(binary)
    total = 2**33 + 512
    assert TarReader(lambda *_: bytes(binary)).next(total, None).size == 2**33


def damaged(at: int, byte: int) -> bytes:
    data = bytearray(ARCHIVE)
    data[at] = byte
    return bytes(data)


def head(**fields: bytes) -> bytes:
    """A header block with `fields` (size, kind) and a right checksum."""
    block = bytearray(tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = fields.get("size", b"00000000000\0")
    block[156:157] = fields.get("kind", b"0")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    "data",
    [
        b"\1" * 512,
        damaged(0, 66),
        head(size=b"\xff" * 12),
        head(size=b"0000000000x\0"),
        head(size=b"\x80" + b"\x7f" * 11),
        head(kind=b"x", size=b"00000000000\0"),
        head(kind=b"x", size=b"00001000000\0"),
        head(kind=b"x", size=b"00000000010\0") + b"9 path=a".ljust(512, b"\0"),
        head(kind=b"x", size=b"00000000010\0") + b"99 path=".ljust(512, b"\0"),
        head(kind=b"x", size=b"00000000010\0") + b"garbage!".ljust(512, b"\0"),
        head(kind=b"x", size=b"00000000013\0") + b"11 size=-1\n".ljust(512, b"\0") + head(),
        head(kind=b"L", size=b"00000000010\0"),
        head(kind=b"Z"),
        head(kind=b"S"),
        bytes(512) + head(),
        bytes(512),
        head(),
        head(size=b"00000001001\0") + bytes(1536),
        tar(("a" * 150, b""), format=tarfile.GNU_FORMAT),
    ],
)
def test_nonsense(data):
    with pytest.raises(TransferError) as caught:
        read(data)
    assert caught.value.code == "bad_request"


def test_random_garbage_never_hangs_or_breaks():
    chance = random.Random(11)
    for _ in range(1000):
        data = bytearray(ARCHIVE)
        for _ in range(chance.randrange(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        stream = reader(bytes(data))
        with contextlib.suppress(TransferError):
            while (member := stream.next(len(data), len(data))) is not None:
                assert 0 <= member.data <= member.end <= len(data)
