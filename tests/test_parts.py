"""Part files and their journals: torn records, idempotent publishing, one writer."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.names import STAGING
from jupyter_transfer.parts import Part
from jupyter_transfer.paths import Root


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    root = Root(str(tmp_path / "root"))
    yield root
    root.close()


@pytest.fixture
def part(root):
    part = Part.create(root, "", "id", {"length": 5})
    yield part
    part.close()


def staged(root_folder) -> list[str]:
    folder = root_folder / STAGING
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_records_come_back_in_order(root, part):
    part.append({"offset": 1})
    part.append({"offset": 2})
    part.close()
    again = Part.open(root, "", "id")
    assert again.records() == [{"length": 5}, {"offset": 1}, {"offset": 2}]
    again.close()


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_torn_record_is_cut_off(root, part, tmp_path, cut):
    part.append({"offset": 123456789})
    part.close()
    journal = tmp_path / "root" / STAGING / "id.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-cut])
    again = Part.open(root, "", "id")
    assert again.records() == [{"length": 5}]
    again.append({"offset": 7})
    assert again.records() == [{"length": 5}, {"offset": 7}]
    again.close()


def fails(*args, **options):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_record_that_could_not_be_synced_is_none(root, part, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(TransferError):
            part.append({"offset": 1})
    assert part.records() == [{"length": 5}]


def test_a_journal_that_cannot_be_read(root, part, monkeypatch):
    monkeypatch.setattr(os, "lseek", fails)
    with pytest.raises(TransferError) as caught:
        part.records()
    assert caught.value.code == "io_error"


def test_a_flipped_bit_ends_the_journal(root, part, tmp_path):
    part.append({"offset": 1})
    part.append({"offset": 2})
    part.close()
    journal = tmp_path / "root" / STAGING / "id.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"1}", b"3}")
    journal.write_bytes(b"".join(lines))
    again = Part.open(root, "", "id")
    assert again.records() == [{"length": 5}]
    again.close()


def test_only_one_writer(root, part):
    with pytest.raises(TransferError) as caught:
        Part.open(root, "", "id")
    assert caught.value.code == "conflict"
    assert caught.value.retryable


def test_no_part_no_open(root, part):
    part.discard()
    with pytest.raises(TransferError) as caught:
        Part.open(root, "", "id")
    assert caught.value.code == "not_found"


def test_parts_are_staged_in_the_nearest_folder(root, tmp_path):
    (tmp_path / "root" / "a").mkdir()
    part = Part.create(root, "a/b/c", "id", {})
    assert part.folder == "a"
    assert staged(tmp_path / "root" / "a") == ["id.journal", "id.part"]
    part.discard()
    assert os.listdir(tmp_path / "root" / "a") == []


def test_publish_leaves_nothing_behind(root, part, tmp_path):
    os.write(part.fd, b"hello")
    part.sync()
    assert part.publish("deep/x.txt", "fail", mtime_ns=10**18) == "deep/x.txt"
    part.forget()
    target = tmp_path / "root" / "deep" / "x.txt"
    assert target.read_bytes() == b"hello"
    assert target.stat().st_mtime_ns == 10**18
    assert os.listdir(tmp_path / "root") == ["deep"]


@pytest.mark.parametrize(
    ("conflict", "path", "old"),
    [("rename", "x (1).txt", b"old"), ("overwrite", "x.txt", b"new"), ("skip", "x.txt", b"old")],
)
def test_conflicts(root, part, tmp_path, conflict, path, old):
    (tmp_path / "root" / "x.txt").write_bytes(b"old")
    os.write(part.fd, b"new")
    assert part.publish("x.txt", conflict) == path
    part.forget()
    assert (tmp_path / "root" / "x.txt").read_bytes() == old
    assert staged(tmp_path / "root") == []


def test_conflict_fail_keeps_the_part(root, part, tmp_path):
    (tmp_path / "root" / "x.txt").write_bytes(b"old")
    with pytest.raises(TransferError) as caught:
        part.publish("x.txt", "fail")
    assert caught.value.code == "exists"
    assert staged(tmp_path / "root") == ["id.journal", "id.part"]
    assert part.published() is None


@pytest.mark.parametrize("linked", [False, True])
def test_a_crash_while_publishing(root, part, tmp_path, linked):
    """Died between the record and the link, or between the link and its clean-up."""
    os.write(part.fd, b"hello")
    part.append({"publish": "x.txt", "inode": os.fstat(part.fd).st_ino})
    folder = tmp_path / "root"
    if linked:
        os.link(folder / STAGING / "id.part", folder / "x.txt")
    part.close()

    again = Part.open(root, "", "id")
    assert again.published() == ("x.txt" if linked else None)
    if not linked:
        assert again.publish("x.txt", "fail") == "x.txt"
    again.forget()
    assert (folder / "x.txt").read_bytes() == b"hello"
    assert os.listdir(folder) == ["x.txt"]


def test_a_disk_that_does_not_say_whether_it_was_published(root, part, monkeypatch):
    part.append({"publish": "x.txt", "inode": os.fstat(part.fd).st_ino})
    monkeypatch.setattr(os, "stat", fails)
    with pytest.raises(TransferError) as caught:
        part.published()
    assert caught.value.code == "io_error"


def test_what_cannot_be_removed_after_publishing_is_no_error(root, part, tmp_path, monkeypatch):
    os.write(part.fd, b"hello")
    assert part.publish("x.txt", "fail") == "x.txt"
    monkeypatch.setattr(os, "unlink", fails)
    part.forget()
    assert (tmp_path / "root" / "x.txt").read_bytes() == b"hello"


def test_another_file_under_the_recorded_name_is_not_ours(root, part, tmp_path):
    os.write(part.fd, b"hello")
    part.append({"publish": "x.txt", "inode": os.fstat(part.fd).st_ino})
    (tmp_path / "root" / "x.txt").write_bytes(b"theirs")
    assert part.published() is None


def test_publishing_where_there_are_no_hard_links(root, part, tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    os.write(part.fd, b"hello")
    (tmp_path / "root" / "x.txt").write_bytes(b"old")
    assert part.publish("x.txt", "rename") == "x (1).txt"
    part.forget()
    assert (tmp_path / "root" / "x (1).txt").read_bytes() == b"hello"
    assert (tmp_path / "root" / "x.txt").read_bytes() == b"old"


def fill(fd: int) -> None:
    while True:
        os.write(fd, b"x" * 60_000)


def write_journal(part: Part) -> None:
    for number in range(10_000):
        part.append({"offset": number})


def test_a_full_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    folder = tmp_path / "small"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=64k tmpfs {folder}") != 0:
        pytest.skip("mounting is not permitted here")
    try:
        root = Root(str(folder))
        part = Part.create(root, "", "id", {})
        with pytest.raises(OSError, match="No space"):
            fill(part.fd)
        with pytest.raises(TransferError) as caught:
            write_journal(part)
        assert caught.value.code == "disk_full"
        known = part.records()
        assert known[0] == {}
        os.ftruncate(part.fd, 0)
        part.append({"offset": -1})
        assert part.records() == [*known, {"offset": -1}]
        part.discard()
        root.close()
    finally:
        os.system(f"umount {folder}")
        shutil.rmtree(folder, ignore_errors=True)


def test_uploads_that_begin_and_end_side_by_side(root):
    """The end of one removes the empty staging folder while the next one begins."""

    def come_and_go(name: str) -> None:
        for number in range(60):
            Part.create(root, "", f"{name}-{number}", {"length": 5}).discard()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, "abcd"))
