"""POST with Upload-Concat: one file of several uploads."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace

import pytest

from ..conftest import error_of
from .tus_client import VERSION, checksum

PARTIAL = {"Upload-Concat": "partial"}


def address_of(response) -> str:
    assert response.code == 201, response.body
    return response.headers["Location"]


def id_of(response) -> str:
    return address_of(response).rpartition("/")[2]


async def part(tus, data: bytes, **pairs: str) -> str:
    """The address of a new partial upload that holds `data`."""
    return address_of(await tus.post(len(data), data, PARTIAL, **pairs))


async def join(tus, *addresses: str, headers=None, **pairs: str):
    concat = {"Upload-Concat": "final;" + " ".join(addresses)}
    return await tus.post(None, headers={**concat, **(headers or {})}, **pairs)


# ---- partial uploads of any client ----


async def test_two_partial_uploads(tus, jp_root_dir):
    first, second = await part(tus, b"hello "), await part(tus, b"world")
    response = await join(tus, first, second, filename="d/a", mtime="1500")
    assert response.headers["Upload-Offset"] == "11"
    assert response.headers["Transfer-Path"] == "d/a"
    file = jp_root_dir / "d" / "a"
    assert file.read_bytes() == b"hello world"
    assert file.stat().st_mtime_ns == 1_500_000_000
    head = await tus.head(id_of(response))
    assert head.headers["Upload-Concat"] == f"final;{first} {second}"
    assert head.headers["Upload-Length"] == head.headers["Upload-Offset"] == "11"


async def test_a_partial_upload_is_no_file(tus, tree):
    response = await tus.post(3, b"abc", PARTIAL, filename="a")
    assert "Transfer-Path" not in response.headers
    assert "a" not in tree()
    head = await tus.head(id_of(response))
    assert head.headers["Upload-Concat"] == "partial"
    assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == "3"
    assert "Transfer-Path" not in head.headers


async def test_piece_by_piece_with_a_checksum_and_a_late_length(tus, jp_root_dir):
    later = {**PARTIAL, "Upload-Defer-Length": "1"}
    first = address_of(await tus.post(None, headers=later))
    id = first.rpartition("/")[2]
    headers = {"Upload-Checksum": checksum("sha1", b"abc"), "Upload-Length": "5"}
    assert (await tus.patch(id, 0, b"abc", headers)).code == 204
    assert (await tus.patch(id, 3, b"de")).code == 204
    response = await join(tus, first, await part(tus, b""), await part(tus, b"f"), filename="a")
    assert response.code == 201
    assert (jp_root_dir / "a").read_bytes() == b"abcdef"


async def test_a_partial_upload_may_serve_twice(tus, jp_root_dir):
    a, b = await part(tus, b"a"), await part(tus, b"b")
    for names in ((a, b), (b, a, b), (a, a)):
        assert (await join(tus, *names, filename="f")).code == 201
    contents = [(jp_root_dir / name).read_bytes() for name in ("f", "f (1)", "f (2)")]
    assert contents == [b"ab", b"bab", b"aa"]


async def test_relative_addresses(tus, jp_root_dir, jp_base_url):
    ids = [(await part(tus, piece)).rpartition("/")[2] for piece in (b"a", b"b", b"c")]
    forms = (f"{jp_base_url}jupyter-transfer/tus/{ids[0]}", f"tus/{ids[1]}/", f"../tus/{ids[2]}")
    assert (await join(tus, *forms, filename="a")).code == 201
    assert (jp_root_dir / "a").read_bytes() == b"abc"


async def test_the_digest_of_the_whole(tus, jp_root_dir, tree):
    parts = [await part(tus, b"abc"), await part(tus, b"def")]
    digest = hashlib.sha256(b"abcdef").hexdigest()
    response = await join(tus, *parts, filename="a", sha256=digest)
    assert response.headers["Transfer-SHA256"] == digest
    response = await join(tus, *parts, filename="b", sha256="0" * 64)
    assert response.code == 460
    assert "b" not in tree()
    assert (await join(tus, *parts, filename="b")).code == 201


async def test_a_final_upload_takes_no_bytes(tus, jp_root_dir):
    id = id_of(await join(tus, await part(tus, b"abc"), filename="a"))
    for offset, body in ((3, b"x"), (3, b""), (0, b"x")):
        response = await tus.patch(id, offset, body)
        assert response.code == 403
        assert "Upload-Offset" not in response.headers
    assert (jp_root_dir / "a").read_bytes() == b"abc"


MALFORMED = ["", "x", "Partial", "partial;", "final", "final;", "final; ", "final;a", "final;tus/"]


@pytest.mark.parametrize("concat", MALFORMED)
async def test_malformed(raw, concat):
    headers = {**VERSION, "Upload-Concat": concat, "Content-Length": "0"}
    for length in ({}, {"Upload-Length": "3"}):
        assert (await raw.ask("POST", "tus/", {**headers, **length})).status == 400


async def test_what_a_final_upload_has_not(tus):
    url = await part(tus, b"abc")
    for headers in ({"Upload-Length": "3"}, {"Upload-Defer-Length": "1"}):
        assert (await join(tus, url, headers=headers, filename="a")).code == 400
    response = await tus.post(None, b"abc", {"Upload-Concat": f"final;{url}"})
    assert response.code == 400


async def test_unfinished_uploads_are_refused(tus, tree):
    whole = await part(tus, b"abc")
    half = address_of(await tus.post(3, b"ab", PARTIAL))
    later = address_of(await tus.post(None, b"ab", {**PARTIAL, "Upload-Defer-Length": "1"}))
    for other in (half, later):
        response = await join(tus, whole, other, filename="a")
        assert response.code == 409
        assert error_of(response)["detail"] == {"id": other.rpartition("/")[2]}
    assert "a" not in tree()
    assert await tus.offset(half.rpartition("/")[2]) == 2


async def test_what_is_no_partial_upload(tus):
    plain = address_of(await tus.post(3, b"abc", filename="plain"))
    whole = await part(tus, b"abc")
    assert (await join(tus, plain, filename="a")).code == 400
    assert (await join(tus, whole, plain, filename="a")).code == 400
    response = await join(tus, whole, whole.rpartition("/")[0] + "/" + "0" * 32, filename="a")
    assert response.code == 404


async def test_the_limit_counts_all_parts(tus, transfer_app, tree):
    uploads = transfer_app.uploads
    uploads.settings = replace(uploads.settings, max_size=6)
    parts = [await part(tus, b"abc"), await part(tus, b"def"), await part(tus, b"g")]
    response = await join(tus, *parts, filename="a")
    assert response.code == 413
    assert "a" not in tree()
    assert (await join(tus, *parts[:2], filename="a")).code == 201


async def test_a_name_that_is_taken(tus, jp_root_dir):
    (jp_root_dir / "a").write_text("old")
    parts = [await part(tus, b"abc")]
    assert error_of(await join(tus, *parts, filename="a", conflict="fail"))["code"] == "exists"
    assert (await join(tus, *parts, filename="a", conflict="overwrite")).code == 201
    assert (jp_root_dir / "a").read_bytes() == b"abc"


# ---- segments that are written into their places ----


class Assembly:
    """A file in segments, as our own client sends it."""

    def __init__(self, tus, data: bytes, cuts: list[int], **pairs: str) -> None:
        self.tus, self.data, self.pairs = tus, data, {"filename": "a", **pairs}
        self.name = os.urandom(16).hex()
        self.spans = list(zip([0, *cuts], [*cuts, len(data)], strict=True))
        self.addresses: dict[int, str] = {}

    async def create(self, index: int, body: bytes = b"", **pairs: str):
        start, end = self.spans[index]
        given = {"assembly": self.name, "start": str(start), "size": str(len(self.data))}
        given |= self.pairs | pairs
        return await self.tus.post(end - start, body, PARTIAL, **given)

    async def send(self, index: int) -> str:
        start, end = self.spans[index]
        id = id_of(await self.create(index))
        address = self.addresses[index] = f"tus/{id}"
        if end > start:
            assert (await self.tus.patch(id, 0, self.data[start:end])).code == 204
        return address

    async def finish(self, **pairs: str):
        addresses = [self.addresses[index] for index in range(len(self.spans))]
        return await join(self.tus, *addresses, **{**self.pairs, **pairs})


async def test_segments_in_any_order_and_at_a_time(tus, jp_root_dir, tree):
    data = os.urandom(3_000_001)
    file = Assembly(tus, data, [1, 1_000_000, 1_000_000, 2_500_000], path="d")
    await asyncio.gather(*(file.send(index) for index in (3, 0, 4, 2, 1)))
    (shared,) = [path for path in tree() if path.endswith(".part")]
    inode = (jp_root_dir / shared).stat().st_ino
    response = await file.finish()
    assert response.code == 201
    assert response.headers["Transfer-Path"] == "d/a"
    assert response.headers["Upload-Offset"] == str(len(data))
    assert (jp_root_dir / "d" / "a").read_bytes() == data
    assert (jp_root_dir / "d" / "a").stat().st_ino == inode  # nothing was copied
    assert tree() == ["d", "d/a"]


async def test_the_final_request_may_be_repeated(tus, jp_root_dir, tree):
    file = Assembly(tus, b"abcdef", [3])
    await file.send(0)
    await file.send(1)
    responses = [*await asyncio.gather(file.finish(), file.finish()), await file.finish()]
    assert {response.code for response in responses} == {201}
    assert len({address_of(response) for response in responses}) == 1
    assert {response.headers["Transfer-Path"] for response in responses} == {"a"}
    assert tree() == ["a"]
    # A client that comes back to its segments learns that they are whole, and what became of them.
    for index, address in file.addresses.items():
        head = await tus.head(address.rpartition("/")[2])
        assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == "3", index
        assert head.headers["Transfer-Path"] == "a"
        assert (await tus.patch(address.rpartition("/")[2], 3, b"x")).code == 409
    assert (await tus.delete(file.addresses[0].rpartition("/")[2])).code == 204
    response = await file.finish(assembly=file.name)  # by its name alone
    assert response.code == 201
    assert tree() == ["a"]


async def test_it_resumes_in_the_middle(raw, tus, jp_root_dir):
    data = os.urandom(2_000_000)
    file = Assembly(tus, data, [1_000_000])
    id = id_of(await file.create(0))
    file.addresses[0] = f"tus/{id}"
    headers = {**VERSION, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    request = await raw.open("PATCH", f"tus/{id}", {**headers, "Content-Length": "1000000"})
    await request.send(data[:600_000])
    await file.send(1)
    await asyncio.sleep(0.1)
    offset = await tus.offset(id)
    assert 0 < offset <= 600_000
    bad = {"Upload-Checksum": checksum("sha1", b"")}
    assert (await tus.patch(id, offset, b"x" * 10, bad)).code == 460
    assert await tus.offset(id) == offset
    assert (await tus.patch(id, offset, data[offset:1_000_000])).code == 204
    assert (await file.finish()).code == 201
    assert (jp_root_dir / "a").read_bytes() == data


async def test_unfinished_and_missing_segments(tus, tree):
    file = Assembly(tus, b"abcdef", [2, 4])
    await file.send(0)
    await file.send(2)
    response = await join(tus, file.addresses[0], file.addresses[2], filename="a")
    assert error_of(response)["code"] == "bad_request"
    file.addresses[1] = "tus/" + id_of(await file.create(1, b"c"))
    response = await file.finish()
    assert error_of(response)["code"] == "conflict"
    assert "a" not in tree()
    assert (await tus.patch(file.addresses[1].rpartition("/")[2], 1, b"d")).code == 204
    assert (await file.finish()).code == 201


async def test_segments_that_do_not_go_together(tus):
    file = Assembly(tus, b"abcdef", [3])
    await file.send(0)
    assert (await file.create(0)).code == 201  # a creation whose answer was lost
    for pairs in (
        {"size": "7"},
        {"filename": "b"},
        {"start": "2"},
        {"start": "4"},
        {"start": "x"},
        {"size": "-1"},
        {"start": str(2**63)},
    ):
        assert (await file.create(1, **pairs)).code == 400, pairs
    await file.send(1)
    assert (await file.finish(filename="b", path="other")).code == 400
    assert (await file.finish(filename="b")).code == 201
    assert error_of(await file.create(1))["code"] == "conflict"


async def test_segments_of_a_digest(tus, jp_root_dir, tree):
    digest = hashlib.sha256(b"abcdef").hexdigest()
    file = Assembly(tus, b"abcdef", [3], sha256=digest)
    await file.send(0)
    await file.send(1)
    assert (await file.finish()).headers["Transfer-SHA256"] == digest
    file = Assembly(tus, b"abcdef", [3], sha256="0" * 64, filename="b")
    ids = [(await file.send(index)).rpartition("/")[2] for index in (0, 1)]
    assert (await file.finish()).code == 460
    assert tree() == ["a"]
    assert [(await tus.head(id)).code for id in ids] == [404, 404]


async def test_a_name_that_is_taken_meanwhile(tus, jp_root_dir):
    file = Assembly(tus, b"abcdef", [3], conflict="fail")
    await file.send(0)
    await file.send(1)
    (jp_root_dir / "a").write_text("old")
    assert error_of(await file.finish())["code"] == "exists"
    assert (await file.finish(conflict="overwrite")).code == 201
    assert (jp_root_dir / "a").read_bytes() == b"abcdef"


async def test_the_shared_part_goes_with_the_last_segment(tus, tree):
    file = Assembly(tus, b"abcdef", [2, 4])
    ids = [(await file.send(index)).rpartition("/")[2] for index in (0, 1, 2)]
    for id in ids:
        assert [path for path in tree() if path.endswith(".part")]
        assert (await tus.delete(id)).code == 204
    assert tree() == []


async def test_the_size_of_the_whole_counts(tus, transfer_app, tree):
    uploads = transfer_app.uploads
    uploads.settings = replace(uploads.settings, max_size=6)
    assert (await Assembly(tus, b"abcdefg", [3]).create(0)).code == 413
    assert tree() == []
    assert (await Assembly(tus, b"abcdef", [3]).create(0)).code == 201
    response = await Assembly(tus, b"abc", []).create(0, size=str(2**62))
    assert response.code == 413


async def test_what_other_clients_mean_by_our_words(tus, jp_root_dir):
    """An assembly may be one of a genome."""
    response = await join(
        tus, await part(tus, b"a"), await part(tus, b"b"), filename="a", assembly="GRCh38", size="L"
    )
    assert response.code == 201
    assert (await tus.post(1, b"x", filename="b", assembly="0" * 32)).code == 201
    assert (jp_root_dir / "a").read_bytes() == b"ab"
