"""A server whose database fails: uploads are told so, lose nothing and go on afterwards."""

from __future__ import annotations

import json
import os
import random

import pytest

from ..servers.strace import require_strace, traced
from ..store.test_faults import ROWS, filled
from .resuming import ResumingUpload

DATA = random.Random(7).randbytes(100_000)


@pytest.fixture
def server(bare_server, tmp_path):
    """A server with very many uploads, so that SQLite has to read from the disk."""
    filled(tmp_path / "state").close()
    server = bare_server()
    server.start()
    return server


def asked(server, ids: list[str]) -> dict[str, int]:
    """How often which code came for a PATCH of each upload."""
    codes: dict[str, int] = {}
    for id in ids:
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        response = server.ask("PATCH", id, {**headers, "Content-Length": "0"})
        error = json.loads(response.content)["error"]
        assert error["remedy"]
        codes[error["code"]] = codes.get(error["code"], 0) + 1
        assert response.status == {"list_unavailable": 503, "list_unreadable": 500}.get(
            error["code"], response.status
        )
    return codes


def test_reads_that_fail(server):
    require_strace()
    upload = ResumingUpload(server, "f", DATA)
    assert upload.create()
    assert upload.send(0, 60_000).status == 204
    with traced(server.pid, "pread64", "error=EIO") as trace:
        codes = asked(server, [f"u{number}" for number in range(0, ROWS, 100)])
        assert set(codes) <= {"list_unreadable", "not_found"}  # or it was in memory
        assert codes["list_unreadable"] > 5
    assert trace.injected > 5
    assert upload.look() == 60_000
    assert upload.send(60_000, len(DATA)).status == 204
    assert upload.final.read_bytes() == DATA


def test_a_database_that_was_cut_short(server, tmp_path):
    path = tmp_path / "state" / "transfers.sqlite"
    os.truncate(path, path.stat().st_size // 2)
    codes = asked(server, [f"u{number}" for number in range(0, ROWS, 100)])
    assert set(codes) <= {"list_unreadable", "not_found"}
    assert codes["list_unreadable"] > 5
    assert server.lives


def test_writes_that_fail(server):
    """What cannot be remembered is not begun; a file that is whole is published all the same."""
    require_strace()
    upload = ResumingUpload(server, "f", DATA)
    assert upload.create()
    with traced(server.pid, "pwrite64", "error=EIO"):
        other = ResumingUpload(server, "g", DATA)
        assert not other.create()
        assert other.failures == [503]
        response = upload.send(0, len(DATA))
        assert response.status == 204
        assert response.headers["Transfer-Path"] == "f"
    assert upload.look() is None
    assert [path.name for path in server.root.iterdir()] == ["f"]
    assert upload.final.read_bytes() == DATA
