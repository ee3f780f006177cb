"""Submodules, on request: where they lie is judged, and none runs anything."""

from __future__ import annotations

import pytest

from ..servers.git import git, running_git

CANARY = "git-submodule-canary-3391"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    with running_git(tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


def modules(repository, **urls: str) -> None:
    """Commit submodules as ``.gitmodules`` and links, whatever their addresses are."""
    text = ""
    for name, url in urls.items():
        text += f'[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n'
    (repository.work / ".gitmodules").write_text(text)
    git(repository.work, "add", ".gitmodules")
    for name in urls:
        link = f"160000,{repository.link},{name}"
        git(repository.work, "update-index", "--add", "--cacheinfo", link)
    git(repository.work, "commit", "-q", "-m", "m")
    repository.push("HEAD")


@pytest.fixture
def part(git_server, request):
    """A repository to be a submodule, with a submodule of its own."""
    number = len(list((git_server.folder / "repos").iterdir()))
    leaf = git_server.repository(f"leaf{number}")
    made = git_server.repository(f"part{number}")
    made.link = leaf.commit({"leaf.txt": b"leaf\n"})
    made.commit({"part.txt": b"part\n"})
    modules(made, leaf=f"../leaf{number}.git")
    made.head = git(made.work, "rev-parse", "HEAD")
    return made


def test_submodules_and_those_within_them(harness, repository, part):
    repository.link = part.head
    modules(repository, one=part.url, two=f"../{part.name}.git")
    outcome = harness.run(repository.address, "here", submodules=True)
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    for name in ("one", "two"):
        assert (clone / name / "part.txt").read_bytes() == b"part\n"
        assert (clone / name / "leaf" / "leaf.txt").read_bytes() == b"leaf\n"
    assert git(clone, "status", "--porcelain") == ""
    assert "-" not in git(clone, "submodule", "status", "--recursive").split(" ")[0]
    assert git(clone, "fsck") == ""
    repository.commit({"a.txt": b"two\n"})
    assert harness.run(repository.address, "here", submodules=True).state == "done"
    assert [code for code, _ in harness.report.notes] == ["left_out"]


def test_not_unless_asked_for(harness, repository, part, git_server):
    repository.link = part.head
    modules(repository, one=part.url)
    git_server.requests.clear()
    assert harness.run(repository.address, "here").state == "done"
    assert git_server.asked(part.name) == []
    assert list((harness.folder / "here" / "one").iterdir()) == []


def test_only_the_origin_of_the_repository_learns_who_asks(
    harness, repository, part, git_server, elsewhere
):
    foreign = elsewhere.repository("foreign")
    repository.link = foreign.commit({"f.txt": b"f\n"})
    elsewhere.requests.clear()
    git_server.user, git_server.password = "ann", CANARY
    modules(repository, foreign=foreign.url)
    options = {"username": "ann", "token": CANARY, "submodules": True}
    outcome = harness.run(repository.address, "here", **options)
    assert (outcome.state, outcome.error) == ("done", None)
    assert elsewhere.requests
    assert not [one for one in elsewhere.requests if "authorization" in one.headers]
    elsewhere.user = "somebody"
    outcome = harness.run(repository.address, "there", **options)
    assert outcome.state == "waiting"
    assert not [one for one in elsewhere.requests if "authorization" in one.headers]
    elsewhere.fresh()


HOSTILE = [
    "ext::sh -c touch% {marker}",
    "file:///etc",
    "/etc",
    "-u./x",
    "--upload-pack=touch {marker}",
    "git@127.0.0.1:x",
    "ssh://-oProxyCommand=touch%20{marker}/x",
    "ssh://127.0.0.1/x",
    "http://169.254.169.254/x.git",
    "http://metadata.google.internal/x.git",
    "../../../../../../-x",
    "./../../..",
    "http://127.0.0.1:1/x.git@main",
    "http://127.0.0.1:1/x.git?y",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_addresses(harness, repository, tmp_path, number):
    marker = tmp_path / "ran"
    repository.link = "1" * 40
    modules(repository, x=HOSTILE[number].replace("{marker}", str(marker)))
    outcome = harness.run(repository.address, "here", submodules=True)
    assert outcome.state == "failed"
    assert outcome.error.code in ("remote_refused", "address_refused", "remote_not_found")
    assert not marker.exists()
    assert harness.names() == []


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "..", "-x"])
def test_hostile_names(harness, repository, part, name):
    repository.link = part.head
    text = f'[submodule "{name}"]\n\tpath = x\n\turl = {part.url}\n'
    repository.commit({".gitmodules": text.encode()})
    git(repository.work, "update-index", "--add", "--cacheinfo", f"160000,{part.head},x")
    git(repository.work, "commit", "-q", "-m", "m")
    repository.push("HEAD")
    outcome = harness.run(repository.address, "here", submodules=True)
    assert (outcome.state, outcome.error.code) == ("failed", "remote_refused")
    assert harness.names() == []


def test_an_update_command_of_the_repository_is_not_run(harness, repository, part, tmp_path):
    marker = tmp_path / "ran"
    repository.link = part.head
    text = f'[submodule "x"]\n\tpath = x\n\turl = {part.url}\n\tupdate = "!touch {marker}"\n'
    repository.commit({".gitmodules": text.encode()})
    git(repository.work, "update-index", "--add", "--cacheinfo", f"160000,{part.head},x")
    git(repository.work, "commit", "-q", "-m", "m")
    repository.push("HEAD")
    harness.run(repository.address, "here", submodules=True)
    assert not marker.exists()
