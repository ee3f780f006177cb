"""Fixtures of the tests of git: one server for a module, a repository for each test."""

from __future__ import annotations

import hashlib

import pytest

from ..servers.git import running_git

FIRST = {"a.txt": b"one\n", "sub/b.txt": b"b\n", "other/c.txt": b"c\n"}


@pytest.fixture(scope="module")
def one_git_server(tmp_path_factory):
    with running_git(tmp_path_factory.mktemp("git")) as running:
        yield running


@pytest.fixture
def git_server(one_git_server):
    one_git_server.fresh()
    yield one_git_server
    one_git_server.fresh()


@pytest.fixture
def repository(git_server, request):
    """A repository with one commit, whose id is `first`."""
    made = git_server.repository("r" + hashlib.sha1(request.node.name.encode()).hexdigest()[:12])
    made.first = made.commit(FIRST)
    return made
