"""A disk that is full: said at once, nothing lost, and it goes on when there is room again."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.paths import Root
from jupyter_transfer.uploads.manager import Uploads

from ..handlers.tus_client import metadata
from .bare_server import WAYS
from .conftest import SMALL_DISK as SIZE
from .resuming import ResumingUpload
from .tars import tar

PIECE = 512 << 10


@pytest.fixture
def uploads(small_disk, store):
    root = Root(str(small_disk))
    yield Uploads(root, store)
    root.close()


async def send(uploads: Uploads, id: str, offset: int, data: bytes):
    append = await uploads.append("me", id, offset)
    try:
        for start in range(offset, len(data), PIECE):
            wait = append.feed(data[start : start + PIECE])
            if wait is not None:
                await wait
    except TransferError:
        pass  # `finish` tells it with the offset
    return await append.finish()


async def test_a_file_larger_than_the_disk_is_refused_before_its_bytes(uploads, small_disk):
    with pytest.raises(TransferError) as caught:
        await uploads.create("me", 100 << 20, metadata(filename="a"))
    assert caught.value.code == "disk_full"
    assert caught.value.detail["needed_bytes"] == 100 << 20
    assert 0 < caught.value.detail["free_bytes"] <= SIZE
    assert list(small_disk.iterdir()) == []


async def test_a_disk_that_fills_up_in_the_middle(uploads, small_disk):
    data = os.urandom(40 << 20)
    append = await uploads.create("me", len(data), metadata(filename="a"))
    id = (await append.finish()).upload.id
    other = small_disk / "other"
    other.write_bytes(bytes(30 << 20))  # someone else was quicker
    with pytest.raises(TransferError) as caught:
        await send(uploads, id, 0, data)
    assert caught.value.code == "disk_full"
    offset = caught.value.detail["offset"]
    assert 16 << 20 <= offset < len(data)
    assert caught.value.detail["needed_bytes"] == len(data) - offset
    assert caught.value.detail["free_bytes"] < len(data) - offset
    state = await uploads.state("me", id)
    assert state.offset == offset
    part = small_disk / ".jupyter-transfer" / f"{id}.part"
    assert part.read_bytes() == data[:offset]
    with pytest.raises(TransferError) as caught:
        await send(uploads, id, offset, data)
    assert caught.value.code == "disk_full"
    assert not (small_disk / "a").exists()

    other.unlink()
    state = await send(uploads, id, (await uploads.state("me", id)).offset, data)
    assert state.upload.path == "a"
    assert (small_disk / "a").read_bytes() == data


async def test_others_go_on(uploads, small_disk):
    big = (await (await uploads.create("me", 60 << 20, metadata(filename="big"))).finish()).upload
    (small_disk / "other").write_bytes(bytes(40 << 20))
    with pytest.raises(TransferError):
        await send(uploads, big.id, 0, bytes(60 << 20))
    await uploads.terminate("me", big.id)
    data = os.urandom(10 << 20)
    small = (await (await uploads.create("me", len(data), metadata(filename="s"))).finish()).upload
    assert (await send(uploads, small.id, 0, data)).upload.path == "s"
    assert (small_disk / "s").read_bytes() == data


async def test_a_disk_that_takes_no_more_files(uploads, small_disk):
    """Room for bytes, but not for the folder, the part, the journal or the name of an upload."""
    subprocess.run(["mount", "-o", "remount,nr_inodes=64", str(small_disk)], check=True)
    others = [small_disk / f"other{number}" for number in range(os.statvfs(small_disk).f_favail)]
    for other in others:
        other.touch()
    id, state, refusals = None, None, []
    while state is None or state.upload.path is None:
        try:
            if id is None:
                append = await uploads.create("me", 5, metadata(filename="a"))
                id = (await append.finish()).upload.id
            state = await uploads.state("me", id)  # publishes what is whole
            if state.offset < 5:
                state = await send(uploads, id, state.offset, b"hello")
        except TransferError as error:
            refusals.append(error.code)
            others.pop().unlink()
        left_over = (small_disk / ".jupyter-transfer").exists()
        assert left_over == (id is not None and (state is None or state.upload.path is None))
    assert refusals == ["disk_full"] * len(refusals)
    assert len(refusals) >= 3
    assert (small_disk / "a").read_bytes() == b"hello"


@pytest.mark.parametrize("state", ["state", "disk/state"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("files", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_a_disk_that_is_full_again_and_again(bare_server, small_disk, tmp_path, files, way, state):
    """A real server, perhaps with its list on the same disk; someone else takes the room away."""
    chance = random.Random(files)
    (small_disk / "root").mkdir()
    server = bare_server(small_disk / "root", tmp_path / state, way=way)
    server.start()
    for number in range(files):
        data = chance.randbytes(chance.randrange(1 << 20, 4 << 20))
        upload = ResumingUpload(server, f"f{number}", data, digest=chance.random() < 0.5)
        assert upload.create()
        # Now and then not even the journal has room.
        fill(small_disk / "other", chance.choice([0, chance.randrange(len(data))]))
        response = upload.send(0, len(data))
        assert response.status == 507
        error = json.loads(response.content)["error"]
        assert error["code"] == "disk_full"
        offset = error["detail"]["offset"]
        assert error["detail"]["needed_bytes"] == len(data) - offset
        assert 0 <= error["detail"]["free_bytes"] < len(data)
        assert upload.look() == offset
        (small_disk / "other").unlink()
        assert upload.send(offset, len(data)).status == 204
        assert upload.final.read_bytes() == data
        upload.final.unlink()
    assert list(server.root.iterdir()) == []


def fill(file: Path, but: int) -> None:
    """Let `file` take all of the disk `but` so many bytes."""
    status = os.statvfs(file.parent)
    size = status.f_bavail * status.f_frsize - but // status.f_frsize * status.f_frsize
    with file.open("wb") as opened:
        os.posix_fallocate(opened.fileno(), 0, size)


async def test_a_pack(uploads, small_disk):
    files = {f"d/f{n}": os.urandom(1 << 20) for n in range(20)}
    data = tar(*files.items())
    append = await uploads.create("me", len(data), metadata(pack="tar"))
    id = (await append.finish()).upload.id
    other = small_disk / "other"
    other.write_bytes(bytes(SIZE - (12 << 20)))
    offset = 0
    for _ in range(2):
        with pytest.raises(TransferError) as caught:
            await send(uploads, id, offset, data)
        assert caught.value.code == "disk_full"
        offset = caught.value.detail["offset"]
        assert offset < len(data)
    assert not list(small_disk.glob("d/* (1)"))

    other.unlink()
    state = await send(uploads, id, (await uploads.state("me", id)).offset, data)
    assert state.upload.files == {"done": len(files), "failed": 0, "skipped": 0}
    assert {f"d/{path.name}": path.read_bytes() for path in small_disk.glob("d/*")} == files
    assert [path.name for path in small_disk.iterdir()] == ["d"]
