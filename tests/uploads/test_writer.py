"""Receiving, writing and syncing at the same time."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.uploads import writer as writer_module
from jupyter_transfer.uploads.digest import Digest
from jupyter_transfer.uploads.session import Session
from jupyter_transfer.uploads.writer import AROUND, BUFFER, CHECKPOINT, WINDOW, Writer

from ..conftest import until
from .test_session import upload


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture(params=["cached", "around"])
def session_of(root, request):
    """Makes sessions whose bytes go through the page cache or around it."""
    root.direct_from = None if request.param == "cached" else 0
    sessions = []

    def make(length: int, digest: Digest | None = None) -> Session:
        session = Session.create(root, upload(length), digest)
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


async def feed_all(writer: Writer, pieces) -> None:
    for piece in pieces:
        wait = writer.feed(piece)
        if wait is not None:
            await wait


async def test_all_is_durable_when_it_is_closed(session_of, pool, folder):
    pieces = [os.urandom(size) for size in (1, 600_000, 5_000_000, 0, 77, 40 << 20, 3)]
    data = b"".join(pieces)
    digest = Digest()
    session = session_of(len(data), digest)
    writer = Writer(session, pool)
    await feed_all(writer, pieces)
    await writer.close()
    assert session.offset == session.written == len(data)
    assert digest.value(-1, len(data)) == hashlib.sha256(data).hexdigest()


async def test_nothing_fed(session_of, pool):
    session = session_of(5)
    await Writer(session, pool).close()
    assert session.offset == 0


async def test_few_bytes_are_durable_after_a_while_without_more(session_of, pool, monkeypatch):
    monkeypatch.setattr(writer_module, "CHECKPOINT_SECONDS", 0.05)
    session = session_of(100)
    writer = Writer(session, pool)
    writer.feed(b"abc")
    await until(lambda: session.offset == 3)
    writer.feed(b"def")
    await until(lambda: session.offset == 6)
    await writer.close()


async def test_a_long_body_is_durable_on_the_way(session_of, pool):
    size = 3 * AROUND * CHECKPOINT
    session = session_of(2 * size)
    writer = Writer(session, pool)
    piece = bytes(1 << 20)
    await feed_all(writer, [piece] * (size // len(piece)))
    await until(lambda: session.offset >= CHECKPOINT)
    await writer.close()
    assert session.offset == size


async def test_a_slow_disk_holds_the_sender_back(session_of, pool, monkeypatch):
    gate = threading.Event()
    session = session_of(10 * WINDOW)
    real = session.write
    monkeypatch.setattr(session, "write", lambda pieces: (gate.wait(30), real(pieces)))
    writer = Writer(session, pool)
    piece, fed, wait = bytes(1 << 20), 0, None
    while wait is None:
        wait = writer.feed(piece)
        fed += len(piece)
    assert fed <= BUFFER
    assert not wait.done()
    gate.set()
    await wait
    await writer.close()
    assert session.offset == fed


async def test_a_disk_that_syncs_slowly_holds_the_sender_back(session_of, pool, monkeypatch):
    gate = threading.Event()
    session = session_of(10 * AROUND * WINDOW)
    real = session.checkpoint
    monkeypatch.setattr(session, "checkpoint", lambda: (gate.wait(30), real()))
    writer = Writer(session, pool)
    piece, fed = bytes(1 << 20), 0
    while fed <= 2 * AROUND * WINDOW:
        wait = writer.feed(piece)
        fed += len(piece)
        if wait is not None:
            done, _ = await asyncio.wait([wait], timeout=1)
            if not done:
                break
    window = WINDOW * (AROUND if session.around else 1)
    assert window <= fed <= window + 2 * BUFFER
    gate.set()
    await wait
    await writer.close()
    assert session.offset == fed


async def test_the_loop_stays_free(session_of, pool, monkeypatch):
    """While the disk hangs, the loop does other things."""
    gate = threading.Event()
    session = session_of(100)
    real = session.checkpoint
    monkeypatch.setattr(session, "checkpoint", lambda: (gate.wait(30), real()))
    writer = Writer(session, pool)
    writer.feed(b"abc")
    closing = asyncio.ensure_future(writer.close())
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not closing.done()
    gate.set()
    await closing


async def test_a_failure_is_told_and_what_got_in_is_kept(session_of, pool, monkeypatch):
    session = session_of(100)
    real = session.write

    def fails(pieces):
        real([b"12345"])
        raise TransferError("disk_full", "Full.")

    monkeypatch.setattr(session, "write", fails)
    monkeypatch.setattr(writer_module, "CHECKPOINT_SECONDS", 0.01)
    writer = Writer(session, pool)
    writer.feed(b"x" * 50)
    await until(lambda: writer._error is not None)
    with pytest.raises(TransferError, match="Full"):
        writer.feed(b"x")
    with pytest.raises(TransferError, match="Full"):
        await writer.close()
    assert session.offset == 5


async def test_who_waits_is_woken_by_a_failure(session_of, pool, monkeypatch):
    gate = threading.Event()
    session = session_of(100 << 20)

    def fails(pieces):
        gate.wait(30)
        raise TransferError("disk_full", "Full.")

    monkeypatch.setattr(session, "write", fails)
    writer = Writer(session, pool)
    wait = None
    while wait is None:
        wait = writer.feed(bytes(1 << 20))
    gate.set()
    await wait
    with pytest.raises(TransferError, match="Full"):
        await writer.close()


async def test_too_much_takes_all_of_it_back(session_of, pool, root):
    session = session_of(10)
    writer = Writer(session, pool)
    writer.feed(b"abc")
    await writer.close()
    writer = Writer(session, pool)
    writer.feed(b"defg")
    with pytest.raises(TransferError) as caught:
        writer.feed(b"hijk")
    assert caught.value.code == "too_large"
    with pytest.raises(TransferError):
        await writer.close()
    assert session.offset == session.written == 3
    id, offset = session.upload.id, 3
    session.close()
    again = Session.open(root, upload(10), None)
    assert again.upload.id == id
    assert again.offset == offset
    again.close()


async def test_nothing_is_taken_after_the_end(session_of, pool):
    session = session_of(10)
    writer = Writer(session, pool)
    writer.feed(b"abc")
    closing = asyncio.ensure_future(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(TransferError) as caught:
        writer.feed(b"d")
    assert caught.value.code == "conflict"
    await closing
    assert session.offset == 3
