"""Repositories from a real git server, with the real git as judge."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends import git_program

from ..servers.git import git


def test_a_clone_is_what_git_says_it_is(harness, repository):
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    assert git(clone, "rev-parse", "HEAD") == repository.first
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "fsck", "--strict") == ""
    assert git(clone, "remote", "get-url", "origin") == repository.url
    assert git(clone, "rev-parse", "--abbrev-ref", "HEAD@{upstream}") == "origin/main"
    assert (clone / "a.txt").read_bytes() == b"one\n"
    assert [path.name for path in harness.folder.iterdir()] == ["here"]


@pytest.mark.parametrize("how", ["address", "option"])
@pytest.mark.parametrize("kind", ["branch", "slashed", "tag", "commit"])
def test_a_ref(harness, repository, kind, how):
    git(repository.work, "checkout", "-q", "-b", "feature/x")
    commit = repository.commit({"a.txt": b"two\n"}, push="feature/x")
    git(repository.work, "branch", "topic")
    git(repository.work, "tag", "-a", "v1.0", "-m", "t")
    repository.push("topic", "v1.0")
    refs = {"branch": "topic", "slashed": "feature/x", "tag": "v1.0", "commit": commit}
    ref = refs[kind]
    if how == "address":
        outcome = harness.run(f"{repository.address}@{ref}", "here")
    else:
        outcome = harness.run(repository.address, "here", ref=ref)
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    assert git(clone, "rev-parse", "HEAD") == commit
    head = git(clone, "symbolic-ref", "--short", "HEAD", check=False)
    assert head == (ref if kind in ("branch", "slashed") else "")
    assert git(clone, "status", "--porcelain") == ""


def test_a_commit_that_no_branch_holds(harness, repository):
    git(repository.work, "checkout", "-q", "--detach")
    commit = repository.commit({"a.txt": b"lost\n"}, push="HEAD:refs/heads/gone")
    git(repository.work, "push", "-q", "origin", ":gone")
    assert harness.run(repository.address, "here", ref=commit, depth=1).state == "done"
    clone = harness.folder / "here"
    assert (clone / "a.txt").read_bytes() == b"lost\n"
    assert git(clone, "rev-list", "--count", "HEAD") == "1"


def test_shallow_partial_and_sparse(harness, repository):
    repository.commit({"a.txt": b"two\n", "sub/b.txt": b"b2\n"})
    outcome = harness.run(repository.address, "here", depth=1, partial=True, sparse="sub\nno/such")
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    assert git(clone, "rev-list", "--count", "HEAD") == "1"
    assert (clone / "sub" / "b.txt").read_bytes() == b"b2\n"
    assert not (clone / "other").exists()
    assert git(clone, "status", "--porcelain") == ""
    missing = git(clone, "rev-list", "--objects", "--missing=print", "HEAD")
    assert missing.count("?") == 1  # of what lies in other/


@pytest.mark.parametrize(
    ("ref", "code"), [("nope", "remote_not_found"), ("0" * 40, "remote_not_found")]
)
def test_a_ref_that_is_not_there(harness, repository, ref, code):
    outcome = harness.run(f"{repository.address}@{ref}", "here")
    assert (outcome.state, outcome.error.code) == ("failed", code)
    assert harness.names() == []


def test_a_repository_that_is_not_there(harness, git_server):
    outcome = harness.run(f"git+{git_server.url}/nope.git", "here")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_not_found")


def test_an_empty_repository(harness, git_server):
    outcome = harness.run(git_server.repository("empty").address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_not_found")
    assert "nothing in this repository" in outcome.error.message


# ---- where it lands -----------------------------------------------------------------------------


def test_without_a_destination_the_folder_is_called_as_the_repository(harness, repository):
    assert harness.run(repository.address).state == "done"
    assert (harness.folder / repository.name / "a.txt").is_file()


def test_an_empty_folder_is_filled(harness, repository):
    (harness.folder / "here").mkdir()
    assert harness.run(repository.address, "here/").state == "done"
    assert (harness.folder / "here" / "a.txt").is_file()


def test_folders_above_are_made(harness, repository):
    assert harness.run(repository.address, "x/y/here").state == "done"
    assert (harness.folder / "x" / "y" / "here" / "a.txt").is_file()


def test_a_folder_with_something_in_it_gets_the_clone(harness, repository):
    (harness.folder / "here").mkdir()
    (harness.folder / "here" / "mine").write_text("mine")
    for _ in range(2):
        assert harness.run(repository.address, "here/").state == "done"
    assert sorted(path.name for path in (harness.folder / "here").iterdir()) == sorted(
        ["mine", repository.name]
    )
    assert (harness.folder / "here" / repository.name / "a.txt").is_file()


@pytest.mark.parametrize(
    ("conflict", "state", "names"),
    [
        (None, "failed", ["mine"]),
        ("overwrite", "failed", ["mine"]),
        ("skip", "done", ["mine"]),
        ("rename", "done", ["mine", "mine (1)"]),
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_the_persons_is_left_alone(harness, repository, kind, conflict, state, names):
    mine = harness.folder / "at" / repository.name
    mine.parent.mkdir()
    if kind == "file":
        mine.write_text("mine")
    else:
        mine.mkdir()
        (mine / "mine").write_text("mine")
    outcome = harness.run(repository.address, f"at/{repository.name}", conflict=conflict)
    inside = kind == "folder"  # a folder with something in it gets the clone
    assert outcome.state == ("done" if inside else state)
    assert (mine / "mine" if inside else mine).read_text() == "mine"
    if not inside:
        expected = [name.replace("mine", repository.name) for name in names]
        assert (
            sorted(path.name for path in mine.parent.iterdir() if path.name[0] != ".") == expected
        )


@pytest.mark.parametrize(
    ("conflict", "names"),
    [
        (None, ["here"]),
        ("overwrite", ["here"]),
        ("skip", ["here"]),
        ("rename", ["here", "here (1)"]),
    ],
)
def test_a_changed_clone_and_the_policies(harness, repository, conflict, names):
    assert harness.run(repository.address, "here").state == "done"
    (harness.folder / "here" / "a.txt").write_bytes(b"mine\n")
    outcome = harness.run(repository.address, "here", conflict=conflict)
    assert outcome.state == ("done" if conflict in ("skip", "rename") else "failed")
    assert (harness.folder / "here" / "a.txt").read_bytes() == b"mine\n"
    assert sorted(path.name for path in harness.folder.iterdir() if path.name[0] != ".") == names


@pytest.mark.parametrize("conflict", ["rename", "overwrite"])
def test_a_clone_is_brought_forward_whatever_the_policy(harness, repository, conflict):
    assert harness.run(repository.address, "here").state == "done"
    repository.commit({"a.txt": b"two\n"})
    assert harness.run(repository.address, "here", conflict=conflict).state == "done"
    assert [path.name for path in harness.folder.iterdir()] == ["here"]
    assert (harness.folder / "here" / "a.txt").read_bytes() == b"two\n"


# ---- a clone that is there ----------------------------------------------------------------------


def test_an_existing_clone_goes_forward(harness, repository):
    assert harness.run(repository.address, "here").state == "done"
    second = repository.commit({"a.txt": b"two\n", "sub/b.txt": None, "new/d.txt": b"d\n"})
    (harness.folder / "here" / "untracked").write_text("mine")
    harness.report.files.clear()
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    assert git(clone, "rev-parse", "HEAD") == second
    assert git(clone, "status", "--porcelain") == "?? untracked"
    assert not (clone / "sub").exists()
    assert harness.report.files[0]["digest"] == f"git:{second}"


def test_a_clone_that_is_as_it_should_be(harness, repository, git_server):
    assert harness.run(repository.address, "here").state == "done"
    git_server.requests.clear()
    harness.report.files.clear()
    assert harness.run(repository.address, "here").state == "done"
    assert [row["state"] for row in harness.report.files] == ["present"]


def test_a_shallow_clone_goes_forward(harness, repository):
    assert harness.run(repository.address, "here", depth=1, partial=True).state == "done"
    second = repository.commit({"a.txt": b"two\n"})
    outcome = harness.run(repository.address, "here", depth=1, partial=True)
    assert (outcome.state, outcome.error) == ("done", None)
    assert git(harness.folder / "here", "rev-parse", "HEAD") == second


def test_a_tag_that_moves_forward(harness, repository):
    assert harness.run(repository.address, "here", ref=repository.first).state == "done"
    second = repository.commit({"a.txt": b"two\n"})
    assert harness.run(repository.address, "here", ref=second).state == "done"
    assert git(harness.folder / "here", "rev-parse", "HEAD") == second


def changed(clone, repository):
    (clone / "a.txt").write_bytes(b"mine\n")


def diverged(clone, repository):
    (clone / "mine.txt").write_bytes(b"mine\n")
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "mine")


def on_a_branch(clone, repository):
    git(clone, "checkout", "-q", "-b", "mine")


def rewritten(clone, repository):
    git(repository.work, "commit", "-q", "--amend", "-m", "again")
    repository.push("HEAD")


def in_the_way(clone, repository):
    (clone / "new.txt").write_bytes(b"mine\n")


@pytest.mark.parametrize("spoil", [changed, diverged, on_a_branch, rewritten, in_the_way])
def test_what_somebody_did_is_never_lost(harness, repository, spoil):
    assert harness.run(f"{repository.address}@main", "here").state == "done"
    clone = harness.folder / "here"
    spoil(clone, repository)
    repository.commit({"new.txt": b"theirs\n"})
    before = {path: path.read_bytes() for path in clone.glob("*") if path.is_file()}
    head = git(clone, "rev-parse", "HEAD")
    outcome = harness.run(f"{repository.address}@main", "here")
    assert outcome.state == "failed"
    assert outcome.error.code in ("conflict", "remote_refused")
    assert not outcome.error.retryable
    assert {path: path.read_bytes() for path in clone.glob("*") if path.is_file()} == before
    assert git(clone, "rev-parse", "HEAD") == head


def test_a_clone_that_is_ahead_stays(harness, repository):
    assert harness.run(repository.address, "here").state == "done"
    clone = harness.folder / "here"
    diverged(clone, repository)
    head = git(clone, "rev-parse", "HEAD")
    assert harness.run(repository.address, "here").state == "done"
    assert git(clone, "rev-parse", "HEAD") == head


def test_a_clone_of_something_else_stays(harness, repository, git_server):
    other = git_server.repository("other")
    other.commit({"z": b"z"})
    assert harness.run(other.address, "here").state == "done"
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "exists")
    assert git(harness.folder / "here", "remote", "get-url", "origin") == other.url


def test_a_server_without_git(harness, repository, monkeypatch):
    monkeypatch.setattr(git_program, "candidates", lambda name: [])
    git_program.program.cache_clear()
    try:
        outcome = harness.run(repository.address, "here")
    finally:
        git_program.program.cache_clear()
    assert (outcome.state, outcome.error.code) == ("failed", "tool_missing")
    assert "install git" in outcome.error.remedy
    assert harness.names() == []
