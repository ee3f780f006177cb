"""Many files of one source: where they land, what is fetched, what is told of each."""

from __future__ import annotations

import os
import threading
import time
import unicodedata
from contextlib import suppress
from dataclasses import replace

import pytest

from jupyter_transfer.engine import groups, many, publisher, small, smallpool
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError
from jupyter_transfer.paths import STAGING

from ..servers.chaos import Resource, chunked, cut, gzipped, noise, redirect, status, times
from ..servers.listing import ListingBackend, index

pytestmark = pytest.mark.usefixtures("listing")


class Site:
    """A folder of `chaos` with an index of its files."""

    def __init__(self, chaos, **options) -> None:
        self.chaos = chaos
        self.options = options
        self.lines = []
        self.data = {}
        self.source = chaos.url.replace("http:", "listing:") + "/data/"
        self.update()

    def add(self, path, data=None, *, url=None, listed=(), **options):
        """Serve a file; `listed` names what the index tells of it."""
        if data is None:
            data = noise(20_000, seed=len(self.lines))
        resource = Resource(data, **{"etag": f'"{len(self.lines)}"', **self.options, **options})
        self.chaos.add(f"/data/{url or path}", resource)
        line = {"path": path, "url": url}
        if "size" in listed:
            line["size"] = len(data)
        if "etag" in listed:
            line["etag"] = resource.etag
        self.lines.append(line)
        self.data[path] = data
        self.update()
        return resource

    def update(self):
        self.chaos.add("/data/.index", Resource(index(self.lines), etag=None, modified=None))

    def sent(self):
        """Bytes of files that were sent."""
        return sum(r.sent for r in self.chaos.requests if not r.path.endswith(".index"))

    def asked(self):
        return [r for r in self.chaos.requests if not r.path.endswith(".index")]


@pytest.fixture
def site(chaos):
    return Site(chaos)


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


# ---- where they land ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "folder"),
    [("in", "in"), ("in/", "in"), ("", "data"), (".", ""), ("a/b", "a/b")],
)
def test_where_many_files_land(harness, site, destination, folder):
    for name in ("a", "b/c", "b/d/e"):
        site.add(name)
    assert harness.run(site.source, destination).state == "done"
    prefix = folder + "/" if folder else ""
    assert contents(harness.folder) == {prefix + name: data for name, data in site.data.items()}
    assert not list(harness.folder.rglob(STAGING))


def test_a_folder_with_one_file_is_a_folder(harness, site):
    site.add("only")
    assert harness.run(site.source, "in").state == "done"
    assert contents(harness.folder) == {"in/only": site.data["only"]}


def test_the_only_member_of_a_folder_that_lies_elsewhere(harness, site, monkeypatch):
    """Its address does not show that it is of a folder; the backend says so."""
    entries = ListingBackend.entries

    def members(self, address):
        for entry in entries(self, address):
            elsewhere = entry.address.replace("127.0.0.1", "localhost")
            yield replace(entry, address=elsewhere, member=True)

    monkeypatch.setattr(ListingBackend, "entries", members)
    site.add("only")
    assert harness.run(site.source, "in").state == "done"
    assert contents(harness.folder) == {"in/only": site.data["only"]}


def test_a_file_where_the_folder_should_be(harness, site):
    site.add("a")
    site.add("b")
    (harness.folder / "in").write_bytes(b"mine")
    outcome = harness.run(site.source, "in")
    assert (outcome.state, outcome.error.code) == ("failed", "not_a_directory")
    assert contents(harness.folder) == {"in": b"mine"}


def test_rows_tell_of_every_file(harness, site):
    for number in range(50):
        site.add(f"f{number}", noise(number * 100, seed=number))
    outcome = harness.run(site.source, "in")
    assert outcome.state == "done"
    assert len(harness.report.files) == 50
    for number in range(50):
        row = rows(harness)[f"in/f{number}"]
        assert row["state"] == "done"
        assert row["size"] == number * 100
        assert row["mtime_ns"] == (harness.folder / f"in/f{number}").stat().st_mtime_ns
        assert row["mtime_ns"] == 1_600_000_000 * 10**9
        assert row["validators"]["etag"] == f'"{number}"'
        assert (row["verified"], row["unverified"]) == (None, "no_digest")
    last = harness.report.counts[-1]
    total = sum(number * 100 for number in range(50))
    assert (last["files_done"], last["files_total"], last["files_failed"]) == (50, 50, 0)
    assert (last["bytes_done"], last["bytes_moved"]) == (total, total)
    assert [r.byte_range for r in site.asked()] == [None] * 50  # each whole, by one request


def test_totals_are_known_when_the_listing_has_ended(harness, site):
    for number in range(20):
        site.add(f"f{number}", listed=("size",))
    assert harness.run(site.source, "in").state == "done"
    known = [counts for counts in harness.report.counts if counts["files_total"] is not None]
    assert known[0]["files_done"] == 0
    assert {counts["bytes_total"] for counts in known} == {20 * 20_000}


def test_large_and_small_files_go_side_by_side(harness, site, monkeypatch):
    monkeypatch.setattr(many, "SMALL", 100_000)
    monkeypatch.setattr(small, "SMALL", 100_000)
    for number in range(30):
        site.add(f"s{number}", listed=("size",))
        if number % 10 == 0:
            site.add(f"l{number}", noise(300_000, seed=number), listed=("size",))
    site.add("unlisted", noise(400_000, seed=99))
    endless = site.add("endless", noise(500_000, seed=98))
    site.chaos.add("/data/endless", chunked(endless))
    assert harness.run(site.source, "in").state == "done"
    assert contents(harness.folder) == {f"in/{name}": data for name, data in site.data.items()}
    assert {row["state"] for row in harness.report.files} == {"done"}
    assert not list(harness.folder.rglob(STAGING))
    ranges = {r.path for r in site.asked() if r.byte_range}
    assert ranges == {"/data/l0", "/data/l10", "/data/l20", "/data/unlisted", "/data/endless"}


@pytest.mark.parametrize("more", [{"mirrors": ("x:",)}, {"recheck": True}], ids=str)
def test_files_that_only_the_backend_knows_to_be_no_small_ones(harness, site, monkeypatch, more):
    """A locator with mirrors, or one that wants a second look, goes the way of the large files; so
    it is found by the pool only."""
    locate = ListingBackend.locate
    monkeypatch.setattr(
        ListingBackend, "locate", lambda self, entry: replace(locate(self, entry), **more)
    )
    for number in range(3):
        site.add(f"f{number}")
    assert harness.run(site.source, "in").state == "done"
    assert contents(harness.folder / "in") == site.data
    # Each was looked at before and after.
    if "recheck" in more:
        assert len(site.asked()) >= 3 * 3


def test_many_large_files_keep_no_descriptor_each(harness, site, monkeypatch):
    monkeypatch.setattr(many, "SMALL", 1000)
    monkeypatch.setattr(small, "SMALL", 1000)
    for number in range(40):
        site.add(f"l{number}", noise(1001, seed=number), listed=("size",))
    before = len(os.listdir("/proc/self/fd"))
    assert harness.run(site.source, "in", close=False).state == "done"
    assert len(os.listdir("/proc/self/fd")) - before < 20
    assert len(contents(harness.folder / "in")) == 40


# ---- filters ------------------------------------------------------------------------------------


def test_filters(harness, site):
    for name in ("a.csv", "b.txt", "x/c.csv", "x/tmp/d.csv"):
        site.add(name)
    outcome = harness.run(site.source, "in", include=["*.csv"], exclude=["tmp/"])
    assert outcome.state == "done"
    assert harness.names() == ["in/a.csv", "in/x/c.csv"]
    assert harness.report.counts[-1]["files_total"] == 2
    assert len(site.asked()) == 2


def test_sizes_that_only_the_answer_tells(harness, site, monkeypatch):
    monkeypatch.setattr(small, "SMALL", 100_000)
    site.add("little", noise(100))
    site.add("middle", noise(5000))
    site.add("much", noise(200_000))
    outcome = harness.run(site.source, "in", min_size=1000, max_size="100K")
    assert outcome.state == "done"
    assert harness.names() == ["in/middle"]
    assert [row["path"] for row in harness.report.files] == ["in/middle"]
    assert harness.report.counts[-1]["files_done"] == 1
    assert harness.report.counts[-1]["files_total"] == 1


def test_a_look_shows_what_the_filters_mean(harness, site):
    for name in ("a.csv", "b.txt", "c.csv"):
        site.add(name, listed=("size",))
    found = preview(site.source, harness.context({"include": ["*.csv"]}))
    assert [entry["path"] for entry in found["entries"]] == ["a.csv", "c.csv"]
    assert (found["files"], found["bytes"]) == (2, 40_000)
    none = preview(site.source, harness.context({"include": ["*.jpg"]}))
    assert (none["files"], none["bytes"], none["verifiable"]) == (0, 0, False)
    with pytest.raises(TransferError, match="pattern"):
        preview(site.source, harness.context({"include": ["{"]}))


def test_filters_that_leave_nothing(harness, site):
    site.add("a")
    site.add("b")
    assert harness.run(site.source, "in", include=["*.csv"]).state == "done"
    assert harness.report.counts[-1]["files_total"] == 0
    assert list(harness.folder.iterdir()) == []


def test_a_filter_on_one_file(harness, chaos):
    source = chaos.add("/f.bin", Resource(noise(5000)))
    assert harness.run(source, exclude=["*.bin"]).state == "done"
    assert harness.run(source, max_size=10).state == "done"
    assert harness.names() == []
    assert harness.run(source, max_size=5000).state == "done"
    assert harness.names() == ["f.bin"]


def test_a_malformed_filter_fails_before_anything_is_asked(harness, site):
    site.add("a")
    outcome = harness.run(site.source, "in", include=["{a"])
    assert (outcome.state, outcome.error.code) == ("failed", "bad_request")
    assert site.chaos.requests == []


# ---- names --------------------------------------------------------------------------------------

BAD_NAMES = {
    "../up": "invalid_path",
    "a/../../up": "invalid_path",
    "/etc/absolute": "invalid_path",
    "a//b": "invalid_path",
    "nul\0": "invalid_path",
    "back\\slash": "invalid_path",
    "new\nline": "invalid_path",
    "x" * 300: "invalid_path",
    "\u00e4" * 128: "invalid_path",
    "folder/": "invalid_path",
    "": "invalid_path",
    ".hidden": "hidden_path",
    f"{STAGING}/x": "hidden_path",
    "lone\ud800": "invalid_path",
    "\u202egpj.exe": "invalid_path",
    "a/" * 2100 + "a": "invalid_path",
}


def test_names_that_lead_astray_are_refused_one_by_one(harness, site, tmp_path):
    site.add("good")
    for number, name in enumerate(BAD_NAMES):
        site.add(name, url=f"u{number}")
    site.add("also-good")
    outcome = harness.run(site.source, "in")
    assert outcome.state == "failed"
    assert outcome.error.code in ("invalid_path", "hidden_path")
    assert codes(harness) == BAD_NAMES
    assert contents(harness.folder) == {
        f"in/{name}": site.data[name] for name in ("good", "also-good")
    }
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert harness.report.counts[-1]["files_failed"] == len(BAD_NAMES)


def test_a_link_that_leads_out_is_not_followed(harness, site, tmp_path):
    (tmp_path / "outside").mkdir()
    (harness.folder / "in").mkdir()
    (harness.folder / "in" / "link").symlink_to(tmp_path / "outside")
    site.add("link/a")
    site.add("b")
    outcome = harness.run(site.source, "in")
    assert outcome.error.code == "invalid_path"
    assert list((tmp_path / "outside").iterdir()) == []
    assert (harness.folder / "in" / "b").exists()


def test_a_file_and_a_folder_of_one_name(harness, site):
    site.add("a", url="1")
    site.add("a/b", url="2")
    outcome = harness.run(site.source, "in")
    assert outcome.state == "failed"
    states = sorted(row["state"] for row in harness.report.files)
    assert states == ["done", "failed"]
    assert set(codes(harness).values()) <= {"not_a_directory", "is_a_directory", "exists"}


TWINS = [("Data.csv", "data.csv"), ("\u00e4", "a\u0308"), ("x/A", "X/a")]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_on_a_disk_that_tells_them_apart(harness, site, one, other):
    site.add(one, url="1")
    site.add(other, url="2")
    assert harness.run(site.source, "in", conflict="overwrite").state == "done"
    assert contents(harness.folder) == {f"in/{n}": d for n, d in site.data.items()}


@pytest.mark.parametrize(("one", "other"), TWINS)
@pytest.mark.parametrize("conflict", [None, "overwrite", "skip", "fail"])
def test_twins_on_a_disk_that_folds_names(harness, site, monkeypatch, one, other, conflict):
    monkeypatch.setattr(groups.StagedFiles, "folding", lambda self: (True, True))
    site.add(one, url="1")
    site.add(other, url="2")
    outcome = harness.run(site.source, "in", **({"conflict": conflict} if conflict else {}))
    assert contents(harness.folder) == {f"in/{one}": site.data[one]}
    row = rows(harness)[f"in/{other}"]
    if conflict == "skip":
        assert (outcome.state, row["state"]) == ("done", "skipped")
    else:
        assert (outcome.state, row["state"]) == ("failed", "failed")
        assert row["error"]["code"] == "exists"
        assert row["error"]["detail"]["twin"] is True


@pytest.mark.parametrize("conflict", [None, "overwrite", "fail", "rename"])
def test_the_same_name_twice_in_a_listing(harness, site, conflict):
    site.add("a", b"one", url="1")
    first = site.data["a"]
    site.add("a", b"other", url="2")
    outcome = harness.run(site.source, "in", **({"conflict": conflict} if conflict else {}))
    if conflict == "rename":
        assert outcome.state == "done"
        assert sorted(contents(harness.folder).values()) == [b"one", b"other"]
        assert harness.names() == ["in/a", "in/a (1)"]
    else:
        assert outcome.error.code == "exists"
        assert contents(harness.folder) == {"in/a": first}


def test_a_disk_that_really_folds(site, tmp_path):
    """An ext4 folder with casefold, where this machine can make one."""
    from jupyter_transfer.paths import Root

    from .conftest import Harness

    folder = casefolded(tmp_path)
    root = Root(str(folder))
    try:
        harness = Harness(folder, root)
        site.add("Data.csv", url="1")
        site.add("data.csv", url="2")
        site.add("\u00e4", url="3")
        site.add("a\u0308", url="4")
        outcome = harness.run(site.source, "in", conflict="overwrite")
        assert outcome.error.code == "exists"
        assert contents(folder / "in") == {name: site.data[name] for name in ("Data.csv", "\u00e4")}
        failed = {path for path, code in codes(harness).items() if code == "exists"}
        assert failed == {"in/data.csv", "in/a\u0308"}
    finally:
        root.close()
        unmount(tmp_path / "mount")


def casefolded(tmp_path):
    import subprocess

    image, mount = tmp_path / "image", tmp_path / "mount"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    mount.mkdir()
    steps = [
        ["mkfs.ext4", "-q", "-F", "-O", "casefold", str(image)],
        ["mount", "-o", "loop", str(image), str(mount)],
    ]
    for step in steps:
        if subprocess.run(step, check=False, capture_output=True).returncode:
            pytest.skip("this machine cannot mount an ext4 that folds names")
    folder = mount / "folded"
    folder.mkdir()
    chattr = ["chattr", "+F", str(folder)]
    if subprocess.run(chattr, check=False, capture_output=True).returncode:
        unmount(mount)
        pytest.skip("this machine cannot fold names")
    return folder


def unmount(mount):
    import subprocess

    subprocess.run(["umount", str(mount)], check=True, capture_output=True)


# ---- conflicts, and doing it again --------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "state", "names"),
    [
        (None, "failed", {"a": b"mine"}),
        ("fail", "failed", {"a": b"mine"}),
        ("skip", "done", {"a": b"mine"}),
        ("rename", "done", {"a": b"mine", "a (1)": None}),
        ("overwrite", "done", {"a": None}),
    ],
)
def test_a_name_that_is_taken(harness, site, conflict, state, names):
    site.add("a")
    site.add("b")
    (harness.folder / "in").mkdir()
    (harness.folder / "in" / "a").write_bytes(b"mine")
    outcome = harness.run(site.source, "in", **({"conflict": conflict} if conflict else {}))
    assert outcome.state == state
    expected = {name: data or site.data["a"] for name, data in names.items()}
    assert contents(harness.folder / "in") == {**expected, "b": site.data["b"]}
    if state == "failed":
        assert codes(harness) == {"in/a": "exists"}
        assert len(site.asked()) == 1  # decided before anything of it was asked for


def test_a_name_that_somebody_takes_meanwhile(harness, site):
    resource = site.add("a")
    site.add("b")
    (harness.folder / "in").mkdir()
    resource.before = lambda request: (harness.folder / "in" / "a").write_bytes(b"mine")
    outcome = harness.run(site.source, "in")
    assert codes(harness) == {"in/a": "exists"}
    assert outcome.state == "failed"
    assert contents(harness.folder / "in") == {"a": b"mine", "b": site.data["b"]}


def test_permissions_of_what_is_replaced_stay(harness, site):
    site.add("a")
    site.add("b")
    (harness.folder / "in").mkdir()
    (harness.folder / "in" / "a").write_bytes(b"old")
    (harness.folder / "in" / "a").chmod(0o600)
    assert harness.run(site.source, "in", conflict="overwrite").state == "done"
    assert (harness.folder / "in" / "a").stat().st_mode & 0o777 == 0o600


def test_the_same_job_again_costs_no_request_where_the_listing_tells(harness, site):
    for number in range(20):
        site.add(f"f{number}", listed=("size", "etag"))
    assert harness.run(site.source, "in").state == "done"
    saved, before = harness.delivered(site.source), len(site.asked())
    harness.report.files.clear()
    assert harness.run(site.source, "in", id="again", delivered=saved).state == "done"
    assert len(site.asked()) == before
    assert [row["state"] for row in harness.report.files] == ["present"] * 20
    assert not list(harness.folder.rglob(STAGING))


def test_the_same_job_again_asks_without_moving_bytes(harness, site):
    def not_modified(connection):
        if "if-none-match" in connection.request.headers:
            connection.head(304, {"ETag": connection.request.headers["if-none-match"]})
            return True
        return False

    for number in range(20):
        site.add(f"f{number}").faults = [not_modified]
    assert harness.run(site.source, "in").state == "done"
    saved, before = harness.delivered(site.source), site.sent()
    assert harness.run(site.source, "in", id="again", delivered=saved).state == "done"
    assert site.sent() == before
    assert [row["state"] for row in harness.report.files[20:]] == ["present"] * 20


@pytest.mark.parametrize("conflict", [None, "rename", "overwrite", "skip", "fail"])
@pytest.mark.parametrize("listed", [(), ("size",), ("size", "etag")])
def test_again_under_every_policy(harness, site, conflict, listed):
    options = {"conflict": conflict} if conflict else {}
    for name in ("a", "b/c"):
        site.add(name, listed=listed)
    assert harness.run(site.source, "in", **options).state == "done"
    saved = harness.delivered(site.source)
    outcome = harness.run(site.source, "in", id="again", delivered=saved, **options)
    assert outcome.state == "done"
    assert contents(harness.folder / "in") == site.data
    assert {row["state"] for row in harness.report.files[2:]} == {"present"}


@pytest.mark.parametrize("listed", [(), ("size", "etag")])
def test_what_changed_at_its_source_is_fetched_anew(harness, site, listed):
    for number in range(5):
        site.add(f"f{number}", listed=listed)
    assert harness.run(site.source, "in").state == "done"
    saved = harness.delivered(site.source)
    fresh = noise(30_000, seed=77)
    site.chaos.add("/data/f3", Resource(fresh, etag='"new"'))
    if listed:
        site.lines[3] |= {"size": len(fresh), "etag": '"new"'}
        site.update()
    harness.report.files.clear()
    assert harness.run(site.source, "in", id="again", delivered=saved).state == "done"
    states = {row["path"]: row["state"] for row in harness.report.files}
    assert states.pop("in/f3") == "done"
    assert set(states.values()) == {"present"}
    assert (harness.folder / "in" / "f3").read_bytes() == fresh


def test_what_a_person_changed_is_left_alone(harness, site):
    site.add("a", listed=("size", "etag"))
    site.add("b", listed=("size", "etag"))
    assert harness.run(site.source, "in").state == "done"
    saved = harness.delivered(site.source)
    (harness.folder / "in" / "a").write_bytes(b"mine now")
    outcome = harness.run(site.source, "in", id="again", delivered=saved)
    assert outcome.error.code == "exists"
    assert (harness.folder / "in" / "a").read_bytes() == b"mine now"


# ---- a remote side that fails, lies or changes --------------------------------------------------


def test_one_file_is_missing_and_the_others_come(harness, site):
    for number in range(10):
        site.add(f"f{number}")
    site.chaos.add("/data/f4", status(404))
    outcome = harness.run(site.source, "in")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_not_found")
    assert codes(harness) == {"in/f4": "remote_not_found"}
    assert sorted(contents(harness.folder / "in")) == sorted(set(site.data) - {"f4"})
    assert len([r for r in site.asked() if r.path == "/data/f4"]) == 1


def test_one_file_ends_too_early_and_is_asked_for_again(harness, site):
    for number in range(10):
        resource = site.add(f"f{number}")
        if number == 4:
            resource.faults = [times(3, cut(resource, 500))]
        if number == 5:
            resource.faults = [times(2, cut(resource, 500, reset=True))]
        if number == 6:
            resource.faults = [times(2, status(503))]
    assert harness.run(site.source, "in").state == "done"
    assert contents(harness.folder / "in") == site.data


def test_one_file_lies_about_its_length(harness, site):
    site.add("a")
    liar = site.add("liar")
    liar.faults = [times(999, cut(liar, 700))]
    site.add("b")
    outcome = harness.run(site.source, "in")
    assert outcome.error.code == "connection_lost"
    assert outcome.error.retryable
    assert codes(harness) == {"in/liar": "connection_lost"}
    assert sorted(contents(harness.folder / "in")) == ["a", "b"]


def test_a_file_that_has_changed_since_it_was_listed(harness, site):
    for number in range(5):
        site.add(f"f{number}", listed=("size", "etag"))
    fresh = noise(12_345, seed=5)
    site.chaos.add("/data/f2", Resource(fresh, etag='"fresh"'))
    assert harness.run(site.source, "in").state == "done"
    assert (harness.folder / "in" / "f2").read_bytes() == fresh
    assert rows(harness)["in/f2"]["validators"]["etag"] == '"fresh"'


def test_digests_prove_or_refuse(harness, site):
    import hashlib

    for name in ("right", "wrong", "once"):
        site.add(name)
    for line in site.lines:
        line["sha256"] = hashlib.sha256(site.data[line["path"]]).hexdigest()
    site.update()
    site.chaos.add("/data/wrong", Resource(noise(20_000, seed=50)))
    good, bad = Resource(site.data["once"]), Resource(noise(20_000, seed=51))
    good.faults = [times(1, bad)]
    site.chaos.add("/data/once", good)
    outcome = harness.run(site.source, "in")
    assert outcome.error.code == "digest_mismatch"
    assert codes(harness) == {"in/wrong": "digest_mismatch"}
    assert sorted(contents(harness.folder / "in")) == ["once", "right"]
    row = rows(harness)["in/right"]
    assert row["verified"] is True
    assert row["digest"] == "sha256:" + hashlib.sha256(site.data["right"]).hexdigest()
    assert len([r for r in site.asked() if r.path == "/data/wrong"]) == 2


def test_redirects_and_codings(harness, site, chaos):
    site.add("plain")
    site.add("moved")
    site.chaos.add("/elsewhere", Resource(site.data["moved"]))
    site.chaos.add("/data/moved", redirect("/elsewhere"))
    site.add("coded", b"text " * 5000)
    site.chaos.add("/data/coded", gzipped(Resource(site.data["coded"])))
    site.add("round")
    site.chaos.add("/data/round", redirect("/data/round"))
    outcome = harness.run(site.source, "in")
    assert codes(harness) == {"in/round": "too_many_redirects"}
    assert outcome.state == "failed"
    del site.data["round"]
    assert contents(harness.folder / "in") == site.data


def test_a_server_that_is_busy_is_asked_less(harness, site):
    busy, lock = [0, 0], threading.Lock()

    def overloaded(connection):
        with lock:
            busy[0] += 1
            busy[1] = max(busy[1], busy[0])
            refuse = busy[0] > 3
        time.sleep(0.01)
        with lock:
            busy[0] -= 1
        if refuse:
            status(429)(connection)
        return refuse

    for number in range(60):
        site.add(f"f{number}").faults = [overloaded]
    assert harness.run(site.source, "in").state == "done"
    assert len(contents(harness.folder / "in")) == 60


def test_a_server_that_dies_ends_the_job_and_not_each_file(harness, site):
    for number in range(200):
        site.add(f"f{number}")
        site.chaos.add(f"/data/f{number}", status(503))
    started = time.monotonic()
    outcome = harness.run(site.source, "in")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_busy")
    assert outcome.error.retryable
    assert time.monotonic() - started < 60
    assert len(site.asked()) < 200


def test_credentials_that_are_missing_stop_the_job(harness, site):
    for number in range(100):
        site.add(f"f{number}")
        site.chaos.add(f"/data/f{number}", status(401))
    outcome = harness.run(site.source, "in")
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
    assert len(site.asked()) < 50


# ---- connections, bandwidth, pause, cancel ------------------------------------------------------


@pytest.mark.parametrize("connections", [1, 3, None])
def test_connections_to_one_host(harness, site, connections):
    open_now, most, lock = [0], [0], threading.Lock()

    def watched(connection):
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        time.sleep(0.005)
        with lock:
            open_now[0] -= 1
        return False

    for number in range(60):
        site.add(f"f{number}").faults = [watched]
    options = {"connections": connections} if connections else {}
    assert harness.run(site.source, "in", **options).state == "done"
    assert most[0] <= (connections or smallpool.CONNECTIONS)
    if connections is None:
        assert most[0] > 4


@pytest.mark.parametrize("value", [0, 65, "4", True, 1.5])
def test_connections_that_make_no_sense(harness, site, value):
    site.add("a")
    outcome = harness.run(site.source, "in", connections=value)
    assert (outcome.state, outcome.error.code) == ("failed", "bad_request")


def test_the_bandwidth_holds_for_all_together(harness, site):
    for number in range(60):
        site.add(f"f{number}", noise(50_000, seed=number))
    harness.control = Control(bandwidth=1_000_000)
    started = time.monotonic()
    assert harness.run(site.source, "in").state == "done"
    assert 2.3 < time.monotonic() - started < 5


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_pause_and_cancel_are_heard_at_once(harness, site, how):
    for number in range(400):
        site.add(f"f{number}", listed=("size", "etag"), rate=100_000)
    asked = []

    def halt():
        asked.append(time.monotonic())
        getattr(harness.control, how)()

    threading.Timer(1.5, halt).start()
    outcome = harness.run(site.source, "in")
    assert time.monotonic() - asked[0] < 1
    assert outcome.state == {"pause": "paused", "cancel": "cancelled"}[how]
    there = contents(harness.folder / "in")
    assert 0 < len(there) < 400
    assert all(site.data[name] == data for name, data in there.items())
    assert {row["state"] for row in harness.report.files} == {"done"}
    assert len(harness.report.files) == len(there)
    assert not list(harness.folder.rglob(STAGING))
    # What is there is not fetched again.
    for resource in site.chaos.resources.values():
        resource.rate = None
    saved, before = harness.delivered(site.source), site.sent()
    harness.control = Control()
    assert harness.run(site.source, "in", delivered=saved, conflict="skip").state == "done"
    assert contents(harness.folder / "in") == site.data
    assert site.sent() - before <= (400 - len(there)) * 20_000 + 64 * 20_000


# ---- the disk -----------------------------------------------------------------------------------


def test_a_disk_that_is_full(harness, site, monkeypatch):
    monkeypatch.setattr(publisher, "GROUP_FILES", 5)
    for number in range(40):
        site.add(f"f{number}")
    written = [0]
    write = groups.StagedFiles.write

    def full(self, *arguments):
        written[0] += 1
        if written[0] > 12:
            raise TransferError("disk_full", "The disk of the server is full.")
        return write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(groups.StagedFiles, "write", full)
        outcome = harness.run(site.source, "in")
    assert (outcome.state, outcome.error.code) == ("failed", "disk_full")
    there = contents(harness.folder / "in")
    assert len(there) in (10, 12)  # by who writes; what is whole gets its name
    assert len(harness.report.files) == len(there)
    assert not list(harness.folder.rglob(STAGING))
    saved = harness.delivered(site.source)
    assert harness.run(site.source, "in", delivered=saved).state == "done"
    assert contents(harness.folder / "in") == site.data


def test_a_really_full_disk(site, tmp_path):
    from jupyter_transfer.paths import Root

    from ..servers.disk import Disk
    from .conftest import Harness

    try:
        disk = Disk(tmp_path / "image", tmp_path / "disk")
    except Exception:
        pytest.skip("this machine cannot mount")
    try:
        with (disk.folder / "ballast").open("wb", buffering=0) as ballast:
            with suppress(OSError):
                while True:
                    ballast.write(bytes(1 << 20))
            ballast.truncate(ballast.tell() - (3 << 20))
        root = Root(str(disk.folder))
        harness = Harness(disk.folder, root)
        for number in range(40):
            site.add(f"f{number}", noise(200_000, seed=number))
        outcome = harness.run(site.source, "in")
        assert (outcome.state, outcome.error.code) == ("failed", "disk_full")
        there = contents(disk.folder / "in")
        assert all(site.data[name] == data for name, data in there.items())
        (disk.folder / "ballast").unlink()
        saved = harness.delivered(site.source)
        assert harness.run(site.source, "in", delivered=saved).state == "done"
        assert contents(disk.folder / "in") == site.data
        root.close()
    finally:
        disk.unmount()


def test_names_of_unicode_forms_are_kept(harness, site):
    for form in ("NFC", "NFD"):
        site.add(unicodedata.normalize(form, "\u00fc") + form, url=form)
    assert harness.run(site.source, "in").state == "done"
    assert contents(harness.folder / "in") == site.data
