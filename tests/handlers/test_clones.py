"""The status of a clone and a push, through HTTP, with real workers and a real git server."""

from __future__ import annotations

import json

import pytest

from ..conftest import error_of
from ..servers.git import git, running_git


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_git(tmp_path_factory.mktemp("git")) as running:
        yield running


@pytest.fixture
def repository(server, request):
    made = server.repository(request.node.name.replace("_", "-")[:60])
    made.commit({"a.txt": b"one\n", "b.txt": b"b\n"})
    return made


@pytest.fixture
def clone(repository, jp_root_dir, monkeypatch):
    for name, value in {"NAME": "Ann Example", "EMAIL": "ann@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
    git(jp_root_dir, "clone", "-q", repository.url, "here")
    return jp_root_dir / "here"


async def status(ask, path: str = "here") -> dict:
    response = await ask("clone", params={"path": path})
    assert response.code == 200, response.body
    return json.loads(response.body)


async def test_the_status_of_a_clone(ask, repository, clone, transfer_app):
    (clone / "mine.txt").write_bytes(b"m\n")
    git(clone, "add", "mine.txt")
    git(clone, "commit", "-q", "-m", "mine")
    (clone / "a.txt").write_bytes(b"changed\n")
    (clone / "b.txt").unlink()
    (clone / "new").mkdir()
    (clone / "new" / "c.txt").write_bytes(b"c\n")
    (clone / ".env").write_bytes(b"SECRET=1\n")
    found = await status(ask)
    assert found == {
        "branch": "main",
        "commit": git(clone, "rev-parse", "HEAD"),
        "busy": None,
        "ahead": 1,
        "behind": 0,
        "more": False,
        "changes": [
            {"path": "a.txt", "kind": "modified", "size": 8},
            {"path": "b.txt", "kind": "deleted", "size": None},
            {"path": "new/c.txt", "kind": "untracked", "size": 2},
        ],
        "remotes": [{"name": "origin", "address": repository.address}],
        "identity": {"name": "Ann Example", "email": "ann@example.org"},
    }


async def test_what_is_no_clone(ask, jp_root_dir, transfer_app):
    (jp_root_dir / "plain").mkdir()
    for path, code in [
        ("plain", "conflict"),
        ("nope", "not_found"),
        ("../x", "invalid_path"),
        (".h", "hidden_path"),
    ]:
        assert error_of(await ask("clone", params={"path": path}))["code"] == code


async def test_remotes_without_secrets(ask, clone, transfer_app):
    remotes = {
        "token": "https://ann:hush-4711@example.org/x.git",
        "scp": "git@example.org:owner/x.git",
        "ssh": "ssh://ann@example.org:2222/x.git",
        "disk": "/srv/x.git",
        "odd": "ext::sh -c true",
    }
    for name, url in remotes.items():
        git(clone, "remote", "add", name, url)
    found = {one["name"]: one["address"] for one in (await status(ask))["remotes"]}
    del found["origin"]
    assert found == {
        "token": "git+https://example.org/x.git",
        "scp": "git+ssh://example.org/owner/x.git",
        "ssh": "git+ssh://ann@example.org:2222/x.git",
    }


async def test_a_look_then_a_commit_and_a_push(ask, reaches, repository, clone, transfer_app):
    (clone / "a.txt").write_bytes(b"changed\n")
    options = {"commit_message": "Mine", "paths": "a.txt"}
    body = {"kind": "send", "source": "here", "destination": repository.address}
    look = {**body, "options": {**options, "dry_run": True}}
    plan = json.loads((await ask("jobs", method="POST", json=look)).body)
    assert plan["push"]["commit_count"] == 1
    assert plan["entries"] == [{"path": "a.txt", "size": 8, "action": "replace"}]
    options["approve"] = plan["plan"]["hash"]
    answer = await ask("jobs", method="POST", json={**body, "options": options})
    job = await reaches(json.loads(answer.body), "done", "failed", "waiting")
    assert (job["state"], job["verified"]) == ("done", True), job
    assert git(repository.bare, "show", "main:a.txt") == "changed"
    assert git(repository.bare, "show", "-s", "--format=%an: %s", "main") == "Ann Example: Mine"


async def test_what_no_repository_can_do_is_refused_when_asked(ask, jp_root_dir, transfer_app):
    for kind, source, destination in [
        ("sync", "git+https://example.org/x.git", "here"),
        ("sync", "here", "git+https://example.org/x.git"),
        ("copy", "git+https://example.org/x.git", "s3://bucket/x"),
        ("copy", "s3://bucket/x", "git+https://example.org/x.git"),
        ("copy", "https://github.com/owner/name", "s3://bucket/x"),
    ]:
        body = {"kind": kind, "source": source, "destination": destination}
        error = error_of(await ask("jobs", method="POST", json=body))
        assert error["code"] == "bad_request"
        assert "fetched whole" in error["message"]
