"""Secrets of Kubernetes: mounted in folders, and asked of the cluster over TLS."""

from __future__ import annotations

import pytest

from jupyter_transfer import secrets
from jupyter_transfer.engine.references import resolved, values_of
from jupyter_transfer.errors import TransferError

from ..servers.kubernetes import NAMESPACE, TOKEN, running_kubernetes
from ..servers.nginx import free_port

PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with running_kubernetes(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running, monkeypatch):
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    running.secrets = {"s3-env": {"secretAccessKey": "very-secret-key\n", "endpoint": "https://s3"}}
    running.config_maps = {"conf": {"repo": "owner/name"}}
    running.forbidden, running.answers = set(), {}
    running.asked.clear()
    return running


@pytest.fixture
def message(cluster, tmp_path):
    """What a worker is told; secrets are mounted in ``mounted``."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    return {"secret_dirs": [str(mounted)], "service_account_dir": str(cluster.account)}


KEY = ("secret", "s3-env", "secretAccessKey")
REFERENCE = secrets.kubernetes_reference(*KEY)


def value(message, *where: str):
    return values_of([where], message)[secrets.kubernetes_reference(*where)]


def test_the_cluster_is_asked_once_for_each_object(cluster, message):
    wanted = [KEY, ("secret", "s3-env", "endpoint"), ("configMap", "conf", "repo")]
    found = values_of(wanted, message)
    assert [one["value"] for one in found.values()] == [
        "very-secret-key",
        "https://s3",
        "owner/name",
    ]
    assert len(cluster.asked) == 2


def test_what_is_mounted_is_not_asked_for(cluster, message, tmp_path):
    folder = tmp_path / "mounted" / "s3-env"
    # As the kubelet mounts it: links through a folder that is replaced as a whole.
    (folder / "..2026").mkdir(parents=True)
    (folder / "..2026" / "secretAccessKey").write_text("mounted-key")
    (folder / "..data").symlink_to("..2026")
    (folder / "secretAccessKey").symlink_to("..data/secretAccessKey")
    assert value(message, *KEY) == {"value": "mounted-key"}
    assert cluster.asked == []


def test_a_job_gets_what_its_option_refers_to(cluster, message):
    assert resolved({"secret_access_key": REFERENCE}, message) == {
        "secret_access_key": "very-secret-key"
    }
    assert secrets.redact("it is very-secret-key") == "it is ***"


@pytest.mark.parametrize(
    ("change", "where", "code", "told"),
    [
        ({"forbidden": {f"{PATH}/s3-env"}}, KEY, "needs_credentials", "403"),
        ({}, ("secret", "other", "x"), "needs_credentials", "no secret “other”"),
        ({}, ("configMap", "other", "x"), "needs_credentials", "no configMap “other”"),
        ({}, ("secret", "s3-env", "other"), "needs_credentials", "no key “other”"),
        ({"answers": {f"{PATH}/s3-env": (500, b"")}}, KEY, "remote_busy", "500"),
        ({"answers": {f"{PATH}/s3-env": (302, b"")}}, KEY, "remote_refused", "302"),
        ({"answers": {f"{PATH}/s3-env": (200, b"<html>")}}, KEY, "remote_lied", "JSON"),
        ({"answers": {f"{PATH}/s3-env": (200, b"[]")}}, KEY, "remote_lied", "JSON"),
        (
            {"answers": {f"{PATH}/s3-env": (200, b'{"data": {"secretAccessKey": "/w=="}}')}},
            KEY,
            "bad_request",
            "no text",
        ),
        (
            {"answers": {f"{PATH}/s3-env": (200, b'{"data": {"secretAccessKey": "%%"}}')}},
            KEY,
            "bad_request",
            "no text",
        ),
        (
            {"answers": {f"{PATH}/s3-env": (200, b'{"data": ["x"]}')}},
            KEY,
            "remote_lied",
            "JSON",
        ),
    ],
)
def test_what_goes_wrong_is_told(cluster, message, change, where, code, told):
    for name, content in change.items():
        setattr(cluster, name, content)
    error = value(message, *where)["error"]
    assert error["code"] == code
    assert told in error["message"]
    assert TOKEN not in str(error)


def test_a_token_that_is_refused(cluster, message):
    (cluster.account / "token").write_text("an-old-token-of-an-account")
    try:
        assert "401" in value(message, *KEY)["error"]["message"]
    finally:
        (cluster.account / "token").write_text(TOKEN)


def test_another_server_at_the_address_gets_no_token(cluster, message, tmp_path, monkeypatch):
    with running_kubernetes(tmp_path / "other") as other:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(other.port))
        assert value(message, *KEY)["error"]["code"] == "tls_failed"
        assert other.asked == []


def test_who_cannot_be_reached_is_called_once(cluster, message, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(free_port()))
    found = values_of([KEY, ("secret", "other", "x")], message)
    assert [one["error"]["code"] for one in found.values()] == ["connect_failed"] * 2


@pytest.mark.parametrize("account", ["", "/nonexistent"])
def test_without_an_account_nobody_is_asked(cluster, message, account):
    found = value({**message, "service_account_dir": account}, *KEY)
    assert found["error"]["code"] == "needs_credentials"
    assert "s3-env" in found["error"]["message"]
    assert cluster.asked == []


def test_outside_of_a_cluster_nobody_is_asked(cluster, message, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    assert value(message, *KEY)["error"]["code"] == "needs_credentials"
    assert cluster.asked == []


def test_all_options_that_lack_something_are_named(message):
    missing = secrets.kubernetes_reference("secret", "no", "no")
    references = {"secret_access_key": REFERENCE, "session_token": missing, "token": missing}
    with pytest.raises(TransferError) as caught:
        resolved(references, message)
    assert caught.value.code == "needs_credentials"
    assert caught.value.detail == {"options": ["session_token", "token"]}


@pytest.mark.parametrize(
    "reference",
    [
        "kubernetes:secret/a",
        "kubernetes:secret/a/b/c",
        "kubernetes:pod/a/b",
        "kubernetes:secret/../b",
        "kubernetes:secret/a/..",
        "kubernetes:secret/a b/c",
        "kubernetes:",
    ],
)
def test_references_that_lead_nowhere(reference):
    assert secrets.is_reference(reference)
    with pytest.raises(TransferError) as caught:
        secrets.check_reference(reference)
    assert caught.value.code == "bad_request"
