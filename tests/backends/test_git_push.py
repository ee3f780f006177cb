"""Pushing from a clone to a real git server, with the real git as judge."""

from __future__ import annotations

import shutil

import pytest

from jupyter_transfer.backends import git_status
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.run import JobRequest
from jupyter_transfer.errors import TransferError

from ..servers.git import git

ME = "[user]\n\tname = Ann Example\n\temail = ann@example.org\n"


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home in which git knows who commits."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".gitconfig").write_text(ME)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def clone(harness, repository):
    """A clone of the repository, as git itself makes it."""
    folder = harness.folder / "here"
    shutil.copytree(repository.work, folder, symlinks=True)
    config = folder / ".git" / "config"
    text = config.read_text().replace(str(repository.bare), repository.url)
    config.write_text(text + '[branch "main"]\n\tremote = origin\n\tmerge = refs/heads/main\n')
    return folder


def write(clone, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes(data)


def commit(clone, files: dict[str, bytes], message: str = "mine") -> str:
    write(clone, files)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", message)
    return git(clone, "rev-parse", "HEAD")


def send(harness, repository, branch: str = "", **options):
    at = f"@{branch}" if branch else ""
    return harness.run("here", repository.address + at, kind="send", **options)


def look(harness, repository, **options):
    """The plan of a push."""
    request = JobRequest("plan", "here", repository.address, options, (), "send")
    return plan(harness.root, request, harness.context(options), Control())


def test_commits_are_pushed(harness, repository, clone):
    commit(clone, {"a.txt": b"two\n"}, "first of mine")
    head = commit(clone, {"new/d.txt": b"d\n"}, "second of mine")
    outcome = send(harness, repository)
    assert (outcome.state, outcome.error, outcome.verified) == ("done", None, True)
    assert repository.branch() == head
    assert git(repository.bare, "fsck", "--strict") == ""
    assert git(clone, "rev-parse", "origin/main") == head
    assert git(clone, "status", "--porcelain", "--branch") == "## main...origin/main"
    (row,) = harness.report.files
    assert (row["path"], row["state"], row["digest"]) == ("here", "done", f"git:{head}")


def test_again_there_is_nothing_to_push(harness, repository, clone):
    commit(clone, {"a.txt": b"two\n"})
    send(harness, repository)
    outcome = send(harness, repository)
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.report.files[-1]["state"] == "present"


def test_what_is_not_committed_stays_here(harness, repository, clone):
    write(clone, {"a.txt": b"changed\n", "new.txt": b"new\n"})
    assert send(harness, repository).state == "done"
    assert repository.branch() == repository.first
    assert (clone / "a.txt").read_bytes() == b"changed\n"


def test_a_clone_that_is_behind_has_nothing_to_push(harness, repository, clone):
    ahead = repository.commit({"a.txt": b"two\n"})
    git(clone, "fetch", "-q")
    outcome = send(harness, repository)
    assert (outcome.state, outcome.error) == ("done", None)
    assert repository.branch() == ahead


def test_another_branch(harness, repository, clone):
    git(clone, "switch", "-q", "-c", "feature/x")
    head = commit(clone, {"a.txt": b"two\n"})
    assert send(harness, repository).state == "done"
    assert repository.branch("feature/x") == head
    assert repository.branch() == repository.first
    assert send(harness, repository, "elsewhere").state == "done"
    assert repository.branch("elsewhere") == head


def test_the_first_push_to_an_empty_repository(harness, git_server):
    empty = git_server.repository("empty-push")
    git(harness.folder, "init", "-q", "-b", "main", "here")
    clone = harness.folder / "here"
    git(clone, "remote", "add", "origin", empty.url)
    head = commit(clone, {"a.txt": b"one\n"})
    outcome = send(harness, empty)
    assert (outcome.state, outcome.error) == ("done", None)
    assert empty.branch() == head


def test_the_plan_tells_exactly_what_would_be_pushed(harness, repository, clone):
    commit(clone, {"a.txt": b"two two\n", "new/d.txt": b"d\n"}, "first of mine")
    (clone / "sub" / "b.txt").unlink()
    head = commit(clone, {}, "second of mine")
    answer = look(harness, repository)
    push = answer["push"]
    assert [one["subject"] for one in push["commits"]] == ["second of mine", "first of mine"]
    assert push["commits"][0]["commit"] == head
    assert (push["branch"], push["new_branch"], push["commit_count"]) == ("main", False, 2)
    assert answer["entries"] == [
        {"path": "sub/b.txt", "size": None, "action": "delete"},
        {"path": "a.txt", "size": 8, "action": "replace"},
        {"path": "new/d.txt", "size": 2, "action": "copy"},
    ]
    assert (answer["files"], answer["bytes"]) == (3, 10)
    assert repository.branch() == repository.first


def test_the_plan_of_a_new_branch_starts_where_it_left_the_others(harness, repository, clone):
    git(clone, "switch", "-q", "-c", "topic")
    commit(clone, {"a.txt": b"two\n"})
    answer = look(harness, repository)
    assert answer["push"]["new_branch"] is True
    assert [one["path"] for one in answer["entries"]] == ["a.txt"]
    assert answer["push"]["commit_count"] == 1


def test_only_the_plan_that_was_approved_is_pushed(harness, repository, clone):
    commit(clone, {"a.txt": b"two\n"})
    approved = look(harness, repository)["plan"]["hash"]
    commit(clone, {"a.txt": b"three\n"})
    outcome = send(harness, repository, approve=approved)
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_decision")
    assert repository.branch() == repository.first
    again = outcome.error.detail["hash"]
    assert send(harness, repository, approve=again).state == "done"
    assert send(harness, repository, approve=again).state == "done"


# ---- what is refused ----------------------------------------------------------------------------


def diverged(harness, repository, clone):
    repository.commit({"a.txt": b"theirs\n"})
    commit(clone, {"a.txt": b"mine\n"})


def diverged_and_known(harness, repository, clone):
    diverged(harness, repository, clone)
    git(clone, "fetch", "-q")


def detached(harness, repository, clone):
    git(clone, "switch", "-q", "--detach")
    commit(clone, {"a.txt": b"mine\n"})


def not_a_remote(harness, repository, clone):
    commit(clone, {"a.txt": b"mine\n"})
    git(clone, "remote", "set-url", "origin", repository.url.replace(repository.name, "other"))


def no_clone(harness, repository, clone):
    (clone / ".git").rename(clone / "git")


def nothing_committed(harness, repository, clone):
    git(clone, "switch", "-q", "--orphan", "fresh")


def a_closed_repository(harness, repository, clone):
    repository.server.closed = True
    commit(clone, {"a.txt": b"mine\n"})


def a_protected_branch(harness, repository, clone):
    repository.refuse("GH006: Protected branch update failed for refs/heads/main.")
    commit(clone, {"a.txt": b"mine\n"})


def a_file_too_large(harness, repository, clone):
    repository.refuse("GH001: Large files detected.")
    commit(clone, {"a.txt": b"mine\n"})


def a_hook_of_the_host(harness, repository, clone):
    repository.refuse("Write the number of the issue.")
    commit(clone, {"a.txt": b"mine\n"})


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (diverged, "conflict", "does not have"),
        (diverged_and_known, "conflict", "both gone on"),
        (detached, "conflict", "detached"),
        (not_a_remote, "conflict", "no remote"),
        (no_clone, "conflict", "no clone"),
        (nothing_committed, "conflict", "Nothing was committed"),
        (a_closed_repository, "remote_forbidden", "let you push"),
        (a_protected_branch, "remote_forbidden", "protected"),
        (a_file_too_large, "too_large", "as large"),
        (a_hook_of_the_host, "remote_refused", "number of the issue"),
    ],
)
def test_what_cannot_be_pushed(harness, repository, git_server, clone, spoil, code, words):
    repository.server = git_server
    spoil(harness, repository, clone)
    before = repository.branch()
    outcome = send(harness, repository)
    assert (outcome.state, outcome.error.code) == ("failed", code)
    assert words in outcome.error.message
    assert outcome.error.remedy
    assert repository.branch() == before


def test_a_race_is_lost_without_force(harness, repository, git_server, clone):
    """Somebody pushes between the look and the push."""
    commit(clone, {"a.txt": b"mine\n"})
    theirs = []

    def fault(handler):
        if handler.path.endswith("/git-receive-pack") and not theirs:
            theirs.append(repository.commit({"a.txt": b"theirs\n"}))
        return False

    git_server.faults = fault
    outcome = send(harness, repository)
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert repository.branch() == theirs[0]


def test_only_to_a_branch(harness, repository, clone):
    for ref in ("0" * 40, "refs/tags/v1"):
        outcome = send(harness, repository, ref, id=ref[:4])
        assert (outcome.state, outcome.error.code) == ("failed", "bad_request")


def test_files_cannot_be_chosen_from_commits(harness, repository, clone):
    outcome = send(harness, repository, include=["*.txt"])
    assert (outcome.state, outcome.error.code) == ("failed", "bad_request")


# ---- a commit first -----------------------------------------------------------------------------


def test_chosen_files_are_committed_and_pushed(harness, repository, clone):
    write(clone, {"a.txt": b"two\n", "sub/b.txt": b"changed\n", "new/d.txt": b"d\n", "x": b"x"})
    git(clone, "add", "x")  # staged by hand, and not chosen
    outcome = send(harness, repository, commit_message="What I did\n\n# more", paths="a.txt\nnew")
    assert (outcome.state, outcome.error) == ("done", None)
    head = repository.branch()
    shown = git(repository.bare, "show", "--format=%an <%ae>|%cn|%B", "--name-status", head)
    assert shown.startswith("Ann Example <ann@example.org>|Ann Example|What I did\n\n# more\n")
    assert shown.splitlines()[-2:] == ["M\ta.txt", "A\tnew/d.txt"]
    assert git(clone, "status", "--porcelain") == "M sub/b.txt\nA  x".replace("M sub", " M sub")[1:]
    assert harness.report.states == ["committing", "sending", "pushing"]


def test_without_paths_what_git_keeps_is_committed(harness, repository, clone):
    write(clone, {"a.txt": b"two\n", "new.txt": b"new\n"})
    (clone / "sub" / "b.txt").unlink()
    assert send(harness, repository, commit_message="m").state == "done"
    shown = git(repository.bare, "show", "--format=", "--name-status", "main")
    assert shown.splitlines() == ["M\ta.txt", "D\tsub/b.txt"]
    assert (clone / "new.txt").exists()


def test_one_file_among_very_many_that_were_changed(harness, repository, clone, monkeypatch):
    monkeypatch.setattr(git_status.status_of, "__defaults__", ((".",), 5))
    write(clone, {f"data/{n}.csv": b"x" for n in range(9)} | {"a.txt": b"two\n"})
    outcome = send(harness, repository, commit_message="m", paths=".")
    assert (outcome.state, outcome.error.code) == ("failed", "limit_reached")
    assert send(harness, repository, commit_message="m", paths="a.txt").state == "done"
    assert git(repository.bare, "show", "--format=", "--name-only", "main") == "a.txt"


def test_hidden_files_that_are_new_stay_here(harness, repository, clone):
    write(clone, {".env": b"SECRET=1\n", "d/.x/y": b"y", "z.txt": b"z\n"})
    assert send(harness, repository, commit_message="m", paths=".").state == "done"
    shown = git(repository.bare, "show", "--format=", "--name-status", "main")
    assert shown == "A\tz.txt"


def test_patterns_are_names(harness, repository, clone):
    write(clone, {"a*": b"star\n", "ab": b"ab\n", ":(top)x": b"magic\n", "-n": b"dash\n"})
    outcome = send(harness, repository, commit_message="m", paths="a*\n:(top)x\n-n")
    assert (outcome.state, outcome.error) == ("done", None)
    shown = git(repository.bare, "show", "--format=", "--name-only", "-z", "main")
    assert sorted(shown.strip("\0").split("\0")) == ["-n", ":(top)x", "a*"]


def test_a_commit_is_made_once(harness, repository, git_server, clone):
    """The push fails, the job goes on: what was changed meanwhile was never shown to anybody."""
    write(clone, {"a.txt": b"two\n"})
    git_server.faults = lambda handler: "POST" in handler.command and not handler.reply(503, b"")
    outcome = send(harness, repository, commit_message="m")
    assert (outcome.state, outcome.error.code) == ("failed", "remote_busy")
    head = git(clone, "rev-parse", "HEAD")
    write(clone, {"a.txt": b"three\n"})
    git_server.faults = None
    assert send(harness, repository, commit_message="m").state == "done"
    assert repository.branch() == head
    assert git(clone, "status", "--porcelain") == "M a.txt"


def test_nobody_knows_who_commits(harness, repository, clone, home):
    (home / ".gitconfig").write_text("")
    write(clone, {"a.txt": b"two\n"})
    outcome = send(harness, repository, commit_message="m")
    assert (outcome.state, outcome.error.code) == ("failed", "needs_identity")
    assert "user.email" in outcome.error.remedy
    assert git(clone, "rev-parse", "HEAD") == repository.first
    git(clone, "config", "user.name", "Of the Clone")
    git(clone, "config", "user.email", "clone@example.org")
    assert send(harness, repository, commit_message="m").state == "done"
    assert git(repository.bare, "show", "-s", "--format=%an", "main") == "Of the Clone"


def test_who_may_not_use_this_account_commits_as_the_clone_says(harness, repository, clone):
    harness.ambient = False
    write(clone, {"a.txt": b"two\n"})
    outcome = send(harness, repository, commit_message="m")
    assert (outcome.state, outcome.error.code) == ("failed", "needs_identity")


def merging(harness, repository, clone):
    repository.commit({"a.txt": b"theirs\n"})
    commit(clone, {"a.txt": b"mine\n"})
    git(clone, "fetch", "-q")
    git(clone, "merge", "-q", "origin/main", check=False)


def behind(harness, repository, clone):
    repository.commit({"other/c.txt": b"theirs\n"})
    git(clone, "fetch", "-q")
    write(clone, {"a.txt": b"mine\n"})


@pytest.mark.parametrize("spoil", [merging, behind])
def test_what_cannot_be_committed(harness, repository, clone, spoil):
    spoil(harness, repository, clone)
    head, theirs = git(clone, "rev-parse", "HEAD"), repository.branch()
    outcome = send(harness, repository, commit_message="m")
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert (git(clone, "rev-parse", "HEAD"), repository.branch()) == (head, theirs)


def test_paths_that_cannot_be_committed(harness, repository, clone):
    write(clone, {".env": b"SECRET=1\n", "a.txt": b"two\n"})
    for paths, code in [
        ("../x", "bad_request"),
        (".git/config", "bad_request"),
        ("a/../../b", "bad_request"),
        ("nope.txt", "not_found"),
        (".env", "hidden_path"),
    ]:
        outcome = send(harness, repository, commit_message="m", paths=f"a.txt\n{paths}")
        assert (outcome.state, outcome.error.code) == ("failed", code), paths
    assert git(clone, "rev-parse", "HEAD") == repository.first


def test_paths_without_a_message(harness, repository, clone):
    outcome = send(harness, repository, paths="a.txt")
    assert (outcome.state, outcome.error.code) == ("failed", "bad_request")


def test_the_plan_of_a_commit(harness, repository, clone):
    commit(clone, {"a.txt": b"two\n", "gone.txt": b"x\n"}, "before")
    (clone / "gone.txt").unlink()
    write(clone, {"a.txt": b"three\n", "new.txt": b"new\n"})
    answer = look(harness, repository, commit_message="m", paths=".")
    assert answer["entries"] == [
        {"path": "a.txt", "size": 6, "action": "replace"},
        {"path": "new.txt", "size": 4, "action": "copy"},
    ]
    assert answer["push"]["commit_count"] == 2
    assert git(clone, "status", "--porcelain").splitlines()[0] == "M a.txt"
    assert repository.branch() == repository.first


def test_a_plan_refuses_what_a_push_would(harness, repository, clone):
    diverged(harness, repository, clone)
    with pytest.raises(TransferError) as caught:
        look(harness, repository)
    assert caught.value.code == "conflict"
