"""Folders of servers that speak WebDAV as sources: `rclone serve webdav`, whose pages are no
listings that we know, and servers that misbehave."""

from __future__ import annotations

import os

import pytest

from jupyter_transfer.backends.base import Answer, Context, Validators
from jupyter_transfer.backends.webdav import describes_folder, members_in, modified_ns
from jupyter_transfer.engine.client import opened
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import Credential

from ..engine.conftest import LOOPBACK
from ..servers.chaos import Resource, noise, status
from ..servers.webdav import running_webdav

DATA = noise(50_001)
MOMENT = 1_700_000_000
TREE = {
    "t/a.bin": DATA,
    "t/empty": b"",
    "t/sub folder/b #1%.bin": DATA[:1000],
    "t/sub folder/deep/数据?.csv": DATA[:2000],
}
FILES = {path.removeprefix("t/"): data for path, data in TREE.items()}


def put_tree(files):
    for path, data in TREE.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_bytes(data)
        os.utime(files / path, (MOMENT, MOMENT))


@pytest.fixture(scope="module")
def dav(tmp_path_factory):
    with running_webdav(tmp_path_factory.mktemp("dav") / "files") as server:
        put_tree(server.files)
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    files = tmp_path_factory.mktemp("guarded") / "files"
    with running_webdav(files, user="u", password="p") as server:
        put_tree(server.files)
        yield server


def entries(address, **options):
    notes = []
    context = Context(options, LOOPBACK, note=lambda *note: notes.append(note))
    with opened(address, context) as (backend, _):
        return list(backend.entries(address)), notes


# ---- a real server ------------------------------------------------------------------------------


def test_a_folder_is_fetched(harness, dav):
    outcome = harness.run(f"{dav.url}/t/", "to")
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == sorted(f"to/{path}" for path in FILES)
    for path, data in FILES.items():
        assert (harness.folder / "to" / path).read_bytes() == data
    assert {row["verified"] for row in harness.report.files} == {True}  # owncloud's checksums


def test_the_listing_states_sizes_times_etags_and_digests(dav):
    found = {entry.path: entry for entry in entries(f"{dav.url}/t/")[0]}
    assert {path: entry.size for path, entry in found.items()} == {
        path: len(data) for path, data in FILES.items()
    }
    assert {entry.mtime_ns for entry in found.values()} == {MOMENT * 10**9}
    assert all(entry.validators.strong and entry.member for entry in found.values())
    assert found["a.bin"].digest.algorithm == "md5"


def test_a_second_run_asks_for_no_file(harness, dav):
    source = f"{dav.url}/t/"
    harness.run(source, "to")
    rows, harness.report.files = harness.delivered(source), []
    assert harness.run(source, "to", id="again", delivered=rows).state == "done"
    assert {row["state"] for row in harness.report.files} == {"present"}
    assert harness.report.counts[-1]["bytes_moved"] == 0


def test_a_file_that_changed_since_it_was_listed_is_fetched_as_it_is(dav):
    (dav.files / "c").mkdir(exist_ok=True)
    file = dav.files / "c" / "f.bin"
    file.write_bytes(DATA)
    address = f"{dav.url}/c/"
    with opened(address, Context({}, LOOPBACK)) as (backend, _):
        (entry,) = backend.entries(address)
        locator = backend.locate(entry)
    assert locator.digest == entry.digest
    assert locator.digest_of == entry.validators.etag  # with another ETag the digest is void


def test_browse(dav):
    address = f"{dav.url}/t/"
    with opened(address, Context({}, LOOPBACK)) as (backend, _):
        found = {entry.path: entry for entry in backend.browse(address)}
        assert set(found) == {"a.bin", "empty", "sub folder/"}
        assert (found["a.bin"].size, found["a.bin"].mtime_ns) == (len(DATA), MOMENT * 10**9)
        deeper = {entry.path for entry in backend.browse(found["sub folder/"].address)}
        assert deeper == {"b #1%.bin", "deep/"}


def test_preview(dav):
    seen = preview(f"{dav.url}/t/", Context({}, LOOPBACK))
    assert (seen["title"], seen["files"], seen["bytes"]) == ("t", 4, sum(map(len, FILES.values())))


def test_a_sync_from_it(harness, dav):
    source = f"{dav.url}/t"
    assert harness.run(source, "here", kind="sync").state == "done"
    assert harness.names() == sorted(f"here/{path}" for path in FILES)
    harness.report.files = []
    assert harness.run(source, "here", kind="sync", id="again").state == "done"
    assert harness.report.counts[-1]["bytes_moved"] == 0


def test_limits_hold(harness, dav):
    source = f"{dav.url}/t/"
    assert harness.run(source, max_files=3).error.detail == {"option": "max_files"}
    total = sum(map(len, FILES.values()))
    assert len(entries(source, max_bytes=total)[0]) == len(FILES)
    with pytest.raises(TransferError) as caught:
        entries(source, max_bytes=total - 1)
    assert caught.value.detail == {"option": "max_bytes"}
    found, notes = entries(source, depth=0)
    assert {entry.path for entry in found} == {"a.bin", "empty"}
    assert notes[-1][0] == "left_out"


def test_a_guarded_server(harness, guarded):
    source = f"{guarded.url}/t/"
    assert harness.run(source, "to").error.code == "needs_credentials"
    harness.credential = Credential("u", "p")
    assert harness.run(source, "to").state == "done"
    assert len(harness.names()) == len(FILES)


def test_who_wants_the_page_says_so(harness, dav):
    assert harness.run(f"{dav.url}/t/", webdav="no").state == "done"
    assert harness.names() == ["t"]


def test_a_robots_txt_is_honoured(harness, dav):
    (dav.files / "robots.txt").write_text("User-agent: *\nDisallow: /t/sub%20folder/\n")
    try:
        found, notes = entries(f"{dav.url}/t/")
        assert {entry.path for entry in found} == {"a.bin", "empty"}
        assert "robots.txt" in notes[0][1]
        (dav.files / "robots.txt").write_text("User-agent: *\nDisallow: /t\n")
        assert harness.run(f"{dav.url}/t/").error.code == "remote_forbidden"
        assert harness.run(f"{dav.url}/t/", ignore_robots=True).state == "done"
    finally:
        (dav.files / "robots.txt").unlink()


# ---- servers that are something else ------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 429, 500, 503])
def test_a_page_that_says_nothing_is_no_reason_to_ask_by_webdav(chaos, code):
    source = chaos.add("/p/", status(code))
    entries(source)
    assert {request.method for request in chaos.requests} == {"GET"}


def test_a_page_of_a_server_without_webdav_stays_a_file(harness, chaos):
    page = Resource(b"<h1>Hello</h1>", headers={"Content-Type": "text/html"})
    assert harness.run(chaos.add("/p/", page)).state == "done"
    assert harness.names() == ["p"]
    assert "PROPFIND" not in {request.method for request in chaos.requests}


# ---- answers that misbehave ---------------------------------------------------------------------

URL = "http://h.example/d/"


def answer(*responses):
    body = "".join(f"<d:response>{response}</d:response>" for response in responses)
    return Answer(207, URL, {}, f'<d:multistatus xmlns:d="DAV:">{body}</d:multistatus>'.encode())


def file(path, size="4"):
    return (
        f"<d:href>{path}</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>{size}"
        "</d:getcontentlength></d:prop></d:propstat>"
    )


def folder(path):
    return (
        f"<d:href>{path}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/>"
        "</d:resourcetype></d:prop></d:propstat>"
    )


@pytest.mark.parametrize("size", ["²", "-1", "1e9", "9" * 30, ""])
def test_a_size_that_is_none(size):
    (entry,) = members_in(answer(folder("/d/"), file("/d/a", size)))
    assert entry.size is None


def test_an_href_that_is_no_address():
    with pytest.raises(TransferError) as caught:
        members_in(answer(folder("/d/"), file("http://[bad/d/a")))
    assert caught.value.code == "remote_lied"


def test_an_answer_about_something_else_lists_no_folder():
    assert describes_folder(answer(folder("/d"), file("/d/a")))
    assert not describes_folder(answer(folder("/inner/d/"), file("/inner/d/a")))
    assert not describes_folder(answer(file("/d/")))


def test_a_time_that_is_none():
    assert modified_ns(Validators(last_modified="yesterday")) is None
    assert modified_ns(Validators(last_modified="Tue, 14 Nov 2023 22:13:20 GMT")) == MOMENT * 10**9
