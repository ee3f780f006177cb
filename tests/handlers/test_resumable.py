"""Uploads by draft-ietf-httpbis-resumable-upload-12."""

from __future__ import annotations

import base64
import hashlib
import json
import os

import pytest

from ..conftest import error_of, until
from .tus_client import metadata

pytestmark = pytest.mark.usefixtures("both_paths")

PARTIAL = {"Content-Type": "application/partial-upload"}
PROBLEMS = "https://iana.org/assignments/http-problem-types#"


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


@pytest.fixture
def resumable(ask):
    """Asks below ``resumable/``."""

    async def send(method: str, id: str = "", body: bytes | None = None, **headers: str):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "PATCH":
            headers = {**PARTIAL, **headers}
        path = ("resumable", id) if id else ("resumable/",)
        return await ask(*path, method=method, body=body, headers=headers)

    return send


@pytest.fixture
def create(resumable):
    """The id of an upload that has begun."""

    async def send(body: bytes = b"", **headers: str) -> str:
        response = await resumable("POST", "", body, **{"Upload_Complete": "?0", **headers})
        assert response.code == 201, response.body
        return response.headers["Location"].rpartition("/")[2]

    return send


async def test_all_in_one_request(resumable, jp_root_dir, tree):
    response = await resumable(
        "POST",
        "",
        b"hello",
        Upload_Complete="?1",
        Content_Disposition="inline; filename=\"x\"; filename*=UTF-8''h%C3%A4.txt",
    )
    assert response.code == 201
    assert response.headers["Upload-Complete"] == "?1"
    assert response.headers["Upload-Offset"] == "5"
    assert response.headers["Transfer-Path"] == "h%C3%A4.txt"
    assert json.loads(response.body) == {"path": "hä.txt", "size": 5, "sha256": None}
    assert (jp_root_dir / "hä.txt").read_bytes() == b"hello"
    assert tree() == ["hä.txt"]


async def test_parts(resumable, create, jp_root_dir):
    id = await create(b"hello ", Upload_Metadata=metadata(filename="d/a", mtime="1000"))
    response = await resumable("HEAD", id)
    assert response.code == 204
    assert response.headers["Upload-Offset"] == "6"
    assert response.headers["Upload-Complete"] == "?0"
    assert "Upload-Length" not in response.headers
    assert response.headers["Upload-Limit"].startswith("max-age=")
    assert response.headers["Cache-Control"] == "no-store"
    response = await resumable("PATCH", id, b"wor", Upload_Offset="6", Upload_Complete="?0")
    assert response.code == 204
    assert response.headers["Upload-Complete"] == "?0"
    assert response.headers["Upload-Offset"] == "9"
    response = await resumable("PATCH", id, b"ld", Upload_Offset="9", Upload_Complete="?1")
    assert response.code == 200
    assert response.headers["Upload-Complete"] == "?1"
    assert json.loads(response.body)["path"] == "d/a"
    assert (jp_root_dir / "d" / "a").read_bytes() == b"hello world"
    assert (jp_root_dir / "d" / "a").stat().st_mtime == 1
    response = await resumable("HEAD", id)
    assert response.code == 204
    assert response.headers["Upload-Complete"] == "?1"
    assert response.headers["Upload-Length"] == "11"


async def test_the_offset_does_not_complete_an_upload(resumable, create, tree):
    id = await create(b"abc", Upload_Length="3", Upload_Metadata=metadata(filename="a"))
    response = await resumable("HEAD", id)
    assert response.headers["Upload-Offset"] == response.headers["Upload-Length"] == "3"
    assert response.headers["Upload-Complete"] == "?0"
    assert "a" not in tree()
    response = await resumable("PATCH", id, b"", Upload_Offset="3", Upload_Complete="?1")
    assert response.code == 200
    assert tree() == ["a"]


async def test_the_last_answer_is_given_again(resumable, create, tree):
    id = await create(b"abc", Upload_Metadata=metadata(filename="a"))
    ask = {"Upload_Offset": "3", "Upload_Complete": "?1"}
    first = await resumable("PATCH", id, b"", **ask)
    again = await resumable("PATCH", id, b"", **ask)
    assert (first.code, first.body) == (again.code, again.body) == (200, first.body)
    response = await resumable("PATCH", id, b"x", **ask)
    assert response.code == 400
    assert response.headers["Upload-Complete"] == "?1"
    assert json.loads(response.body)["type"] == PROBLEMS + "inconsistent-upload-length"
    response = await resumable("PATCH", id, b"", Upload_Offset="2", Upload_Complete="?1")
    assert response.code == 400
    assert json.loads(response.body)["type"] == PROBLEMS + "completed-upload"
    assert tree() == ["a"]


async def test_a_complete_upload_whose_name_is_taken(resumable, create, jp_root_dir):
    """HEAD says where it stands; what keeps it from its name is said to who completes it."""
    id = await create(b"ab", Upload_Metadata=metadata(filename="a", conflict="fail"))
    (jp_root_dir / "a").write_text("other")
    response = await resumable("PATCH", id, b"c", Upload_Offset="2", Upload_Complete="?1")
    assert response.code == 409
    for _ in range(2):
        response = await resumable("HEAD", id)
        assert response.code == 204
        assert response.headers["Upload-Offset"] == "3"
        assert response.headers["Upload-Complete"] == "?0"
        ask = {"Upload_Offset": "3", "Upload_Complete": "?1"}
        response = await resumable("PATCH", id, b"", **ask)
        assert response.code == 409
        assert error_of(response)["code"] == "exists"
        assert response.headers["Upload-Complete"] == "?0"
    (jp_root_dir / "a").unlink()
    response = await resumable("PATCH", id, b"", **ask)
    assert response.code == 200
    assert response.headers["Transfer-Path"] == "a"
    assert (jp_root_dir / "a").read_bytes() == b"abc"


async def test_a_wrong_offset(resumable, create):
    id = await create(b"abc")
    response = await resumable("PATCH", id, b"x", Upload_Offset="5", Upload_Complete="?0")
    assert response.code == 409
    assert response.headers["Upload-Offset"] == "3"
    assert response.headers["Upload-Complete"] == "?0"
    assert response.headers["Content-Type"] == "application/problem+json"
    body = json.loads(response.body)
    assert body["type"] == PROBLEMS + "mismatching-upload-offset"
    assert (body["expected-offset"], body["provided-offset"]) == (3, 5)
    assert body["error"]["code"] == "offset_mismatch"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload_Complete": "1", "Upload_Offset": "3"}, 400),
        ({"Upload_Complete": "?0"}, 400),
        ({"Upload_Complete": "?0", "Upload_Offset": "-3"}, 400),
        ({"Upload_Complete": "?0", "Upload_Offset": "+3"}, 400),
        ({"Upload_Complete": "?0", "Upload_Offset": "3.0"}, 400),
        ({"Upload_Complete": "?0", "Upload_Offset": "3", "Content_Type": "text/plain"}, 415),
        ({"Upload_Complete": "?0", "Upload_Offset": "3;a=1"}, 204),
        ({"Upload_Complete": "?0;b", "Upload_Offset": " 3 "}, 204),
        ({"Upload_Complete": "?0", "Upload_Offset": "3", "Upload_Length": "x"}, 204),
    ],
)
async def test_fields(resumable, create, headers, status):
    id = await create(b"abc")
    response = await resumable("PATCH", id, b"x", **headers)
    assert response.code == status
    after = await resumable("HEAD", id)
    assert after.headers["Upload-Offset"] == ("4" if status == 204 else "3")


async def test_lengths_that_contradict_each_other(resumable, create, tree):
    for headers in (
        {"Upload_Complete": "?1", "Upload_Length": "4"},
        {"Upload_Complete": "?1", "Upload_Length": "2"},
    ):
        response = await resumable("POST", "", b"abc", **headers)
        assert response.code == 400
        assert json.loads(response.body)["type"] == PROBLEMS + "inconsistent-upload-length"
    id = await create(b"abc", Upload_Length="5")
    for headers in ({"Upload_Length": "6"}, {"Upload_Complete": "?1"}):
        sent = {"Upload_Offset": "3", "Upload_Complete": "?0", **headers}
        response = await resumable("PATCH", id, b"x", **sent)
        assert response.code == 400
        assert json.loads(response.body)["type"] == PROBLEMS + "inconsistent-upload-length"
        assert response.headers["Upload-Complete"] == "?0"
    response = await resumable("PATCH", id, b"xyz", Upload_Offset="3", Upload_Complete="?0")
    assert response.code == 413
    assert "Upload-Limit" in response.headers
    assert (await resumable("HEAD", id)).headers["Upload-Offset"] == "3"
    response = await resumable("PATCH", id, b"de", Upload_Offset="3", Upload_Complete="?1")
    assert response.code == 200


async def test_more_than_the_length_makes_it_invalid(resumable, create, raw):
    id = await create(b"abc", Upload_Length="5")
    headers = {**PARTIAL, "Upload-Offset": "3", "Upload-Complete": "?0"}
    request = await raw.open(
        "PATCH", f"resumable/{id}", {**headers, "Transfer-Encoding": "chunked"}
    )
    await request.send_chunk(b"d" * 10)
    await request.send_chunk(b"")
    answer = await request.answer()
    assert answer.status == 413
    assert (await resumable("HEAD", id)).code == 404


async def test_digests(resumable, create, jp_root_dir, tree):
    id = await create(b"abc", Repr_Digest=digest(b"abcdef"), Upload_Metadata=metadata(filename="a"))
    wrong = {"Upload_Offset": "3", "Upload_Complete": "?0", "Content_Digest": digest(b"no")}
    response = await resumable("PATCH", id, b"def", **wrong)
    assert response.code == 460
    assert response.headers["Upload-Offset"] == "3"
    assert response.headers["Upload-Complete"] == "?0"
    right = {"Upload_Offset": "3", "Upload_Complete": "?1", "Content_Digest": digest(b"def")}
    response = await resumable("PATCH", id, b"def", **right)
    assert response.code == 200
    assert response.headers["Repr-Digest"] == digest(b"abcdef")
    assert (jp_root_dir / "a").read_bytes() == b"abcdef"
    id = await create(b"abc", Repr_Digest=digest(b"xyz"), Upload_Metadata=metadata(filename="b"))
    response = await resumable("PATCH", id, b"", Upload_Offset="3", Upload_Complete="?1")
    assert response.code == 460
    assert response.headers["Upload-Complete"] == "?1"
    assert tree() == ["a"]


async def test_cancellation(resumable, create, tree):
    id = await create(b"abc")
    assert (await resumable("DELETE", id)).code == 204
    assert (await resumable("HEAD", id)).code == 404
    assert (await resumable("DELETE", id)).code == 404
    assert tree() == []


async def test_what_is_offered(resumable, transfer_app):
    transfer_app.max_upload_size = 1000
    for id in ("", "0" * 32):
        response = await resumable("OPTIONS", id)
        assert response.code == 200
        assert response.headers["Accept-Patch"] == "application/partial-upload"
        assert response.headers["Upload-Limit"] == "max-size=1000, max-age=604800"


@pytest.mark.parametrize("version", ["8", "6", "3", None])
async def test_the_interim_response(raw, tree, jp_root_dir, resumable, version):
    """104 with the address comes before the body, to those only who say that they know it; an
    upload whose address is known survives its first request."""
    data = os.urandom(1000)
    headers = {"Upload-Complete": "?1", "Content-Length": "1000"}
    headers["Upload-Metadata"] = metadata(filename="a")
    if version is not None:
        headers["Upload-Draft-Interop-Version"] = version
    request = await raw.open("POST", "resumable/", headers)
    if version not in ("8", "6"):
        await request.send(data)
        assert (await request.answer()).status == 201
        return
    head = (await request._reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 104 Upload Resumption Supported\r\n")
    fields = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
    assert fields["Upload-Draft-Interop-Version"] == version
    assert fields["Upload-Limit"].startswith("max-age=")
    id = fields["Location"].rpartition("/")[2]
    await request.send(data[:400])
    part = jp_root_dir / ".jupyter-transfer" / f"{id}.part"
    await until(part.exists)
    request.reset()
    state = await resumable("HEAD", id)
    assert state.code == 204
    assert state.headers["Upload-Complete"] == "?0"
    assert state.headers["Upload-Length"] == "1000"
    offset = int(state.headers["Upload-Offset"])
    response = await resumable(
        "PATCH", id, data[offset:], Upload_Offset=str(offset), Upload_Complete="?1"
    )
    assert response.code == 200
    assert (jp_root_dir / "a").read_bytes() == data


async def test_a_first_request_that_is_cut_leaves_nothing_to_those_without_an_address(raw, tree):
    headers = {"Upload-Complete": "?1", "Content-Length": "1000"}
    request = await raw.open("POST", "resumable/", headers)
    await request.send(b"x" * 400)
    await until(lambda: any(path.endswith(".part") for path in tree()))
    await request.close()
    await until(lambda: tree() == [])


async def test_both_protocols_know_the_same_uploads(resumable, create, tus):
    id = await create(b"abc", Upload_Length="6")
    assert await tus.offset(id) == 3
    id = await tus.create(6, filename="a")
    await tus.patch(id, 0, b"abc")
    response = await resumable("HEAD", id)
    assert response.headers["Upload-Offset"] == "3"
