"""POST: creation, with and without the first bytes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from ..conftest import error_of, until
from .tus_client import BODY, VERSION, checksum

pytestmark = pytest.mark.usefixtures("both_paths")


def limit(transfer_app, **settings) -> None:
    uploads = transfer_app.uploads
    uploads.settings = replace(uploads.settings, **settings)


async def test_creation(tus, tree, jp_base_url, jp_serverapp):
    response = await tus.post(5, filename="a.txt")
    assert response.code == 201
    location = response.headers["Location"]
    start = f"http://127.0.0.1:{jp_serverapp.port}{jp_base_url}jupyter-transfer/tus/"
    assert location.startswith(start)
    assert len(location.removeprefix(start)) == 32
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert response.headers["Cache-Control"] == "no-store"
    assert "a.txt" not in tree()


async def test_an_empty_file_is_complete_at_once(tus, jp_root_dir, tree):
    response = await tus.post(0, filename="empty")
    assert response.code == 201
    assert response.headers["Upload-Offset"] == "0"
    assert response.headers["Transfer-Path"] == "empty"
    assert (jp_root_dir / "empty").read_bytes() == b""
    assert tree() == ["empty"]
    id = response.headers["Location"].rpartition("/")[2]
    assert (await tus.head(id)).headers["Transfer-Path"] == "empty"


async def test_with_the_whole_file(tus, jp_root_dir, tree):
    response = await tus.post(5, b"hello", filename="sub/ä b.txt", path="data", mtime="1500")
    assert response.code == 201
    assert response.headers["Upload-Offset"] == "5"
    assert response.headers["Transfer-Path"] == "data/sub/%C3%A4%20b.txt"
    file = jp_root_dir / "data" / "sub" / "ä b.txt"
    assert file.read_bytes() == b"hello"
    assert file.stat().st_mtime_ns == 1_500_000_000
    assert tree() == ["data", "data/sub", "data/sub/ä b.txt"]


async def test_with_the_first_bytes(tus, jp_root_dir):
    response = await tus.post(5, b"he", filename="a")
    assert response.code == 201
    assert response.headers["Upload-Offset"] == "2"
    assert "Transfer-Path" not in response.headers
    id = response.headers["Location"].rpartition("/")[2]
    assert (await tus.patch(id, 2, b"llo")).code == 204
    assert (jp_root_dir / "a").read_bytes() == b"hello"


async def test_without_a_name(tus, jp_root_dir):
    response = await tus.post(1, b"x")
    id = response.headers["Location"].rpartition("/")[2]
    assert response.headers["Transfer-Path"] == f"upload-{id}"
    assert (jp_root_dir / f"upload-{id}").exists()


async def test_the_rest_of_the_server_hears_of_it(tus, jp_serverapp, jp_root_dir):
    saved = []
    manager = jp_serverapp.contents_manager
    manager.register_post_save_hook(lambda os_path, **kwargs: saved.append(os_path))
    await tus.post(1, b"x", filename="a", path="new")
    assert saved == [str(jp_root_dir / "new" / "a")]


async def test_the_length_may_come_later(tus):
    response = await tus.post(None, b"ab", {"Upload-Defer-Length": "1"}, filename="a")
    assert response.code == 201
    assert response.headers["Upload-Offset"] == "2"
    assert "Transfer-Path" not in response.headers


async def test_it_says_when_the_upload_expires(tus, transfer_app):
    limit(transfer_app, expiry=1000.0)
    before = time.time()
    expires = (await tus.post(3, filename="a")).headers["Upload-Expires"]
    moment = parsedate_to_datetime(expires).timestamp()
    assert expires == format_datetime(parsedate_to_datetime(expires), usegmt=True)  # IMF-fixdate
    assert int(before) + 1000 <= moment <= time.time() + 1000
    assert "Upload-Expires" not in (await tus.post(1, b"x", filename="b")).headers


async def test_a_checksum(tus, jp_root_dir, tree):
    response = await tus.post(5, b"hello", {"Upload-Checksum": checksum("sha1", b"hello")})
    assert response.code == 201
    assert (jp_root_dir / response.headers["Transfer-Path"]).read_bytes() == b"hello"
    before = tree()
    response = await tus.post(5, b"hellO", {"Upload-Checksum": checksum("sha1", b"hello")})
    assert response.code == 460
    assert response.reason == "Checksum Mismatch"
    assert "Location" not in response.headers
    assert tree() == before


# ---- conflicts ----


async def test_rename_is_the_default(tus, jp_root_dir):
    (jp_root_dir / "a.txt").write_text("old")
    response = await tus.post(3, b"new", filename="a.txt")
    assert response.headers["Transfer-Path"] == "a%20%281%29.txt"
    assert (jp_root_dir / "a.txt").read_text() == "old"
    assert (jp_root_dir / "a (1).txt").read_text() == "new"


async def test_overwrite(tus, jp_root_dir):
    (jp_root_dir / "a.txt").write_text("old")
    id = await tus.create(3, filename="a.txt", conflict="overwrite")
    assert (jp_root_dir / "a.txt").read_text() == "old"
    await tus.patch(id, 0, b"new")
    assert (jp_root_dir / "a.txt").read_text() == "new"


@pytest.mark.parametrize("conflict", ["skip", "fail"])
async def test_existing_files_are_refused_before_they_are_sent(tus, jp_root_dir, conflict):
    (jp_root_dir / "a.txt").write_text("old")
    response = await tus.post(3, b"new", filename="a.txt", conflict=conflict)
    assert response.code == 409
    assert error_of(response)["code"] == "exists"
    assert (jp_root_dir / "a.txt").read_text() == "old"


async def test_a_folder_is_not_overwritten(tus, jp_root_dir):
    (jp_root_dir / "a").mkdir()
    response = await tus.post(3, filename="a", conflict="overwrite")
    assert error_of(response)["code"] == "is_a_directory"


async def test_a_file_in_the_way_of_a_folder(tus, jp_root_dir, tree):
    (jp_root_dir / "a").write_text("old")
    response = await tus.post(3, filename="a/b")
    assert error_of(response)["code"] == "not_a_directory"
    assert tree() == ["a"]


# ---- the digest of the whole ----


async def test_a_digest_is_checked_and_stated(tus, jp_root_dir):
    digest = hashlib.sha256(b"hello").hexdigest()
    response = await tus.post(5, b"hello", filename="a", sha256=digest.upper())
    assert response.headers["Transfer-SHA256"] == digest
    assert (jp_root_dir / "a").read_bytes() == b"hello"


async def test_a_wrong_digest_publishes_nothing(tus, tree):
    response = await tus.post(5, b"hello", filename="a", sha256="0" * 64)
    assert response.code == 460
    assert error_of(response)["code"] == "digest_mismatch"
    assert "Upload-Offset" not in response.headers
    assert tree() == []


# ---- refusals ----


BAD_LENGTHS = ["-1", "+5", "1e3", " ", "", "5.0", "0x5", "²", "٣", "9" * 30, "5,5", "1_0", None]


async def test_bad_lengths(raw, tree):
    for length in [*BAD_LENGTHS, str(2**63)]:
        sent = None if length is None else length.encode("utf-8").decode("latin1")
        headers = {**VERSION, "Upload-Length": sent, "Content-Length": "0"}
        answer = await raw.ask("POST", "tus/", headers)
        assert answer.status == 400, length
        assert b"bad_request" in answer.body
    assert tree() == []


@pytest.mark.parametrize(
    ("length", "defer"), [(None, "0"), (None, "2"), (None, ""), (None, "true"), (5, "1"), (5, "0")]
)
async def test_a_length_that_is_told_neither_at_once_nor_later(tus, tree, length, defer):
    response = await tus.post(length, headers={"Upload-Defer-Length": defer})
    assert error_of(response)["code"] == "bad_request"
    assert tree() == []


async def test_another_version(tus, tree):
    for version in (None, "0.2.2", "1.0", "1.0.0, 1.0.0"):
        response = await tus.post(3, b"abc", {"Tus-Resumable": version}, filename="a")
        assert response.code == 412
        assert response.headers["Tus-Version"] == "1.0.0"
        assert error_of(response)["code"] == "version_mismatch"
    assert tree() == []


async def test_a_file_over_the_limit(tus, transfer_app):
    limit(transfer_app, max_size=10)
    assert (await tus.post(10, filename="a")).code == 201
    response = await tus.post(11, filename="b")
    assert response.code == 413
    assert error_of(response)["detail"] == {"max_size": 10}


async def test_a_file_larger_than_the_disk(tus, tree):
    response = await tus.post(2**62, filename="a")
    assert response.code == 507
    error = error_of(response)
    assert error["code"] == "disk_full"
    assert error["detail"]["needed_bytes"] == 2**62
    assert 0 < error["detail"]["free_bytes"] < 2**62
    assert tree() == []


async def test_a_body_over_the_limit_whose_length_is_unknown(tus, transfer_app, tree):
    limit(transfer_app, max_size=10)
    transfer_app.max_upload_size = 10
    later = {"Upload-Defer-Length": "1"}
    response = await tus.post(None, b"x" * 11, later, filename="a")
    assert response.code == 413
    assert tree() == []
    assert (await tus.post(None, b"x" * 10, later, filename="a")).code == 201


async def test_too_many_open_uploads(tus, transfer_app):
    limit(transfer_app, max_open=2)
    first = await tus.create(1, filename="a")
    await tus.create(1, filename="b")
    response = await tus.post(1, filename="c")
    assert response.code == 429
    assert error_of(response)["code"] == "too_many"
    await tus.delete(first)
    assert (await tus.post(1, filename="c")).code == 201


async def test_a_body_longer_than_the_upload(tus, tree):
    response = await tus.post(3, b"abcd", filename="a")
    assert response.code == 413
    assert "Upload-Offset" not in response.headers
    assert tree() == []


async def test_a_body_of_another_type(tus, tree):
    response = await tus.post(3, b"abc", {"Content-Type": "text/plain"}, filename="a")
    assert response.code == 415
    assert tree() == []


async def test_a_chunked_body_longer_than_the_upload(raw, tree):
    headers = {**VERSION, **BODY, "Upload-Length": "3", "Transfer-Encoding": "chunked"}
    request = await raw.open("POST", "tus/", headers)
    await request.send_chunk(b"abc")
    await request.send_chunk(b"d")
    await request.send_chunk(b"")
    assert (await request.answer()).status == 413
    assert tree() == []


async def test_a_creation_that_is_cut_off_leaves_nothing(raw, tree):
    headers = {**VERSION, **BODY, "Upload-Length": "100", "Content-Length": "100"}
    request = await raw.open("POST", "tus/", headers)
    await request.send(b"x" * 50)
    await until(tree)
    await request.close()
    await until(lambda: not tree())


async def test_metadata_over_the_limit(tus, transfer_app, tree):
    header = "filename YQ==,other " + "eHh4" * 100
    limit(transfer_app, max_metadata=len(header) - 1)
    response = await tus.post(1, headers={"Upload-Metadata": header})
    assert response.code == 413
    error = error_of(response)
    assert (error["code"], error["detail"]) == ("too_large", {"max_metadata": len(header) - 1})
    response = await tus.post(
        None, headers={"Upload-Concat": "final;tus/x", "Upload-Metadata": header}
    )
    assert response.code == 413
    assert tree() == []
    limit(transfer_app, max_metadata=len(header))
    assert (await tus.post(1, headers={"Upload-Metadata": header})).code == 201


async def test_uploads_switched_off(tus, transfer_app):
    transfer_app.uploads_enabled = False
    response = await tus.post(1, b"x", filename="a")
    assert response.code == 403
    assert error_of(response)["code"] == "disabled"


async def test_contents_that_are_not_local(tus, transfer_app):
    transfer_app._root = None
    response = await tus.post(1, b"x", filename="a")
    assert response.code == 501
    assert error_of(response)["code"] == "not_local"


HOSTILE = [
    "../x",
    "a/../../x",
    "/etc/x",
    "//x",
    "./x",
    "a//b",
    "..",
    ".",
    "/",
    "a/",
    "a/..",
    "\\..\\x",
    "C:\\x",
    "\\\\h\\s",
    "a\0b",
    "a\nb",
    "a\x1b[31mb",
    "gpj\u202eexe",
    "x" * 256,
    "ä" * 128,
    b"\xff\xfe",
    "\udc80",
    ".ssh/authorized_keys",
    ".env",
    "a/.b/c",
    ".jupyter-transfer/x",
    "a/.jupyter-transfer/x",
]

# What names a folder may be the root, and may end in a slash.
FOLDERS = {("path", "."), ("path", "/"), ("path", "a/"), ("relativePath", "a/")}


@pytest.mark.parametrize("key", ["filename", "relativePath", "path"])
async def test_hostile_names(tus, tree, key):
    for name in HOSTILE:
        if (key, name) in FOLDERS:
            continue
        response = await tus.post(0, **{"filename": "x", key: name})
        assert response.code in (400, 403), name
        assert error_of(response)["code"] in ("invalid_path", "hidden_path"), name
    assert tree() == []


async def test_names_that_are_too_long_for_metadata(tus, tree):
    response = await tus.post(0, filename="/".join(["a" * 200] * 21))
    assert response.code == 413
    assert tree() == []


async def test_links_that_lead_out(tus, jp_root_dir, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (jp_root_dir / "link").symlink_to(outside)
    (jp_root_dir / "file").symlink_to(outside / "file")
    response = await tus.post(1, b"x", filename="a", path="link")
    assert error_of(response)["code"] == "invalid_path"
    response = await tus.post(1, b"x", filename="file", conflict="overwrite")
    assert response.code == 201  # the link itself is replaced, not what it names
    assert list(outside.iterdir()) == []
    assert not (jp_root_dir / "file").is_symlink()


# ---- addresses behind proxies ----


async def test_forwarded_headers_are_not_trusted(tus, jp_serverapp):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    response = await tus.post(1, headers=headers, filename="a")
    assert response.headers["Location"].startswith(f"http://127.0.0.1:{jp_serverapp.port}/")


FORWARDED = [
    ("https", "hub.example", "https://hub.example/"),
    ("https", "hub.example:8443, inner", "https://hub.example:8443/"),
    ("http", "[::1]:80", "http://[::1]:80/"),
    ("https", None, "https://127.0.0.1:"),
    ("javascript", "a/../b", "http://127.0.0.1:"),
    ("https", "evil.example/path", "https://127.0.0.1:"),
    ("https", "user@evil.example", "https://127.0.0.1:"),
]


async def test_forwarded_headers_by_trait(tus, transfer_app, jp_base_url):
    transfer_app.trust_forwarded = True
    for proto, host, start in FORWARDED:
        headers = {"X-Forwarded-Proto": proto, "X-Forwarded-Host": host}
        location = (await tus.post(1, headers=headers, filename="a")).headers["Location"]
        assert location.startswith(start)
        assert f"{jp_base_url}jupyter-transfer/tus/" in location
