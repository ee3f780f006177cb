"""Archives that were made to do harm, and damaged ones: nothing outside of the folder, no half
file, no disk that fills up, and every entry that can be taken is."""

from __future__ import annotations

import random
import struct
import tarfile
import tracemalloc
import zlib

import pytest

from jupyter_transfer.archives import extractlimits, tar_input

from ..archives.making import (
    COMPRESS,
    FORMATS,
    LINK_MODE,
    Entry,
    archive,
    deflated,
    info,
    link,
    tar,
    zipped,
)
from ..servers.chaos import noise
from .test_extract import codes, contents, extract, put

GOOD = {"good": b"good", "in/good": b"too"}


def around(harness):
    """What stands outside of the folder that is extracted to."""
    files = {p: p.read_bytes() for p in harness.folder.parent.rglob("*") if p.is_file()}
    out = harness.folder / "out"
    return {p: data for p, data in files.items() if not p.is_relative_to(out)}


NAMES = {
    "../up": "invalid_path",
    "a/../../up": "invalid_path",
    "a/..": "invalid_path",
    "..": "invalid_path",
    "/etc/absolute": "invalid_path",
    "//server/share": "invalid_path",
    "a//b": "invalid_path",
    "a/./b": "invalid_path",
    "C:\\windows": "invalid_path",
    "C:/windows": "invalid_path",
    "c:drive": "invalid_path",
    "..\\up": "invalid_path",
    "a\\b": "invalid_path",
    "x\x1b[2J": "invalid_path",
    "new\nline": "invalid_path",
    "gpj.\u202eexe": "invalid_path",
    "n" * 256: "invalid_path",
    "/".join(["d" * 200] * 30): "invalid_path",
    ".hidden": "hidden_path",
    ".jupyter-transfer/x": "hidden_path",
}


@pytest.mark.parametrize("format", ["zip", "tar"])
def test_names_that_lead_anywhere_else(harness, format):
    """Each is told with its error, and the others are there."""
    put(harness, "beside", b"beside")
    if format == "zip":
        names = {**NAMES, "nul\0.txt": "invalid_path", "": "invalid_path"}
        entries = [Entry(name.encode(), b"bad", flags=0x800) for name in names]
        data = zipped([*entries, *(Entry(k.encode(), v) for k, v in GOOD.items())])
    else:
        names = NAMES
        made = [info(name, b"bad") for name in names]
        data = tar([*made, *(info(k, v) for k, v in GOOD.items())])
    put(harness, "x.archive", data)
    before = around(harness)
    outcome = extract(harness)
    assert (outcome.state, outcome.error.code) == ("failed", "invalid_path")
    assert around(harness) == before
    assert contents(harness.folder / "out") == GOOD
    told = [row["error"]["code"] for row in harness.report.files if row["error"]]
    assert told == list(names.values())


def test_a_name_that_is_no_unicode(harness):
    data = zipped([Entry(b"\xff\xfe\xfd", b"1", flags=0x800), Entry(b"good", b"2")])
    assert extract(harness, data).state == "done"
    assert set(contents(harness.folder / "out")) == {"\ufffd\ufffd\ufffd", "good"}


def test_nothing_is_written_through_links(harness):
    """Also not through those of the shapes of CVE-2025-4517, CVE-2025-4330 and CVE-2026-11940."""
    outside = harness.folder.parent / "outside"
    outside.mkdir()
    (outside / "flag").write_bytes(b"flag")
    long = "d" * 247
    steps, chain = "", []
    for letter in "abcdefghijklmnop":
        chain.append(info(steps + long, type=tarfile.DIRTYPE))
        chain.append(link(steps + letter, long))
        steps += letter + "/"
    deep = [
        *chain,
        link(steps + "l" * 200, "../" * 16),
        link("escape", steps + "l" * 200 + "/../.."),
    ]
    shapes = {
        "file": [link("l", "../../outside/flag"), info("l", b"bad")],
        "folder": [link("l", "../../outside"), info("l/flag", b"bad"), info("l/new", b"bad")],
        "absolute": [link("l", str(outside)), info("l/flag", b"bad")],
        "hard": [link("l", "../../outside/flag", tarfile.LNKTYPE), info("l", b"bad")],
        "hard to soft": [
            link("a/b", "../../../outside/flag"),
            link("c", "a/b", tarfile.LNKTYPE),
            info("c", b"bad"),
        ],
        "two steps": [link("a", "."), link("a/b", ".."), info("a/b/outside/flag", b"bad")],
        "4517": [
            *deep,
            link("newlink", "escape/outside/flag", tarfile.LNKTYPE),
            info("newlink", b"bad"),
        ],
    }
    for name, entries in shapes.items():
        extract(harness, tar([*entries, info("good", b"1")]), to=f"out/{name}")
        out = harness.folder / "out" / name
        assert (out / "good").read_bytes() == b"1", name
        assert not any(path.is_symlink() for path in out.rglob("*")), name
        assert b"flag" not in contents(out).values(), name
    assert contents(outside) == {"flag": b"flag"}
    entries = [
        Entry(b"l", b"../../outside", mode=LINK_MODE),
        Entry(b"l/flag", b"bad"),
    ]
    extract(harness, zipped(entries), to="zipped")
    assert contents(outside) == {"flag": b"flag"}


def test_links_that_stand_there_already_lead_nowhere_outside(harness):
    outside = harness.folder.parent / "outside"
    outside.mkdir()
    (harness.folder / "out").mkdir()
    (harness.folder / "out" / "l").symlink_to(outside)
    (harness.folder / "out" / "f").symlink_to(outside / "file")
    data = archive("zip", {"l/x": b"bad", "f": b"bad", "good": b"1"})
    assert extract(harness, data, conflict="overwrite").state == "failed"
    assert list(outside.iterdir()) == []
    assert (harness.folder / "out" / "good").read_bytes() == b"1"
    assert (harness.folder / "out" / "f").is_symlink()
    assert codes(harness) == {"out/l/x": "invalid_path", "out/f": "invalid_path"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_devices_and_pipes(harness, kind):
    data = tar([info("device", type=kind), info("good", b"1")])
    extract(harness, data)
    found = contents(harness.folder / "out")
    assert found["good"] == b"1"
    if kind != b"Z":  # POSIX: what is of an unknown kind is a file
        assert set(found) == {"good"}
        assert codes(harness) == {"out/device": "not_a_file"}


def test_a_file_in_the_way_of_a_folder(harness):
    data = tar([info("a", b"file"), info("a/b", b"below"), info("c", b"3")])
    assert extract(harness, data).state == "failed"
    assert contents(harness.folder / "out") == {"a": b"file", "c": b"3"}


# ---- bombs ----


def test_entries_that_overlap(harness):
    """Fifield's shape: many entries over the same bytes."""
    packed = deflated(bytes(1000))
    one = Entry(b"a", bytes(1000), packed=packed)
    shared = [
        Entry(b"b", bytes(1000), packed=packed, local_name=b"a", offset=0),
        Entry(b"c", bytes(1000), packed=packed, local_name=b"a", offset=3),
    ]
    for other in shared:
        outcome = extract(harness, zipped([one, other]))
        assert outcome.error.code == "bad_archive"
        assert not (harness.folder / "out").exists()


def test_a_long_extra_field_does_not_hide_an_overlap(harness):
    data = zipped([Entry(b"a", b"1", local_extra=bytes(60_000)), Entry(b"b", b"2")])
    assert extract(harness, data, to="fine").state == "done"
    body = bytearray(data)
    body[28:30] = struct.pack("<H", 65_000)  # into the next entry
    assert extract(harness, bytes(body)).state == "failed"
    assert contents(harness.folder / "out") == {"b": b"2"}


@pytest.mark.parametrize("format", ["zip", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_more_than_so_many_times_the_archive(harness, monkeypatch, format):
    monkeypatch.setattr(extractlimits, "UNSUSPICIOUS", 1 << 20)
    data = archive(format, {"a": bytes(4 << 20), "b": bytes(4 << 20)})
    outcome = extract(harness, data)
    assert outcome.error.code == "limit_reached"
    assert outcome.error.detail == {"option": "max_ratio"}
    assert "b" not in contents(harness.folder / "out")
    assert extract(harness, max_ratio=1_000_000, to="trusted").state == "done"


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_how_many_and_how_much(harness, format):
    data = archive(format, {f"f{number}": bytes(1000) for number in range(20)})
    outcome = extract(harness, data, max_files=19)
    assert (outcome.error.code, outcome.error.detail) == ("limit_reached", {"option": "max_files"})
    outcome = extract(harness, data, max_bytes=19_999, to="more")
    assert (outcome.error.code, outcome.error.detail) == ("limit_reached", {"option": "max_bytes"})
    assert extract(harness, data, max_files=20, max_bytes=20_000, to="ok").state == "done"


def test_links_count_as_what_they_become(harness):
    data = tar([info("a", bytes(10_000)), *(link(f"l{number}", "a") for number in range(9))])
    outcome = extract(harness, data, max_bytes=50_000)
    assert outcome.error.detail == {"option": "max_bytes"}


def test_a_size_that_is_a_lie(harness):
    lies = [
        Entry(b"less", bytes(1 << 20), size=10),
        Entry(b"none", bytes(1 << 20), size=0),
        Entry(b"more", b"1234", size=5),
        Entry(b"stored", b"1234", method=0, size=5),
        Entry(b"crc", b"1234", crc=5),
        Entry(b"good", b"1"),
    ]
    assert extract(harness, zipped(lies)).state == "failed"
    assert contents(harness.folder / "out") == {"good": b"1"}
    assert set(codes(harness).values()) == {"bad_archive"}
    assert len(codes(harness)) == 5


def test_a_size_that_nobody_has(harness):
    extra = struct.pack("<HHQ", 1, 8, 2**63 - 1)
    outcome = extract(harness, zipped([Entry(b"a", b"1", size=0xFFFFFFFF, extra=extra)]))
    assert outcome.error.code == "limit_reached"
    assert not (harness.folder / "out").exists()


def test_headers_are_bounded(harness):
    """An extended header of a gigabyte, made of a few kilobytes."""
    one = tarfile.TarInfo("x")
    one.type, one.size = tarfile.XHDTYPE, 1 << 30
    data = COMPRESS["tar.gz"](one.tobuf(tarfile.USTAR_FORMAT) + bytes(64 << 20))
    tracemalloc.start()
    outcome = extract(harness, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome.error.code == "bad_archive"
    assert peak < 20 << 20


def test_the_headers_of_links_are_not_kept(harness):
    """Links wait for the end of the archive, and each may have a megabyte of headers."""
    large = {"comment": "x" * 500_000}
    links = [
        info(f"l{number}", type=tarfile.SYMTYPE, linkname="a", pax_headers=large)
        for number in range(60)
    ]
    data = COMPRESS["tar.gz"](tar([info("a", b"1"), *links]))
    tracemalloc.start()
    outcome = extract(harness, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome.state == "done"
    assert len(contents(harness.folder / "out")) == 61
    assert peak < 15 << 20


def test_global_headers_are_bounded_over_all_entries(harness, monkeypatch):
    def made(*headers):
        entry, make = tar([info("a")])[:512], tarfile.TarInfo.create_pax_global_header
        return b"".join(make(one) + entry for one in headers) + bytes(10_240)

    assert extract(harness, made({"comment": "x"}, {"comment": "y"}), to="fine").state == "failed"
    assert codes(harness) == {"fine/a": "exists"}  # of two entries of one name, and no more
    monkeypatch.setattr(tar_input, "MAX_HEADERS", 64 << 10)
    large = [{f"key{number}": "x" * 40_000} for number in range(2)]
    assert extract(harness, made(*large)).error.code == "bad_archive"
    many = [{f"key{one}.{number}": "x" for number in range(400)} for one in range(3)]
    assert extract(harness, made(*many), to="many").error.code == "bad_archive"


def test_a_list_of_holes_is_bounded(harness, monkeypatch):
    monkeypatch.setattr(tar_input, "MAX_HEADERS", 64 << 10)
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    data = tar([info("a", b"1000000\n" + b"1\n" * 200_000, pax_headers=headers), info("b", b"1")])
    outcome = extract(harness, data)
    assert outcome.error.code == "bad_archive"
    holes = {**headers, "GNU.sparse.name": "a"}
    data = tar([info("a", b"2\n8\n4\n0\n1\n".ljust(512, b"\0") + b"12345", pax_headers=holes)])
    assert extract(harness, data).state == "failed"
    assert contents(harness.folder / "out") == {}


def test_an_entry_that_leads_back(harness):
    """CVE-2025-8194: a negative size made `tarfile` read the same header for ever."""
    good = info("good", b"1")
    bad = tarfile.TarInfo("bad").tobuf(tarfile.GNU_FORMAT)
    negative = b"\xff" * 8 + struct.pack(">i", -1024)
    bad = bytearray(bad)
    bad[124:136] = negative
    bad[148:156] = b" " * 8
    bad[148:156] = b"%06o\0 " % sum(bad)
    outcome = extract(harness, tar([good])[:1024] + bytes(bad) + bytes(10_240))
    assert outcome.error.code == "bad_archive"
    assert contents(harness.folder / "out") == {"good": b"1"}


def test_very_many_extended_headers_in_a_row(harness):
    one = tarfile.TarInfo("x")
    one.type = tarfile.XHDTYPE
    data = one.tobuf(tarfile.USTAR_FORMAT) * 5000 + bytes(1024)
    assert extract(harness, data).error.code == "bad_archive"


# ---- damaged ----


def test_encrypted(harness):
    entries = [
        Entry(b"secret", b"1" * 30, flags=1),
        Entry(b"aes", b"2" * 30, method=99, packed=b"x" * 30),
        Entry(b"bzip2", b"2", method=12),
        Entry(b"good", b"1"),
    ]
    outcome = extract(harness, zipped(entries))
    assert (outcome.state, outcome.error.code) == ("failed", "encrypted")
    assert codes(harness) == {
        "out/secret": "encrypted",
        "out/aes": "encrypted",
        "out/bzip2": "bad_archive",
    }
    assert contents(harness.folder / "out") == {"good": b"1"}


def test_two_names_for_one_entry(harness):
    data = zipped([Entry(b"shown", b"1", local_name=b"other"), Entry(b"good", b"2")])
    assert extract(harness, data).state == "failed"
    assert contents(harness.folder / "out") == {"good": b"2"}
    assert codes(harness) == {"out/shown": "bad_archive"}


@pytest.mark.parametrize("format", FORMATS)
def test_one_that_ends_too_early(harness, format):
    """Wherever it is cut, the job fails, and what is there is whole."""
    files = {name: noise(2000, seed=seed) for seed, name in enumerate(["a", "b", "c"])}
    data = archive(format, files)
    for size in (600, len(data) // 2, len(data) - 30 if format != "tar" else 7168):
        folder = f"out/{size}"
        outcome = extract(harness, data[:size], to=folder)
        assert (outcome.state, outcome.error.code) == ("failed", "bad_archive"), size
        for name, content in contents(harness.folder / folder).items():
            assert content == files[name]
    assert extract(harness, data, to="whole").state == "done"


@pytest.mark.parametrize("format", ["tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_a_flipped_bit_of_a_stream(harness, format):
    data = bytearray(archive(format, {"a": b"1", "b": noise(9000)}))
    data[len(data) // 2] ^= 1
    outcome = extract(harness, bytes(data))
    assert outcome.error.code == "bad_archive"


@pytest.mark.parametrize("format", ["zip", "tar", "tar.gz"])
def test_whatever_the_bytes_are(harness, format):
    """Random damage is told as such: nothing unexpected, nothing outside, no wrong bytes."""
    files = {"a": noise(300), "d/b": b"text" * 100, "c": b""}
    whole, dice = archive(format, files), random.Random(7)
    put(harness, "beside", b"beside")
    for number in range(60):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 1, 2, 8])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if number % 7 == 0:
            del data[dice.randrange(len(data)) :]
        outcome = extract(harness, bytes(data), to=f"out/{number}")
        code = None if outcome.error is None else outcome.error.code
        assert code != "internal", number
        if format == "zip":
            for content in contents(harness.folder / f"out/{number}").values():
                assert zlib.crc32(content) in {zlib.crc32(one) for one in files.values()}
    assert set(contents(harness.folder.parent)) - {"root/beside", "root/x.archive"} == {
        f"root/out/{name}" for name in contents(harness.folder / "out")
    }


def test_the_directory_is_read_piece_by_piece(harness):
    """Many entries with long comments: more than a window, and records across its edge."""
    entries = [
        Entry(b"f%04d" % number, b"%d" % number, comment=noise(60_000, seed=number % 3))
        for number in range(50)
    ]
    assert extract(harness, zipped(entries)).state == "done"
    assert contents(harness.folder / "out") == {f"f{n:04}": b"%d" % n for n in range(50)}
