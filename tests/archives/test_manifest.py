"""What goes into an archive, and what does not."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from jupyter_transfer.archives import manifest
from jupyter_transfer.archives.manifest import freeze
from jupyter_transfer.errors import TransferError, from_os_error
from jupyter_transfer.names import STAGING
from jupyter_transfer.paths import Root


def names(root, *paths, **options):
    return [member.name for member in freeze(root, paths, **options).members]


def skipped(root, *paths):
    return {entry.path: entry.reason for entry in freeze(root, paths).skipped}


def refused(root, *paths, **options) -> TransferError:
    with pytest.raises(TransferError) as caught:
        freeze(root, paths, **options)
    return caught.value


def test_a_tree_in_order_with_empty_folders(folder, root):
    (folder / "p" / "b" / "empty").mkdir(parents=True)
    (folder / "p" / "a.txt").write_text("12345")
    (folder / "p" / "b" / "c").write_text("1")
    frozen = freeze(root, ["p"])
    assert [m.name for m in frozen.members] == ["p/", "p/a.txt", "p/b/", "p/b/c", "p/b/empty/"]
    assert [m.path for m in frozen.members] == ["p", "p/a.txt", "p/b", "p/b/c", "p/b/empty"]
    assert frozen.files == 2
    assert [m.size for m in frozen.members] == [0, 5, 0, 1, 0]


def test_selected_entries_stand_at_the_top(folder, root):
    (folder / "x" / "same").mkdir(parents=True)
    (folder / "y").mkdir()
    (folder / "x" / "same" / "1").touch()
    (folder / "y" / "same").touch()
    assert names(root, "x/same", "y/same") == ["same/", "same/1", "same (1)"]


def test_the_root_itself(folder, root):
    (folder / "a").touch()
    assert names(root, "") == ["a"]


def test_doubles_and_what_lies_below_another_selected_folder(folder, root):
    (folder / "a").mkdir()
    (folder / "a" / "b").touch()
    assert names(root, "a/b", "a", "a/", "a/b") == ["a/", "a/b"]


def test_hidden_and_staged_files_stay_out(folder, root):
    (folder / "p" / ".git").mkdir(parents=True)
    (folder / "p" / ".git" / "config").touch()
    (folder / "p" / ".env").touch()
    (folder / "p" / STAGING).mkdir()
    (folder / "p" / STAGING / "x.part").touch()
    assert names(root, "p") == ["p/"]
    assert refused(root, "p/.env").code == "hidden_path"
    everything = Root(str(folder), allow_hidden=True)
    try:
        assert names(everything, "p") == ["p/", "p/.env", "p/.git/", "p/.git/config"]
        assert refused(everything, f"p/{STAGING}").code == "hidden_path"
    finally:
        everything.close()


def test_links(folder, root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (folder / "p" / "sub").mkdir(parents=True)
    (folder / "shared").mkdir()
    (folder / "shared" / "data").write_text("data")
    (folder / "p" / "file").write_text("content")
    links = {
        "inner": "file",
        "outward": "../../secret",
        "absolute": str(tmp_path / "secret"),
        "dangling": "nowhere",
        "loop": "loop",
        "up": "..",
        "here": ".",
        "sub-again": "sub",
        "linked": "../shared",
        "linked-again": "../shared",
    }
    for name, target in links.items():
        os.symlink(target, folder / "p" / name)
    frozen = freeze(root, ["p"])
    sizes = {member.name: member.size for member in frozen.members}
    assert sizes == {
        "p/": 0,
        "p/file": 7,
        "p/inner": 7,
        "p/linked/": 0,
        "p/linked/data": 4,
        "p/sub/": 0,
    }
    out = {"outward", "absolute", "dangling", "loop", "up", "here", "sub-again", "linked-again"}
    assert {entry.path for entry in frozen.skipped} == {f"p/{name}" for name in out}
    assert all(str(tmp_path) not in entry.reason for entry in frozen.skipped)


def test_a_selected_link_that_leads_out_is_refused(folder, root, tmp_path):
    (tmp_path / "secret").touch()
    os.symlink(tmp_path / "secret", folder / "out")
    assert refused(root, "out").code == "invalid_path"


def test_a_farm_of_links_ends(folder, root):
    """Each folder has two links to the next: followed blindly that is 2^30 folders."""
    for level in range(30):
        (folder / f"l{level}").mkdir()
        for side in "ab":
            os.symlink(f"../l{level + 1}", folder / f"l{level}" / side)
    (folder / "l30").mkdir()
    assert len(names(root, "l0")) == 31


def test_sockets_and_fifos_are_listed_not_archived(folder, root):
    (folder / "p").mkdir()
    os.mkfifo(folder / "p" / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(folder / "p")  # an address of a socket is at most 107 bytes long
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        assert set(skipped(root, "p")) == {"p/fifo", "p/socket"}
    assert refused(root, "p/fifo").code == "not_a_file"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../x", "invalid_path"),
        ("/etc/passwd", "invalid_path"),
        ("a//b", "invalid_path"),
        ("a\0b", "invalid_path"),
        ("x" * 256, "invalid_path"),
        ("nowhere", "not_found"),
        (".ssh", "hidden_path"),
    ],
)
def test_bad_paths(root, path, code):
    assert refused(root, path).code == code


def test_nothing_selected(root):
    assert refused(root).code == "bad_request"


def test_limits(folder, root, monkeypatch):
    (folder / "p").mkdir()
    for number in range(4):
        (folder / "p" / str(number)).write_bytes(bytes(10))
    assert len(names(root, "p", max_size=40)) == 5
    error = refused(root, "p", max_size=39)
    assert (error.code, error.detail) == ("too_large", {"max_size": 39})
    monkeypatch.setattr(manifest, "MAX_MEMBERS", 4)
    assert refused(root, "p").detail == {"max_files": 4}


def test_a_walk_that_nobody_waits_for_ends(folder, root):
    (folder / "p").mkdir()
    assert refused(root, "p", stopped=lambda: True).code == "cancelled"


def test_a_path_deeper_than_recursion_goes(folder, root):
    depth, here = 1200, os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        open("leaf", "w").close()
        assert names(root, "d")[-1].endswith("/leaf")
        # Removed by hand: pytest's own clean-up would recurse.
        os.remove("leaf")
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(here)


def test_unreadable_files_are_listed(folder, root, monkeypatch):
    (folder / "p").mkdir()
    (folder / "p" / "mine").touch()
    (folder / "p" / "closed").touch(mode=0)
    original = Root.open

    def as_a_user(self, path, *flags):
        # Who runs the tests may be root, whom no mode stops.
        if path == "p/closed":
            raise from_os_error(PermissionError(errno.EACCES, "closed"), path)
        return original(self, path, *flags)

    monkeypatch.setattr(Root, "open", as_a_user)
    assert names(root, "p") == ["p/", "p/mine"]
    assert skipped(root, "p") == {"p/closed": "The server may not access “p/closed”."}
