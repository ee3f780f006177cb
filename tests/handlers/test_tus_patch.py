"""PATCH: bytes."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random

import pytest

from jupyter_transfer.handlers import body

from ..conftest import error_of, until
from .tus_client import BODY, VERSION, checksum

pytestmark = pytest.mark.usefixtures("both_paths")


def patch_headers(offset: int, length: int | None) -> dict[str, str]:
    size = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    return {**VERSION, **BODY, "Upload-Offset": str(offset), **size}


async def test_pieces(tus, jp_root_dir, tree):
    id = await tus.create(11, filename="d/a.txt", mtime="1700000000123")
    response = await tus.patch(id, 0, b"hello ")
    assert response.code == 204
    assert response.headers["Upload-Offset"] == "6"
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert "Transfer-Path" not in response.headers
    assert "d" not in tree()  # folders come with the file, not before
    response = await tus.patch(id, 6, b"world")
    assert response.code == 204
    assert response.headers["Upload-Offset"] == "11"
    assert response.headers["Transfer-Path"] == "d/a.txt"
    file = jp_root_dir / "d" / "a.txt"
    assert file.read_bytes() == b"hello world"
    assert file.stat().st_mtime_ns == 1_700_000_000_123_000_000
    assert tree() == ["d", "d/a.txt"]


async def test_large_and_in_odd_pieces(raw, tus, jp_root_dir):
    data = random.Random(1).randbytes(40 << 20)
    digest = hashlib.sha256(data).hexdigest()
    id = await tus.create(len(data), filename="big", sha256=digest)
    offset = 0
    for end in (1, 70_001, 33 << 20, len(data)):
        answer = await raw.ask(
            "PATCH", f"tus/{id}", patch_headers(offset, end - offset), data[offset:end]
        )
        assert answer.status == 204
        assert answer.headers["upload-offset"] == str(end)
        offset = end
    assert answer.headers["transfer-sha256"] == digest
    assert (jp_root_dir / "big").read_bytes() == data


async def test_chunked(raw, tus, jp_root_dir):
    id = await tus.create(9, filename="a")
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(0, None))
    for piece in (b"abc", b"defgh", b"i", b""):
        await request.send_chunk(piece)
    answer = await request.answer()
    assert answer.status == 204
    assert answer.headers["upload-offset"] == "9"
    assert (jp_root_dir / "a").read_bytes() == b"abcdefghi"


async def test_on_one_connection_that_stays_open(raw, tus, jp_root_dir):
    id = await tus.create(6, filename="a")
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(0, 3))
    await request.send(b"abc")
    head = await request._reader.readuntil(b"\r\n\r\n")
    assert b" 204 " in head
    lines = [f"{name}: {value}" for name, value in patch_headers(3, 3).items()]
    lines = [
        f"PATCH {raw.base_url}jupyter-transfer/tus/{id} HTTP/1.1",
        f"Host: 127.0.0.1:{raw.port}",
        f"Authorization: token {raw.token}",
        *lines,
    ]
    await request.send("\r\n".join([*lines, "", "def"]).encode())
    assert (await request.answer()).headers["transfer-path"] == "a"
    assert (jp_root_dir / "a").read_bytes() == b"abcdef"


async def test_expect_continue(raw, tus, jp_root_dir):
    id = await tus.create(3, filename="a")
    headers = {**patch_headers(0, 3), "Expect": "100-continue"}
    request = await raw.open("PATCH", f"tus/{id}", headers)
    assert b" 100 " in await request._reader.readuntil(b"\r\n\r\n")
    await request.send(b"abc")
    assert (await request.answer()).status == 204
    request = await raw.open("PATCH", f"tus/{id}", headers)
    assert (await request.answer()).status == 409  # not one byte was asked for


async def test_an_empty_patch(tus):
    id = await tus.create(3, filename="a")
    response = await tus.patch(id, 0, b"")
    assert response.code == 204
    assert response.headers["Upload-Offset"] == "0"
    await tus.patch(id, 0, b"abc")
    response = await tus.patch(id, 3, b"")
    assert response.code == 204
    assert response.headers["Transfer-Path"] == "a"
    assert (await tus.patch(id, 2, b"")).code == 409


async def test_by_override(raw, tus, jp_root_dir):
    id = await tus.create(3, filename="a")
    headers = {**patch_headers(0, 3), "X-HTTP-Method-Override": "PATCH"}
    answer = await raw.ask("POST", f"tus/{id}", headers, b"abc")
    assert answer.status == 204
    assert answer.headers["upload-offset"] == "3"
    assert (jp_root_dir / "a").read_bytes() == b"abc"


async def test_overrides_that_do_not_exist(raw, tus):
    id = await tus.create(3, filename="a")
    for verb in (None, "GET", "POST", "BREW", "prepare"):
        headers = {**patch_headers(0, 3), "X-HTTP-Method-Override": verb}
        answer = await raw.ask("POST", f"tus/{id}", headers, b"abc")
        assert answer.status == 405
    # Only POST can be overridden: a GET would evade the check against cross-site requests.
    headers = {**patch_headers(0, 3), "X-HTTP-Method-Override": "PATCH"}
    assert (await raw.ask("GET", f"tus/{id}", headers, b"abc")).status == 200
    assert await tus.offset(id) == 0


# ---- the length comes later ----


async def test_the_length_comes_with_the_last_bytes(tus, jp_root_dir):
    response = await tus.post(None, headers={"Upload-Defer-Length": "1"}, filename="a")
    id = response.headers["Location"].rpartition("/")[2]
    response = await tus.patch(id, 0, b"abc")
    assert response.headers["Upload-Offset"] == "3"
    response = await tus.patch(id, 3, b"def", {"Upload-Length": "6"})
    assert response.headers["Transfer-Path"] == "a"
    assert (jp_root_dir / "a").read_bytes() == b"abcdef"


async def test_the_length_comes_without_bytes(tus, jp_root_dir):
    response = await tus.post(None, b"abc", {"Upload-Defer-Length": "1"}, filename="a")
    id = response.headers["Location"].rpartition("/")[2]
    for _ in range(2):  # whose answer may have been lost
        response = await tus.patch(id, 3, b"", {"Upload-Length": "3"})
        assert response.code == 204
        assert response.headers["Transfer-Path"] == "a"
    assert (jp_root_dir / "a").read_bytes() == b"abc"


async def test_the_length_does_not_change(tus):
    response = await tus.post(None, b"abc", {"Upload-Defer-Length": "1"}, filename="a")
    id = response.headers["Location"].rpartition("/")[2]
    for length in ("2", "-1", "x", "", str(2**63)):
        assert (await tus.patch(id, 3, b"", {"Upload-Length": length})).code == 400
    assert (await tus.patch(id, 3, b"d", {"Upload-Length": "5"})).code == 204
    response = await tus.patch(id, 4, b"e", {"Upload-Length": "6"})
    assert response.code == 400
    assert response.headers["Upload-Offset"] == "4"
    assert (await tus.patch(id, 4, b"e", {"Upload-Length": "5"})).headers["Transfer-Path"] == "a"


async def test_a_length_less_than_the_body(tus):
    response = await tus.post(None, headers={"Upload-Defer-Length": "1"}, filename="a")
    id = response.headers["Location"].rpartition("/")[2]
    response = await tus.patch(id, 0, b"abc", {"Upload-Length": "2"})
    assert response.code == 413
    assert response.headers["Upload-Offset"] == "0"


# ---- checksums ----


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_checksum(tus, jp_root_dir, algorithm):
    id = await tus.create(6, filename="a")
    for _ in range(2):
        response = await tus.patch(id, 0, b"abX", {"Upload-Checksum": checksum(algorithm, b"abc")})
        assert response.code == 460
        assert response.reason == "Checksum Mismatch"
        assert response.headers["Upload-Offset"] == "0"
        assert error_of(response)["code"] == "digest_mismatch"
        assert await tus.offset(id) == 0
    for offset, piece in ((0, b"abc"), (3, b"def")):
        headers = {"Upload-Checksum": checksum(algorithm, piece)}
        assert (await tus.patch(id, offset, piece, headers)).code == 204
    assert (jp_root_dir / "a").read_bytes() == b"abcdef"


async def test_checksums_that_are_none(tus):
    id = await tus.create(3, filename="a")
    good = checksum("sha1", b"abc").split()[1]
    for value in (
        "md5 " + good,
        "",
        "sha1",
        "sha1 ",
        "sha1 !",
        "sha1 YWJj",
        "sha256 " + good,
        good,
    ):
        response = await tus.patch(id, 0, b"abc", {"Upload-Checksum": value})
        assert response.code == 400, value
    assert await tus.offset(id) == 0


async def test_the_checksum_of_nothing(tus):
    id = await tus.create(3, filename="a")
    headers = {"Upload-Checksum": checksum("sha1", b"")}
    assert (await tus.patch(id, 0, b"", headers)).code == 204
    headers = {"Upload-Checksum": checksum("sha1", b"x")}
    assert (await tus.patch(id, 0, b"", headers)).code == 460


async def test_a_long_body_with_a_checksum(raw, tus, jp_root_dir):
    """More than is kept waiting for the disk, so it is synced before it can be verified."""
    data = random.Random(2).randbytes(70 << 20)
    digest = hashlib.sha256(data).hexdigest()
    id = await tus.create(len(data), filename="a", sha256=digest)
    headers = {**patch_headers(0, len(data)), "Upload-Checksum": checksum("sha256", data)}
    answer = await raw.ask("PATCH", f"tus/{id}", headers, data[:-1] + bytes([data[-1] ^ 1]))
    assert answer.status == 460
    assert answer.headers["upload-offset"] == "0"
    assert (jp_root_dir / ".jupyter-transfer" / f"{id}.part").stat().st_size == 0
    answer = await raw.ask("PATCH", f"tus/{id}", headers, data)
    assert answer.status == 204
    assert answer.headers["transfer-sha256"] == digest


async def test_what_cannot_be_verified_is_not_kept(raw, tus, jp_root_dir):
    data = os.urandom(3_000_000)
    id = await tus.create(len(data), filename="a")
    headers = {**patch_headers(0, len(data)), "Upload-Checksum": checksum("sha1", data)}
    part = jp_root_dir / ".jupyter-transfer" / f"{id}.part"
    for end in ("close", "take-over"):
        request = await raw.open("PATCH", f"tus/{id}", headers)
        await request.send(data[:2_500_000])
        await until(lambda: part.stat().st_size > 1_000_000)
        if end == "close":
            await request.close()
        assert await tus.offset(id) == 0
    assert part.stat().st_size == 0


# ---- refusals ----


async def test_wrong_offsets(tus):
    id = await tus.create(10, filename="a")
    await tus.patch(id, 0, b"abcd")
    for offset in (0, 3, 5, 10, 2**53, 2**63 - 1):
        response = await tus.patch(id, offset, b"xyz")
        assert response.code == 409
        assert response.headers["Upload-Offset"] == "4"
        error = error_of(response)
        assert error["code"] == "offset_mismatch"
        assert error["retryable"] is True
    for offset in ("-1", "+4", "4.0", "1e0", "", str(2**63), "x"):
        assert (await tus.patch(id, offset, b"xyz")).code == 400
    response = await tus.patch(id, 0, b"xyz", {"Upload-Offset": None})
    assert response.code == 400
    assert await tus.offset(id) == 4


async def test_a_finished_upload_takes_nothing(tus, jp_root_dir):
    id = await tus.create(3, filename="a")
    await tus.patch(id, 0, b"abc")
    for offset in (0, 3):
        response = await tus.patch(id, offset, b"x")
        assert response.code == 409
        assert response.headers["Upload-Offset"] == "3"
    assert (jp_root_dir / "a").read_bytes() == b"abc"


async def test_another_type_or_version(tus):
    id = await tus.create(3, filename="a")
    for kind in (None, "application/octet-stream", "text/plain", "application/offset"):
        response = await tus.patch(id, 0, b"abc", {"Content-Type": kind})
        assert response.code == 415
    response = await tus.patch(id, 0, b"abc", {"Tus-Resumable": "2.0.0"})
    assert response.code == 412
    assert await tus.offset(id) == 0


async def test_more_than_the_length(raw, tus, jp_root_dir, tree):
    id = await tus.create(5, filename="a")
    await tus.patch(id, 0, b"ab")
    response = await tus.patch(id, 2, b"cdefgh")
    assert response.code == 413
    assert response.headers["Upload-Offset"] == "2"
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(2, None))
    await request.send_chunk(b"cd")
    await request.send_chunk(b"efgh")
    await request.send_chunk(b"")
    answer = await request.answer()
    assert answer.status == 413
    assert answer.headers["upload-offset"] == "2"
    assert await tus.offset(id) == 2
    assert "a" not in tree()
    assert (await tus.patch(id, 2, b"cde")).code == 204
    assert (jp_root_dir / "a").read_bytes() == b"abcde"


async def test_a_long_excess_is_stopped_early(raw, tus):
    """The body of 1 TB that Content-Length announces is not read to its end."""
    id = await tus.create(5, filename="a")
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(0, 10**12))
    answer = await request.answer()
    assert answer.status == 413
    assert await tus.offset(id) == 0


async def test_an_early_refusal_can_be_read_while_sending(raw, tus):
    """Closing at once would reset the connection, and the client would never see the 409."""
    id = await tus.create(20 << 20, filename="a")
    for offset, size in ((5, 8 << 20), (5, 20 << 20)):
        body = b"x" * size
        answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(offset, size), body)
        assert answer.status == 409
        assert answer.headers["upload-offset"] == "0"


async def test_a_connection_that_is_cut_keeps_what_arrived(raw, tus, jp_root_dir):
    data = os.urandom(3_000_000)
    id = await tus.create(len(data), filename="a")
    part = jp_root_dir / ".jupyter-transfer" / f"{id}.part"
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(0, len(data)))
    await request.send(data[:1_234_567])
    await request.close()
    await until(lambda: part.stat().st_size == 1_234_567)
    assert await tus.offset(id) == 1_234_567

    request = await raw.open("PATCH", f"tus/{id}", patch_headers(1_234_567, None))
    await request.send_chunk(data[1_234_567:2_800_000])
    await until(lambda: part.stat().st_size > 2_000_000)
    request.reset()
    offset = await tus.offset(id)
    assert offset > 2_000_000
    assert (await tus.patch(id, offset, data[offset:])).code == 204
    assert (jp_root_dir / "a").read_bytes() == data


async def test_a_full_disk(raw, tus, jp_root_dir, monkeypatch):
    data = os.urandom(2_000_000)
    id = await tus.create(len(data), filename="a")
    pwritev, splice = os.pwritev, os.splice

    def room(offset):
        if offset >= 1_500_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 1_500_000 - offset

    def full_pwritev(fd, buffers, offset):
        return os.pwrite(fd, b"".join(buffers)[: room(offset)], offset)

    def full_splice(source, target, count, offset_dst=None):
        if offset_dst is not None:
            count = min(count, room(offset_dst))
        return splice(source, target, count, offset_dst=offset_dst)

    monkeypatch.setattr(os, "pwritev", full_pwritev)
    monkeypatch.setattr(os, "splice", full_splice)
    answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(0, len(data)), data)
    assert answer.status == 507
    assert b"disk_full" in answer.body
    assert str(jp_root_dir).encode() not in answer.body
    assert answer.headers["upload-offset"] == "1500000"
    assert await tus.offset(id) == 1_500_000
    monkeypatch.setattr(os, "pwritev", pwritev)
    monkeypatch.setattr(os, "splice", splice)
    assert (await tus.patch(id, 1_500_000, data[1_500_000:])).code == 204
    assert (jp_root_dir / "a").read_bytes() == data


async def test_a_wrong_digest_publishes_nothing_and_forgets_the_upload(tus, tree):
    id = await tus.create(5, filename="a", sha256=hashlib.sha256(b"right").hexdigest())
    assert (await tus.patch(id, 0, b"wr")).code == 204
    response = await tus.patch(id, 2, b"ong")
    assert response.code == 460
    assert error_of(response)["code"] == "digest_mismatch"
    assert "Upload-Offset" not in response.headers
    assert (await tus.head(id)).code == 404
    assert tree() == []


async def test_unknown_ids(tus, raw):
    response = await tus.patch("0" * 32, 0, b"abc")
    assert response.code == 404
    assert "Upload-Offset" not in response.headers


async def test_two_writers(raw, tus, jp_root_dir):
    """The newest wins; the bytes are right whoever that is."""
    data = os.urandom(2_000_000)
    id = await tus.create(len(data), filename="a")

    async def write() -> int:
        offset = 0
        while True:
            answer = await raw.ask(
                "PATCH", f"tus/{id}", patch_headers(offset, len(data) - offset), data[offset:]
            )
            if answer.status == 204 or offset == len(data):
                return answer.status
            assert answer.status == 409
            offset = int(answer.headers["upload-offset"])

    assert 204 in await asyncio.gather(*(write() for _ in range(4)))
    assert (jp_root_dir / "a").read_bytes() == data


@pytest.mark.parametrize("stated", [False, True])
async def test_it_ends_one_whose_client_is_gone_for_good(raw, tus, jp_root_dir, stated):
    """Half a body on a connection that is half open; the client comes back over another one and
    is not made to wait until the server gives up the first."""
    data = random.Random(4).randbytes(40 << 20)
    id = await tus.create(len(data), filename="a")
    headers = patch_headers(0, len(data))
    if stated:
        headers["Upload-Checksum"] = checksum("sha1", data)
    stale = await raw.open("PATCH", f"tus/{id}", headers)
    await stale.send(data[: 20 << 20])

    async def come_back():
        offset = 0
        while True:
            headers = patch_headers(offset, len(data) - offset)
            answer = await raw.ask("PATCH", f"tus/{id}", headers, data[offset:])
            if answer.status != 409:
                return offset, answer
            offset = int(answer.headers["upload-offset"])

    offset, answer = await asyncio.wait_for(come_back(), body.STALL_SECONDS / 4)
    assert answer.status == 204
    assert (offset == 0) == stated
    assert (jp_root_dir / "a").read_bytes() == data
    assert await stale.is_closed_by_server()


async def test_bytes_keep_the_server_alive(tus, jp_serverapp):
    id = await tus.create(3, filename="a")
    await tus.patch(id, 0, b"abc")
    assert "jupyter_transfer" in jp_serverapp.web_app.settings["last_activity_times"]


async def test_a_stalled_body_is_given_up(raw, tus, monkeypatch):
    monkeypatch.setattr(body, "STALL_SECONDS", 0.2)
    id = await tus.create(100, filename="a")
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(0, 100))
    await request.send(b"x" * 10)
    assert await request.is_closed_by_server()
    assert await tus.offset(id) == 10
