"""Clones that want a commit or a push to run programs or to go elsewhere: none does."""

from __future__ import annotations

import pytest

from jupyter_transfer.engine.pushrun import clone_status
from jupyter_transfer.errors import TransferError

from ..servers.git import git
from .test_git_hostile import SETTINGS, script, set_config
from .test_git_push import clone, commit, home, send, write  # noqa: F401 - fixtures

REFUSED = [
    *SETTINGS,
    "remote.origin.receivepack=touch {marker}",
    "remote.{url}.pushurl=http://127.0.0.1:1/evil",
    "remote.{url}.url=http://127.0.0.1:1/evil",
    "url.http://127.0.0.1:1/.pushInsteadOf=http://127",
    "diff.external=touch {marker}",
    "diff.evil.command=touch {marker}",
    "core.attributesFile=/etc/hostile",
    "core.excludesFile=/etc/hostile",
    "core.gitProxy=touch {marker}",
    "commit.template=/etc/passwd",
    "gpg.format=ssh",
    "gpg.ssh.program=touch {marker}",
    "gpg.ssh.defaultKeyCommand=touch {marker}",
    "trailer.x.command=touch {marker}",
    "trailer.x.cmd=touch {marker}",
    "log.showSignature=true",
    "sequence.editor=touch {marker}",
    "http.extraHeader=X: y",
    "lfs.pushurl=http://127.0.0.1:1/",
    "lfs.standalonetransferagent=x",
    "uploadpack.packObjectsHook=touch {marker}",
    "includeIf.onbranch:main.path=/etc/hostile",
]

OVERRULED = [
    "core.fsmonitor=touch {marker}",
    "core.hooksPath=evil",
    "core.sshCommand=touch {marker}",
    "core.askPass=touch {marker}",
    "core.editor=touch {marker}",
    "core.pager=touch {marker}",
    "credential.helper=!touch {marker}",
    "credential.http://127.0.0.1.helper=!touch {marker}",
    "commit.gpgSign=true",
    "push.gpgSign=true",
    "push.recurseSubmodules=on-demand",
    "push.followTags=true",
    "push.pushOption=evil",
    "submodule.recurse=true",
    "remote.pushDefault=evil",
    "branch.main.pushRemote=evil",
    "remote.origin.push=+refs/heads/*:refs/heads/*",
    "remote.origin.pushurl=http://127.0.0.1:1/evil",
    "gc.auto=1",
]

HOOKS = (
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-push",
    "post-index-change",
    "reference-transaction",
    "pre-auto-gc",
)


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "ran"
    yield path
    assert not path.exists(), "something was run"


@pytest.fixture
def spoilt(clone, marker):  # noqa: F811 - the fixture
    """A clone with hooks of all kinds, and attributes that name programs."""
    git(clone, "tag", "-a", "mine", "-m", "t")
    for folder in (clone / ".git" / "hooks", clone / "evil"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).write_text(script(marker))
            (folder / name).chmod(0o755)
    write(clone, {".gitattributes": b"*.txt filter=evil diff=evil merge=evil\n", "a.txt": b"2\n"})
    return clone


def test_clones_that_are_left_alone(harness, repository, spoilt, marker):
    config = spoilt / ".git" / "config"
    plain = config.read_bytes()
    for setting in REFUSED:
        set_config(spoilt, setting.replace("{url}", repository.url), marker)
        with pytest.raises(TransferError) as caught:
            clone_status(harness.root, "here", ambient=True)
        assert caught.value.code == "conflict", setting
        config.write_bytes(plain)


@pytest.mark.parametrize("setting", ["filter.evil.clean=touch {marker}", "remote.{url}.url=ext::x"])
def test_nothing_is_committed_or_pushed_from_them(harness, repository, spoilt, marker, setting):
    set_config(spoilt, setting.replace("{url}", repository.url), marker)
    head = (spoilt / ".git" / "refs" / "heads" / "main").read_text()
    outcome = send(harness, repository, commit_message="m")
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert (spoilt / ".git" / "refs" / "heads" / "main").read_text() == head
    assert repository.branch() == repository.first


def test_settings_that_are_overruled(harness, repository, spoilt, marker):
    """All of them, and hooks."""
    for setting in OVERRULED:
        set_config(spoilt, setting, marker)
    git(repository.bare, "config", "receive.certNonceSeed", "x")  # gpg would be asked
    outcome = send(harness, repository, commit_message="m")
    assert (outcome.state, outcome.error) == ("done", None)
    assert git(repository.bare, "show", "main:a.txt") == "2"
    assert git(repository.bare, "tag") == ""
    assert git(repository.bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_fetch_too_goes_to_no_remote_that_is_called_as_its_address(
    harness, repository, spoilt, marker
):
    set_config(spoilt, f"remote.{repository.url}.url=http://127.0.0.1:1/evil", marker)
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")


@pytest.mark.parametrize("kind", ["fetch", "send"])
def test_what_is_missing_is_fetched_from_nowhere_else(harness, repository, clone, kind):  # noqa: F811
    with (clone / ".git" / "config").open("a") as file:
        file.write('[extensions]\n\tpartialClone = evil\n[remote "evil"]\n\tpromisor = true\n')
        file.write("\turl = http://127.0.0.1:1/evil.git\n")
    ends = (repository.address, "here") if kind == "fetch" else ("here", repository.address)
    outcome = harness.run(*ends, kind=kind)
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert "another address" in outcome.error.message


def test_a_submodule_is_not_looked_into(harness, repository, git_server, clone, marker):  # noqa: F811
    """git asks each submodule whether it was changed, by the configuration that it has there."""
    sub = git_server.repository("push-sub")
    sub.commit({"x.txt": b"x\n", ".gitattributes": b"* filter=evil\n"})
    git(clone, "submodule", "add", "-q", sub.url, "mod")
    commit(clone, {})
    module = clone / ".git" / "modules" / "mod" / "config"
    with module.open("a") as file:
        file.write(f'[filter "evil"]\n\tclean = touch {marker}\n\tsmudge = touch {marker}\n')
        file.write(f"[core]\n\tfsmonitor = touch {marker}\n")
    write(clone, {"mod/x.txt": b"changed\n", "a.txt": b"two\n"})
    outcome = send(harness, repository, commit_message="m", paths=".")
    assert (outcome.state, outcome.error) == ("done", None)
    shown = git(repository.bare, "show", "--format=", "--name-only", "main")
    assert shown == "a.txt"


def test_a_nested_repository_is_left_out(harness, repository, clone, marker):  # noqa: F811
    git(clone, "init", "-q", "nested")
    with (clone / "nested" / ".git" / "config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = touch {marker}\n")
    write(clone, {"nested/x.txt": b"x\n", "a.txt": b"two\n"})
    outcome = send(harness, repository, commit_message="m", paths=".")
    assert (outcome.state, outcome.error) == ("done", None)
    assert git(repository.bare, "show", "--format=", "--name-only", "main") == "a.txt"


def test_a_link_is_committed_as_a_link(harness, repository, clone):  # noqa: F811
    (clone / "link").symlink_to("/etc/passwd")
    assert send(harness, repository, commit_message="m", paths="link").state == "done"
    assert git(repository.bare, "show", "main:link") == "/etc/passwd"


@pytest.mark.parametrize("message", ["-F/etc/passwd", "a\0b", "#only " + "x" * 100_000])
def test_messages_are_messages(harness, repository, clone, message):  # noqa: F811
    write(clone, {"a.txt": b"two\n"})
    outcome = send(harness, repository, commit_message=message)
    if "\0" in message:
        assert outcome.error.code == "bad_request"
        return
    assert (outcome.state, outcome.error) == ("done", None)
    assert git(repository.bare, "show", "-s", "--format=%B", "main") == message
    assert git(repository.bare, "rev-list", "--count", "main") == "2"


def test_what_others_said_is_shown_as_text(harness, repository, clone):  # noqa: F811
    """The words of a remote reach people, cut and on one line."""
    repository.refuse("line one\n" + "y" * 5000)
    commit(clone, {"a.txt": b"two\n"})
    outcome = send(harness, repository)
    assert outcome.error.code == "remote_refused"
    assert len(outcome.error.message) < 400
    assert "\n" not in outcome.error.message
