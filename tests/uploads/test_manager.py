"""All uploads: limits, owners, take-overs, restarts, expiry."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import replace

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.uploads import manager
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.manager import Uploads
from jupyter_transfer.uploads.session import Session

from ..conftest import until
from ..handlers.tus_client import metadata
from .calls import create, put
from .conftest import note


@pytest.fixture
def restart(root, store, saved):
    """The same uploads as a new process sees them."""
    return lambda **settings: Uploads(root, store, UploadSettings(**settings), on_saved=note(saved))


async def code_of(awaitable) -> str:
    with pytest.raises(TransferError) as caught:
        await awaitable
    return caught.value.code


async def test_from_the_first_byte_to_the_last(uploads, restart, folder, saved):
    id = await create(uploads, 6, filename="a", path="new/folder")
    state = await put(uploads, id, 0, b"abc")
    assert (state.offset, state.upload.path) == (3, None)
    later = restart()
    assert (await later.state("me", id)).offset == 3
    state = await put(later, id, 3, b"def")
    assert (state.offset, state.upload.path) == (6, "new/folder/a")
    assert saved == ["new/folder/a"]
    assert (folder / "new/folder/a").read_bytes() == b"abcdef"
    assert (await restart().state("me", id)).upload.path == "new/folder/a"
    assert saved == ["new/folder/a"]


async def test_owners(uploads):
    id = await create(uploads, 3)
    for call in (uploads.state, uploads.terminate, lambda o, i: uploads.append(o, i, 0)):
        assert await code_of(call("other", id)) == "not_found"
        assert await code_of(call("me", "f" * 32)) == "not_found"
    assert (await uploads.state("me", id)).offset == 0


async def test_open_uploads_are_counted_by_owner(restart):
    uploads = restart(max_open=2)
    await create(uploads, 3)
    id = await create(uploads, 3)
    assert await code_of(uploads.create("me", 3, "")) == "too_many"
    await create(uploads, 3, "other")
    await put(uploads, id, 0, b"abc")
    await create(uploads, 3)


async def test_open_uploads_are_counted_exactly(restart):
    uploads = restart(max_open=7)
    results = await asyncio.gather(
        *(create(uploads, 3, filename="a") for _ in range(30)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, TransferError)]
    assert len(refused) == 23
    assert {error.code for error in refused} == {"too_many"}


async def test_the_size_counts_over_all_pieces(restart):
    uploads = restart(max_size=5)
    assert await code_of(uploads.create("me", 6, "")) == "too_large"
    id = await create(uploads, 5)
    await put(uploads, id, 0, b"abc")
    append = await uploads.append("me", id, 3)
    with pytest.raises(TransferError):
        append.feed(b"def")
    assert await code_of(append.finish()) == "too_large"
    assert (await uploads.state("me", id)).offset == 3


async def test_a_creation_that_fails_leaves_nothing(uploads, store, tree):
    append = await uploads.create("me", 3, metadata(filename="a", sha256="0" * 64))
    append.feed(b"abc")
    assert await code_of(append.finish()) == "digest_mismatch"
    append = await uploads.create("me", 3, metadata(filename="a"))
    append.feed(b"ab")
    await append.aborted()
    assert tree() == []
    assert store.uploads_open("me") == 0


async def test_a_disk_that_refuses_the_part_leaves_no_row(uploads, store, monkeypatch, tree):
    def full(*args):
        raise TransferError("disk_full", "Full.")

    monkeypatch.setattr(Session, "create", full)
    assert await code_of(uploads.create("me", 3, "")) == "disk_full"
    assert store.uploads_open("me") == 0


# ---- one at a time ----


async def test_a_newer_request_takes_over(uploads):
    id = await create(uploads, 100)
    told = []
    old = await uploads.append("me", id, 0, told.append)
    old.feed(b"x" * 10)
    new = await uploads.append("me", id, 10)
    assert [error.code for error in told] == ["conflict"]
    with pytest.raises(TransferError):
        old.feed(b"y")
    assert (await old.finish()).offset == 10
    new.feed(b"z" * 90)
    assert (await new.finish()).offset == 100


async def test_the_newest_of_many_wins(uploads, folder):
    data = os.urandom(1000)
    id = await create(uploads, len(data), filename="a")

    async def one() -> str:
        try:
            state = await uploads.state("me", id)
            append = await uploads.append("me", id, state.offset)
            append.feed(data[state.offset : state.offset + 100])
            await append.finish()
        except TransferError as error:
            return error.code
        return "ok"

    while (await uploads.state("me", id)).upload.path is None:
        codes = set(await asyncio.gather(*(one() for _ in range(20))))
        assert codes <= {"ok", "offset_mismatch", "conflict", "too_large"}
    assert (folder / "a").read_bytes() == data
    assert not uploads._claims._holds


async def test_a_request_that_waits_does_not_stop_a_newer_one(uploads):
    """Two wait for the first to end: the last one must not wait for the middle one's body."""
    id = await create(uploads, 100)
    first = await uploads.append("me", id, 0)
    middle = asyncio.ensure_future(uploads.append("me", id, 0))
    await asyncio.sleep(0)
    last = asyncio.ensure_future(uploads.state("me", id))
    assert (await asyncio.wait_for(last, 10)).offset == 0
    append = await middle
    with pytest.raises(TransferError):
        append.feed(b"x")
    await first.aborted()


async def test_stopping_keeps_what_arrived(uploads, restart):
    id = await create(uploads, 100)
    append = await uploads.append("me", id, 0)
    append.feed(b"x" * 10)
    await uploads.stop()
    assert (await restart().state("me", id)).offset == 10


# ---- crashes ----


async def test_a_crash_before_the_row_was_committed(uploads, restart, store, folder, tree, saved):
    id = await create(uploads, 3, filename="a")
    real = store.upload_finish
    store.upload_finish = lambda *args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await put(uploads, id, 0, b"abc")
    store.upload_finish = real
    assert (folder / "a").read_bytes() == b"abc"
    for _ in range(2):
        state = await restart().state("me", id)
        assert (state.offset, state.upload.path) == (3, "a")
    assert tree() == ["a"]
    assert saved == ["a"]


async def test_a_database_on_a_full_disk(uploads, restart, store, folder, tree, monkeypatch):
    """What is on disk is what counts: bytes and files are acknowledged all the same."""

    def full(*args):
        raise TransferError("disk_full", "Full.")

    id = await create(uploads, 6, filename="a")
    with monkeypatch.context() as patch:
        patch.setattr(store, "upload_finish", full)
        patch.setattr(store, "upload_touch", full)
        store_row = store.upload_get(id)
        patch.setattr(store, "upload_get", lambda id: {**store_row, "expires": time.time() + 60})
        assert (await put(uploads, id, 0, b"abc")).offset == 3
        assert (await put(uploads, id, 3, b"def")).upload.path == "a"
    assert (folder / "a").read_bytes() == b"abcdef"
    assert (await restart().state("me", id)).upload.path == "a"
    assert tree() == ["a"]


async def test_a_crash_before_the_journal_was_removed(uploads, restart, monkeypatch, tree):
    id = await create(uploads, 3, filename="a")
    other = await create(uploads, 3, filename="b")
    with monkeypatch.context() as patch:
        patch.setattr(Session, "forget", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await put(uploads, id, 0, b"abc")
    assert [path for path in tree() if id in path]
    await restart().start()
    assert not [path for path in tree() if id in path]
    assert (await uploads.state("me", other)).offset == 0
    assert (await uploads.state("me", id)).upload.path == "a"


async def test_a_crash_before_the_file_was_published(uploads, restart, monkeypatch, tree):
    id = await create(uploads, 3, filename="a")
    with monkeypatch.context() as patch:
        patch.setattr(Session, "publish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await put(uploads, id, 0, b"abc")
    assert (await restart().state("me", id)).upload.path == "a"
    assert tree() == ["a"]


async def test_a_crash_before_the_part_was_made(uploads, restart, folder, store):
    id = await create(uploads, 3, filename="a")
    for path in (folder / ".jupyter-transfer").iterdir():
        path.unlink()
    assert await code_of(restart().state("me", id)) == "not_found"
    assert store.upload_get(id) is None


async def test_a_digest_survives_a_restart(uploads, restart, folder):
    data = os.urandom(3_000_000)
    id = await create(uploads, len(data), filename="a", sha256=hashlib.sha256(data).hexdigest())
    await put(uploads, id, 0, data[:1_000_000])
    state = await put(restart(), id, 1_000_000, data[1_000_000:])
    assert state.upload.sha256 == hashlib.sha256(data).hexdigest()
    id = await create(uploads, len(data), filename="b", sha256="0" * 64)
    await put(uploads, id, 0, data[:1_000_000])
    later = restart()
    append = await later.append("me", id, 1_000_000)
    append.feed(data[1_000_000:])
    assert await code_of(append.finish()) == "digest_mismatch"
    assert not (folder / "b").exists()
    assert await code_of(later.state("me", id)) == "not_found"


async def test_a_file_that_appears_meanwhile_is_skipped(uploads, folder, tree, saved):
    data = b"abc"
    digest = hashlib.sha256(data).hexdigest()
    id = await create(uploads, 3, filename="a", conflict="skip", sha256=digest)
    (folder / "a").write_bytes(b"other")
    state = await put(uploads, id, 0, data)
    assert state.upload.path == "a"
    assert state.upload.sha256 is None
    assert (folder / "a").read_bytes() == b"other"
    assert tree() == ["a"]
    assert saved == []


# ---- expiry ----


async def test_what_expired_is_removed(uploads, restart, store, tree, later):
    short = restart(expiry=1000)
    gone = await create(short, 3, filename="gone")
    await put(short, gone, 0, b"ab")
    kept = await create(uploads, 3, filename="kept")
    await put(uploads, kept, 0, b"ab")
    later(1001)
    for call in (uploads.state, uploads.terminate, lambda o, i: uploads.append(o, i, 2)):
        assert await code_of(call("me", gone)) == "gone"
    await restart().start()
    assert await code_of(uploads.state("me", gone)) == "not_found"
    assert (await uploads.state("me", kept)).offset == 2
    assert not [path for path in tree() if gone in path]


async def test_it_is_cleaned_while_the_server_runs(uploads, monkeypatch, later, tree):
    monkeypatch.setattr(manager, "CLEAN_SECONDS", 0.01)
    gone = await create(uploads, 3, filename="gone")
    live = await create(uploads, 3, filename="live")
    append = await uploads.append("me", live, 0)
    append.feed(b"ab")
    await uploads.start()
    later(1e7)
    await until(lambda: not [path for path in tree() if gone in path])
    assert (await uploads.state("me", live)).offset == 2
    await uploads.stop()
    await append.aborted()


async def test_a_clean_up_that_fails_is_not_the_last(uploads, monkeypatch):
    monkeypatch.setattr(manager, "CLEAN_SECONDS", 0.01)
    runs = []

    async def fail() -> int:
        runs.append(1)
        raise ZeroDivisionError

    await uploads.start()
    monkeypatch.setattr(uploads, "expire", fail)
    await until(lambda: len(runs) > 2)
    await uploads.stop()


async def test_finished_files_stay_and_their_rows_go(uploads, folder, later):
    id = await create(uploads, 3, filename="a")
    await put(uploads, id, 0, b"abc")
    later(1e7)
    assert await uploads.expire() == 1
    assert (folder / "a").read_bytes() == b"abc"
    assert await code_of(uploads.state("me", id)) == "not_found"


async def test_a_live_upload_does_not_expire(uploads, later):
    id = await create(uploads, 3)
    append = await uploads.append("me", id, 0)
    append.feed(b"ab")
    later(1e7)
    assert await uploads.expire() == 0
    assert (await uploads.state("me", id)).offset == 2
    assert await uploads.expire() == 0


async def test_a_whole_file_is_published_instead_of_expiring(
    uploads, restart, monkeypatch, folder, later
):
    id = await create(uploads, 3, filename="a")
    with monkeypatch.context() as patch:
        patch.setattr(Session, "publish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await put(uploads, id, 0, b"abc")
    later(1e7)
    await restart().start()
    assert (folder / "a").read_bytes() == b"abc"


async def test_bytes_prolong_an_upload(restart, store):
    uploads = restart(expiry=1000)
    id = await create(uploads, 3)
    first = store.upload_get(id)["expires"]
    await put(uploads, id, 0, b"a")
    assert store.upload_get(id)["expires"] == first  # no commit for nothing
    store.upload_touch(id, time.time() + 1)
    await put(uploads, id, 1, b"b")
    assert store.upload_get(id)["expires"] > first - 1


async def test_an_expired_upload_that_another_server_writes_is_left_alone(
    uploads, restart, store, later
):
    id = await create(uploads, 3, filename="a")
    append = await uploads.append("me", id, 0)  # holds the lock of the part
    append.feed(b"a")
    later(1e7)
    assert await restart().expire() == 0
    assert store.upload_get(id) is not None
    assert (await append.finish()).offset == 1


async def test_settings_have_no_limit_by_default(uploads):
    assert uploads.settings == UploadSettings()
    assert replace(uploads.settings, max_size=1).max_size == 1


async def test_many_at_a_time(uploads, folder):
    async def one(n: int) -> None:
        data = os.urandom(10_000 + n)
        append = await uploads.create("me", len(data), metadata(filename=f"{n % 5}/{n}"))
        append.feed(data)
        state = await append.finish()
        assert (folder / state.upload.path).read_bytes() == data

    await asyncio.gather(*(one(n) for n in range(60)))
    await until(lambda: not uploads._claims._holds)
    assert not list(folder.rglob(".jupyter-transfer"))
