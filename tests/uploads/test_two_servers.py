"""Two servers over one folder, each with a database of its own: the lock of the journal decides."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from jupyter_transfer.store import Store

from ..handlers.tus_client import BODY, metadata
from ..servers.bare import BareServer


def share(id: str, source: Path, target: Path) -> None:
    """Let the database in `target` know the upload `id` too. No server may have them."""
    stores = [Store(str(folder)) for folder in (source, target)]
    stores[1].upload_add(stores[0].upload_get(id))
    for store in stores:
        store.close()


def create(server: BareServer, length: int) -> str:
    header = metadata(filename="a", conflict="fail")
    headers = {"Upload-Length": str(length), "Upload-Metadata": header, "Content-Length": "0"}
    response = server.ask("POST", "", headers)
    assert response.status == 201
    return response.headers["Location"].rpartition("/")[2]


@pytest.fixture
def servers(bare_server, tmp_path) -> list[BareServer]:
    """Two servers that are not started."""
    return [bare_server(state=tmp_path / name) for name in ("state0", "state1")]


@pytest.fixture
def shared(servers, tmp_path):
    """Makes an upload that both servers know; they run then."""

    def make(length: int) -> str:
        servers[0].start()
        id = create(servers[0], length)
        servers[0].kill()
        share(id, tmp_path / "state0", tmp_path / "state1")
        for server in servers:
            server.start()
        return id

    return make


def wait_for_bytes(server: BareServer, id: str) -> None:
    """Wait until `server` has written some of the upload, so that it holds the lock."""
    part = server.root / ".jupyter-transfer" / f"{id}.part"
    while not part.stat().st_size:
        time.sleep(0.01)


def patch_headers(offset: int, size: int) -> dict[str, str]:
    return {**BODY, "Upload-Offset": str(offset), "Content-Length": str(size)}


def test_what_another_server_holds(servers, shared):
    id = shared(10)
    holder, other = servers
    refused = {}

    def body():
        yield b"hello"
        wait_for_bytes(holder, id)
        for verb in ("HEAD", "PATCH", "DELETE"):
            headers = patch_headers(0, 5) if verb == "PATCH" else {}
            refused[verb] = other.ask(verb, id, headers, [b"HELLO"] if headers else [])
        yield b"world"

    response = holder.ask("PATCH", id, patch_headers(0, 10), body())
    assert response.status == 204
    assert response.headers["Transfer-Path"] == "a"
    assert (holder.root / "a").read_bytes() == b"helloworld"
    for verb, answer in refused.items():
        assert answer.status == 503, verb
        assert answer.headers["Retry-After"] == "1"
        assert "Upload-Offset" not in answer.headers
        if verb != "HEAD":
            error = json.loads(answer.content)["error"]
            assert (error["code"], error["retryable"]) == ("busy", True)
    assert other.ask("HEAD", id, {}).status == 404  # the file is there; nothing is left to send


def test_both_take_turns(servers, shared):
    """A client whose requests are spread over both gets its file through, byte by byte."""
    data = random.Random(3).randbytes(3_000_000)
    id = shared(len(data))
    offset = 0
    for turn, size in enumerate((1_000_000, 1, 500_000, 1_499_999)):
        response = servers[turn % 2].ask("HEAD", id, {})
        assert response.headers["Upload-Offset"] == str(offset)
        headers = patch_headers(offset, size)
        response = servers[turn % 2].ask("PATCH", id, headers, [data[offset : offset + size]])
        assert response.status == 204
        offset += size
    assert (servers[0].root / "a").read_bytes() == data


def test_the_other_goes_on_when_one_is_killed(servers, shared):
    id = shared(10)

    def body():
        yield b"hello"
        wait_for_bytes(servers[0], id)
        servers[0].kill()

    assert servers[0].ask("PATCH", id, patch_headers(0, 10), body()) is None
    offset = int(servers[1].ask("HEAD", id, {}).headers["Upload-Offset"])
    rest = b"helloworld"[offset:]
    assert servers[1].ask("PATCH", id, patch_headers(offset, len(rest)), [rest]).status == 204
    assert (servers[1].root / "a").read_bytes() == b"helloworld"
