"""One upload on disk: what is durable, what a crash leaves, when it is published."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import time
from dataclasses import replace

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.parts import Part
from jupyter_transfer.paths import Root
from jupyter_transfer.uploads.digest import Digest
from jupyter_transfer.uploads.metadata import UploadSpec
from jupyter_transfer.uploads.rows import Upload
from jupyter_transfer.uploads.session import Session


def upload(length: int, **spec) -> Upload:
    now = time.time()
    return Upload("0" * 32, "me", "", length, now, now, UploadSpec("d/a", "", **spec))


def crash_before_the_link(session: Session, monkeypatch) -> None:
    """Publish, and die when all is ready for the name."""
    with monkeypatch.context() as patch:
        patch.setattr(Root, "publish", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            session.publish()
    session.close()


def test_only_what_was_recorded_survives(root, folder):
    u = upload(10)
    session = Session.create(root, u, None)
    session.write([b"abc", b"", b"d"])
    session.checkpoint()
    session.write([b"efg"])
    assert (session.offset, session.written) == (4, 7)
    session.close()  # as a crash: the last three bytes were never synced
    session = Session.open(root, u, None)
    assert session.offset == session.written == 4
    assert (folder / ".jupyter-transfer" / f"{u.id}.part").read_bytes() == b"abcd"
    session.write([b"xyz", b"123"])
    session.checkpoint()
    assert session.whole
    assert session.publish() == ("d/a", True)
    assert (folder / "d" / "a").read_bytes() == b"abcdxyz123"


def test_bytes_are_synced_before_they_are_recorded(root, monkeypatch):
    calls = []
    for name in ("sync", "append"):
        real = getattr(Part, name)

        def spy(part, *args, name=name, real=real):
            calls.append((name, *args))
            return real(part, *args)

        monkeypatch.setattr(Part, name, spy)
    session = Session.create(root, upload(10), None)
    session.write([b"abc"])
    calls.clear()
    session.checkpoint()
    session.checkpoint()
    assert calls == [("sync",), ("append", {"offset": 3})]


def test_a_disk_that_lost_synced_bytes_is_not_believed(root, folder):
    u = upload(10)
    session = Session.create(root, u, None)
    session.write([b"abcdef"])
    session.checkpoint()
    session.close()
    os.truncate(folder / ".jupyter-transfer" / f"{u.id}.part", 2)
    for _ in range(2):
        session = Session.open(root, u, None)
        assert session.offset == 2
        session.close()


class TestRelaxed:
    """What counts when the kernel has it: it survives the process, not the kernel."""

    @pytest.fixture
    def syncs(self, monkeypatch):
        calls = []
        for name in ("fsync", "fdatasync"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, lambda fd, real=real: calls.append(fd) or real(fd))
        return calls

    def relaxed(self, session):
        session.relaxed = True
        return session

    def test_only_the_end_waits_for_the_disk(self, root, folder, syncs):
        session = self.relaxed(Session.create(root, upload(6), None))
        syncs.clear()
        session.write([b"abc"])
        session.checkpoint()
        session.write([b"def"])
        session.checkpoint()
        assert session.whole
        assert syncs == []
        session.publish()
        assert syncs
        assert (folder / "d" / "a").read_bytes() == b"abcdef"

    @pytest.mark.parametrize("cut", [False, True])
    def test_a_power_cut(self, root, folder, monkeypatch, cut):
        u = upload(10)
        session = Session.create(root, u, None)
        session.write([b"abc"])
        session.checkpoint()
        self.relaxed(session).write([b"def"])
        session.checkpoint()
        session.close()
        if cut:
            monkeypatch.setattr("jupyter_transfer.uploads.session.boot_id", lambda: "another")
        session = self.relaxed(Session.open(root, u, None))
        assert session.offset == (3 if cut else 6)
        session.write([b"defghij"[session.offset - 3 :]])
        session.checkpoint()
        assert session.publish() == ("d/a", True)
        assert (folder / "d" / "a").read_bytes() == b"abcdefghij"

    def test_a_power_cut_at_the_end(self, root, folder, monkeypatch):
        u = upload(3)
        session = self.relaxed(Session.create(root, u, None))
        session.write([b"abc"])
        session.checkpoint()
        crash_before_the_link(session, monkeypatch)
        monkeypatch.setattr("jupyter_transfer.uploads.session.boot_id", lambda: "another")
        session = Session.open(root, u, None)
        assert session.whole  # it was brought to the disk before its name was tried
        assert session.publish() == ("d/a", True)

    def test_bytes_that_are_given_up_do_not_come_back(self, root, folder, monkeypatch):
        """An offset that was on record for good is taken back for good."""
        u = upload(3)
        (folder / "d" / "a").parent.mkdir()
        (folder / "d" / "a").write_bytes(b"old")
        u = replace(u, spec=replace(u.spec, conflict="fail"))
        session = self.relaxed(Session.create(root, u, None))
        session.write([b"abX"])
        session.checkpoint()
        with pytest.raises(TransferError):
            session.publish()
        session.rollback(2)
        session.write([b"c"])
        session.checkpoint()
        session.close()
        monkeypatch.setattr("jupyter_transfer.uploads.session.boot_id", lambda: "another")
        session = Session.open(root, u, None)
        assert session.offset == 2
        session.close()


def test_many_pieces_and_short_writes(root, folder, monkeypatch):
    pieces = [bytes([n % 256]) * (n % 7) for n in range(3000)]
    data = b"".join(pieces)
    real = os.pwritev
    chance = random.Random(7)

    def short(fd, buffers, offset):
        if chance.random() < 0.5:
            first = next((b for b in buffers if b), b"")
            return os.pwrite(fd, first[: max(1, len(first) // 2)], offset)
        return real(fd, buffers, offset)

    monkeypatch.setattr(os, "pwritev", short)
    digest = Digest()
    session = Session.create(root, upload(len(data)), digest)
    session.write(pieces)
    session.checkpoint()
    assert digest.position == len(data)
    assert digest.value(-1, len(data)) == hashlib.sha256(data).hexdigest()
    assert session.publish()[0] == "d/a"
    assert (folder / "d" / "a").read_bytes() == data


def test_a_full_disk_says_how_much_got_in(root, monkeypatch):
    session = Session.create(root, upload(10), None)
    real = os.pwritev
    room = [4]

    def full(fd, buffers, offset):
        if not room[0]:
            raise OSError(errno.ENOSPC, "full")
        count = min(room[0], sum(map(len, buffers)))
        room[0] -= count
        return os.pwrite(fd, b"".join(buffers)[:count], offset)

    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(TransferError) as caught:
        session.write([b"abc", b"def"])
    assert caught.value.code == "disk_full"
    session.checkpoint()
    assert session.offset == 4
    room[0] = 100
    monkeypatch.setattr(os, "pwritev", real)
    session.write([b"efghij"])
    session.checkpoint()
    assert session.whole


def test_rollback(root, folder):
    u = upload(10, sha256=hashlib.sha256(b"abcdefghij").hexdigest())
    digest = Digest()
    session = Session.create(root, u, digest)
    session.write([b"abc"])
    session.checkpoint()
    session.write([b"XYZ"])
    session.checkpoint()
    session.write([b"!"])
    session.rollback(3)
    assert session.offset == session.written == 3
    session.close()
    session = Session.open(root, u, digest)
    assert session.offset == 3
    session.write([b"defghij"])
    session.checkpoint()
    assert session.publish() == ("d/a", True)
    assert (folder / "d" / "a").read_bytes() == b"abcdefghij"


def test_publishing_is_found_again_after_a_crash(root, folder):
    u = upload(3)
    session = Session.create(root, u, None)
    session.write([b"abc"])
    session.checkpoint()
    path, _ = session.publish()
    session.close()  # the server dies before it commits its row
    for _ in range(2):
        session = Session.open(root, u, None)
        assert session.whole
        assert session.publish() == (path, True)
        session.close()
    assert [p.name for p in (folder / "d").iterdir()] == ["a"]


def test_a_crash_between_the_record_and_the_link(root, folder, monkeypatch):
    u = upload(3)
    session = Session.create(root, u, None)
    session.write([b"abc"])
    session.checkpoint()
    crash_before_the_link(session, monkeypatch)
    session = Session.open(root, u, None)
    assert session.publish() == ("d/a", True)
    assert (folder / "d" / "a").read_bytes() == b"abc"


def test_a_missing_part_is_not_found(root, folder, tree):
    u = upload(3)
    Session.create(root, u, None).close()
    (folder / ".jupyter-transfer" / f"{u.id}.part").unlink()
    for _ in range(2):
        with pytest.raises(TransferError) as caught:
            Session.open(root, u, None)
        assert caught.value.code == "not_found"
    assert tree() == []


def test_a_second_process_is_kept_out(root):
    u = upload(3)
    session = Session.create(root, u, None)
    with pytest.raises(TransferError) as caught:
        Session.open(root, u, None)
    assert caught.value.code == "conflict"
    session.close()
    Session.open(root, u, None).close()


def test_skip_tells_whose_file_stands_there(root, folder):
    u = upload(3, conflict="skip")
    session = Session.create(root, u, None)
    session.write([b"abc"])
    session.checkpoint()
    (folder / "d").mkdir()
    (folder / "d" / "a").write_bytes(b"other")
    assert session.publish() == ("d/a", False)
    assert (folder / "d" / "a").read_bytes() == b"other"


class TestDigest:
    def test_what_it_missed_is_read_from_the_file(self, tmp_path):
        data = os.urandom(3_000_000)
        file = tmp_path / "f"
        file.write_bytes(data)
        digest = Digest()
        digest.update(data[:100], 0)
        digest.update(data[200:300], 200)  # not where it is: ignored
        assert digest.position == 100
        with file.open("rb") as opened:
            value = digest.value(opened.fileno(), len(data))
        assert value == hashlib.sha256(data).hexdigest()

    def test_rewind(self):
        digest = Digest()
        digest.update(b"abc", 0)
        digest.rewind(3)
        assert digest.position == 3
        digest.rewind(2)
        assert digest.position == 0
        digest.update(b"xy", 0)
        assert digest.value(-1, 2) == hashlib.sha256(b"xy").hexdigest()
