"""Remotes that are made of a job's options: what may be made, and where their secrets are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_transfer.backends import rclone_program
from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.rclone import RcloneBackend
from jupyter_transfer.backends.rclone_remotes import variables
from jupyter_transfer.engine.client import opened
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import Policy
from jupyter_transfer.secrets import redact
from jupyter_transfer.tools import run

from ..servers.rclone import rclone, served
from .test_rclone import FolderSite, folder  # noqa: F401 - a fixture

CANARY = "canary-51c2-password"


def remote(kind: str = "webdav", secrets: object = None, **options: object) -> dict[str, str]:
    made = {"remote_type": kind, "remote_options": json.dumps(options)}
    return made if secrets is None else {**made, "remote_secrets": json.dumps(secrets)}


@pytest.fixture
def dav(folder, monkeypatch, tmp_path):  # noqa: F811
    rclone()
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "none.conf"))
    with served("webdav", folder, "--user", "u", "--pass", CANARY) as port:
        yield FolderSite(folder), f"http://127.0.0.1:{port}"


def test_it_is_read_and_written(harness, dav):
    site, url = dav
    options = remote(url=url, user="u", secrets={"pass": CANARY})
    site.put("d/f.bin", b"x" * 100_000)
    outcome = harness.run("rclone://mine/d/f.bin", **options)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "f.bin").read_bytes() == b"x" * 100_000
    outcome = harness.run("f.bin", "rclone://mine/e/g.bin", kind="send", id="b", **options)
    assert (outcome.state, outcome.error) == ("done", None)
    assert site.read("e/g.bin") == b"x" * 100_000


def test_its_secrets_are_in_the_environment_of_the_child_only(harness, dav, tmp_path, caplog):
    caplog.set_level("DEBUG")
    site, url = dav
    site.put("f.bin", b"x" * 100)
    options = remote(url=url, user="u", secrets={"pass": CANARY})
    with opened("rclone://mine", harness.context(options)) as (backend, _):
        (entry,) = backend.entries("rclone://mine/f.bin")
        backend.locate(entry)
        child = backend._server._child
        environment = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
        (hidden,) = (
            line.partition(b"=")[2].decode()
            for line in environment
            if line.startswith(b"RCLONE_CONFIG_MINE_PASS=")
        )
        shown = Path(f"/proc/{child.pid}/cmdline").read_text() + json.dumps(list(child.said))
    assert harness.run("rclone://mine/f.bin", **options).state == "done"
    shown += json.dumps([harness.report.files, harness.report.notes], default=str) + caplog.text
    for path in tmp_path.rglob("*"):
        shown += path.read_text("utf-8", "replace") if path.is_file() else ""
    assert CANARY not in shown
    assert hidden not in shown
    assert CANARY not in hidden
    assert redact(f"a {CANARY} b {hidden}") == "a *** b ***"


def test_no_file_with_remotes_is_read_for_it(monkeypatch, tmp_path):
    rclone()
    config = tmp_path / ".config" / "rclone" / "rclone.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[theirs]\ntype = memory\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RCLONE_CONFIG", raising=False)
    mine = variables("mine", remote("memory"), Policy())
    for environment in (
        rclone_program.environment(mine),
        rclone_program.environment(mine, ambient=False),
    ):
        listed = run(rclone_program.command("listremotes"), environment)
        assert listed.split() == [b"mine:"]
    assert run(rclone_program.command("listremotes"), rclone_program.environment()) == b"theirs:"


def test_a_wrong_password(harness, dav):
    site, url = dav
    site.put("f.bin", b"x")
    options = remote(url=url, user="u", secrets={"pass": "another-canary"})
    outcome = harness.run("rclone://mine/f.bin", **options)
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
    assert "another-canary" not in str(outcome.error.as_dict())


@pytest.mark.parametrize(
    "options",
    [
        remote("local"),
        remote("alias", remote="/etc"),
        remote("crypt", remote=":local:/etc"),
        remote("union", upstreams="/etc"),
        remote(":local"),
        remote("webdav,x=y"),
        remote("webdav", bearer_token_command="touch /tmp/x"),
        remote("sftp", ssh="touch /tmp/x"),
        remote("sftp", key_file="/etc/shadow"),
        remote("smb", remote="/etc"),
        remote("webdav", unix_socket="/run/docker.sock"),
        remote("webdav", URL="x"),
        remote("webdav", **{"a=b": "x"}),
        remote("webdav", **{"pass": "in the open"}),
        remote("s3", secret_access_key="in the open"),
        remote("webdav", url=["x"]),
        remote("webdav", url="a\0b"),
        {"remote_type": "webdav", "remote_options": "nonsense"},
        {"remote_type": "webdav", "remote_options": "[]"},
        {"remote_type": "webdav", "remote_secrets": "5"},
        {"remote_options": "{}"},
    ],
)
def test_what_cannot_be_made(options):
    with pytest.raises(TransferError) as caught:
        RcloneBackend(Context(options)).check("rclone://mine/x")
    assert caught.value.code == "bad_request"
    assert "in the open" not in caught.value.message


@pytest.mark.parametrize("address", ["rclone://my-remote/x", "rclone://my%20remote/x"])
def test_names_that_variables_cannot_hold(address):
    with pytest.raises(TransferError) as caught:
        RcloneBackend(Context(remote(url="https://h"))).check(address)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("webdav", "url", "http://169.254.169.254/latest"),
        ("webdav", "url", "http://127.0.0.1:8888/"),
        ("s3", "endpoint", "169.254.169.254"),
        ("sftp", "host", "0x7f.1"),
        ("ftp", "host", "[::1]"),
        ("hdfs", "namenode", "h:1,127.0.0.1:2"),
    ],
)
def test_addresses_that_the_policy_refuses(kind, option, value):
    with pytest.raises(TransferError) as caught:
        RcloneBackend(Context(remote(kind, **{option: value}))).check("rclone://mine/x")
    assert caught.value.code == "address_refused"


def test_a_name_that_leads_to_a_refused_address(harness):
    rclone()
    harness.policy = Policy()
    outcome = harness.run("rclone://mine/x", **remote(url="http://localhost:1/"))
    assert (outcome.state, outcome.error.code) == ("failed", "address_refused")


@pytest.mark.parametrize(
    ("options", "word"),
    [(remote("nonsense"), "kind “nonsense”"), (remote(nonsense="x"), "no option")],
)
def test_what_rclone_does_not_know(harness, options, word):
    rclone()
    outcome = harness.run("rclone://mine/x", **options)
    assert outcome.error.code == "bad_request"
    assert word in outcome.error.message


def test_the_forms():
    rclone()
    forms = {form["type"]: form for form in RcloneBackend.forms()}
    assert {"s3", "webdav", "sftp", "drive", "onedrive"} <= set(forms)
    assert not {"local", "alias", "crypt", "union"} & set(forms)
    dav = {option["name"]: option for option in forms["webdav"]["options"]}
    assert dav["pass"]["secret"]
    assert dav["url"]["required"]
    assert not dav["url"]["secret"]
    assert "bearer_token_command" not in dav
    s3 = {option["name"]: option for option in forms["s3"]["options"]}
    assert s3["secret_access_key"]["secret"]
    assert "Alibaba" in {choice["value"] for choice in s3["provider"]["choices"]}
