"""``apply`` and ``export``: files of transfers, run against real servers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..servers import s3
from ..servers.git import running_git
from ..servers.huggingface import TOKEN as TOKEN_OF_HUB
from ..servers.huggingface import running_hub
from ..servers.jupyter import TOKEN, running_jupyter


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An S3 server and the folder of its buckets."""
    work = tmp_path_factory.mktemp("s3")
    with s3.running_rclone(work) as server:
        server.client().create_bucket(Bucket="bucket")
        yield server, work / "rclone" / "bucket"


@pytest.fixture
def secrets(shell, store) -> Path:
    """A folder of mounted secrets."""
    folder = shell.home / "secrets"
    for name, key, text in (
        ("s3-env", "endpoint", store[0].url),
        ("s3-env", "accessKeyID", s3.KEY),
        ("s3-env", "secretAccessKey", s3.SECRET),
        ("git", "token", "a-token-of-git"),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / key).write_text(text)
    return folder


def s3_options(uri: str) -> list[dict[str, Any]]:
    keys = {
        "s3-endpoint": "endpoint",
        "s3-access-key-id": "accessKeyID",
        "s3-secret-access-key": "secretAccessKey",
    }
    options: list[dict[str, Any]] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "s3-env", "key": key}}}
        for name, key in keys.items()
    ]
    return [*options, {"name": "s3-uri", "value": uri}]


def cube(source: Any, sink: Any, executor: Any = None) -> dict[str, Any]:
    return {
        "apiVersion": "tensorstack.dev/v1beta1",
        "kind": "DataCube",
        "metadata": {"name": "demo"},
        "spec": {"source": source, "sink": sink, **({"executor": executor} if executor else {})},
    }


def pvc(path: str = "") -> dict[str, Any]:
    return {"type": "pvc", "pvc": {"name": "demo", "subPath": path}}


@pytest.fixture
def apply(shell, secrets):
    """Run ``apply`` on documents, with the claim in the folder ``claim``."""
    (shell.folder / "claim").mkdir()

    def run(*documents: dict[str, Any], flags: tuple[str, ...] = ()):
        (shell.folder / "x.yaml").write_text(yaml.safe_dump_all(documents))
        where = ["--map", "demo=claim", "--secrets", str(secrets)]
        return shell.run("apply", "-f", "x.yaml", *where, *flags)

    return run


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_700_000_000, 1_700_000_000))


def upload(store, folder: str, **files: str) -> None:
    """Put objects there by S3, for the server remembers what lies in its folders."""
    for name, text in files.items():
        key = folder + name.replace("__", "/")
        store[0].client().put_object(Bucket="bucket", Key=key, Body=text.encode())


def test_a_folder_comes_from_s3_and_goes_back(apply, shell, store):
    upload(store, "set/", a="1", sub__b="2")
    down = cube({"type": "s3", "options": s3_options("s3://bucket/set/")}, pvc("data"))
    done = apply(down)
    assert done.returncode == 0, done.stderr
    assert tree(shell.folder / "claim") == {"data/a": b"1", "data/sub/b": b"2"}
    options = [*s3_options("s3://bucket/out"), {"name": "s3-no-check-bucket", "value": "true"}]
    done = apply(cube(pvc("data"), {"type": "s3", "options": options}))
    assert done.returncode == 0, done.stderr
    assert tree(store[1] / "out") == {"a": b"1", "sub/b": b"2"}


def test_one_object_lands_in_the_folder(apply, shell, store):
    upload(store, "", one="1")
    done = apply(cube({"type": "s3", "options": s3_options("s3://bucket/one")}, pvc()))
    assert done.returncode == 0, done.stderr
    assert tree(shell.folder / "claim") == {"one": b"1"}


def test_a_sync_wants_a_yes(apply, shell, store):
    upload(store, "sync/", a="1")
    put(shell.folder / "claim" / "data", old="x")
    document = cube(
        {"type": "s3", "options": s3_options("s3://bucket/sync/")},
        pvc("data"),
        {"options": {"sync": True}},
    )
    assert apply(document).returncode == 4
    assert tree(shell.folder / "claim") == {"data/old": b"x"}
    assert apply(document, flags=("--yes",)).returncode == 0
    assert tree(shell.folder / "claim") == {"data/a": b"1"}


def test_a_repository_is_cloned(apply, shell, tmp_path):
    with running_git(tmp_path / "git") as server:
        repository = server.repository("tool", branch="master")
        repository.commit({"read.me": b"hello"})
        server.user, server.password = "oauth2", "a-token-of-git"
        url = repository.url.replace("http://", "http://oauth2:$(TOKEN)@")
        token = {"secretKeyRef": {"name": "git", "key": "token"}}
        options = [{"name": "token", "valueFrom": token}, {"name": "url", "value": url}]
        done = apply(cube({"type": "git", "options": options}, pvc("code")))
        assert done.returncode == 0, done.stderr
        assert tree(shell.folder / "claim") == {"code/tool/read.me": b"hello"}
        config = (shell.folder / "claim/code/tool/.git/config").read_text()
        assert "a-token-of-git" not in config + done.stderr + done.stdout


@pytest.mark.parametrize("files", [None, "config.json, w[1].bin"])
def test_a_model_comes_from_hugging_face(apply, shell, files):
    with running_hub() as hub:
        repo = hub.repo("owner/model", private=True, members={"me"})
        repo.commit({"config.json": b"{}", "w[1].bin": b"weights", "README.md": b"read"})
        token = {"valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
        options = [{"name": "token", **token}, {"name": "repo", "value": "owner/model"}]
        if files is not None:
            options.append({"name": "files", "value": files})
        secret = shell.home / "secrets" / "hf" / "token"
        secret.parent.mkdir()
        secret.write_text(TOKEN_OF_HUB)
        executor = {"env": [{"name": "HF_ENDPOINT", "value": hub.url}]}
        done = apply(cube({"type": "huggingface", "options": options}, pvc("m"), executor))
        assert done.returncode == 0, done.stderr
        assert TOKEN_OF_HUB not in done.stderr + done.stdout
    wanted = {"m/config.json": b"{}", "m/w[1].bin": b"weights"}
    if files is None:
        wanted["m/README.md"] = b"read"
    assert tree(shell.folder / "claim") == wanted


def test_the_status_is_written(apply, shell, store):
    upload(store, "", there="1")
    good = cube({"type": "s3", "options": s3_options("s3://bucket/there")}, pvc())
    bad = cube({"type": "s3", "options": s3_options("s3://bucket/not-there")}, pvc())
    done = apply(good, bad, flags=("--status", "status.yaml"))
    assert done.returncode == 1
    told = list(yaml.safe_load_all((shell.folder / "status.yaml").read_text()))
    assert [one["status"]["phase"] for one in told] == ["Complete", "Failed"]
    assert told[0]["spec"] == good["spec"]
    assert s3.SECRET not in (shell.folder / "status.yaml").read_text()


def test_the_status_is_written_where_nothing_began(apply, shell, store):
    good = cube({"type": "s3", "options": s3_options("s3://bucket/there")}, pvc())
    bad = cube({"type": "git", "options": [{"name": "url", "value": "https://h/.."}]}, pvc())
    done = apply(good, bad, flags=("--status", "status.yaml"))
    assert done.returncode == 1
    told = list(yaml.safe_load_all((shell.folder / "status.yaml").read_text()))
    assert [one["status"]["phase"] for one in told] == ["Pending", "Failed"]
    assert told[1]["status"]["conditions"][1]["reason"] == "bad_request"
    assert tree(shell.folder / "claim") == {}


def test_the_schema_is_printed(shell):
    done = shell.run("apply", "--schema")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["properties"]["kind"] == {"const": "Transfer"}


def test_a_deadline(apply, shell, store):
    upload(store, "", long="x" * (32 << 20))
    document = cube(
        {"type": "s3", "options": s3_options("s3://bucket/long")},
        pvc(),
        {"options": {"activeDeadlineSeconds": 1, "extraArgs": ["--bwlimit", "1M"]}},
    )
    done = apply(document)
    assert done.returncode == 1
    assert "longer than its 1 seconds" in done.stderr
    assert tree(shell.folder / "claim") == {} or all(
        ".jupyter-transfer" in name for name in tree(shell.folder / "claim")
    )


def test_what_is_missing_is_said(shell, apply):
    document = cube({"type": "s3", "options": s3_options("s3://bucket/x")}, pvc())
    (shell.folder / "x.yaml").write_text(yaml.safe_dump(document))
    done = shell.run("apply", "-f", "x.yaml")
    assert done.returncode == 1
    assert "--map demo=DIR" in done.stderr
    done = shell.run("apply", "-f", "x.yaml", "--map", "demo=claim")
    assert done.returncode == 4
    assert "--secrets" in done.stderr


def test_a_file_of_our_own(shell, apply, nginx):
    put(nginx.files, applied="1")
    spec = {"source": f"{nginx.url}/applied", "destination": "claim/x"}
    document = {"apiVersion": "jupyter-transfer/v1", "kind": "Transfer", "spec": spec}
    done = apply(document)
    assert done.returncode == 0, done.stderr
    assert tree(shell.folder / "claim") == {"x": b"1"}
    planned = apply(document, flags=("--dry-run", "--json"))
    assert json.loads(planned.stdout)["plan"]["skip"] == 1


@pytest.mark.parametrize(
    "document",
    [
        {"apiVersion": "v1", "kind": "Pod"},
        {"apiVersion": "jupyter-transfer/v1", "kind": "Transfer"},
        {"apiVersion": "jupyter-transfer/v1", "kind": "Transfer", "spec": {}, "more": 1},
        {
            "apiVersion": "jupyter-transfer/v1",
            "kind": "Transfer",
            "spec": {"source": "https://h/x", "options": {"token": "in-clear"}},
        },
    ],
)
def test_what_is_no_transfer(apply, document):
    done = apply(document)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "in-clear" not in done.stderr


def test_a_job_of_a_server_is_exported(shell, tmp_path, store):
    upload(store, "", exported="1")
    with running_jupyter(tmp_path / "jupyter") as server:
        shell.variables["JUPYTER_RUNTIME_DIR"] = str(server.work / "runtime")
        options = {
            "endpoint": store[0].url,
            "access_key_id": s3.KEY,
            "secret_access_key": s3.SECRET,
        }
        body = {"source": "s3://bucket/exported", "destination": "data/", "options": options}
        status, job = server.ask("jobs", "POST", body=body)
        assert status == 201
        done = shell.run("export", job["id"], "--claim", "demo")
        assert done.returncode == 0, done.stderr
        assert s3.SECRET not in done.stdout
        document = yaml.safe_load(done.stdout)
        assert document["spec"]["sink"] == pvc("data")
        assert TOKEN not in done.stdout
