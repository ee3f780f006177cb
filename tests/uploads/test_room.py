"""Room that uploads under way were promised is not given away twice."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from jupyter_transfer.paths import Root
from jupyter_transfer.uploads import room
from jupyter_transfer.uploads.append import Append
from jupyter_transfer.uploads.manager import Uploads

from ..handlers.tus_client import metadata
from .calls import create, error_of, put
from .conftest import SMALL_DISK

MIB = 1 << 20


@pytest.fixture
def disk_root(small_disk):
    root = Root(str(small_disk))
    yield root
    root.close()


@pytest.fixture
def uploads(disk_root, store):
    return Uploads(disk_root, store)


async def feed(append: Append, count: int) -> None:
    """Feed `count` MiB as fast as they are taken."""
    for _ in range(count):
        wait = append.feed(bytes(MIB))
        if wait is not None:
            await wait


async def refusal(awaitable) -> dict[str, int]:
    error = await error_of(awaitable)
    assert error.code == "disk_full"
    return error.detail


async def test_what_was_announced_is_not_promised_again(uploads):
    await create(uploads, 40 * MIB, filename="a")
    detail = await refusal(create(uploads, 40 * MIB, filename="b"))
    assert detail["needed_bytes"] == detail["reserved_bytes"] == 40 * MIB
    assert 20 * MIB < detail["free_bytes"] <= SMALL_DISK - 40 * MIB
    await create(uploads, 20 * MIB, filename="c")
    assert (await uploads.room(""))["reserved_bytes"] == 60 * MIB


async def test_what_has_arrived_counts_once(uploads):
    empty = await uploads.room("")
    assert empty["reserved_bytes"] == 0
    id = await create(uploads, 30 * MIB, filename="a")
    append = await uploads.append("me", id, 0)
    await feed(append, 10)
    await append.finish()
    half = await uploads.room("")
    assert half["reserved_bytes"] == 20 * MIB
    assert abs(empty["free_bytes"] - half["free_bytes"] - 30 * MIB) < MIB // 4
    append = await uploads.append("me", id, 10 * MIB)
    await feed(append, 20)
    assert (await append.finish()).upload.path == "a"
    whole = await uploads.room("")
    assert whole["reserved_bytes"] == 0
    assert abs(half["free_bytes"] - whole["free_bytes"]) < MIB // 4


async def test_while_bytes_arrive(uploads):
    id = await create(uploads, 30 * MIB, filename="a")
    append = await uploads.append("me", id, 0)
    await feed(append, 12)
    # Four MiB at most are on their way to the disk.
    assert 18 * MIB <= (await uploads.room(""))["reserved_bytes"] <= 22 * MIB
    await append.finish()


async def test_who_gives_up_keeps_nothing(uploads):
    id = await create(uploads, 40 * MIB, filename="a")
    await uploads.terminate("me", id)
    assert (await uploads.room(""))["reserved_bytes"] == 0
    append = await uploads.create("me", 40 * MIB, metadata(filename="b"))
    append.feed(b"a")
    append.abort()  # before its address was known
    await append.aborted()
    assert (await uploads.room(""))["reserved_bytes"] == 0
    await create(uploads, 40 * MIB, filename="c")


async def test_what_is_refused_keeps_nothing(uploads):
    await refusal(create(uploads, 100 * MIB, filename="a"))
    uploads.settings = type(uploads.settings)(max_open=0)
    assert (await error_of(create(uploads, MIB, filename="a"))).code == "too_many"
    assert (await uploads.room(""))["reserved_bytes"] == 0


async def test_a_length_that_is_told_later(uploads):
    id = await create(uploads, None, filename="a")
    await put(uploads, id, 0, bytes(MIB))
    assert (await uploads.room(""))["reserved_bytes"] == 0
    await put(uploads, id, MIB, b"", length=41 * MIB)
    assert (await uploads.room(""))["reserved_bytes"] == 40 * MIB
    other = await create(uploads, None, filename="b")
    detail = await refusal(put(uploads, other, 0, b"", length=40 * MIB))
    assert detail["reserved_bytes"] == 40 * MIB


async def test_segments_of_one_file(uploads):
    third = 15 * MIB
    pairs = {"assembly": "0" * 32, "size": str(3 * third), "filename": "a"}
    for number in range(3):
        header = metadata(start=str(number * third), **pairs)
        append = await uploads.create("me", third, header, concat="partial")
        await append.finish()
    assert (await uploads.room(""))["reserved_bytes"] == 3 * third


async def test_who_left_does_not_shut_others_out(uploads, monkeypatch):
    id = await create(uploads, 40 * MIB, filename="a")
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + room.PROMISE_SECONDS + 1)
    monkeypatch.setattr(room, "time", clock)
    assert (await uploads.room(""))["reserved_bytes"] == 0
    # Who comes back counts again.
    await put(uploads, id, 0, bytes(MIB))
    assert (await uploads.room(""))["reserved_bytes"] == 39 * MIB


async def test_after_a_restart_it_counts_when_it_goes_on(uploads, disk_root, store):
    id = await create(uploads, 40 * MIB, filename="a")
    later = Uploads(disk_root, store)
    assert (await later.room(""))["reserved_bytes"] == 0
    await later.state("me", id)
    assert (await later.room(""))["reserved_bytes"] == 40 * MIB


async def test_each_disk_has_room_of_its_own(uploads, small_disk, root, store):
    elsewhere = Uploads(root, store)
    await create(elsewhere, 40 * MIB, filename="a")
    assert (await elsewhere.room("no/such/folder"))["reserved_bytes"] == 40 * MIB
    inside = Root(str(small_disk.parent))
    both = Uploads(inside, store)
    await create(both, 40 * MIB, filename="a", path="root")
    assert (await both.room("disk/new"))["reserved_bytes"] == 0
    await create(both, 40 * MIB, filename="a", path="disk/new")
    assert (await both.room("disk"))["reserved_bytes"] == 40 * MIB
    inside.close()
