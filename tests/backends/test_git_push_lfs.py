"""Large files on their way to an LFS server: sent by the engine, with the real git-lfs as judge."""

from __future__ import annotations

import hashlib
import os

import pytest

from ..servers.git import git
from .test_git_push import clone, commit, home, look, send, write  # noqa: F401 - fixtures


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def large(repository, clone, harness):  # noqa: F811 - the fixture
    """The repository, whose clone keeps files by LFS."""
    git(clone, "lfs", "install", "--local", "--skip-repo")
    write(clone, {".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    return repository


def sent(git_server) -> dict[str, int]:
    """How often each object was sent."""
    counts: dict[str, int] = {}
    for one in git_server.requests:
        if one.method == "PUT":
            counts[one.path.strip("/")] = counts.get(one.path.strip("/"), 0) + 1
    return counts


def test_objects_go_first(harness, large, clone, git_server, tmp_path):  # noqa: F811
    files = {"big.bin": os.urandom(300_000), "sub/x.bin": os.urandom(9), "empty.bin": b""}
    git_server.verifies = True
    head = commit(clone, files)
    order = []
    git_server.faults = lambda handler: order.append((handler.command, handler.path)) is None and 0
    outcome = send(harness, large)
    assert (outcome.state, outcome.error, outcome.verified) == ("done", None, True)
    assert sent(git_server) == {oid(files["big.bin"]): 1, oid(files["sub/x.bin"]): 1}
    pushed = order.index(("POST", f"/{large.name}.git/git-receive-pack"))
    assert all(order.index(one) < pushed for one in order if one[0] == "PUT")
    assert len([one for one in git_server.asked("verify") if one.method == "POST"]) == 2
    assert large.branch() == head
    git(tmp_path, "clone", "-q", large.url, "judge")
    git(tmp_path / "judge", "lfs", "install", "--local")
    git(tmp_path / "judge", "lfs", "pull")
    for name, data in files.items():
        assert (tmp_path / "judge" / name).read_bytes() == data


def test_what_the_server_has_is_not_sent(harness, large, clone, git_server):  # noqa: F811
    harness.control.bandwidth.rate = 10_000_000
    data = os.urandom(50_000)
    commit(clone, {"a.bin": data})
    (git_server.objects / oid(data)).write_bytes(data)
    assert send(harness, large).state == "done"
    assert sent(git_server) == {}
    assert [code for code, _ in harness.report.notes] == ["left_out"]


def test_every_version_of_a_file_is_sent(harness, large, clone, git_server):  # noqa: F811
    versions = [os.urandom(10_000) for _ in range(2)]
    for data in versions:
        commit(clone, {"a.bin": data})
    assert look(harness, large)["push"]["objects"] == 2
    assert send(harness, large).state == "done"
    assert set(sent(git_server)) == {oid(data) for data in versions}


def test_many_objects_are_asked_for_at_a_time(harness, large, clone, git_server):  # noqa: F811
    commit(clone, {f"{n}.bin": b"%d" % n for n in range(101)})
    outcome = send(harness, large)
    assert (outcome.state, outcome.error) == ("done", None)
    assert len(sent(git_server)) == 101
    assert len(git_server.asked("objects/batch")) == 2


def test_a_commit_makes_pointers(harness, large, clone, git_server):  # noqa: F811
    data = os.urandom(40_000)
    write(clone, {"a.bin": data})
    git(clone, "add", ".gitattributes")
    answer = look(harness, large, commit_message="m", paths="a.bin\n.gitattributes")
    assert (answer["push"]["objects"], answer["push"]["object_bytes"]) == (1, 40_000)
    outcome = send(harness, large, commit_message="m", paths=".gitattributes\na.bin")
    assert (outcome.state, outcome.error) == ("done", None)
    assert sent(git_server) == {oid(data): 1}
    assert git(large.bare, "show", "main:a.bin").startswith("version https://git-lfs")
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "lfs", "fsck") == "Git LFS fsck OK"


def test_a_break_is_gone_on_after(harness, large, clone, git_server):  # noqa: F811
    """Objects that arrived are not sent again, and nothing was pushed before all are there."""
    files = {f"{n}.bin": os.urandom(20_000) for n in range(6)}
    commit(clone, files)
    refused = oid(files["3.bin"])
    git_server.faults = lambda handler: refused in handler.path and not handler.reply(400, b"")
    outcome = send(harness, large)
    assert outcome.state == "failed"
    assert large.branch() == large.first
    git_server.faults = None
    before = sent(git_server)
    git_server.requests.clear()
    assert send(harness, large).state == "done"
    assert sent(git_server) == {refused: 1}
    assert set(before) == {oid(data) for data in files.values()}


def test_a_damaged_object_is_not_pushed(harness, large, clone, git_server):  # noqa: F811
    data = os.urandom(20_000)
    commit(clone, {"a.bin": data})
    path = clone / ".git/lfs/objects" / oid(data)[:2] / oid(data)[2:4] / oid(data)
    path.chmod(0o644)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    outcome = send(harness, large)
    assert outcome.state == "failed"
    assert outcome.error.code in ("io_error", "too_large", "remote_refused")
    assert large.branch() == large.first


def test_an_object_that_is_nowhere(harness, large, clone, git_server):  # noqa: F811
    data = os.urandom(20_000)
    commit(clone, {"a.bin": data})
    commit(clone, {"a.bin": b"later"})
    (clone / ".git/lfs/objects" / oid(data)[:2] / oid(data)[2:4] / oid(data)).unlink()
    outcome = send(harness, large)
    assert (outcome.state, outcome.error.code) == ("failed", "not_found")
    assert large.branch() == large.first


@pytest.mark.parametrize(
    ("spoil", "code"),
    [({"lfs": False}, "remote_refused"), ({"closed": True}, "remote_forbidden")],
)
def test_a_server_that_takes_no_objects(harness, large, clone, git_server, spoil, code):  # noqa: F811
    commit(clone, {"a.bin": b"x" * 2000})
    for name, value in spoil.items():
        setattr(git_server, name, value)
    outcome = send(harness, large)
    assert (outcome.state, outcome.error.code) == ("failed", code)
    assert large.branch() == large.first


def test_a_clone_cannot_send_large_files_elsewhere(harness, large, clone, git_server):  # noqa: F811
    config = "[lfs]\n\turl = http://127.0.0.2:9/evil/info/lfs\n"
    commit(clone, {".lfsconfig": config.encode(), "a.bin": b"x" * 2000})
    outcome = send(harness, large)
    assert (outcome.state, outcome.error.code) == ("failed", "remote_refused")
    assert "127.0.0.2" in outcome.error.message


def test_headers_of_objects_go_to_their_host_only(harness, large, clone, git_server):  # noqa: F811
    git_server.user, git_server.password = "ann", "push-token-canary-77"
    commit(clone, {"a.bin": b"x" * 2000})
    outcome = send(harness, large, username="ann", token="push-token-canary-77")
    assert (outcome.state, outcome.error) == ("done", None)
    puts = [one for one in git_server.requests if one.method == "PUT"]
    assert puts
    assert not [one for one in puts if "authorization" in one.headers]
    for path in harness.folder.rglob("*"):
        assert not path.is_file() or b"push-token-canary" not in path.read_bytes()
