"""GET: what HEAD says, for clients behind proxies that let no HEAD pass."""

from __future__ import annotations

import json

from ..conftest import error_of


async def test_it_says_what_head_says(tus):
    response = await tus.post(None, b"ab", {"Upload-Defer-Length": "1"}, filename="a", path="d")
    id = response.headers["Location"].rpartition("/")[2]
    response = await tus.get(id)
    assert response.code == 200
    same = ("Upload-Offset", "Upload-Defer-Length", "Upload-Metadata", "Upload-Expires")
    head = await tus.head(id)
    assert [response.headers[name] for name in same] == [head.headers[name] for name in same]
    assert response.headers["Cache-Control"] == "no-store"
    body = json.loads(response.body)
    assert body.pop("expires").endswith("Z")
    assert body == {"id": id, "offset": 2, "length": None, "path": None}


async def test_a_finished_upload(tus):
    id = await tus.create(2, filename="a b")
    await tus.patch(id, 0, b"ab")
    response = await tus.get(id)
    assert response.headers["Transfer-Path"] == "a%20b"
    expected = {"id": id, "offset": 2, "length": 2, "path": "a b", "expires": None}
    assert json.loads(response.body) == expected


async def test_unknown_ids_and_versions(tus):
    response = await tus.get("0" * 32)
    assert response.code == 404
    assert error_of(response)["code"] == "not_found"
    id = await tus.create(2, filename="a")
    assert (await tus.get(id, {"Tus-Resumable": None})).code == 412
