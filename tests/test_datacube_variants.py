"""DataCubes end to end, in all their shapes: what arrives is what the documented commands give
(``rclone copy`` and ``sync``, ``git clone`` and ``checkout``, the client of Hugging Face)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyter_transfer import datacube
from jupyter_transfer.cli.local import LocalJob

from .servers import s3
from .servers.git import git, running_git
from .servers.huggingface import TOKEN, running_hub

Files = dict[str, str]

OLD, NEW = 1_600_000_000, 1_700_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An S3 server with a bucket that is never changed, and one for what is sent."""
    with s3.running_rclone(tmp_path_factory.mktemp("s3")) as server:
        client = server.client()
        for bucket in ("data", "sent"):
            client.create_bucket(Bucket=bucket)
        for key, text in {"set/a.csv": "1", "set/b.txt": "2", "set/deep/c.csv": "3"}.items():
            client.put_object(Bucket="data", Key=key, Body=text.encode())
        yield server


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with two commits on master, and a tag on the first."""
    with running_git(tmp_path_factory.mktemp("git")) as server:
        found = server.repository("tool", branch="master")
        found.commit({"read.me": b"one", "sub/x": b"x"})
        git(found.work, "tag", "v1")
        found.push("v1")
        found.commit({"read.me": b"two"})
        yield found


@pytest.fixture(scope="module")
def hub():
    with running_hub() as hub:
        hub.repo("owner/model").commit(
            {"config.json": b"{}", "w.bin": b"weights", "sub/a.json": b"[1]"}
        )
        hub.repo("owner/set", kind="datasets").commit({"a.csv": b"1", "b.csv": b"2"})
        yield hub


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch):
    """Journals and logins of this person are in no one's way."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


def put(folder: Path, files: Files, moment: int = OLD) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (moment, moment))


def tree(folder: Path) -> Files:
    """Files below `folder`, without what clients keep for themselves."""
    hidden = {".git", ".cache", ".jupyter-transfer"}
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not hidden.intersection(path.relative_to(folder).parts)
    }


def option(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value}


def secret(name: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": name}}}


def run(service: dict[str, Any], claim: Path, path: str, executor: Any, secrets: Files) -> None:
    """Do what a DataCube says; `service` has the side that is not the claim."""
    pvc = {"type": "pvc", "pvc": {"name": "demo", "subPath": path}}
    (side,) = service
    spec = {**service, "sink" if side == "source" else "source": pvc, "executor": executor}
    document = {
        "apiVersion": datacube.API_VERSION,
        "kind": datacube.KIND,
        "metadata": {"generateName": "demo-"},
        "spec": spec,
    }
    (transfer,) = datacube.transfers(yaml.safe_dump(document))
    made = transfer.job({"demo": str(claim)}, lambda kind, name, key: secrets[key])
    yes = {"approve": True} if made.kind == "sync" else {}
    job = LocalJob(replace(made, options={**made.options, **yes}))
    for _ in job.updates():
        pass
    assert job.data["state"] == "done", job.data["reason"]


@dataclass(frozen=True)
class Variant:
    """A DataCube of one shape, and the command that its documentation names."""

    options: dict[str, str] = field(default_factory=dict)
    before: Files = field(default_factory=dict)
    """What is in the claim before."""
    executor: dict[str, Any] = field(default_factory=dict)
    path: str = "data"
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


def extra(*arguments: str) -> dict[str, Any]:
    return {"options": {"extraArgs": list(arguments)}}


# ---- S3 -----------------------------------------------------------------------------------------

FROM_S3 = {
    "folder": Variant({"s3-uri": "s3://data/set/"}),
    "folder without a slash": Variant({"s3-uri": "s3://data/set"}),
    "bucket": Variant({"s3-uri": "s3://data"}),
    "one object": Variant({"s3-uri": "s3://data/set/deep/c.csv"}),
    "into all of the claim": Variant({"s3-uri": "s3://data/set/"}, path=""),
    "files that are replaced": Variant(
        {"s3-uri": "s3://data/set/"}, {"data/a.csv": "an older one", "data/own": "x"}
    ),
    "files that are left": Variant(
        {"s3-uri": "s3://data/set/"},
        {"data/a.csv": "an older one"},
        extra("--ignore-existing"),
        arguments=("--ignore-existing",),
    ),
    "some files": Variant(
        {"s3-uri": "s3://data/set/"},
        executor=extra("--include", "*.csv", "--transfers=2"),
        arguments=("--include", "*.csv"),
    ),
    "all but some": Variant(
        {"s3-uri": "s3://data/set/"},
        executor=extra("--exclude=deep/**", "-v"),
        arguments=("--exclude", "deep/**"),
    ),
    "sync": Variant(
        {"s3-uri": "s3://data/set/"},
        {"data/old": "x", "data/deep/old": "x", "other": "y"},
        {"options": {"sync": True, "backoffLimit": 2}},
        command=("sync",),
    ),
}


def s3_service(store, side: str, options: Files) -> dict[str, Any]:
    told = [option("s3-endpoint", store.url), option("s3-access-key-id", s3.KEY)]
    told.append(secret("s3-secret-access-key"))
    told += [option(name, value) for name, value in options.items()]
    return {side: {"type": "s3", "options": told}}


def rclone(store, *command: str) -> None:
    remote = ":s3,provider=Other,env_auth=false:"
    environment = {
        **os.environ,
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_S3_ENDPOINT": store.url,
        "RCLONE_S3_ACCESS_KEY_ID": s3.KEY,
        "RCLONE_S3_SECRET_ACCESS_KEY": s3.SECRET,
    }
    words = [word.replace("s3://", remote) for word in command]
    subprocess.run([s3.program("rclone"), *words], check=True, env=environment, capture_output=True)


@pytest.mark.parametrize("variant", FROM_S3.values(), ids=FROM_S3)
def test_from_s3(store, tmp_path, variant):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
        put(folder, variant.before)
    service = s3_service(store, "source", variant.options)
    run(service, ours, variant.path, variant.executor, {"s3-secret-access-key": s3.SECRET})
    command = variant.command or ("copy",)
    uri = variant.options["s3-uri"]
    rclone(store, *command, uri, str(theirs / variant.path), *variant.arguments)
    assert tree(ours) == tree(theirs)
    assert len(tree(ours)) > 0


TO_S3 = {
    "folder": Variant({"s3-uri": "s3://sent/{}/out"}),
    "folder with a slash, unchecked": Variant(
        {"s3-uri": "s3://sent/{}/out/", "s3-no-check-bucket": "true"}
    ),
    "one file": Variant({"s3-uri": "s3://sent/{}/out"}, path="data/a.csv"),
    "some files": Variant(
        {"s3-uri": "s3://sent/{}/out"},
        executor=extra("--exclude", "*.tmp"),
        arguments=("--exclude", "*.tmp"),
    ),
}


@pytest.mark.parametrize("variant", TO_S3.values(), ids=TO_S3)
def test_to_s3(store, tmp_path, request, variant):
    put(tmp_path / "claim", {"data/a.csv": "1", "data/sub/b.csv": "2", "data/x.tmp": "3"}, NEW)
    place = "".join(c for c in request.node.name if c.isalnum())
    options = {name: text.format(f"{place}/ours") for name, text in variant.options.items()}
    service = s3_service(store, "sink", options)
    secrets = {"s3-secret-access-key": s3.SECRET}
    run(service, tmp_path / "claim", variant.path, variant.executor, secrets)
    uri = variant.options["s3-uri"].format(f"{place}/theirs")
    rclone(store, "copy", str(tmp_path / "claim" / variant.path), uri, *variant.arguments)
    for whose in ("ours", "theirs"):
        rclone(store, "copy", f"s3://sent/{place}/{whose}", str(tmp_path / whose))
    assert tree(tmp_path / "ours") == tree(tmp_path / "theirs")
    assert len(tree(tmp_path / "ours")) > 0


# ---- git ----------------------------------------------------------------------------------------

FROM_GIT: dict[str, Variant] = {
    "the branch master": Variant(),
    "a tag": Variant({"ref": "v1"}),
    "a commit": Variant({"ref": "master~1"}),
    "one commit deep": Variant(executor=extra("--depth", "1"), path=""),
}


@pytest.mark.parametrize("variant", FROM_GIT.values(), ids=FROM_GIT)
def test_from_git(repository, tmp_path, variant):
    (tmp_path / "ours").mkdir()
    ref = git(repository.work, "rev-parse", variant.options.get("ref", "master")).strip()
    options = [option("url", repository.url)]
    if "ref" in variant.options:
        named = variant.options["ref"]
        options.append(option("ref", ref if "~" in named else named))
    service = {"source": {"type": "git", "options": options}}
    run(service, tmp_path / "ours", variant.path, variant.executor, {})
    git(tmp_path, "clone", "--quiet", repository.url, "theirs")
    git(tmp_path / "theirs", "checkout", "--quiet", ref)
    assert tree(tmp_path / "ours" / variant.path / "tool") == tree(tmp_path / "theirs")


def test_a_clone_is_brought_up_to_date(repository, tmp_path):
    service = {"source": {"type": "git", "options": [option("url", repository.url)]}}
    git(tmp_path, "clone", "--quiet", "--branch=master", repository.url, "tool")
    git(tmp_path / "tool", "reset", "--quiet", "--hard", "v1")
    assert tree(tmp_path / "tool")["read.me"] == "one"
    run(service, tmp_path, "", {}, {})
    assert tree(tmp_path / "tool")["read.me"] == "two"


def test_to_git(tmp_path):
    with running_git(tmp_path / "git") as server:
        found = server.repository("tool", branch="master")
        found.commit({"read.me": b"one"})
        git(tmp_path, "clone", "--quiet", found.url, "claim/code/tool")
        clone = tmp_path / "claim" / "code" / "tool"
        put(clone, {"new": "x"})
        git(clone, "add", "-A")
        git(clone, "commit", "--quiet", "-m", "more")
        server.user, server.password = "oauth2", "a-token-of-git"
        url = found.url.replace("http://", "http://oauth2:$(TOKEN)@")
        options = [secret("token"), option("url", url)]
        service = {"sink": {"type": "git", "options": options}}
        run(service, tmp_path / "claim", "code", {}, {"token": "a-token-of-git"})
        pushed = git(found.bare, "rev-parse", "master")
        assert pushed == git(clone, "rev-parse", "HEAD")
        assert "a-token-of-git" not in (clone / ".git" / "config").read_text()


# ---- Hugging Face -------------------------------------------------------------------------------

CLIENT = """
import json, sys
from huggingface_hub import HfApi, snapshot_download
for act, repo, path, more in json.load(sys.stdin):
    kind = "dataset" if repo == "owner/set" else "model"
    if act == "get":
        snapshot_download(repo, repo_type=kind, local_dir=path, allow_patterns=more or None)
        continue
    HfApi().create_repo(repo, exist_ok=True)
    if act == "folder":
        HfApi().upload_folder(repo_id=repo, folder_path=path, path_in_repo=more)
    else:
        HfApi().upload_file(repo_id=repo, path_or_fileobj=path, path_in_repo=more)
"""


@pytest.fixture(scope="module")
def judged(hub, tmp_path_factory):
    """A folder in which the official client has done all variants, by their names; it has sent
    what is in ``claim`` to repositories whose names begin with ``theirs``."""
    work = tmp_path_factory.mktemp("client")
    acts: list[Any] = []
    for name, (variant, repo) in FROM_HUB.items():
        put(work / name, BEFORE)
        acts.append(["get", repo, str(work / name / "data"), variant.arguments])
    put(work / "claim", SENT)
    for name, (act, place, path) in TO_HUB.items():
        acts.append([act, f"me/theirs-{plain(name)}", str(work / "claim" / path), place])
    environment = {
        **os.environ,
        "HF_HOME": str(work / "home"),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    command = [sys.executable, "-c", CLIENT]
    done = subprocess.run(
        command,
        check=False,
        env=environment,
        input=json.dumps(acts),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return work


def plain(name: str) -> str:
    return name.replace(" ", "-")


def hub_service(side: str, repo: str, options: Files) -> dict[str, Any]:
    told = [secret("token"), option("repo", repo)]
    told += [option(name, value) for name, value in options.items()]
    return {side: {"type": "huggingface", "options": told}}


WHOSE = ("ours", "theirs")
BEFORE = {"data/config.json": "an older one"}
FROM_HUB = {
    "all files": (Variant(), "owner/model"),
    "named files": (
        Variant({"files": "config.json, sub/a.json"}, arguments=("config.json", "sub/a.json")),
        "owner/model",
    ),
    "a dataset, some files": (
        Variant(
            executor=extra("--repo-type", "dataset", "--include", "a*", "--cache-dir=/tmp/x"),
            arguments=("a*",),
        ),
        "owner/set",
    ),
}


@pytest.mark.parametrize("name", FROM_HUB)
def test_from_hugging_face(hub, judged, tmp_path, name):
    variant, repo = FROM_HUB[name]
    put(tmp_path, BEFORE)
    executor = {**variant.executor, "env": [option("HF_ENDPOINT", hub.url)]}
    service = hub_service("source", repo, variant.options)
    run(service, tmp_path, "data", executor, {"token": TOKEN})
    assert tree(tmp_path / "data") == tree(judged / name / "data")


SENT = {"data/w.bin": "weights", "data/conf/a.json": "{}"}
TO_HUB = {
    "folder": ("folder", "sub", "data"),
    "folder into all of it": ("folder", ".", "data"),
    "one file": ("file", "sub/weights.bin", "data/w.bin"),
}


@pytest.mark.parametrize("name", TO_HUB)
def test_to_hugging_face(hub, judged, tmp_path, name):
    _, place, path = TO_HUB[name]
    put(tmp_path / "claim", SENT)
    executor = {"env": [option("HF_ENDPOINT", hub.url)]}
    options = {"path-in-repo": place, "commit-message": "New weights"}
    service = hub_service("sink", f"me/ours-{plain(name)}", options)
    run(service, tmp_path / "claim", path, executor, {"token": TOKEN})
    ours, theirs = (
        {path: blob.data for path, blob in repo.commits[repo.refs["main"]].items()}
        for repo in (hub.repos["models", f"me/{whose}-{plain(name)}"] for whose in WHOSE)
    )
    assert ours == theirs
