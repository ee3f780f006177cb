"""Bodies that go from the socket to the disk without passing through us."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import random
import ssl
import subprocess

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from jupyter_transfer.handlers import socketloan
from jupyter_transfer.handlers.uploadbody import UploadBodyHandler
from jupyter_transfer.uploads import session
from jupyter_transfer.uploads.session import Session

from ..conftest import until
from .test_tus_patch import patch_headers
from .tus_client import BODY, VERSION

MIB = 1 << 20


@pytest.fixture(params=["direct", "splice"])
def received(request, transfer_app, monkeypatch) -> list[int]:
    """Bytes that each call moved from a socket to a part file, around the page cache or by splice.
    Small files go that way too."""
    direct = request.param == "direct"
    transfer_app.root.direct_from = 0 if direct else None
    monkeypatch.setattr(session, "WORTH", 1)
    counts: list[int] = []
    real = Session.receive

    def receive(self, source, limit):
        start = self.taken
        try:
            real(self, source, limit)
        finally:
            counts.append(self.taken - start)
            assert self.around == direct

    monkeypatch.setattr(Session, "receive", receive)
    return counts


@pytest.fixture
def streamed(monkeypatch) -> list[int]:
    """Sizes of the pieces that tornado handed over."""
    sizes: list[int] = []
    real = UploadBodyHandler.take

    def take(self, data):
        sizes.append(len(data))
        return real(self, data)

    monkeypatch.setattr(UploadBodyHandler, "take", take)
    return sizes


def head_of(raw, id: str, offset: int, length: int) -> bytes:
    """The head of a PATCH."""
    fields = {
        "Host": f"127.0.0.1:{raw.port}",
        "Authorization": f"token {raw.token}",
        **patch_headers(offset, length),
    }
    lines = [f"PATCH {raw.base_url}jupyter-transfer/tus/{id} HTTP/1.1"]
    return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in fields.items()), "", ""]).encode()


async def test_nearly_all_of_a_large_body_is_taken_off_the_socket(
    raw, tus, jp_root_dir, received, streamed
):
    data = os.urandom(20 * MIB)
    id = await tus.create(len(data), filename="a")
    answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(0, len(data)), data)
    assert answer.status == 204
    assert answer.headers["upload-offset"] == str(len(data))
    assert (jp_root_dir / "a").read_bytes() == data
    assert sum(received) + sum(streamed) == len(data)
    assert len(streamed) == 1


@pytest.mark.parametrize("way", ["switched off", "chunked", "expect", "small"])
async def test_what_is_odd_is_streamed(raw, tus, jp_root_dir, transfer_app, received, way):
    data = os.urandom(socketloan.LEAST - 1 if way == "small" else 3 * MIB)
    transfer_app.upload_fast_path = way != "switched off"
    id = await tus.create(len(data), filename="a")
    headers = patch_headers(0, None if way == "chunked" else len(data))
    if way == "expect":
        headers["Expect"] = "100-continue"
    request = await raw.open("PATCH", f"tus/{id}", headers)
    if way == "expect":
        assert b" 100 " in await request._reader.readuntil(b"\r\n\r\n")
    if way == "chunked":
        await request.send_chunk(data)
        await request.send_chunk(b"")
    else:
        await request.send(data)
    assert (await request.answer()).status == 204
    assert (jp_root_dir / "a").read_bytes() == data
    assert received == []


async def test_tls_is_streamed(
    jp_web_app, jp_base_url, jp_serverapp, tmp_path, jp_root_dir, received
):
    names = [str(tmp_path / name) for name in ("key.pem", "certificate.pem")]
    files = ["-keyout", names[0], "-out", names[1]]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", *curve, "-nodes", "-days", "2", "-subj", "/CN=x", *files]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(names[1], names[0])
    server = HTTPServer(jp_web_app, ssl_options=context)
    socket, port = bind_unused_port()
    server.add_socket(socket)
    try:
        data = os.urandom(3 * MIB)
        token = jp_serverapp.identity_provider.token
        headers = {**VERSION, **BODY, "Upload-Length": str(len(data))}
        response = await AsyncHTTPClient().fetch(
            f"https://127.0.0.1:{port}{jp_base_url}jupyter-transfer/tus/",
            method="POST",
            headers={**headers, "Authorization": f"token {token}"},
            body=data,
            validate_cert=False,
        )
        assert response.code == 201
        path = response.headers["Transfer-Path"]
        assert (jp_root_dir / path).read_bytes() == data
        assert received == []
    finally:
        server.stop()
        await server.close_all_connections()


async def test_the_connection_lives_on(raw, tus, jp_root_dir, received):
    """Pieces of all sizes on one connection, the next head already behind each body."""
    chance = random.Random(5)
    data = chance.randbytes(24 * MIB)
    ends = sorted([*(chance.randrange(len(data)) for _ in range(9)), len(data)])
    id = await tus.create(len(data), filename="a")
    reader, writer = await asyncio.open_connection("127.0.0.1", raw.port)
    offset = 0
    writer.write(head_of(raw, id, 0, ends[0]))
    for number, end in enumerate(ends):
        body = data[offset:end]
        if number + 1 < len(ends):
            body += head_of(raw, id, end, ends[number + 1] - end)
        writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 204 " in head
        assert f"Upload-Offset: {end}".encode() in head
        offset = end
    writer.close()
    await writer.wait_closed()
    assert (jp_root_dir / "a").read_bytes() == data
    assert len([count for count in received if count]) > 3


async def test_a_client_that_trickles(raw, tus, jp_root_dir, received, monkeypatch):
    monkeypatch.setattr(socketloan, "LEAST", 1)
    monkeypatch.setattr(socketloan, "PATIENCE", 0.01)
    data = os.urandom(3000)
    id = await tus.create(len(data), filename="a")
    request = await raw.open("PATCH", f"tus/{id}", patch_headers(0, len(data)))
    for start in range(0, len(data), 100):
        await request.send(data[start : start + 100])
        await asyncio.sleep(0.005)
    assert (await request.answer()).status == 204
    assert (jp_root_dir / "a").read_bytes() == data


async def test_a_newer_request_ends_one_that_went_silent(raw, tus, jp_root_dir, received):
    data = os.urandom(4 * MIB)
    id = await tus.create(len(data), filename="a")
    silent = await raw.open("PATCH", f"tus/{id}", patch_headers(0, len(data)))
    await silent.send(data[: 2 * MIB])
    part = jp_root_dir / ".jupyter-transfer" / f"{id}.part"
    await until(lambda: part.stat().st_size == 2 * MIB)
    assert await tus.offset(id) == 2 * MIB
    assert (await silent.answer()).status == 409
    answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(2 * MIB, 2 * MIB), data[2 * MIB :])
    assert answer.status == 204
    assert (jp_root_dir / "a").read_bytes() == data


async def test_a_digest_of_the_whole_is_read_from_the_file(raw, tus, received):
    data = os.urandom(9 * MIB)
    digest = hashlib.sha256(data).hexdigest()
    id = await tus.create(len(data), filename="a", sha256=digest)
    answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(0, len(data)), data)
    assert answer.status == 204
    assert answer.headers["transfer-sha256"] == digest
    assert sum(received)
    wrong = bytes([data[0] ^ 1]) + data[1:]
    id = await tus.create(len(data), filename="b", sha256=digest)
    answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(0, len(data)), wrong)
    assert answer.status == 460


@pytest.mark.parametrize("received", ["direct"], indirect=True)
async def test_a_checksum_sees_what_comes_from_the_socket(raw, tus, jp_root_dir, received):
    data = os.urandom(9 * MIB)
    id = await tus.create(len(data), filename="a")
    middle = 5 * MIB + 77
    digest = base64.b64encode(hashlib.sha256(data[:middle]).digest()).decode()
    stated = {"Upload-Checksum": f"sha256 {digest}"}
    wrong = bytes([data[0] ^ 1]) + data[1:middle]
    for body, status, offset in ((wrong, 460, 0), (data[:middle], 204, middle)):
        answer = await raw.ask("PATCH", f"tus/{id}", {**patch_headers(0, middle), **stated}, body)
        assert answer.status == status
        assert await tus.offset(id) == offset
    answer = await raw.ask(
        "PATCH", f"tus/{id}", patch_headers(middle, len(data) - middle), data[middle:]
    )
    assert answer.status == 204
    assert (jp_root_dir / "a").read_bytes() == data
    assert sum(received) > 12 * MIB


async def test_a_file_system_that_cannot_splice(raw, tus, jp_root_dir, monkeypatch):
    splice = os.splice

    def refuse(source, target, count, offset_dst=None):
        if offset_dst is not None:
            raise OSError(22, "Invalid argument")
        return splice(source, target, count)

    monkeypatch.setattr(os, "splice", refuse)
    data = os.urandom(6 * MIB)
    id = await tus.create(len(data), filename="a")
    answer = await raw.ask("PATCH", f"tus/{id}", patch_headers(0, len(data)), data)
    assert answer.status == 204
    assert (jp_root_dir / "a").read_bytes() == data
