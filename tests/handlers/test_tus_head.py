"""HEAD: where an upload stands."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from ..conftest import error_of
from .tus_client import BODY, VERSION, metadata


async def test_an_unfinished_upload(tus):
    header = metadata(filename="ä", other=None, type=b"\xff\xfe", conflict="fail")
    response = await tus.post(5, headers={"Upload-Metadata": header})
    id = response.headers["Location"].rpartition("/")[2]
    await tus.patch(id, 0, b"ab")
    response = await tus.head(id)
    assert response.code == 200
    assert response.headers["Upload-Offset"] == "2"
    assert response.headers["Upload-Length"] == "5"
    assert response.headers["Upload-Metadata"] == header
    assert response.headers["Cache-Control"] == "no-store"
    assert "Transfer-Path" not in response.headers
    assert response.body == b""


async def test_a_finished_upload(tus):
    id = await tus.create(2, filename="a b")
    await tus.patch(id, 0, b"ab")
    for _ in range(2):
        response = await tus.head(id)
        assert response.headers["Upload-Offset"] == response.headers["Upload-Length"] == "2"
        assert response.headers["Transfer-Path"] == "a%20b"


async def test_a_length_that_nobody_knows_yet(tus):
    response = await tus.post(None, b"ab", {"Upload-Defer-Length": "1"}, filename="a")
    id = response.headers["Location"].rpartition("/")[2]
    response = await tus.head(id)
    assert response.headers["Upload-Offset"] == "2"
    assert response.headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in response.headers
    await tus.patch(id, 2, b"c", {"Upload-Length": "4"})
    response = await tus.head(id)
    assert response.headers["Upload-Length"] == "4"
    assert "Upload-Defer-Length" not in response.headers


async def test_what_expires_and_what_expired(tus, transfer_app, monkeypatch):
    id = await tus.create(3, filename="a")
    whole = await tus.create(3, filename="b")
    await tus.patch(whole, 0, b"abc")
    assert "Upload-Expires" in (await tus.head(id)).headers
    assert "Upload-Expires" not in (await tus.head(whole)).headers
    clock = SimpleNamespace(time=lambda: time.time() + 1e7)
    for module in ("manager", "storage"):
        monkeypatch.setattr(f"jupyter_transfer.uploads.{module}.time", clock)
    response = await tus.head(id)
    assert response.code == 410
    assert "Upload-Offset" not in response.headers
    assert (await tus.patch(id, 0, b"abc")).code == 410
    assert (await tus.head(whole)).code == 200
    await transfer_app.uploads.expire()
    assert (await tus.head(id)).code == 404


async def test_without_metadata(tus):
    id = await tus.create(2)
    assert "Upload-Metadata" not in (await tus.head(id)).headers


async def test_it_is_never_not_modified(tus):
    id = await tus.create(2, filename="a")
    response = await tus.head(id, {"If-None-Match": "*"})
    assert response.code == 200
    assert "Etag" not in response.headers


async def test_unknown_ids(tus):
    for id in ("0" * 32, "x", "..%2f", "%00", "ä", "a" * 2000):
        response = await tus.head(id)
        assert response.code == 404, id
        assert "Upload-Offset" not in response.headers
        assert response.headers["Tus-Resumable"] == "1.0.0"


async def test_another_version(tus):
    id = await tus.create(2, filename="a")
    response = await tus.head(id, {"Tus-Resumable": "0.2.2"})
    assert response.code == 412
    assert response.headers["Tus-Version"] == "1.0.0"
    assert "Upload-Offset" not in response.headers


async def test_by_override(raw, tus):
    id = await tus.create(5, filename="a")
    await tus.patch(id, 0, b"ab")
    headers = {**VERSION, "X-HTTP-Method-Override": "HEAD", "Content-Length": "0"}
    answer = await raw.ask("POST", f"tus/{id}", headers)
    assert answer.status == 200
    assert answer.headers["upload-offset"] == "2"
    assert answer.body == b""


async def test_it_ends_the_patch_that_runs(raw, tus, tree):
    """A client that comes back does not wait for its own dead connection."""
    id = await tus.create(100, filename="a")
    headers = {**VERSION, **BODY, "Upload-Offset": "0", "Content-Length": "100"}
    stale = await raw.open("PATCH", f"tus/{id}", headers)
    await stale.send(b"x" * 60)
    # What the server has read is kept; ask until it has read all of it.
    await asyncio.sleep(0.2)
    answer = await raw.ask("HEAD", f"tus/{id}", VERSION)
    assert answer.status == 200
    assert answer.headers["upload-offset"] == "60"
    refused = await stale.answer()
    assert refused.status == 409
    assert refused.headers["upload-offset"] == "60"
    assert b"conflict" in refused.body
    assert (await tus.patch(id, 60, b"y" * 40)).code == 204


async def test_it_ends_a_patch_whose_client_is_gone_for_good(raw, tus):
    """A half-open connection: the client never reads, sends or closes again."""
    id = await tus.create(100, filename="a")
    headers = {**VERSION, **BODY, "Upload-Offset": "0", "Content-Length": "100"}
    stale = await raw.open("PATCH", f"tus/{id}", headers)
    await stale.send(b"x" * 10)
    await asyncio.sleep(0.2)
    assert await tus.offset(id) == 10
    assert await stale.is_closed_by_server()


async def test_a_whole_file_whose_name_was_taken_is_published_when_it_is_free(tus, jp_root_dir):
    id = await tus.create(2, filename="a", conflict="fail")
    (jp_root_dir / "a").write_text("other")
    response = await tus.patch(id, 0, b"ab")
    assert response.code == 409
    assert response.headers["Upload-Offset"] == "2"
    (jp_root_dir / "a").unlink()
    response = await tus.head(id)
    assert response.code == 200
    assert response.headers["Transfer-Path"] == "a"
    assert (jp_root_dir / "a").read_text() == "ab"


@pytest.mark.parametrize("verb", ["head", "get"])
async def test_a_whole_file_whose_name_is_taken_lacks_its_last_byte(tus, jp_root_dir, verb):
    """An offset at the end would tell clients that the file stands there."""
    id = await tus.create(3, filename="a", conflict="fail")
    (jp_root_dir / "a").write_text("other")
    assert (await tus.patch(id, 0, b"abc")).code == 409
    for _ in range(2):
        response = await getattr(tus, verb)(id)
        assert response.code == 200
        assert response.headers["Upload-Offset"] == "2"
        assert response.headers["Upload-Length"] == "3"
        assert "Upload-Expires" in response.headers
        assert "Transfer-Path" not in response.headers
        response = await tus.patch(id, 2, b"c")
        assert response.code == 409
        assert error_of(response)["code"] == "exists"
    assert (jp_root_dir / "a").read_text() == "other"
    (jp_root_dir / "a").unlink()
    response = await tus.patch(id, 2, b"c")
    assert response.code == 204
    assert response.headers["Upload-Offset"] == "3"
    assert response.headers["Transfer-Path"] == "a"
    assert (jp_root_dir / "a").read_text() == "abc"


async def test_who_goes_on_at_the_end_of_a_whole_file_asks_for_its_name(tus, jp_root_dir):
    id = await tus.create(3, filename="a", conflict="fail")
    (jp_root_dir / "a").write_text("other")
    assert (await tus.patch(id, 0, b"abc")).code == 409
    assert (await tus.head(id)).code == 200
    assert (await tus.patch(id, 3, b"")).code == 409
    (jp_root_dir / "a").unlink()
    assert (await tus.patch(id, 3, b"")).headers["Transfer-Path"] == "a"
