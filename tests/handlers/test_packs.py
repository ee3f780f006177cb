"""Packs: many small files in one upload (``Upload-Metadata: pack dGFy``)."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from jupyter_transfer.uploads import pack

from ..conftest import error_of, until
from ..uploads.tars import records, tar
from .tus_client import BODY, VERSION, checksum

pytestmark = pytest.mark.usefixtures("both_paths")

FILES = {f"d{n % 4}/f{n}": os.urandom(n * 53) for n in range(60)}
DATA = tar(*FILES.items())


def counts(response) -> list[str | None]:
    return [response.headers.get(f"Transfer-Files-{s}") for s in ("Done", "Failed", "Skipped")]


def content(folder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_from_the_first_byte_to_the_last(tus, jp_root_dir, tree, transfer_app):
    told = []

    async def on_saved(path: str) -> None:
        told.append(path)

    transfer_app.uploads._announcer._on_saved = on_saved
    id = await tus.create(len(DATA), pack="tar", path="new/set")
    assert "new" not in tree()
    response = await tus.patch(id, 0, DATA[:20_000])
    assert response.code == 204
    early = int(response.headers["Transfer-Files-Done"])
    assert 0 < early < len(FILES)
    assert len(content(jp_root_dir / "new" / "set")) == early
    head = await tus.head(id)
    assert counts(head) == [str(early), "0", "0"]
    assert "Transfer-Path" not in head.headers
    response = await tus.patch(id, 20_000, DATA[20_000:])
    assert response.code == 204
    assert counts(response) == [str(len(FILES)), "0", "0"]
    assert response.headers["Transfer-Path"] == "new/set"
    assert content(jp_root_dir / "new" / "set") == FILES
    assert all(".jupyter-transfer" not in path for path in tree())
    response = await tus.get(id)
    assert counts(response) == [str(len(FILES)), "0", "0"]
    assert json.loads(response.body)["files"] == {"done": len(FILES), "failed": 0, "skipped": 0}
    await until(lambda: sorted(told) == sorted(f"new/set/{name}" for name in FILES))


async def test_hooks_and_events_of_each_file(tus, jp_serverapp):
    hooked = []
    manager = jp_serverapp.contents_manager
    manager.register_post_save_hook(lambda os_path, model, **_: hooked.append(model["path"]))
    data = tar(("a", b"x"), ("d/b", b"x"), (".no", b"x"))
    await tus.post(len(data), data, pack="tar", path="")
    await until(lambda: sorted(hooked) == ["a", "d/b"])


async def test_what_failed_is_listed(tus, ask, jp_root_dir):
    (jp_root_dir / "old").write_bytes(b"old")
    (jp_root_dir / "new").write_bytes(b"old")
    data = tar(
        ("old", b"x"),
        ("new", b"x", records(conflict="rename")),
        (".hidden", b"x"),
        ("fine", b"x"),
        ("bad", b"x", records(sha256="0" * 64)),
    )
    id = await tus.create(len(data), pack="tar", conflict="skip")
    for end in (4000, len(data)):  # of an unfinished pack, and of a finished one
        await tus.patch(id, await tus.offset(id), data[await tus.offset(id) : end])
        response = await ask("tus", id, "files")
        assert response.headers["Tus-Resumable"] == VERSION["Tus-Resumable"]
        body = json.loads(response.body)
        found = [(file["path"], file["state"], file["error"]) for file in body["files"]]
        assert body["total"] == len(found)
        assert found[-2:] == [("old", "skipped", None), ("new (1)", "done", None)]
    assert counts(await tus.head(id)) == ["2", "2", "1"]
    paths = [(path, error and error["code"]) for path, _, error in found]
    assert paths == [
        (".hidden", "hidden_path"),
        ("bad", "digest_mismatch"),
        ("old", None),
        ("new (1)", None),
    ]
    assert set(body["files"][0]) == {
        *("path", "state", "size", "digest", "verified", "seconds", "error", "name")
    }
    response = await ask("tus", id, "files", params={"state": "failed", "limit": "1"})
    body = json.loads(response.body)
    assert [file["path"] for file in body["files"]] == [".hidden"]
    assert body["total"] == 2
    response = await ask("tus", id, "files", params={"state": "failed", "offset": "1"})
    assert [file["path"] for file in json.loads(response.body)["files"]] == ["bad"]


async def test_there_is_no_list_of_one_file(tus, ask):
    id = await tus.create(1, filename="a")
    for unknown in (id, "0" * 32):
        response = await ask("tus", unknown, "files")
        assert response.code == 404
        assert error_of(response)["code"] == "not_found"


async def test_creation_with_all_bytes_into_the_root(tus, jp_root_dir):
    response = await tus.post(len(DATA), DATA, pack="tar")
    assert response.code == 201
    assert response.headers["Transfer-Path"] == ""
    assert content(jp_root_dir) == FILES


async def test_an_empty_pack(tus, tree):
    data = tar()
    response = await tus.post(len(data), data, pack="tar", path="d")
    assert response.code == 201
    assert counts(response) == ["0", "0", "0"]
    assert tree() == []


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_wrong_checksum_leaves_nothing_of_its_request(
    tus, jp_root_dir, monkeypatch, algorithm
):
    monkeypatch.setattr(pack, "GROUP_FILES", 2)
    id = await tus.create(len(DATA), pack="tar")
    wrong = {"Upload-Checksum": checksum(algorithm, b"other")}
    response = await tus.patch(id, 0, DATA, wrong)
    assert response.code == 460
    assert content(jp_root_dir).keys() == {f".jupyter-transfer/{id}.{x}" for x in PART}
    assert await tus.offset(id) == 0
    assert counts(await tus.head(id)) == ["0", "0", "0"]
    right = {"Upload-Checksum": checksum(algorithm, DATA)}
    assert (await tus.patch(id, 0, DATA, right)).code == 204
    assert content(jp_root_dir) == FILES


PART = ("part", "journal")


async def test_a_connection_that_is_cut_keeps_what_arrived(tus, raw, jp_root_dir):
    id = await tus.create(len(DATA), pack="tar")
    headers = {**VERSION, **BODY, "Upload-Offset": "0", "Content-Length": str(len(DATA))}
    request = await raw.open("PATCH", f"tus/{id}", headers)
    await request.send(DATA[:30_000])
    await request.close()

    part = jp_root_dir / ".jupyter-transfer" / f"{id}.part"
    await until(lambda: part.stat().st_size)
    offset = await tus.offset(id)
    assert 0 < offset <= 30_000
    await tus.patch(id, offset, DATA[offset:])
    assert content(jp_root_dir) == FILES


async def test_termination_keeps_what_is_published(tus, jp_root_dir, tree):
    id = await tus.create(len(DATA), pack="tar")
    await tus.patch(id, 0, DATA[:20_000])
    assert (await tus.delete(id)).code == 204
    found = content(jp_root_dir)
    assert found
    assert found.items() < FILES.items()
    assert all(".jupyter-transfer" not in path for path in tree())
    assert (await tus.head(id)).code == 404


async def test_garbage(tus, tree):
    id = await tus.create(10_240, pack="tar")
    response = await tus.patch(id, 0, b"x" * 10_240)
    assert response.code == 400
    assert error_of(response)["code"] == "bad_request"
    assert (await tus.delete(id)).code == 204
    assert tree() == []


async def test_more_than_was_announced(tus, jp_root_dir):
    data = DATA[:-5000]
    id = await tus.create(len(data), pack="tar")
    response = await tus.patch(id, 0, DATA)
    assert response.code == 413


async def test_length_told_later(tus, jp_root_dir):
    response = await tus.post(None, headers={"Upload-Defer-Length": "1"}, pack="tar")
    id = response.headers["Location"].rpartition("/")[2]
    assert (await tus.patch(id, 0, DATA[:9000])).code == 204
    response = await tus.patch(id, 9000, DATA[9000:], {"Upload-Length": str(len(DATA))})
    assert response.code == 204
    assert content(jp_root_dir) == FILES


@pytest.mark.parametrize(
    "pairs",
    [
        {"pack": "zip"},
        {"pack": ""},
        {"pack": "tar", "sha256": hashlib.sha256(DATA).hexdigest()},
        {"pack": "tar", "conflict": "maybe"},
        {"pack": "tar", "path": "../up"},
    ],
)
async def test_what_no_pack_can_be(tus, tree, pairs):
    response = await tus.post(len(DATA), **pairs)
    assert response.code == 400
    assert tree() == []


async def test_into_a_file(tus, jp_root_dir):
    (jp_root_dir / "a").write_bytes(b"x")
    response = await tus.post(len(DATA), pack="tar", path="a")
    assert response.code == 409
    assert error_of(response)["code"] == "not_a_directory"
