"""Segments of one file: who is live, what a failing disk leaves, that nobody writes too late."""

from __future__ import annotations

import os

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.manager import Uploads
from jupyter_transfer.uploads.session import Session

from ..handlers.tus_client import metadata
from .conftest import note

DATA = b"0123456789"
SPANS = ((0, 6), (6, 10))


def header(**pairs: str) -> str:
    return metadata(filename="a", assembly="a" * 32, **pairs)


async def create(uploads: Uploads, span: tuple[int, int], data: bytes = b"") -> str:
    place = header(start=str(span[0]), size=str(len(DATA)))
    append = await uploads.create("me", span[1] - span[0], place, concat="partial")
    append.feed(data)
    return (await append.finish()).upload.id


async def create_all(uploads: Uploads) -> list[str]:
    return [await create(uploads, span, DATA[slice(*span)]) for span in SPANS]


async def join(uploads: Uploads, ids: list[str], **pairs: str):
    return await uploads.concatenate("me", ids, header(**pairs), "final;…")


async def code_of(awaitable) -> str:
    with pytest.raises(TransferError) as caught:
        await awaitable
    return caught.value.code


async def test_a_segment_lives_as_long_as_its_file_does(uploads, later, tree):
    first = await create(uploads, SPANS[0], DATA[:6])
    second = await create(uploads, SPANS[1])
    append = await uploads.append("me", second, 0)
    later(1e7)
    assert await uploads.expire() == 0
    assert (await uploads.state("me", first)).offset == 6
    append.feed(DATA[6:])
    await append.finish()
    later(1e7 + 1000)
    assert await uploads.expire() == 0
    assert (await join(uploads, [first, second])).upload.path == "a"
    later(3e7)
    assert await uploads.expire() == 3
    assert tree() == ["a"]


async def test_abandoned_segments_expire(uploads, later, tree):
    await create_all(uploads)
    later(1e7)
    assert await uploads.expire() == 2
    assert tree() == []


async def test_copied_partial_uploads_do_not_stay_for_days(uploads, later, tree):
    ids = []
    for piece in (b"abc", b"def"):
        append = await uploads.create("me", len(piece), "", concat="partial")
        append.feed(piece)
        ids.append((await append.finish()).upload.id)
    for _ in range(2):
        await join(uploads, ids, conflict="rename")
    later(3700)
    assert await uploads.expire() == 2
    assert tree() == ["a", "a (1)"]


async def test_a_running_request_is_ended_by_the_final_one(uploads, folder):
    ids = await create_all(uploads)
    spare = await create(uploads, SPANS[0])  # the repetition of a creation
    told = []
    append = await uploads.append("me", spare, 0, told.append)
    append.feed(DATA[:5])
    assert (await join(uploads, ids)).upload.path == "a"
    assert [error.code for error in told] == ["conflict"]
    with pytest.raises(TransferError):
        append.feed(b"!")
    assert await code_of(uploads.append("me", spare, 5)) == "offset_mismatch"
    assert (folder / "a").read_bytes() == DATA


async def test_a_database_on_a_full_disk(uploads, root, store, saved, folder, tree, monkeypatch):
    def full(*args):
        raise TransferError("disk_full", "Full.")

    ids = await create_all(uploads)
    with monkeypatch.context() as patch:
        patch.setattr(store, "assembly_finish", full)
        assert (await join(uploads, ids)).upload.path == "a"
        for id, size in zip(ids, (6, 4), strict=True):
            assert (await uploads.state("me", id)).offset == size
            assert await code_of(uploads.append("me", id, size)) == "conflict"
        assert await code_of(create(uploads, SPANS[0])) == "conflict"
    later = Uploads(root, store, on_saved=note(saved))
    assert (await join(later, ids)).upload.path == "a"
    assert (folder / "a").read_bytes() == DATA
    assert tree() == ["a"]


async def test_a_disk_that_lost_synced_bytes_is_not_believed(uploads, folder):
    ids = await create_all(uploads)
    (part,) = (folder / ".jupyter-transfer").glob("*.part")
    os.truncate(part, 8)
    assert (await uploads.state("me", ids[1])).offset == 2
    assert await code_of(join(uploads, ids)) == "conflict"


@pytest.mark.parametrize("asked", [True, False])
async def test_a_power_cut_after_the_seal(root, store, monkeypatch, folder, tree, asked):
    """Where only the kernel had the bytes, and had no time to write them."""
    uploads = Uploads(root, store, UploadSettings(durability="publish"))
    ids = await create_all(uploads)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "publish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await join(uploads, ids)
    for module in ("session", "assemblies"):
        name = f"jupyter_transfer.uploads.{module}.boot_id"
        monkeypatch.setattr(name, lambda: "another", raising=False)
    later = Uploads(root, store)
    if asked:
        assert await code_of(join(later, ids)) == "conflict"
    for id, span in zip(ids, SPANS, strict=True):
        append = await later.append("me", id, 0)
        append.feed(DATA[slice(*span)])
        await append.finish()
    assert (await join(later, ids)).upload.path == "a"
    assert (folder / "a").read_bytes() == DATA
    assert tree() == ["a"]


async def test_a_power_cut_after_the_file_got_its_name(root, store, monkeypatch, folder, tree):
    """Its segments are whole then, whatever the kernel had no time to write of their journals."""
    uploads = Uploads(root, store, UploadSettings(durability="publish"))
    ids = await create_all(uploads)
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "assembly_finish", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await join(uploads, ids)
    assert (folder / "a").read_bytes() == DATA
    monkeypatch.setattr("jupyter_transfer.uploads.session.boot_id", lambda: "another")
    later = Uploads(root, store)
    assert [(await later.state("me", id)).offset for id in ids] == [6, 4]
    assert (await join(later, ids)).upload.path == "a"
    assert (folder / "a").read_bytes() == DATA
    assert tree() == ["a"]


async def test_a_missing_part(uploads, folder, tree):
    ids = await create_all(uploads)
    (part,) = (folder / ".jupyter-transfer").glob("*.part")
    part.unlink()
    assert await code_of(join(uploads, ids)) == "not_found"
    for id in ids:
        assert await code_of(uploads.state("me", id)) == "not_found"
    assert tree() == []


async def test_a_failed_end_can_be_taken_up_again(uploads, folder, tree):
    ids = await create_all(uploads)
    (folder / "a").write_text("old")
    assert await code_of(join(uploads, ids, conflict="fail")) == "exists"
    assert (await uploads.state("me", ids[0])).offset == 6
    assert (await join(uploads, ids, conflict="overwrite")).upload.path == "a"
    assert (folder / "a").read_bytes() == DATA
    assert tree() == ["a"]


async def test_an_end_that_is_skipped(uploads, folder, saved, tree):
    ids = await create_all(uploads)
    (folder / "a").write_text("old")
    assert (await join(uploads, ids, conflict="skip")).upload.path == "a"
    assert (folder / "a").read_text() == "old"
    assert saved == []
    assert tree() == ["a"]
