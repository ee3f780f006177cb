"""A disk that becomes read-only: said clearly, nothing lost, and it goes on when it is writable."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse

import pytest

from ..handlers.tus_client import metadata
from ..servers.bare import BareServer
from .resuming import ResumingUpload
from .test_kill_packs import KilledPack
from .test_kill_segments import Segments

DATA = random.Random(11).randbytes(300_000)


@pytest.fixture
def remount(folder) -> Iterator[Callable[[str], None]]:
    """Makes the disk of the root ``ro`` or ``rw``."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield lambda how: subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def server(remount, bare_server) -> BareServer:
    server = bare_server()
    server.start()
    return server


def assert_refused(response: HTTPResponse | None) -> None:
    """The answer says that the disk is read-only."""
    assert response is not None
    error = json.loads(response.content)["error"]
    assert (response.status, error["code"]) == (403, "read_only")
    assert "read-only" in error["message"]
    assert error["remedy"] == "Choose a folder that can be written to."


def test_a_file(server, remount, folder):
    upload = ResumingUpload(server, "d/f", DATA, digest=True)
    assert upload.create()
    assert upload.send(0, 100_000).status == 204
    remount("ro")
    for name in ("d/g", "h"):
        headers = {"Upload-Length": "5", "Upload-Metadata": metadata(filename=name)}
        assert_refused(server.ask("POST", "", {**headers, "Content-Length": "0"}))
    for _ in range(2):
        assert upload.look() == 100_000
        assert_refused(upload.send(100_000, len(DATA)))
        assert_refused(server.ask("DELETE", upload.id, {}))
    server.kill()
    server.start()  # whose clean-up may not write either
    assert upload.look() == 100_000
    remount("rw")
    assert upload.send(100_000, len(DATA)).status == 204
    assert upload.final.read_bytes() == DATA
    assert [path.name for path in folder.iterdir()] == ["d"]


def test_the_name_of_a_file(server, remount, folder):
    upload = ResumingUpload(server, "f", DATA, old=b"other")
    assert upload.create()
    upload.final.write_bytes(b"other")
    assert upload.send(0, len(DATA)).status == 409
    upload.final.unlink()
    upload.old = None
    remount("ro")
    for _ in range(2):
        assert upload.look() == len(DATA) - 1
        assert_refused(upload.send(len(DATA) - 1, len(DATA)))
        assert_refused(upload.send(len(DATA), len(DATA)))
    remount("rw")
    assert upload.send(len(DATA) - 1, len(DATA)).status == 204
    assert upload.look() is None
    assert upload.final.read_bytes() == DATA
    assert [path.name for path in folder.iterdir()] == ["f"]


def test_bytes_of_a_dead_process_behind_the_offset(server, remount, folder):
    """What cannot be cut off yet is not counted, and cut off later."""
    upload = ResumingUpload(server, "f", DATA)
    assert upload.create()
    assert upload.send(0, 100_000).status == 204
    server.kill()
    staging = folder / ".jupyter-transfer"
    with (staging / f"{upload.id}.part").open("ab") as part:
        part.write(b"torn")
    with (staging / f"{upload.id}.journal").open("ab") as journal:
        journal.write(b"0000 torn")
    remount("ro")
    server.start()
    assert upload.look() == 100_000
    assert_refused(upload.send(100_000, len(DATA)))
    remount("rw")
    assert upload.send(100_000, len(DATA)).status == 204
    assert upload.final.read_bytes() == DATA


def test_a_pack(server, remount):
    pack = KilledPack(server, random.Random(3), "p", 0)
    id = pack.create()
    half = len(pack.data) // 2
    assert pack.send(id, 0, half).status == 204
    remount("ro")
    for _ in range(2):
        assert pack.look(id) == half
        assert_refused(pack.send(id, half, len(pack.data)))
    remount("rw")
    assert pack.send(id, half, len(pack.data)).status == 204
    assert pack.look(id) is None
    pack.check_end()


def test_segments(server, remount, folder):
    file = Segments(server, random.Random(4), folder / "f")
    first, *others = file.ids
    for id in others:
        file.fill(id)
    remount("ro")
    assert_refused(file.patch(first, *file.ids[first]))
    assert file.offset(first) == 0
    remount("rw")
    file.fill(first)
    remount("ro")
    for _ in range(2):
        assert_refused(file.join(kill=False))
    remount("rw")
    assert file.join(kill=False).status == 201
    assert file.final.read_bytes() == file.data
    assert [path.name for path in folder.iterdir()] == ["f"]


def test_a_disk_that_fails_in_the_middle_of_a_request(disk, bare_server):
    """The kernel makes an ext4 read-only by itself when it fails, under files that are open."""
    (disk.folder / "root").mkdir()
    server = bare_server(disk.folder / "root")
    server.start()
    upload = ResumingUpload(server, "f", DATA * 40)
    assert upload.create()
    assert upload.send(0, 1_000_000).status == 204

    def pieces(offset: int, end: int) -> Iterator[bytes]:
        for number, piece in enumerate(upload.pieces(offset, end)):
            if number == 30:
                time.sleep(0.1)
                subprocess.run(["mount", "-o", "remount,abort", str(disk.folder)], check=False)
            yield piece

    response = upload.send(1_000_000, len(upload.data), pieces=pieces)
    assert response is None or response.status in (403, 500)
    if response is not None:
        assert json.loads(response.content)["error"]["code"] in ("read_only", "io_error")
    assert upload.look() >= 1_000_000
    assert_refused(upload.send(upload.look(), len(upload.data)))
    server.kill()
    disk.power_on()
    server.start()
    assert upload.send(upload.look(), len(upload.data)).status == 204
    assert upload.final.read_bytes() == upload.data
