"""The gate to the disk: nothing leaves the root, whatever a path says or a link points to."""

from __future__ import annotations

import os
import stat
import threading
import time

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.names import STAGING
from jupyter_transfer.paths import Root, openat2_works

WAYS = [pytest.param(None, id="openat2"), pytest.param(False, id="by component")]


@pytest.fixture(params=WAYS)
def root(request, tmp_path):
    if request.param is None and not openat2_works():
        pytest.skip("this kernel has no openat2")
    folder = tmp_path / "root"
    folder.mkdir()
    (tmp_path / "root-evil").mkdir()
    (tmp_path / "root-evil" / "x").write_text("secret")
    root = Root(str(folder), use_openat2=request.param)
    yield root
    root.close()


def code_of(action) -> str:
    with pytest.raises(TransferError) as caught:
        action()
    assert "/tmp" not in caught.value.message
    return caught.value.code


def test_links_lead_nowhere_outside(root, tmp_path):
    folder = tmp_path / "root"
    os.symlink(tmp_path / "root-evil", folder / "absolute")
    os.symlink("../root-evil", folder / "relative")
    os.symlink("../root-evil/x", folder / "file")
    os.symlink("../root-evil/new", folder / "dangling")
    for path in ("absolute/x", "relative/x", "file", "dangling"):
        assert code_of(lambda path=path: root.open(path)) == "invalid_path"
    for path in ("dangling", "relative/new", "absolute/new"):
        action = lambda path=path: root.open(path, os.O_WRONLY | os.O_CREAT)  # noqa: E731
        assert code_of(action) == "invalid_path"
        with pytest.raises(TransferError), root.folder(path, create=True):
            pass
    assert sorted(os.listdir(tmp_path / "root-evil")) == ["x"]


def test_an_inner_link_is_followed(tmp_path):
    if not openat2_works():
        pytest.skip("this kernel has no openat2")
    folder = tmp_path / "root"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "x").write_text("here")
    os.symlink("data", folder / "link")
    root = Root(str(folder))
    fd = root.open("link/x")
    assert os.read(fd, 10) == b"here"
    os.close(fd)
    root.close()


def test_a_link_swapped_in_while_we_look(root, tmp_path):
    """A thread flips a folder and a link to the outside; not one read may see the outside."""
    folder, stop = tmp_path / "root", threading.Event()
    (folder / "real").mkdir()
    (folder / "real" / "x").write_text("inside")
    os.symlink("../root-evil", folder / "outside")
    os.symlink("real", folder / "flip")

    def flip() -> None:
        while not stop.is_set():
            for target in ("../root-evil", "real"):
                os.symlink(target, folder / "next")
                os.rename(folder / "next", folder / "flip")

    thread = threading.Thread(target=flip)
    thread.start()
    seen, reads = set(), 0
    deadline = time.monotonic() + 30
    try:
        # A busy machine may not let the other thread in for thousands of reads.
        while reads < 3000 or (seen == {"inside"} and time.monotonic() < deadline):
            reads += 1
            try:
                fd = root.open("flip/x")
            except TransferError as error:
                seen.add(error.code)
            else:
                seen.add(os.read(fd, 20).decode())
                os.close(fd)
    finally:
        stop.set()
        thread.join()
    assert "secret" not in seen
    assert seen <= {"inside", "invalid_path", "not_a_directory"}
    assert "invalid_path" in seen or "not_a_directory" in seen


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_only_regular_files_are_opened(root, tmp_path, kind):
    path = tmp_path / "root" / "thing"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    assert code_of(lambda: root.open("thing")) == "not_a_file"


def test_scan_leaves_out_what_is_hidden_and_ours(root, tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / "root" / name).write_text("x")
    (tmp_path / "root" / STAGING).mkdir()
    assert [entry.name for entry in root.scan("")] == ["a", "b"]
    root.allow_hidden = True
    assert [entry.name for entry in root.scan("")] == [".hidden", "a", "b"]


def test_nearest_folder(root, tmp_path):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "root" / "file").write_text("x")
    assert root.nearest_folder("a/b/c/d") == "a/b"
    assert root.nearest_folder("new") == ""
    assert code_of(lambda: root.nearest_folder("file/x")) == "not_a_directory"
    assert code_of(lambda: root.nearest_folder("file")) == "not_a_directory"


@pytest.mark.parametrize("replace", [False, True])
def test_publish(root, tmp_path, replace):
    with root.staging("", create=True) as staging:
        fd = os.open("x.part", os.O_WRONLY | os.O_CREAT, dir_fd=staging)
        os.write(fd, b"new")
        os.close(fd)
        root.publish(staging, "x.part", "deep/er/x", replace=replace)
    assert (tmp_path / "root" / "deep" / "er" / "x").read_bytes() == b"new"
    root.remove_staging("")
    assert os.listdir(tmp_path / "root") == ["deep"]


def test_publish_never_overwrites_unasked(root, tmp_path):
    target = tmp_path / "root" / "x"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with root.staging("", create=True) as staging:
        fd = os.open("x.part", os.O_WRONLY | os.O_CREAT, dir_fd=staging)
        os.write(fd, b"new")
        os.close(fd)
        assert code_of(lambda: root.publish(staging, "x.part", "x", replace=False)) == "exists"
        assert target.read_bytes() == b"old"
        root.publish(staging, "x.part", "x", replace=True)
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_publish_over_a_link_replaces_the_link(root, tmp_path):
    os.symlink("../root-evil/x", tmp_path / "root" / "x")
    with root.staging("", create=True) as staging:
        os.close(os.open("x.part", os.O_WRONLY | os.O_CREAT, dir_fd=staging))
        root.publish(staging, "x.part", "x", replace=True)
    assert not (tmp_path / "root" / "x").is_symlink()
    assert (tmp_path / "root-evil" / "x").read_text() == "secret"


def test_a_staging_folder_that_is_a_link_is_refused(root, tmp_path):
    os.symlink("../root-evil", tmp_path / "root" / STAGING)
    with pytest.raises(TransferError), root.staging("", create=True):
        pass
    assert os.listdir(tmp_path / "root-evil") == ["x"]


def test_publish_over_a_folder(root, tmp_path):
    (tmp_path / "root" / "x" / "y").mkdir(parents=True)
    with root.staging("", create=True) as staging:
        os.close(os.open("x.part", os.O_WRONLY | os.O_CREAT, dir_fd=staging))
        action = lambda: root.publish(staging, "x.part", "x", replace=True)  # noqa: E731
        assert code_of(action) == "is_a_directory"
        assert os.listdir(staging) == ["x.part"]


# ---- whether it can be written ------------------------------------------------------------------


def test_a_folder_is_written_to_and_left_as_it_was(root, tmp_path):
    assert root.write_refusal("") is None
    assert os.listdir(tmp_path / "root") == []


def test_a_folder_where_no_file_can_go_without_a_name(root, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # as a kernel without it reads the flag
    assert root.write_refusal("") is None
    assert os.listdir(tmp_path / "root") == []


def test_why_a_folder_cannot_be_written_to():
    assert Root("/proc").write_refusal("")
    with pytest.raises(TransferError):
        Root("/proc").write_refusal("nowhere")
