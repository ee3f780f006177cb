"""DELETE: termination."""

from __future__ import annotations

import asyncio

from .tus_client import BODY, VERSION


async def test_an_unfinished_upload(tus, tree):
    id = await tus.create(5, filename="a")
    await tus.patch(id, 0, b"ab")
    response = await tus.delete(id)
    assert response.code == 204
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert tree() == []
    assert (await tus.head(id)).code == 404
    assert (await tus.patch(id, 2, b"cde")).code == 404
    assert (await tus.delete(id)).code == 404


async def test_a_published_file_stays(tus, jp_root_dir):
    id = await tus.create(2, filename="a")
    await tus.patch(id, 0, b"ab")
    assert (await tus.delete(id)).code == 204
    assert (jp_root_dir / "a").read_bytes() == b"ab"
    assert (await tus.head(id)).code == 404


async def test_it_ends_the_patch_that_runs(raw, tus, tree):
    id = await tus.create(100, filename="a")
    headers = {**VERSION, **BODY, "Upload-Offset": "0", "Content-Length": "100"}
    request = await raw.open("PATCH", f"tus/{id}", headers)
    await request.send(b"x" * 10)
    await asyncio.sleep(0.1)
    assert (await tus.delete(id)).code == 204
    assert (await request.answer()).status == 409
    assert tree() == []


async def test_by_override(raw, tus, tree):
    id = await tus.create(100, filename="a")
    headers = {**VERSION, "X-HTTP-Method-Override": "DELETE", "Content-Length": "0"}
    assert (await raw.ask("POST", f"tus/{id}", headers)).status == 204
    assert tree() == []


async def test_it_needs_the_version(tus):
    id = await tus.create(100, filename="a")
    assert (await tus.delete(id, {"Tus-Resumable": None})).code == 412
    assert await tus.offset(id) == 0
