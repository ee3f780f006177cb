"""Bytes that go around the page cache: whatever comes, at whatever place, is what stands there."""

from __future__ import annotations

import errno
import os
import random
import socket

import pytest

from jupyter_transfer.directio import BLOCK, BUFFER
from jupyter_transfer.uploads.appender import DirectAppender


@pytest.fixture
def file(tmp_path):
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.fixture
def appender_at(tmp_path, file):
    """Makes appenders to the file `file`, and shows what they see."""
    made = []

    def make(position: int) -> DirectAppender:
        direct = os.open(tmp_path / "file", os.O_WRONLY | os.O_DIRECT)
        seen = bytearray()

        def see(data: memoryview, at: int) -> None:
            assert at == position + len(seen)
            seen.extend(data)

        appender = DirectAppender(file, position, see, direct)
        appender.seen = seen
        made.append(appender)
        return appender

    yield make
    for appender in made:
        appender.close()


def content(fd: int, start: int, end: int) -> bytes:
    return os.pread(fd, end - start, start)


@pytest.mark.parametrize("seed", range(20))
def test_pieces_of_all_sizes(appender_at, file, seed):
    chance = random.Random(seed)
    start = chance.choice([0, BLOCK, chance.randrange(3 * BLOCK)])
    before, behind = chance.randbytes(start), chance.randbytes(2 * BLOCK)
    data = chance.randbytes(chance.choice([10, BLOCK, 3 * BLOCK, BUFFER + 5000, 2 * BUFFER]))
    os.pwrite(file, before, 0)
    os.pwrite(file, behind, start + len(data))
    appender, done = appender_at(start), 0
    while done < len(data):
        sizes = [chance.choice([1, 100, BLOCK, 70_000, BUFFER]) for _ in range(3)]
        pieces = []
        for size in sizes:
            pieces.append(data[done : done + size])
            done = min(len(data), done + size)
        appender.write(pieces)
        assert appender.position + appender.held == start + done
        assert appender.held < BLOCK
        if chance.random() < 0.3:
            appender.flush()
            assert (appender.position, appender.held) == (start + done, 0)
            assert content(file, start, start + done) == data[:done]
    appender.flush()
    end = start + len(data)
    assert content(file, 0, end + len(behind)) == before + data + behind
    assert appender.seen == data


@pytest.mark.parametrize("start", [0, 1, BLOCK, BLOCK + 77])
def test_from_a_socket(appender_at, file, start):
    data = random.Random(start).randbytes(3 * BUFFER + 1234)
    appender = appender_at(start)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        sent = 0
        while appender.taken < len(data):
            if sent < len(data):
                sent += theirs.send(data[sent : sent + 100_000])
            appender.receive(ours.fileno(), len(data))
        assert appender.taken == len(data)
        appender.receive(ours.fileno(), 10)  # nothing there
        theirs.close()
        appender.receive(ours.fileno(), 10)  # nothing will be
    assert appender.taken == len(data)
    appender.flush()
    assert content(file, start, start + len(data)) == data


def test_no_more_is_taken_than_asked_for(appender_at, file):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.send(bytes(1000))
        appender = appender_at(0)
        appender.receive(ours.fileno(), 600)
        assert appender.taken == 600
        assert len(ours.recv(1000)) == 400


def test_two_that_meet_within_a_block(appender_at, file):
    """Segments of one file: neither touches what the other one has written."""
    middle = 10 * BLOCK + 1000
    chance = random.Random(7)
    data = chance.randbytes(2 * middle)
    left, right = appender_at(0), appender_at(middle)
    for start in range(0, middle, 5000):
        left.write([data[start : min(middle, start + 5000)]])
        right.write([data[middle + start : middle + min(middle, start + 5000)]])
        if chance.random() < 0.5:
            left.flush()
        if chance.random() < 0.5:
            right.flush()
    right.flush()
    left.flush()
    assert content(file, 0, len(data)) == data


@pytest.mark.parametrize("fault", ["refused", "short"])
def test_a_file_system_that_wants_other_blocks(appender_at, file, monkeypatch, fault):
    """It goes on through the page cache."""
    real = os.pwrite
    direct = []

    def pwrite(fd, data, position):
        if fd == file:
            return real(fd, data, position)
        direct.append(len(data))
        if fault == "refused":
            raise OSError(errno.EINVAL, "")
        return real(file, data[:1000], position)

    monkeypatch.setattr(os, "pwrite", pwrite)
    data = os.urandom(5 * BLOCK + 17)
    appender = appender_at(0)
    appender.write([data])
    appender.flush()
    assert content(file, 0, len(data)) == data
    assert direct


def test_a_full_disk(appender_at, file, monkeypatch):
    real = os.pwrite

    def pwrite(fd, data, position):
        if position + len(data) > 8 * BLOCK:
            if position >= 8 * BLOCK:
                raise OSError(errno.ENOSPC, "")
            data = data[: 8 * BLOCK - position]
        return real(fd, data, position)

    monkeypatch.setattr(os, "pwrite", pwrite)
    data = os.urandom(20 * BLOCK)
    appender = appender_at(0)
    with pytest.raises(OSError, match="28"):
        appender.write([data])
    assert appender.position == 8 * BLOCK
    assert content(file, 0, 8 * BLOCK) == data[: 8 * BLOCK]


def test_buffers_are_used_again(appender_at):
    from jupyter_transfer.directio import buffers

    appender_at(0).write([bytes(100)])
    there = len(buffers._spare)
    assert there
    for _ in range(3):
        appender_at(0).write([bytes(BLOCK)])
    assert len(buffers._spare) == there
