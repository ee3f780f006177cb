"""Files that LFS keeps: fetched by the engine, with the real git-lfs as judge."""

from __future__ import annotations

import hashlib
import os

import pytest

from jupyter_transfer.backends import git as git_backend

from ..servers.git import git

CANARY = "git-lfs-canary-71944"


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def large(repository):
    """The repository with files of LFS: two of them the same, one empty, odd names."""
    repository.use_lfs("*.bin")
    data = os.urandom(300_000)
    repository.files = {
        "big.bin": data,
        "same/again.bin": data,
        "small.bin": b"small\n",
        "empty.bin": b"",
        "odd [x] *\tä'.bin": os.urandom(1_200_000),
        "sub/x.bin": os.urandom(70_000),
    }
    repository.commit(repository.files)
    return repository


def judged(clone, files):
    for name, data in files.items():
        assert (clone / name).read_bytes() == data, name
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "lfs", "fsck") == "Git LFS fsck OK"
    listed = git(clone, "lfs", "ls-files")
    assert " - " not in listed


def test_lfs(harness, large, git_server):
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error, outcome.verified) == ("done", None, True)
    clone = harness.folder / "here"
    judged(clone, large.files)
    rows = {row["path"]: row for row in harness.report.files}
    assert rows["here/big.bin"]["digest"] == f"sha256:{oid(large.files['big.bin'])}"
    assert set(rows) == {"here", *(f"here/{name}" for name, data in large.files.items() if data)}
    assert len(git_server.asked("batch")) == 1
    assert not list(harness.folder.rglob("*.jupyter-transfer"))
    assert not list(harness.folder.rglob("copy.tmp"))


def test_real_git_lfs_moves_no_byte_again(harness, large, git_server):
    assert harness.run(large.address, "here").state == "done"
    git_server.requests.clear()
    git(harness.folder / "here", "lfs", "pull", check=False)
    assert not [one for one in git_server.requests if one.sent and "batch" not in one.path]


def test_without_lfs_only_pointers(harness, large, git_server):
    assert harness.run(large.address, "here", lfs=False).state == "done"
    assert (harness.folder / "here" / "big.bin").read_bytes().startswith(b"version https://git-lfs")
    assert git_server.asked("batch") == []


def test_an_update_fetches_what_is_new(harness, large, git_server):
    assert harness.run(large.address, "here").state == "done"
    new = {"new.bin": os.urandom(90_000), "small.bin": b"other\n", "moved.bin": b""}
    new["moved.bin"] = large.files["sub/x.bin"]
    large.commit({**new, "sub/x.bin": None})
    git_server.requests.clear()
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    files = {**large.files, **new}
    del files["sub/x.bin"]
    judged(harness.folder / "here", files)
    fetched = {one.path.strip("/") for one in git_server.requests if len(one.path) == 65}
    assert fetched == {oid(new["new.bin"]), oid(new["small.bin"])}


def test_sparse_and_partial(harness, large, git_server):
    outcome = harness.run(large.address, "here", depth=1, partial=True, sparse="sub")
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    assert (clone / "sub" / "x.bin").read_bytes() == large.files["sub/x.bin"]
    assert not (clone / "same").exists()
    assert git(clone, "status", "--porcelain") == ""


def test_a_flipped_bit_is_caught(harness, large, git_server):
    git_server.flip.add(oid(large.files["big.bin"]))
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")
    assert harness.visible() == []


def test_a_small_one_too(harness, large, git_server):
    git_server.flip.add(oid(large.files["small.bin"]))
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")


def test_what_failed_goes_on_without_a_second_clone(harness, large, git_server):
    git_server.flip.add(oid(large.files["big.bin"]))
    assert harness.run(large.address, "here").state == "failed"
    git_server.flip.clear()
    git_server.requests.clear()
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    judged(harness.folder / "here", large.files)
    assert git_server.asked("git-upload-pack") == git_server.asked("info/refs")
    fetched = {one.path.strip("/") for one in git_server.requests if len(one.path) == 65}
    assert fetched == {oid(large.files["big.bin"])}


def test_an_object_that_was_never_pushed(harness, large, git_server):
    (git_server.objects / oid(large.files["big.bin"])).unlink()
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_not_found")
    assert "git lfs push" in outcome.error.remedy


def test_a_host_without_lfs(harness, large, git_server):
    git_server.lfs = False
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_refused")
    assert "lfs" in outcome.error.remedy


def test_credentials_stay_with_the_host(harness, large, git_server):
    git_server.user, git_server.password = "x-access-token", CANARY
    outcome = harness.run(large.address, "here", token=CANARY)
    assert (outcome.state, outcome.error) == ("done", None)
    objects = [one for one in git_server.requests if len(one.path) == 65]
    assert objects
    assert all("authorization" not in one.headers for one in objects)
    assert all("x-lfs-key" not in one.headers for one in git_server.asked("info/"))
    for path in harness.folder.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


def test_without_git_lfs_on_the_server(harness, large, monkeypatch):
    monkeypatch.setattr(git_backend, "lfs_program", lambda: None)
    assert harness.run(large.address, "here").state == "done"
    for name, data in large.files.items():
        assert (harness.folder / "here" / name).read_bytes() == data
    large.commit({"a.txt": b"two\n"})
    outcome = harness.run(large.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "tool_missing")


def test_what_only_looks_like_a_pointer_is_a_file(harness, repository, git_server):
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n".encode()
    repository.commit({"doc.txt": text})
    assert harness.run(repository.address, "here").state == "done"
    assert (harness.folder / "here" / "doc.txt").read_bytes() == text
    assert git_server.asked("batch") == []


def test_a_server_that_the_repository_names(harness, large, git_server):
    """It learns who asks only where it is the host of the repository."""
    git_server.user, git_server.password = "x-access-token", CANARY
    other = large.url.replace(git_server.url, f"{git_server.url}/lfs-of") + "/info/lfs"
    large.commit({".lfsconfig": f'[lfs]\n\turl = "{other}"\n'.encode()})
    outcome = harness.run(large.address, "here", token=CANARY)
    assert (outcome.state, outcome.error) == ("done", None)
    assert [one.path for one in git_server.asked("batch")] == [
        other.removeprefix(git_server.url) + "/objects/batch"
    ]
    large.commit({".lfsconfig": f'[lfs]\n\turl = "{git_server.storage}/x"\n'.encode()})
    git_server.requests.clear()
    outcome = harness.run(large.address, "there", token=CANARY)
    assert outcome.state == "failed"
    assert git_server.asked("batch")
    assert all("authorization" not in one.headers for one in git_server.asked("batch"))


@pytest.mark.parametrize(
    "url", ["file:///etc", "ssh://h/x", "http://169.254.169.254/lfs", "ext::sh", "-x"]
)
def test_a_server_that_is_none(harness, large, git_server, url):
    large.commit({".lfsconfig": f'[lfs]\n\turl = "{url}"\n'.encode()})
    outcome = harness.run(large.address, "here")
    if "169.254" in url:
        assert outcome.error.code == "address_refused"
    else:  # it counts as if it were not there
        assert (outcome.state, outcome.error) == ("done", None)
