"""``POST jobs/apply``: files of transfers as jobs of the server, with secrets of Kubernetes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import error_of
from ..servers import s3
from ..servers.git import running_git
from ..servers.kubernetes import NAMESPACE, running_kubernetes

TOKEN_OF_GIT = "a-token-of-git"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An S3 server with a bucket."""
    with s3.running_rclone(tmp_path_factory.mktemp("s3")) as server:
        client = server.client()
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="set/a", Body=b"1")
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with running_kubernetes(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running, store, monkeypatch):
    """The cluster that the server runs in; it knows how to get at S3."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    keys = {"endpoint": store.url, "accessKeyID": s3.KEY, "secretAccessKey": s3.SECRET}
    running.secrets = {"s3-env": keys}
    running.forbidden = set()
    return running


@pytest.fixture
def jp_server_config(jp_server_config, cluster, tmp_path) -> dict[str, Any]:
    (tmp_path / "mounted").mkdir()
    jp_server_config["TransferApp"] |= {
        "pvc_map": {"demo": "claims/demo", "whole": ""},
        "secret_dirs": [str(tmp_path / "mounted")],
        "service_account_dir": str(cluster.account),
    }
    return jp_server_config


@pytest.fixture
def apply(ask):
    """Post documents to ``jobs/apply``."""

    async def post(*documents: dict[str, Any], **fields: Any):
        body = {"text": yaml.safe_dump_all(documents), **fields}
        return await ask("jobs", "apply", method="POST", json=body)

    return post


@pytest.fixture
def plan(apply):
    """What documents would do."""

    async def dry(*documents: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
        response = await apply(*documents, dry_run=True, **fields)
        assert response.code == 200, response.body
        return json.loads(response.body)["transfers"]

    return dry


def secret(key: str, name: str = "s3-env") -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def from_s3(uri: str = "s3://bucket/set/", claim: str = "demo", **executor: Any) -> dict[str, Any]:
    options = [
        {"name": "s3-endpoint", **secret("endpoint")},
        {"name": "s3-access-key-id", **secret("accessKeyID")},
        {"name": "s3-secret-access-key", **secret("secretAccessKey")},
        {"name": "s3-uri", "value": uri},
    ]
    sink = {"type": "pvc", "pvc": {"name": claim, "subPath": "data"}}
    return cube({"type": "s3", "options": options}, sink, **executor)


def cube(source: Any, sink: Any, **executor: Any) -> dict[str, Any]:
    spec = {"source": source, "sink": sink, **({"executor": executor} if executor else {})}
    return {
        "apiVersion": "tensorstack.dev/v1beta1",
        "kind": "DataCube",
        "metadata": {"name": "down"},
        "spec": spec,
    }


def own(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "jupyter-transfer/v1", "kind": "Transfer", "spec": spec}


async def test_what_a_file_would_do(plan, store, jp_root_dir, tmp_path):
    document = from_s3(resources={"limits": {"cpu": 1}})
    first, second = await plan(document, own(source="https://example.org/x"))
    assert first["job"] == {
        "kind": "fetch",
        "source": "s3://bucket/set/",
        "destination": "claims/demo/data/",
        "options": {
            "endpoint": store.url,
            "access_key_id": s3.KEY,
            "secret_access_key": "kubernetes:secret/s3-env/secretAccessKey",
            "conflict": "overwrite",
        },
        "priority": 0,
    }
    assert (first["name"], first["form"], first["claim"]) == ("down", "DataCube", "demo")
    assert (first["folder"], first["missing"], first["error"]) == ("claims/demo", [], None)
    assert first["ignored"] == ["resources"]
    assert "“resources” is ignored" in first["notices"][0]
    assert (second["form"], second["job"]["source"]) == ("Transfer", "https://example.org/x")
    assert list(Path(jp_root_dir).iterdir()) == []
    # A claim that nobody knows.
    (told,) = await plan(from_s3(claim="other"))
    assert told["error"]["detail"] == {"claim": "other"}
    assert "pvc_map" in told["error"]["remedy"]
    (told,) = await plan(from_s3(claim="other"), claims={"other": "here"})
    assert told["job"]["destination"] == "here/data/"
    (told,) = await plan(from_s3(claim="other"), claims={"other": "../out"})
    assert told["error"]["code"] == "invalid_path"


async def test_a_file_makes_jobs_with_secrets_of_the_cluster(apply, reaches, jp_root_dir):
    response = await apply(from_s3())
    assert response.code == 201
    (job,) = json.loads(response.body)["jobs"]
    job = await reaches(job, "done", "failed", "waiting")
    assert job["state"] == "done", job["reason"]
    assert (Path(jp_root_dir) / "claims/demo/data/a").read_bytes() == b"1"
    assert s3.SECRET not in json.dumps(job) + response.body.decode()


async def test_mounted_secrets_come_first(apply, reaches, cluster, tmp_path):
    folder = tmp_path / "mounted" / "s3-env"
    folder.mkdir()
    for key, text in cluster.secrets["s3-env"].items():
        (folder / key).write_text(text)
    cluster.secrets = {}
    response = await apply(from_s3(claim="whole"))
    (job,) = json.loads(response.body)["jobs"]
    assert job["destination"] == "data/"
    assert (await reaches(job, "done", "failed", "waiting"))["state"] == "done"


async def test_a_token_in_an_address(apply, reaches, cluster, tmp_path, jp_root_dir):
    with running_git(tmp_path / "git") as server:
        repository = server.repository("tool", branch="master")
        repository.commit({"read.me": b"hello"})
        server.user, server.password = "oauth2", TOKEN_OF_GIT
        cluster.secrets["git"] = {"token": TOKEN_OF_GIT}
        url = repository.url.replace("http://", "http://oauth2:$(TOKEN)@")
        options = [{"name": "token", **secret("token", "git")}, {"name": "url", "value": url}]
        sink = {"type": "pvc", "pvc": {"name": "demo"}}
        response = await apply(cube({"type": "git", "options": options}, sink))
        (job,) = json.loads(response.body)["jobs"]
        assert job["options"]["token"] == "kubernetes:secret/git/token"
        assert "credential" not in job["options"]
        job = await reaches(job, "done", "failed", "waiting")
        assert job["state"] == "done", job["reason"]
    assert (Path(jp_root_dir) / "claims/demo/tool/read.me").read_bytes() == b"hello"


async def test_what_the_cluster_refuses_is_waited_for_and_entered(apply, reaches, act, cluster):
    cluster.secrets["other"] = {"endpoint": cluster.secrets["s3-env"]["endpoint"]}
    document = from_s3()
    options = document["spec"]["source"]["options"]
    options[0] = {"name": "s3-endpoint", **secret("endpoint", "other")}
    options[1] = {"name": "s3-access-key-id", "value": s3.KEY}
    cluster.forbidden = {f"/api/v1/namespaces/{NAMESPACE}/secrets/s3-env"}
    response = await apply(document)
    assert response.code == 201, response.body
    (job,) = json.loads(response.body)["jobs"]
    job = await reaches(job, "done", "failed", "waiting")
    assert job["state"] == "waiting"
    assert job["reason"]["code"] == "needs_credentials"
    assert job["reason"]["detail"]["options"] == ["secret_access_key"]
    assert "403" in job["reason"]["message"]
    await act(job, action="resume", options={"secret_access_key": s3.SECRET})
    assert (await reaches(job, "done", "failed"))["state"] == "done"


async def test_what_a_person_enters_counts_most(plan, apply, reaches, cluster, store):
    cluster.secrets = {}
    (told,) = await plan(from_s3())
    names = ["endpoint", "accessKeyID", "secretAccessKey"]
    assert told["missing"] == [f"secret/s3-env/{name}" for name in names]
    assert told["error"]["code"] == "needs_credentials"
    assert error_of(await apply(from_s3()))["code"] == "needs_credentials"
    entered = dict(zip(told["missing"], (store.url, s3.KEY, s3.SECRET), strict=True))
    (told,) = await plan(from_s3(), secrets=entered)
    assert (told["missing"], told["error"]) == ([], None)
    assert s3.SECRET not in json.dumps(told)
    response = await apply(from_s3(), secrets=entered)
    (job,) = json.loads(response.body)["jobs"]
    assert job["options"]["credential"] == "memory"
    assert s3.SECRET not in response.body.decode()
    assert (await reaches(job, "done", "failed", "waiting"))["state"] == "done"


WRONG = [
    ([], "object"),
    ({}, "text"),
    ({"text": 5}, "text"),
    ({"text": "a: b", "surprise": 1}, "surprise"),
    ({"text": "{"}, "YAML"),
    ({"text": ""}, "no transfer"),
    ({"text": "kind: Pod"}, "Pod"),
    ({"text": "kind: DataCube"}, "apiVersion"),
    ({"text": "x", "dry_run": 1}, "dry_run"),
    ({"text": "x", "claims": {"a": 1}}, "claims"),
    ({"text": "x", "secrets": ["a"]}, "secrets"),
    ({"text": "x", "secrets": {"a": "x" * 70_000}}, "secrets"),
    ({"text": yaml.safe_dump(from_s3(options={"extraArgs": ["--config=/x"]}))}, "--config"),
    ({"text": yaml.safe_dump(own(source="https://h/x", options={"token": "clear"}))}, "token"),
    ({"text": yaml.safe_dump(own(source="https://h/x", options={"dry_run": True}))}, "dry_run"),
]


async def test_all_jobs_of_a_file_or_none(apply, ask):
    response = await apply(own(source="https://example.org/x"), own(source="gopher://h/x"))
    error = error_of(response)
    assert (error["code"], error["detail"]["transfer"]) == ("unsupported_scheme", 1)
    for body, told in WRONG:
        response = await ask("jobs", "apply", method="POST", json=body)
        assert response.code == 400, body
        assert told in error_of(response)["message"]
    assert json.loads((await ask("jobs")).body)["jobs"] == []


@pytest.fixture
def forbid(jp_serverapp, monkeypatch):
    """Take a permission from everybody."""
    allowed = jp_serverapp.authorizer.is_authorized

    def refuse(*permission: str) -> None:
        def is_authorized(handler, user, action, resource):
            return (action, resource) != permission and allowed(handler, user, action, resource)

        monkeypatch.setattr(jp_serverapp.authorizer, "is_authorized", is_authorized)

    return refuse


async def test_who_runs_no_code_here_gets_no_secrets_but_may_enter_some(
    forbid, plan, apply, reaches, cluster, store
):
    forbid("execute", "kernels")
    cluster.asked.clear()
    (told,) = await plan(from_s3())
    assert len(told["missing"]) == 3
    assert told["error"]["code"] == "needs_credentials"
    assert (await apply(from_s3())).code == 401
    for reference in ("kubernetes:secret/a/b", "env:HOME"):
        response = await apply(own(source="https://h/x", options={"password": reference}))
        assert response.code == 403
    assert cluster.asked == []
    values = (store.url, s3.KEY, s3.SECRET)
    response = await apply(from_s3(), secrets=dict(zip(told["missing"], values, strict=True)))
    (job,) = json.loads(response.body)["jobs"]
    assert (await reaches(job, "done", "failed", "waiting"))["state"] == "done"


async def test_who_may_not_write_files_makes_no_jobs(forbid, apply, jp_root_dir):
    forbid("write", "contents")
    assert (await apply(from_s3())).code == 403
    assert os.listdir(jp_root_dir) == []


@pytest.fixture
def export(ask):
    """Ask for a job as a DataCube."""

    async def get(job: dict[str, Any], claim: str = ""):
        params = {"claim": claim} if claim else {}
        return await ask("jobs", job["id"], "datacube", params=params)

    return get


async def test_a_job_is_exported_and_applied_again(
    ask, apply, post, act, export, reaches, store, jp_root_dir
):
    keys = {"access_key_id": s3.KEY, "secret_access_key": s3.SECRET}
    job = await post("s3://bucket/set/", "claims/demo/out", endpoint=store.url, **keys)
    job = await reaches(job, "done", "failed", "waiting")
    response = await export(job)
    assert response.code == 200
    assert response.headers["Content-Type"].startswith("application/yaml")
    assert s3.SECRET not in response.body.decode()
    document = yaml.safe_load(response.body)
    assert document["spec"]["sink"]["pvc"] == {"name": "demo", "subPath": "out"}
    assert document["status"]["phase"] == "Complete"
    (again,) = json.loads((await apply(document)).body)["jobs"]
    assert (again["source"], again["destination"]) == ("s3://bucket/set/", "claims/demo/out/")
    assert (await reaches(again, "done", "failed", "waiting"))["state"] == "done"
    whole = yaml.safe_load((await export(job, "whole")).body)
    assert whole["spec"]["sink"]["pvc"] == {"name": "whole", "subPath": "claims/demo/out"}
    other = yaml.safe_load((await export(job, "other")).body)
    assert other["spec"]["sink"]["pvc"]["name"] == "other"
    # What no DataCube can be, and what lies in no claim.
    job = await post("https://example.org/x", "claims/demo/", start_at="2999-01-01T00:00:00Z")
    assert "cannot be written" in error_of(await export(job))["message"]
    assert (await ask("jobs", "0" * 32, "datacube")).code == 404


async def test_where_no_claim_is_known(transfer_app, post, export):
    transfer_app.pvc_map = {"demo": "claims/demo"}
    job = await post("s3://bucket/set/", "claims/demos", start_at="2999-01-01T00:00:00Z")
    for claim in ("", "demo"):
        assert error_of(await export(job, claim))["detail"] == {"claim": claim}
    other = await post("https://h/x", "claims/demos/", start_at="2999-01-01T00:00:00Z")
    assert error_of(await export(other))["detail"] == {}
    document = yaml.safe_load((await export(job, "mine")).body)
    assert document["spec"]["sink"]["pvc"] == {"name": "mine", "subPath": "claims/demos"}
    assert "status" not in document
