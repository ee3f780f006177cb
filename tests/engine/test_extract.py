"""Archives that become files: where they land, what is told of each, conflicts, names, links."""

from __future__ import annotations

import os
import struct
import subprocess
import tarfile
import time
import zlib

import pytest

from jupyter_transfer.engine.groups import Groups
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.run import JobRequest
from jupyter_transfer.errors import TransferError
from jupyter_transfer.paths import STAGING, Root

from ..archives.making import (
    FORMATS,
    LINK_MODE,
    MTIME,
    Entry,
    archive,
    deflated,
    info,
    link,
    tar,
    zipped,
)
from ..servers.chaos import noise

FILES = {
    "a.txt": b"alpha",
    "sub/": b"",
    "sub/b.bin": noise(70_000, seed=1),
    "sub/deep/\u4e2d\u6587.txt": "\u4e2d\u6587".encode(),
    "large.bin": noise(1_100_000, seed=2) + bytes(1_400_000),
    "empty": b"",
    "hollow/": b"",
}
CONTENTS = {name: data for name, data in FILES.items() if not name.endswith("/")}


def put(harness, name, data):
    path = harness.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def extract(harness, data=None, *, name="x.archive", to="out", **options):
    if data is not None:
        put(harness, name, data)
    harness.report.files.clear()
    return harness.run(name, to, kind="extract", **options)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(harness):
    return {file["path"]: file for file in harness.report.files}


def codes(harness):
    return {f["path"]: f["error"]["code"] for f in harness.report.files if f["error"]}


# ---- whole archives ----


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_in_it_becomes_files(harness, format):
    outcome = extract(harness, archive(format, FILES))
    assert (outcome.state, outcome.error) == ("done", None)
    assert contents(harness.folder / "out") == CONTENTS
    assert (harness.folder / "out" / "hollow").is_dir()
    assert not list(harness.folder.rglob(STAGING))
    told = rows(harness)
    assert set(told) == {f"out/{name}" for name in CONTENTS}
    for name, data in CONTENTS.items():
        row, status = told[f"out/{name}"], (harness.folder / "out" / name).stat()
        assert (row["state"], row["size"]) == ("done", len(data))
        assert row["mtime_ns"] == status.st_mtime_ns
        assert abs(status.st_mtime - MTIME) < 86_400
        proven = format == "zip"
        assert row["verified"] is (True if proven else None)
        assert row["digest"] == (f"crc32:{zlib.crc32(data):08x}" if proven else None)
    assert outcome.verified is (True if format == "zip" else None)
    last = harness.report.counts[-1]
    assert last["bytes_done"] == last["bytes_total"] == sum(map(len, CONTENTS.values()))
    assert last["files_done"] == last["files_total"] == len(CONTENTS)


@pytest.mark.parametrize("format", FORMATS)
def test_the_format_is_known_by_the_bytes(harness, format):
    assert extract(harness, archive(format, {"a": b"1"}), name="data.bin").state == "done"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("in/data.tar.gz", "in/data"),
        ("DATA.TGZ", "DATA"),
        ("p-1.2.zip", "p-1.2"),
        ("p-1.2.whl", "p-1.2"),
        ("plain", "plain extracted"),
    ],
)
def test_without_a_destination_it_gets_a_folder_beside_it(harness, name, folder):
    assert extract(harness, archive("zip", {"a": b"1"}), name=name, to="").state == "done"
    assert (harness.folder / folder / "a").read_bytes() == b"1"


def test_again_writes_nothing(harness):
    extract(harness, archive("zip", FILES))
    before = {p: p.stat().st_ino for p in (harness.folder / "out").rglob("*")}
    delivered = harness.delivered("x.archive")
    harness.report.files.clear()
    outcome = harness.run("x.archive", "out", kind="extract", delivered=delivered)
    assert outcome.state == "done"
    assert {row["state"] for row in harness.report.files} == {"present"}
    assert {p: p.stat().st_ino for p in (harness.folder / "out").rglob("*")} == before


def test_another_archive_of_that_name_replaces_what_nobody_touched(harness):
    extract(harness, archive("tar", {"a": b"old", "b": b"old"}))
    delivered = harness.delivered("x.archive")
    put(harness, "out/b", b"mine now")
    put(harness, "x.archive", archive("tar", {"a": b"newer", "b": b"newer"}))
    harness.report.files.clear()
    outcome = harness.run("x.archive", "out", kind="extract", delivered=delivered)
    assert outcome.state == "failed"
    assert contents(harness.folder / "out") == {"a": b"newer", "b": b"mine now"}
    assert codes(harness) == {"out/b": "exists"}


@pytest.mark.parametrize(
    ("conflict", "state", "a", "more"),
    [
        (None, "failed", b"mine", {}),
        ("fail", "failed", b"mine", {}),
        ("skip", "done", b"mine", {}),
        ("overwrite", "done", b"theirs", {}),
        ("rename", "done", b"mine", {"a (1)": b"theirs"}),
    ],
)
def test_what_is_there_already(harness, conflict, state, a, more):
    put(harness, "out/a", b"mine")
    options = {"conflict": conflict} if conflict else {}
    assert extract(harness, archive("zip", {"a": b"theirs", "b": b"2"}), **options).state == state
    assert contents(harness.folder / "out") == {"a": a, "b": b"2", **more}


def test_filters(harness):
    data = archive("tar.gz", {"a.csv": b"1", "b.txt": b"2", "c/d.csv": b"3", "e/": b""})
    assert extract(harness, data, include=["*.csv"]).state == "done"
    assert contents(harness.folder / "out") == {"a.csv": b"1", "c/d.csv": b"3"}
    assert not (harness.folder / "out" / "e").exists()


def test_what_runs_stays_so_and_nothing_else_of_the_mode(harness):
    data = tar([info("run", b"#!", mode=0o4755), info("plain", b"x", mode=0o666)])
    assert extract(harness, data).state == "done"
    modes = {p.name: p.stat().st_mode & 0o7777 for p in (harness.folder / "out").iterdir()}
    assert modes["run"] & 0o7100 == 0o100
    assert modes["plain"] & 0o7111 == 0


def test_times_of_every_kind(harness):
    data = tar([info("pax", b"1", pax_headers={"mtime": "1600000000.123456789"})])
    assert extract(harness, data, to="t").state == "done"
    assert (harness.folder / "t/pax").stat().st_mtime_ns == 1600000000_123456789
    unix = struct.pack("<HHBi", 0x5455, 5, 1, MTIME)
    ntfs = struct.pack("<HHIHHQQQ", 10, 32, 0, 1, 24, (MTIME + 11_644_473_600) * 10**7 + 5, 0, 0)
    made = zipped([Entry(b"unix", b"1", extra=unix), Entry(b"ntfs", b"2", extra=ntfs)])
    assert extract(harness, made, to="z").state == "done"
    assert (harness.folder / "z/unix").stat().st_mtime == MTIME
    assert (harness.folder / "z/ntfs").stat().st_mtime_ns == MTIME * 10**9 + 500


def test_holes_are_zeros(harness):
    path = harness.folder / "holes"
    with path.open("wb") as file:
        for position in (0, 3_000_000, 9_000_000):
            file.seek(position)
            file.write(b"data")
        file.truncate(10_000_000)
    for number, form in enumerate(["gnu", "pax"]):
        name = harness.folder / f"{form}.tar"
        command = ["tar", "-S", f"--format={form}", "-cf", name, "-C", harness.folder, "holes"]
        subprocess.run(command, check=True)
        assert name.stat().st_size < 1_000_000
        assert extract(harness, name=f"{form}.tar", to=f"out{number}").state == "done"
        assert (harness.folder / f"out{number}/holes").read_bytes() == path.read_bytes()


def test_a_gzip_of_several_streams_with_zeros_behind(harness):
    import gzip

    data = tar([info("a", noise(200_000)), info("b", b"2")])
    made = gzip.compress(data[:50_000]) + gzip.compress(data[50_000:]) + bytes(1000)
    assert extract(harness, made).state == "done"
    assert (harness.folder / "out/a").read_bytes() == noise(200_000)


def test_a_program_that_unpacks_itself(harness):
    data = zipped([Entry(b"a", b"1"), Entry(b"b", b"2")], before=b"#!/bin/sh\nexit\n" * 9)
    assert extract(harness, data).state == "done"
    assert contents(harness.folder / "out") == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("which", ["size", "offset"])
def test_zip64(harness, which):
    """What stands in the field of 64 bits counts, and only where that of 32 says so."""
    size = struct.pack("<HHQQ", 1, 16, 5, len(deflated(b"12345")))
    if which == "size":
        one = Entry(b"a", b"12345", size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=size)
        data = zipped([one])
    else:
        data = bytearray(zipped([Entry(b"a", b"12345", extra=struct.pack("<HHQ", 1, 8, 0))]))
        at = data.index(b"PK\1\2")
        data[at + 42 : at + 46] = b"\xff" * 4
    assert extract(harness, bytes(data)).state == "done"
    assert contents(harness.folder / "out") == {"a": b"12345"}


def test_zip64_ends(harness):
    data = zipped([Entry(b"a", b"1")])
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, end - start, start)
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    short = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    assert extract(harness, data[:end] + record + locator + short).state == "done"
    assert extract(harness, b"stub" + data[:end] + record + locator + short, to="s").state == "done"
    assert contents(harness.folder / "s") == {"a": b"1"}


# ---- names ----

CHINESE = "\u5b9e\u9a8c\u6570\u636e-\u7b2c1\u7248.csv"


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        ("\u6d4b\u8bd5/\u6570\u636e.csv".encode(), 0x800, "\u6d4b\u8bd5/\u6570\u636e.csv"),
        ("\u6d4b\u8bd5.csv".encode(), 0, "\u6d4b\u8bd5.csv"),
        (CHINESE.encode("gbk"), 0, CHINESE),
        ("M\u00fcller\u00e9.txt".encode("cp437"), 0, "M\u00fcller\u00e9.txt"),
        ("na\u00efve \u00c5.txt".encode("cp437"), 0, "na\u00efve \u00c5.txt"),
    ],
)
def test_names_that_do_not_say_what_they_are_in(harness, raw, flags, name):
    assert extract(harness, zipped([Entry(raw, b"1", flags=flags)])).state == "done"
    assert list(contents(harness.folder / "out")) == [name]


def test_a_person_may_say_what_names_are_in(harness):
    raw = "\u65e5\u672c.txt".encode("shift_jis")
    assert extract(harness, zipped([Entry(raw, b"1")]), encoding="shift_jis").state == "done"
    assert list(contents(harness.folder / "out")) == ["\u65e5\u672c.txt"]
    outcome = extract(harness, encoding="rot13")
    assert outcome.error.code == "bad_request"


def test_the_name_in_utf8_counts_if_it_is_that_of_the_entry(harness):
    def field(raw, name):
        value = struct.pack("<BI", 1, zlib.crc32(raw)) + name.encode()
        return struct.pack("<HH", 0x7075, len(value)) + value

    entries = [
        Entry(b"raw1", b"1", extra=field(b"raw1", "\u0416.txt")),
        Entry(b"raw2", b"2", extra=field(b"other", "wrong.txt")),
    ]
    assert extract(harness, zipped(entries)).state == "done"
    assert contents(harness.folder / "out") == {"\u0416.txt": b"1", "raw2": b"2"}


def test_what_macos_adds_for_itself_is_left_out(harness):
    data = archive("zip", {"a": b"1", "__MACOSX/._a": b"x", "__MACOSX/": b""})
    assert extract(harness, data).state == "done"
    assert contents(harness.folder / "out") == {"a": b"1"}


def test_the_dot_that_tar_writes_in_front(harness):
    data = tar([info("./", type=tarfile.DIRTYPE), info("./a", b"1"), info("././/b", b"2")])
    assert extract(harness, data).state == "done"
    assert contents(harness.folder / "out") == {"a": b"1", "b": b"2"}


def test_two_entries_of_one_name(harness):
    data = tar([info("a", b"first"), info("a", b"second"), info("b", b"2")])
    assert extract(harness, data).state == "failed"
    assert contents(harness.folder / "out") == {"a": b"first", "b": b"2"}
    assert codes(harness) == {"out/a": "exists"}


@pytest.mark.parametrize("names", [("Ab", "aB"), ("caf\u00e9", "cafe\u0301")])
def test_twins_to_a_disk_that_takes_them_for_one(harness, monkeypatch, names):
    data = archive("zip", {names[0]: b"1", names[1]: b"2"})
    assert extract(harness, data, to="apart").state == "done"
    assert len(contents(harness.folder / "apart")) == 2
    monkeypatch.setattr(Groups, "folding", lambda self: (True, True))
    assert extract(harness, to="together").state == "failed"
    assert contents(harness.folder / "together") == {names[0]: b"1"}
    assert codes(harness) == {f"together/{names[1]}": "exists"}


def test_hidden_names_as_the_server_has_them(harness):
    data = archive("zip", {".env": b"1", "a/.git/x": b"2", f"{STAGING}/y": b"3", "b": b"4"})
    assert extract(harness, data).state == "failed"
    assert contents(harness.folder / "out") == {"b": b"4"}
    assert set(codes(harness).values()) == {"hidden_path"}
    harness.root = Root(str(harness.folder), allow_hidden=True)
    assert extract(harness, to="all").state == "failed"
    assert set(codes(harness)) == {f"all/{STAGING}/y"}


# ---- links ----


def test_a_link_to_a_file_becomes_a_copy(harness):
    data = tar(
        [
            link("first", "dir/real"),  # of what comes later
            info("dir/real", b"content", mode=0o755),
            link("dir/sub/up", "../real"),
            link("dir/chain", "sub/up"),
            link("hard", "dir/real", tarfile.LNKTYPE),
        ]
    )
    assert extract(harness, data).state == "done"
    out = harness.folder / "out"
    names = ["first", "dir/real", "dir/sub/up", "dir/chain", "hard"]
    assert contents(out) == dict.fromkeys(names, b"content")
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert len({path.stat().st_ino for path in out.rglob("*") if path.is_file()}) == 5
    assert os.access(out / "hard", os.X_OK)
    assert extract(harness, archive("zip", {"a": b"1"}), name="y.zip", to="o2").state == "done"


def test_links_of_a_zip(harness):
    entries = [
        Entry(b"a", b"1"),
        Entry(b"to", b"a", mode=LINK_MODE),
        Entry(b"out", b"../../etc/passwd", mode=LINK_MODE),
    ]
    assert extract(harness, zipped(entries)).state == "failed"
    assert contents(harness.folder / "out") == {"a": b"1", "to": b"1"}
    assert codes(harness) == {"out/out": "invalid_path"}


def test_links_to_folders_or_nothing_are_left_out_and_told(harness):
    data = tar(
        [
            info("dir/a", b"1"),
            link("folder", "dir"),
            link("nowhere", "dir/none"),
            link("loop1", "loop2"),
            link("loop2", "loop1"),
        ]
    )
    assert extract(harness, data).state == "done"
    assert contents(harness.folder / "out") == {"dir/a": b"1"}
    assert sorted(p.name for p in (harness.folder / "out").iterdir()) == ["dir"]
    assert [code for code, _ in harness.report.notes] == ["left_out"]
    states = {path: row["state"] for path, row in rows(harness).items()}
    assert states["out/folder"] == states["out/loop1"] == "skipped"


def test_a_link_to_what_was_not_extracted(harness):
    """What stands there is somebody else's, and is not given away under another name."""
    put(harness, "out/secret", b"mine")
    data = tar([info("secret", b"theirs"), link("copy", "secret")])
    assert extract(harness, data).state == "failed"
    assert contents(harness.folder / "out") == {"secret": b"mine"}
    extract(harness, exclude=["secret"])
    assert not (harness.folder / "out" / "copy").exists()
    for conflict in ("skip", "rename"):
        extract(harness, conflict=conflict)
        assert not (harness.folder / "out" / "copy").exists()


# ---- plans, leftovers ----


def test_the_plan(harness):
    put(harness, "out/b", b"mine")
    put(harness, "x.tar", tar([info("a", b"12"), info("b", b"3"), info("../c", b"4")]))
    request = JobRequest("plan", "x.tar", "out", {}, (), "extract")
    answer = plan(harness.root, request, harness.context({}), harness.control)
    assert (answer["title"], answer["files"], answer["bytes"]) == ("tar", 3, 4)
    counts = {name: answer["plan"][name] for name in ("copy", "replace", "skip", "fail")}
    assert counts == {"copy": 1, "replace": 0, "skip": 0, "fail": 2}
    assert {e["path"]: e.get("error") for e in answer["entries"]} == {
        "a": None,
        "b": "exists",
        "../c": "invalid_path",
    }
    assert harness.visible() == ["out/b", "x.tar"]


def test_what_is_no_archive(harness):
    for name, data in {
        "a": b"",
        "b": b"text" * 999,
        "c": b"7z\xbc\xaf\x27\x1c" + bytes(99),
    }.items():
        outcome = extract(harness, data, name=name)
        assert (outcome.state, outcome.error.code) == ("failed", "bad_archive"), name
    outcome = extract(harness, name="nothing")
    assert outcome.error.code == "not_found"
    (harness.folder / "folder").mkdir()
    assert extract(harness, name="folder").error.code == "not_a_file"
    assert not (harness.folder / "out").exists()


def test_room_is_looked_at_first(harness, monkeypatch):
    monkeypatch.setattr(Root, "free_bytes", lambda self, path: 100)
    outcome = extract(harness, archive("zip", {"a": b"1", "b": bytes(101)}))
    assert outcome.error.code == "disk_full"
    assert outcome.error.detail == {"needed_bytes": 102, "free_bytes": 100}
    assert not (harness.folder / "out").exists()
    outcome = extract(harness, archive("tar.gz", {"a": b"1", "b": bytes(9 << 20)}))
    assert outcome.error.code == "disk_full"
    assert contents(harness.folder / "out") == {"a": b"1"}


def test_room_is_looked_at_for_what_is_meant_only(harness, monkeypatch):
    monkeypatch.setattr(Root, "free_bytes", lambda self, path: 100)
    data = archive("zip", {"a.csv": b"1", "b.bin": bytes(9 << 20)})
    assert extract(harness, data, include=["*.csv"]).state == "done"
    assert contents(harness.folder / "out") == {"a.csv": b"1"}
    outcome = extract(harness, data, to="all", include=["*"])
    assert outcome.error.code == "disk_full"
    assert contents(harness.folder / "all") == {"a.csv": b"1"}


def test_an_archive_that_changes_meanwhile(harness, monkeypatch):
    path = put(harness, "x.archive", archive("tar", {"a": b"1", "b": noise(3_000_000)}))

    def change(counts):
        if counts["bytes_done"]:
            os.utime(path, ns=(1, time.time_ns()))

    monkeypatch.setattr("jupyter_transfer.engine.run.PROGRESS_INTERVAL", 0)
    harness.report.on_progress = change
    outcome = extract(harness)
    assert (outcome.state, outcome.error.code) == ("failed", "changed")
    assert "b" not in contents(harness.folder / "out")


def test_an_error_of_the_disk_ends_it(harness, monkeypatch):
    def full(self, *arguments, **options):
        raise TransferError("disk_full", "full")

    monkeypatch.setattr("jupyter_transfer.parts.StagedFiles.write", full)
    outcome = extract(harness, archive("zip", {"a": b"1", "b": b"2"}))
    assert outcome.error.code == "disk_full"
    assert len(harness.report.files) == 1
