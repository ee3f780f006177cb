"""Addresses, refs, options, servers, repositories and clones that want git to run or write
something else: none runs anything, and nothing is written outside the folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jupyter_transfer.admission import JobAdmission
from jupyter_transfer.errors import TransferError
from jupyter_transfer.paths import Root
from jupyter_transfer.spec import JobSpec

from ..engine.conftest import LOOPBACK
from ..servers.git import git


@pytest.fixture
def marker(tmp_path, monkeypatch):
    """The file that whatever is run makes; nothing outside the root changes but it."""
    path = tmp_path / "ran"
    monkeypatch.setenv("HOSTILE", "expanded")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield path
    assert not path.exists(), "something was run"
    assert not (Path("/tmp") / "jt-git-escape").exists()


def run_all(harness, address: str, **options):
    """As a job goes: admission first, then the run."""
    root = Root(str(harness.folder))
    admission = JobAdmission(root, LOOPBACK, None, lambda name: True)
    try:
        spec, held = admission.job(JobSpec("fetch", address, "here", options))
    except TransferError as error:
        return error
    finally:
        root.close()
    harness.credential = held.credential
    return harness.run(spec.source, spec.destination, **spec.options).error


@pytest.fixture(scope="module")
def cloned(one_git_server, tmp_path_factory):
    """A repository, and a clone of it that tests copy."""
    repository = one_git_server.repository("cloned")
    repository.commit({"a.txt": b"one\n", "hooks/post-merge": b"#!/bin/sh\nexit 1\n"})
    folder = tmp_path_factory.mktemp("cloned") / "here"
    git(folder.parent, "clone", "-q", repository.url, "here")
    repository.commit({"a.txt": b"two\n"})
    return repository, folder


# ---- addresses ----------------------------------------------------------------------------------

ADDRESSES = [
    "ext::sh -c touch% {marker}",
    "git+ext::sh -c touch% {marker}",
    "git+ext://sh -c touch {marker}",
    "fd::17",
    "git+fd://17",
    "file:///etc/x.git",
    "git+file:///etc/x.git",
    "git://127.0.0.1/x.git",
    "git+git://127.0.0.1/x.git",
    "git+transport::http://127.0.0.1/x.git",
    "git+ssh://-oProxyCommand=touch%20{marker}/x.git",
    "git+ssh://-oProxyCommand=touch {marker}/x.git",
    "git+ssh://127.0.0.1:-oProxyCommand=x/x.git",
    "git+ssh://user@-x/x.git",
    "git+ssh://-oProxyCommand=touch@127.0.0.1/x.git",
    "git+ssh://$(touch {marker})@127.0.0.1:1/x.git",
    "git+ssh://a b@127.0.0.1:1/x.git",
    "git+ssh://127.0.0.1:1/$(touch {marker}).git",
    "git+ssh://127.0.0.1:1/`touch {marker}`.git",
    "git+ssh://127.0.0.1:1/';touch {marker};'.git",
    "git+http://127.0.0.1/--upload-pack=touch {marker}.git",
    "git+http://--upload-pack=touch%20{marker}/x.git",
    "git+http://127.0.0.1:1/x.git --upload-pack=touch",
    "git+http://127.0.0.1:1/x\n.git",
    "git+http://127.0.0.1:1/x%0a.git",
    "git+http://127.0.0.1:1/x%00.git",
    "git+http://127.0.0.1:1/x.git?service=git-receive-pack",
    "git+http://127.0.0.1:1/x.git#--config=core.hooksPath=x",
    "git+http://127.0.0.1:1/\\..\\x.git",
    "git+http:///h/x.git",
    "git+http://127.0.0.1:0/x.git",
    "git+http://[::]/x.git",
    "git+http://169.254.169.254/x.git",
    "git+ssh://169.254.169.254/x.git",
    "http://metadata.google.internal/x.git",
    "git+http://0x7f.1@169.254.169.254/x.git",
    "git+https://100.100.100.200/x.git@main",
    "git+http://127.0.0.1:1/",
    "git+http://127.0.0.1:1/@main",
    "-c core.sshCommand=touch",
    "--upload-pack=touch {marker}",
    "127.0.0.1:x.git",
]


@pytest.mark.parametrize("number", range(len(ADDRESSES)))
def test_hostile_addresses(harness, marker, number):
    address = ADDRESSES[number].replace("{marker}", str(marker))
    error = run_all(harness, address)
    assert error is not None, address
    assert harness.names() == []


def test_variables_in_addresses_are_not_expanded(harness, marker, git_server):
    run_all(harness, f"git+{git_server.url}/$HOSTILE/${{HOSTILE}}/%24HOSTILE.git")
    assert git_server.requests
    assert not [one for one in git_server.requests if "expanded" in one.path]


REFS = [
    "--upload-pack=touch {marker}",
    "-u=touch",
    "-",
    "main --config=core.hooksPath=x",
    "main\n",
    "a..b",
    "main@{1}",
    "refs/heads/../../x",
    "a.lock",
    "/main",
    "main/",
    ".hidden",
    "main~1",
    "main^{commit}",
    "main:evil",
    "+main",
    "$(touch {marker})",
    "`touch {marker}`",
    "a//b",
    "a/-b",
    "\x7f",
    "x" * 300,
    "@",
    "HEAD",
]


@pytest.mark.parametrize("number", range(len(REFS)))
@pytest.mark.parametrize("how", ["address", "option"])
def test_hostile_refs(harness, marker, cloned, how, number):
    ref = REFS[number].replace("{marker}", str(marker))
    address, options = (f"{cloned[0].address}@{ref}", {})
    if how == "option":
        address, options = cloned[0].address, {"ref": ref}
    error = run_all(harness, address, **options)
    assert error is not None
    assert error.code in ("bad_request", "invalid_address", "remote_not_found")
    assert harness.names() == []


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 0},
        {"depth": -1},
        {"depth": "1 --upload-pack=x"},
        {"depth": True},
        {"partial": "blob:none --upload-pack=x"},
        {"include": ["*.txt"]},
        {"sparse": "../../etc"},
        {"sparse": "a\n/**\n!x"},
        {"sparse": "a/.git/hooks"},
        {"upload_pack": "touch"},
        {"config": "core.hooksPath=x"},
        {"username": "a\nb", "token": "x" * 9},
    ],
)
def test_hostile_options(harness, marker, cloned, options):
    error = run_all(harness, cloned[0].address, **options)
    assert error is not None
    assert error.code == "bad_request"
    assert harness.names() == []


# ---- repositories -------------------------------------------------------------------------------


def script(marker) -> str:
    return f"#!/bin/sh\ntouch {marker}\n"


def printed(repository, data: bytes, *command: str) -> str:
    """What a plumbing command of git makes of `data`."""
    done = subprocess.run(
        ["git", *command], cwd=repository.work, input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def blob(repository, data: bytes) -> str:
    return printed(repository, data, "hash-object", "-w", "--stdin")


def raw_tree(repository, *entries: tuple[str, str, bytes | str]) -> None:
    """Commit entries that git itself would not: (mode, name, bytes of a blob or id)."""
    lines = []
    for mode, name, what in entries:
        id = blob(repository, what) if isinstance(what, bytes) else what
        kind = {"40000": "tree", "160000": "commit"}.get(mode, "blob")
        lines.append(f"{mode} {kind} {id}\t{name}")
    tree = printed(repository, "\n".join(lines).encode(), "mktree", "--missing")
    commit = git(repository.work, "commit-tree", "-m", "x", tree)
    repository.push(f"{commit}:refs/heads/main")


def hooks(repository, marker, tmp_path):
    for name in ("post-checkout", "post-merge", "pre-commit", "reference-transaction"):
        for folder in ("hooks", ".githooks"):
            repository.commit({f"{folder}/{name}": script(marker).encode()})


def filters(repository, marker, tmp_path):
    attributes = b"* filter=evil diff=evil merge=evil\n*.txt filter=lfs\n"
    config = f'[filter "evil"]\n\tsmudge = touch {marker}\n\tclean = touch {marker}\n'
    repository.commit({".gitattributes": attributes, ".gitconfig": config.encode()})


def lfs_config(repository, marker, tmp_path):
    config = f'[lfs "customtransfer.x"]\n\tpath = {marker}\n[lfs]\n\tstandalonetransferagent = x\n'
    config += f'[lfs "extension.x"]\n\tsmudge = touch {marker}\n[filter "lfs"]\n\tsmudge = touch\n'
    repository.commit({".lfsconfig": config.encode()})


def links_outside(repository, marker, tmp_path):
    for name, target in [("etc", "/etc"), ("up", "../../.."), ("self", "."), ("ran", str(marker))]:
        os.symlink(target, repository.work / name)
    repository.commit({})


def a_link_that_is_written_through(repository, marker, tmp_path):
    """The tree has a link and a folder of the same name, as CVE-2021-21300 and its kin."""
    line = f"100644 blob {blob(repository, b'escaped')}\tjt-git-escape"
    inner = printed(repository, line.encode(), "mktree")
    raw_tree(repository, ("120000", "A", b"/tmp"), ("40000", "a", inner))


def dot_git_in_the_tree(repository, marker, tmp_path):
    raw_tree(repository, ("100644", ".GIT", b"x"), ("100755", "git~1", script(marker).encode()))


def a_submodule(repository, marker, tmp_path):
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% {marker}\n'
    modules += f"\tupdate = !touch {marker}\n"
    raw_tree(repository, ("100644", ".gitmodules", modules.encode()), ("160000", "x", "1" * 40))


def a_submodule_with_a_name(repository, marker, tmp_path):
    modules = '[submodule "../../evil"]\n\tpath = x\n\turl = -u./x\n'
    raw_tree(repository, ("100644", ".gitmodules", modules.encode()), ("160000", "x", "1" * 40))


def gitmodules_as_a_link(repository, marker, tmp_path):
    raw_tree(repository, ("120000", ".gitmodules", b"/etc/passwd"))


def dots_in_names(repository, marker, tmp_path):
    raw_tree(repository, ("100644", "..", b"x"), ("100644", ".", b"y"))


def a_path_in_a_name(repository, marker, tmp_path):
    raw_tree(repository, ("100644", "back\\slash", b"x"), ("100644", "..\\up", b"y"))


REPOSITORIES = [
    hooks,
    filters,
    lfs_config,
    links_outside,
    a_link_that_is_written_through,
    dot_git_in_the_tree,
    a_submodule,
    a_submodule_with_a_name,
    gitmodules_as_a_link,
    dots_in_names,
    a_path_in_a_name,
]


@pytest.mark.parametrize("make", REPOSITORIES)
def test_hostile_repositories(harness, marker, repository, tmp_path, make):
    make(repository, marker, tmp_path)
    before = {path for path in tmp_path.rglob("*") if harness.folder not in path.parents}
    harness.run(repository.address, "here")
    harness.run(repository.address, "here")
    allowed = {tmp_path / "state"}
    after = {path for path in tmp_path.rglob("*") if harness.folder not in path.parents}
    assert {path for path in after - before if not allowed & {path, *path.parents}} == set()
    assert {path.name for path in harness.folder.iterdir()} <= {"here"}


# ---- clones -------------------------------------------------------------------------------------

SETTINGS = [
    "core.worktree=/tmp/jt-git-escape",
    "core.alternateRefsCommand=touch {marker}",
    "core.gitProxy=touch {marker}",
    "filter.evil.smudge=touch {marker}",
    "filter.evil.clean=touch {marker}",
    "filter.evil.process=touch {marker}",
    "filter.lfs.smudge=touch {marker}",
    "filter.lfs.process=touch {marker}",
    "diff.evil.textconv=touch {marker}",
    "merge.evil.driver=touch {marker}",
    "remote.origin.uploadpack=touch {marker}",
    "remote.origin.vcs=ext",
    "remote.origin.proxy=http://127.0.0.1:1",
    "url.ext::sh -c touch.insteadOf=http",
    "url.http://127.0.0.1:1/.insteadOf=http://127",
    "include.path=/etc/hostile",
    "includeIf.gitdir:/.path=/etc/hostile",
    "http.proxy=http://127.0.0.1:1",
    "http.cookieFile=/etc/passwd",
    "http.saveCookies=true",
    "http.sslVerify=false",
    "branch.main.mergeOptions=--strategy=evil",
    "alias.status=!touch {marker}",
    "alias.lfs=!touch {marker}",
    "lfs.customtransfer.x.path={marker}",
    "lfs.extension.x.smudge=touch {marker}",
    "extensions.worktreeConfig=true",
    "trace2.eventTarget={marker}",
    "submodule.x.update=!touch {marker}",
    "gpg.program=touch {marker}",
    "interactive.diffFilter=touch {marker}",
]

OVERRULED = [
    "core.fsmonitor=touch {marker}",
    "core.hooksPath=hooks",
    "core.sshCommand=touch {marker}",
    "core.askPass=touch {marker}",
    "core.editor=touch {marker}",
    "core.pager=touch {marker}",
    "credential.helper=!touch {marker}",
    "credential.http://127.0.0.1.helper=!touch {marker}",
]


def take(harness, cloned):
    """The clone, in the root."""
    repository, folder = cloned
    subprocess.run(["cp", "-a", str(folder), str(harness.folder / "here")], check=True)
    return repository, harness.folder / "here"


def set_config(clone: Path, setting: str, marker: Path) -> None:
    name, _, value = setting.replace("{marker}", str(marker)).partition("=")
    section, _, rest = name.partition(".")
    sub, _, key = rest.rpartition(".")
    with (clone / ".git" / "config").open("a") as file:
        file.write(f'[{section} "{sub}"]\n' if sub else f"[{section}]\n")
        file.write(f"\t{key} = {value}\n")


@pytest.mark.parametrize("setting", SETTINGS)
def test_hostile_clones_are_left_alone(harness, marker, cloned, setting):
    repository, clone = take(harness, cloned)
    set_config(clone, setting, marker)
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert (clone / "a.txt").read_bytes() == b"one\n"


@pytest.mark.parametrize("setting", OVERRULED)
def test_settings_that_are_overruled(harness, marker, cloned, setting):
    repository, clone = take(harness, cloned)
    set_config(clone, setting, marker)
    (clone / ".git" / "hooks").mkdir(exist_ok=True)
    for name in ("post-merge", "post-checkout", "reference-transaction", "post-index-change"):
        hook = clone / ".git" / "hooks" / name
        hook.write_text(script(marker))
        hook.chmod(0o755)
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    assert (clone / "a.txt").read_bytes() == b"two\n"


def linked_objects(clone, outside):
    (clone / ".git" / "objects").rename(outside / "objects")
    (clone / ".git" / "objects").symlink_to(outside / "objects")


def linked_refs(clone, outside):
    (clone / ".git" / "refs" / "remotes" / "origin").rename(outside / "origin")
    (clone / ".git" / "refs" / "remotes" / "origin").symlink_to(outside / "origin")


def linked_git(clone, outside):
    (clone / ".git").rename(outside / "git")
    (clone / ".git").symlink_to(outside / "git")


def git_file(clone, outside):
    (clone / ".git").rename(outside / "git")
    (clone / ".git").write_text(f"gitdir: {outside / 'git'}\n")


def alternates(clone, outside):
    (clone / ".git" / "objects" / "info").mkdir(exist_ok=True)
    (clone / ".git" / "objects" / "info" / "alternates").write_text(str(outside) + "\n")


def common_dir(clone, outside):
    (clone / ".git" / "commondir").write_text(str(outside))


def linked_config(clone, outside):
    (clone / ".git" / "config").rename(outside / "config")
    (clone / ".git" / "config").symlink_to(outside / "config")


@pytest.mark.parametrize(
    "spoil",
    [linked_objects, linked_refs, linked_git, git_file, alternates, common_dir, linked_config],
)
def test_clones_that_lead_elsewhere(harness, marker, cloned, tmp_path, spoil):
    outside = tmp_path / "outside"
    outside.mkdir()
    repository, clone = take(harness, cloned)
    spoil(clone, outside)
    before = {path: path.stat().st_mtime_ns for path in outside.rglob("*")}
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "conflict")
    assert {path: path.stat().st_mtime_ns for path in outside.rglob("*")} == before


def test_the_destination_may_not_be_a_link_outwards(harness, marker, cloned, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    repository, _ = cloned
    (harness.folder / "here").symlink_to(outside)
    outcome = harness.run(repository.address, "here")
    assert outcome.state == "failed"
    assert list(outside.iterdir()) == []


def test_a_hostile_submodule_of_a_clone_is_not_looked_into(harness, marker, repository, git_server):
    """git asks each submodule whether it was changed, by the configuration that it has there."""
    sub = git_server.repository("hostile-sub")
    sub.commit({"x.txt": b"x\n", ".gitattributes": b"* filter=evil\n"})
    git(repository.work, "submodule", "add", "-q", sub.url, "mod")
    repository.commit({})
    clone = harness.folder / "here"
    git(harness.folder, "clone", "-q", "--recurse-submodules", repository.url, "here")
    module = clone / ".git" / "modules" / "mod" / "config"
    with module.open("a") as file:
        file.write(f'[filter "evil"]\n\tclean = touch {marker}\n\tsmudge = touch {marker}\n')
        file.write(f"[core]\n\tfsmonitor = touch {marker}\n")
    (clone / "mod" / "x.txt").write_bytes(b"changed\n")
    second = repository.commit({"a.txt": b"two\n"})
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    assert git(clone, "rev-parse", "HEAD", HOME="/nonexistent") == second
