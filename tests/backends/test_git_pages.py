"""Pages of GitHub, GitLab and Gitee are the repositories that they show."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends import find, git_pages
from jupyter_transfer.backends.git_place import Place
from jupyter_transfer.backends.git_refs import Refs
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError

from ..servers.git import git

GITHUB = "https://github.com/owner/name.git"
GROUP = "https://gitlab.com/g/sub/name.git"
OWN = "https://git.example.org/g/name.git"
GITEE = "https://gitee.com/owner/name.git"


@pytest.mark.parametrize(
    ("page", "repository", "rest"),
    [
        ("https://github.com/owner/name", GITHUB, None),
        ("https://www.github.com/owner/name/", GITHUB, None),
        ("http://github.com/owner/name?tab=readme-ov-file#use", GITHUB, None),
        ("https://github.com/owner/name/tree/main", GITHUB, "main"),
        ("https://github.com/owner/name/tree/feature/x%20y", GITHUB, "feature/x y"),
        ("https://gitlab.com/g/name", "https://gitlab.com/g/name.git", None),
        ("https://gitlab.com/g/sub/name", GROUP, None),
        (
            "https://gitlab.com/g/sub/name/-/tree/v1/docs",
            GROUP,
            "v1/docs",
        ),
        (
            "https://git.example.org/g/name/-/tree/main",
            "https://git.example.org/g/name.git",
            "main",
        ),
        ("https://gitee.com/owner/name/tree/master/", GITEE, "master"),
    ],
)
def test_pages(page, repository, rest):
    assert find(page).name == "git"
    place = Place.parse(page)
    assert (str(place.url), place.page, place.ref) == (repository, rest, None)
    assert place.is_same(repository)
    assert place.name == "name"


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/owner",
        "https://github.com/owner/name/blob/main/a.csv",
        "https://github.com/owner/name/raw/main/a.csv",
        "https://github.com/owner/name/releases/download/v1/x.zip",
        "https://github.com/owner/name/archive/refs/heads/main.zip",
        "https://github.com/owner/name/tree",
        "https://github.com/orgs/x/repositories",
        "https://github.com/settings/tokens",
        "https://github.com:8443/owner/name",
        "https://raw.githubusercontent.com/owner/name/main/a.csv",
        "https://gitlab.com/explore/projects",
        "https://gitlab.com/g/name/-/raw/main/a.csv",
        "https://gitee.com/explore/all",
        "https://example.org/owner/name",
        "https://github.com.example.org/owner/name",
    ],
)
def test_other_pages_are_files(address):
    assert find(address).name == "http"


def test_the_longest_name_is_meant():
    refs = Refs({"refs/heads/a": "1" * 40, "refs/heads/a/b": "2" * 40, "refs/tags/v1": "3" * 40})
    assert refs.ref_of_page("a/b/docs") == "a/b"
    assert refs.ref_of_page("v1") == "v1"
    assert refs.ref_of_page("4" * 40 + "/x") == "4" * 40
    with pytest.raises(TransferError) as caught:
        refs.ref_of_page("c/d")
    assert caught.value.code == "remote_not_found"


def test_a_page_is_probed_and_cloned(harness, repository, git_server, monkeypatch):
    git(repository.work, "switch", "-q", "-c", "feature/x")
    head = repository.commit({"a.txt": b"two\n"}, push="feature/x")
    split = lambda host, parts: ([repository.name], parts[2:]) if len(parts) > 1 else None  # noqa: E731
    monkeypatch.setattr(git_pages, "_split", split)
    monkeypatch.setattr(git_pages, "_SCHEME", "http")
    page = f"{git_server.url}/{repository.name}/tree/feature/x/sub"
    about = preview(page, harness.context({}))["about"]
    assert (about["kind"], about["revision"], about["commit"]) == ("branch", "feature/x", head)
    outcome = harness.run(page, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    assert git(harness.folder / "here", "rev-parse", "HEAD") == head
    assert git(harness.folder / "here", "remote", "get-url", "origin") == repository.url
