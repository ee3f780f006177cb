"""Remotes that are made of a job's options: what may be made, and where their secrets are."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

from ..servers.rclone import obscured, rclone, run_rclone, served, write_config
from .test_rclone import FolderSite, folder  # noqa: F401 - a fixture

CANARY = "canary-51c2-password"


def remote(kind: str = "webdav", secrets: object = None, **options: object) -> dict[str, str]:
    made = {"remote_type": kind, "remote_options": json.dumps(options)}
    return made if secrets is None else {**made, "remote_secrets": json.dumps(secrets)}


@contextmanager
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port of the loopback, and who called it."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    connection, address = server.accept()
                    connection.close()
                    calls.append(address)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], calls
        finally:
            over.set()
            thread.join()


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
        ("swift", "auth", "http://169.254.169.254/v3"),
        ("storj", "satellite_address", "12Ea@127.0.0.1:7777"),
        ("cloudinary", "upload_prefix", "http://169.254.169.254"),
        ("filescom", "site", "169.254.169.254"),
        ("google photos", "proxy", "http://127.0.0.1:8282"),
        ("azureblob", "use_emulator", "true"),
        ("azurefiles", "connection_string", "A=b;FileEndpoint=http://127.0.0.1/x;C=d"),
        ("azurefiles", "connection_string", "UseDevelopmentStorage=true"),
        ("azureblob", "account", "169.254.169.254/?"),
        ("ftp", "something_new", "https://u:p@[::1]:1/x"),
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


WRAPPED = {
    "itself": {"it": {"type": "webdav", "url": "{url}"}},
    "alias": {
        "it": {"type": "alias", "remote": "in-ner:x"},
        "in-ner": {"type": "webdav", "url": "{url}"},
    },
    "crypt": {
        "it": {"type": "crypt", "remote": "b:c", "password": "{password}"},
        "b": {"type": "alias", "remote": "in ner:"},
        "in ner": {"type": "webdav", "url": "{url}"},
    },
    "union": {
        "it": {"type": "union", "upstreams": '/tmp "in ner:a b:ro"'},
        "in ner": {"type": "webdav", "url": "{url}"},
    },
    "combine": {
        "it": {"type": "combine", "upstreams": "a=/tmp b=in:x"},
        "in": {"type": "webdav", "url": "{url}"},
    },
    "in place": {"it": {"type": "alias", "remote": ":webdav,url='{url}',vendor=other:x"}},
    "in place, over another": {
        "it": {"type": "alias", "remote": 'in,url="{url}":x'},
        "in": {"type": "webdav", "url": "https://example.org"},
    },
    "in a circle": {
        "it": {"type": "alias", "remote": "b:"},
        "b": {"type": "union", "upstreams": "it: in:"},
        "in": {"type": "webdav", "url": "{url}"},
    },
}


@pytest.mark.parametrize("how", WRAPPED)
def test_a_remote_of_the_configuration_that_leads_to_a_refused_address(
    harness,
    monkeypatch,
    tmp_path,
    how,
):
    rclone()
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "rclone.conf"))
    with listener() as (port, calls):
        url = f"http://127.0.0.1:{port}/"
        remotes = {
            name: {key: value.format(url=url, password=obscured("x")) for key, value in one.items()}
            for name, one in WRAPPED[how].items()
        }
        write_config(tmp_path / "rclone.conf", **remotes)
        harness.policy = Policy()
        (harness.folder / "f").write_text("x")
        ends = ("f", "rclone://it/x") if how == "itself" else ("rclone://it/x", "")
        outcome = harness.run(*ends, kind="send" if how == "itself" else "fetch")
        assert (outcome.state, outcome.error.code) == ("failed", "address_refused")
        assert calls == []


def test_a_remote_of_the_environment_that_leads_to_a_refused_address(harness, monkeypatch):
    rclone()
    monkeypatch.setenv("RCLONE_CONFIG", "")
    monkeypatch.setenv("RCLONE_CONFIG_MY_OWN_TYPE", "webdav")
    monkeypatch.setenv("RCLONE_CONFIG_MY_OWN_URL", "http://169.254.169.254/")
    harness.policy = Policy(local=True)
    outcome = harness.run("rclone://my_own/x")
    assert (outcome.state, outcome.error.code) == ("failed", "address_refused")


def test_a_configuration_that_cannot_be_read(harness, monkeypatch, tmp_path):
    rclone()
    config = write_config(tmp_path / "rclone.conf", it={"type": "webdav", "url": "http://h"})
    lock = ("config", "encryption", "set", "--password-command", "echo canary")
    run_rclone(*lock, config=config)
    monkeypatch.setenv("RCLONE_CONFIG", str(tmp_path / "rclone.conf"))
    outcome = harness.run("rclone://it/x")
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")


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
