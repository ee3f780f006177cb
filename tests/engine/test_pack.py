"""Files and folders that become an archive on the disk."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile

import pytest
import zstandard

from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.parts import Part
from jupyter_transfer.paths import STAGING, Root

from ..servers.chaos import noise
from .test_extract import codes, contents, put
from .test_many_crashes import die_at, in_child

FILES = {
    "data/a.txt": b"alpha",
    "data/sub/b.bin": noise(2_500_000, seed=1),
    "data/sub/\u4e2d.txt": b"x",
    "data/" + "long" * 40 + "/" + "name" * 30: b"deep",
    "data/empty": b"",
    "more.txt": b"more",
}


@pytest.fixture
def files(harness):
    for name, data in FILES.items():
        path = put(harness, name, data)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    (harness.folder / "data" / "hollow").mkdir()
    os.chmod(harness.folder / "data/a.txt", 0o755)
    return FILES


def pack(harness, destination, source="data", **options):
    harness.report.files.clear()
    return harness.run(source, destination, kind="pack", **options)


def opened(path):
    data = path.read_bytes()
    if path.name.endswith(".zst"):
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return tarfile.open(fileobj=io.BytesIO(data))


@pytest.mark.parametrize("format", ["zip", "tar", "tar.gz", "tar.zst"])
def test_an_archive_of_several(harness, files, format):
    outcome = pack(harness, f"to/x.{format}", paths=["more.txt"])
    assert (outcome.state, outcome.error) == ("done", None)
    path = harness.folder / "to" / f"x.{format}"
    (row,) = harness.report.files
    assert (row["path"], row["state"]) == (f"to/x.{format}", "done")
    assert (row["size"], row["mtime_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
    if format == "zip":
        with zipfile.ZipFile(path) as made:
            assert made.testzip() is None
            names = made.namelist()
    else:
        with opened(path) as made:
            names = [one.name + "/" * one.isdir() for one in made]
            assert all(one.mtime == 1_600_000_000 for one in made if one.isfile())
    assert {name for name in names if not name.endswith("/")} == set(files)
    assert "data/hollow/" in names
    # And back again.
    assert harness.run(f"to/x.{format}", "back", kind="extract").state == "done"
    assert contents(harness.folder / "back") == files
    assert os.access(harness.folder / "back/data/a.txt", os.X_OK)
    assert not list(harness.folder.rglob(STAGING))
    last = harness.report.counts[-1]
    assert last["bytes_done"] == last["bytes_total"]


@pytest.mark.parametrize("format", ["tar", "tar.gz", "tar.zst"])
def test_other_programs_take_it(harness, files, format):
    assert pack(harness, f"x.{format}").state == "done"
    out = harness.folder.parent / "out"
    out.mkdir()
    data = (harness.folder / f"x.{format}").read_bytes()
    if format == "tar.zst":
        data, flag = zstandard.ZstdDecompressor().decompressobj().decompress(data), ""
    else:
        flag = "z" if format == "tar.gz" else ""
    subprocess.run(["tar", f"x{flag}f", "-", "-C", out], input=data, check=True)
    assert contents(out) == {name: files[name] for name in files if name != "more.txt"}
    assert len(data) % 512 == 0 or flag


@pytest.mark.parametrize(
    ("destination", "options", "path"),
    [("", {}, "data.zip"), ("data", {}, "data/data.zip"), ("to/", {"format": "tar"}, "to/data.tar"),
     ("x", {"format": "tar.gz"}, "x"), ("y.TGZ", {}, "y.TGZ")],
)  # fmt: skip
def test_where_it_lands(harness, files, destination, options, path):
    assert pack(harness, destination, **options).state == "done"
    assert harness.report.files[0]["path"] == path
    assert (harness.folder / path).stat().st_size > 2_000_000


def test_which_format_is_meant(harness, files):
    assert pack(harness, "x.rar").error.code == "bad_request"
    assert pack(harness, "x").error.code == "bad_request"


def test_again(harness, files):
    """The same files make no second archive; others replace it; what is not ours stays."""
    assert pack(harness, "x.zip").state == "done"
    before, delivered = (harness.folder / "x.zip").stat().st_ino, harness.delivered("data")
    assert pack(harness, "x.zip", delivered=delivered).state == "done"
    assert harness.report.files[0]["state"] == "present"
    assert (harness.folder / "x.zip").stat().st_ino == before
    put(harness, "data/a.txt", b"changed")
    assert pack(harness, "x.zip", delivered=delivered).state == "done"
    assert zipfile.ZipFile(harness.folder / "x.zip").read("data/a.txt") == b"changed"
    put(harness, "mine.zip", b"mine")
    assert pack(harness, "mine.zip", delivered=delivered).error.code == "exists"
    assert pack(harness, "mine.zip", conflict="rename").state == "done"
    assert (harness.folder / "mine.zip").read_bytes() == b"mine"
    assert (harness.folder / "mine (1).zip").exists()
    assert pack(harness, "mine.zip", conflict="skip").state == "done"
    assert pack(harness, "mine.zip", conflict="overwrite").state == "done"
    assert zipfile.is_zipfile(harness.folder / "mine.zip")


def test_it_is_not_in_itself(harness, files):
    assert pack(harness, "data/all.tar").state == "done"
    assert pack(harness, "data/all.tar", conflict="overwrite").state == "done"
    with opened(harness.folder / "data/all.tar") as made:
        assert "data/all.tar" not in made.getnames()


def test_filters(harness, files):
    assert pack(harness, "x.zip", include=["*.txt"], paths=["more.txt"]).state == "done"
    names = zipfile.ZipFile(harness.folder / "x.zip").namelist()
    assert sorted(names) == ["data/a.txt", "data/sub/\u4e2d.txt", "more.txt"]
    assert pack(harness, "y.zip", include=["*.none"]).error.code == "not_found"


def test_a_file_that_changes_makes_no_archive(harness, files, monkeypatch):
    def change(counts):
        if counts["bytes_done"] > 1_000_000:
            (harness.folder / "data/sub/b.bin").write_bytes(b"other")

    monkeypatch.setattr("jupyter_transfer.engine.run.PROGRESS_INTERVAL", 0)
    harness.report.on_progress = change
    outcome = pack(harness, "x.tar")
    assert (outcome.state, outcome.error.code) == ("failed", "changed")
    assert not (harness.folder / "x.tar").exists()
    assert not list(harness.folder.rglob(STAGING))


def test_what_is_left_out_is_told(harness, files):
    (harness.folder / "data/out").symlink_to("/etc/hostname")
    os.mkfifo(harness.folder / "data/pipe")
    assert pack(harness, "x.zip").state == "done"
    assert [code for code, _ in harness.report.notes] == ["left_out"]
    states = {row["path"]: row["state"] for row in harness.report.files}
    assert states == {"x.zip": "done", "data/out": "skipped", "data/pipe": "skipped"}


def test_paths_that_lead_out(harness, files):
    for source, more in (("../x", []), ("data", ["../x"]), ("data", ["/etc"]), ("none", [])):
        outcome = pack(harness, "x.zip", source, paths=more)
        assert outcome.error.code in ("invalid_path", "not_found")
    assert not codes(harness)


def test_room(harness, files, monkeypatch):
    monkeypatch.setattr(Root, "free_bytes", lambda self, path: 1000)
    assert pack(harness, "x.zip").error.code == "disk_full"


@pytest.mark.parametrize(
    ("step", "after"), [((Part, "sync", 0), False), ((Part, "publish", 0), False),
                        ((Part, "publish", 0), True)],
    ids=["sync", "before its name", "after it"],
)  # fmt: skip
def test_a_death(harness, files, monkeypatch, step, after):
    if step[1] == "sync":
        step = (Part, "append", 1)

    def run():
        with monkeypatch.context() as patch:
            die_at(patch, *step, after=after)
            pack(harness, "x.zip")

    assert in_child(run) == 9
    assert (harness.folder / "x.zip").exists() is after
    assert pack(harness, "x.zip").state == "done"
    assert zipfile.ZipFile(harness.folder / "x.zip").testzip() is None
    (row,) = harness.report.files
    assert row["state"] == "done"
    assert row["validators"]["version"]
    assert not list(harness.folder.rglob(STAGING))


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_it_is_stopped(harness, files, monkeypatch, how):
    monkeypatch.setattr("jupyter_transfer.engine.run.PROGRESS_INTERVAL", 0)
    harness.report.on_progress = lambda counts: (
        getattr(harness.control, how)() if counts["bytes_done"] else None
    )
    assert pack(harness, "x.zip").state == {"pause": "paused", "cancel": "cancelled"}[how]
    request = JobRequest("job", "data", "x.zip", kind="pack")
    discard(harness.root, request, harness.context({}))
    assert not list(harness.folder.rglob(STAGING))
    assert not (harness.folder / "x.zip").exists()
    harness.fresh_control()
    assert pack(harness, "x.zip").state == "done"


def test_the_plan(harness, files):
    request = JobRequest("plan", "data", "x.zip", {"paths": ["more.txt"]}, (), "pack")
    answer = plan(harness.root, request, harness.context({}), harness.control)
    assert (answer["title"], answer["files"]) == ("zip", len(files))
    assert answer["plan"]["copy"] == len(files)
    assert answer["bytes"] == sum(map(len, files.values()))
    assert not (harness.folder / "x.zip").exists()
