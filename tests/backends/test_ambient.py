"""Credentials that lie around at this server's account: used by the jobs of people who may have
them, and not so much as looked up for the others. Every service is real, and wants one."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time

import pytest

from jupyter_transfer.backends import rclone_remotes
from jupyter_transfer.engine.browse import browse
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError

from ..servers import ftp, s3
from ..servers.chaos import Resource, noise, running_chaos, status
from ..servers.opens import watched
from ..servers.rclone import obscured, rclone, served, write_config
from ..servers.sshd import PASSPHRASE, make_key, running_sshd

DATA = noise(100_000)
USER, PASSWORD = ftp.USER, ftp.PASSWORD
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
WAITS = ("waiting", "needs_credentials")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with nothing in it, and nothing in the environment that leads elsewhere."""
    home = tmp_path / "home"
    for folder in (".ssh", ".aws"):
        (home / folder).mkdir(parents=True)
    for name in list(os.environ):
        if name.startswith(("AWS_", "RCLONE_", "SSH_", "GOOGLE_", "GCE_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


@pytest.fixture
def netrc(home):
    """One that knows loopback."""
    path = home / ".netrc"
    path.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(params=[True, False], ids=["owner", "guest"])
def ambient(request, harness):
    """Whether the job may use what lies around."""
    harness.ambient = request.param
    return request.param


def result(outcome):
    return outcome.state, outcome.error and outcome.error.code


def expected(ambient):
    return ("done", None) if ambient else WAITS


# ---- .netrc -------------------------------------------------------------------------------------


@pytest.fixture
def chaos():
    def guarded(connection):
        given = connection.request.headers.get("authorization")
        if connection.request.method == "PUT":
            connection.take()
            status(201 if given == BASIC else 401)(connection)
        else:
            (Resource(DATA) if given == BASIC else status(401))(connection)

    with running_chaos() as server:
        server.add("/f", guarded)
        yield server


def test_http(harness, chaos, netrc, ambient):
    with watched(netrc.parent) as opens:
        assert result(harness.run(f"{chaos.url}/f")) == expected(ambient)
        assert (".netrc" in opens.names) == ambient
    sent = {request.headers.get("authorization") for request in chaos.requests}
    assert sent == ({BASIC} if ambient else {None})
    assert harness.visible() == (["f"] if ambient else [])


def test_http_with_what_the_person_gave(harness, chaos, netrc):
    harness.ambient = False
    with watched(netrc.parent) as opens:
        options = {"headers": f"Authorization: {BASIC}"}
        assert result(harness.run(f"{chaos.url}/f", **options)) == ("done", None)
        assert opens.names == set()


@pytest.fixture(scope="module")
def dav(tmp_path_factory):
    """The port and the folder of a WebDAV server."""
    folder = tmp_path_factory.mktemp("dav")
    rclone()
    with served("webdav", folder, "--user", USER, "--pass", PASSWORD) as port:
        yield port, folder


def test_webdav_both_ends(harness, dav, netrc, ambient):
    port, folder = dav
    (folder / "from").mkdir(exist_ok=True)
    (folder / "from" / "a.bin").write_bytes(DATA)
    source, there = f"http://127.0.0.1:{port}/from/", f"http://127.0.0.1:{port}/to-{ambient}/"
    (harness.folder / "b.bin").write_bytes(DATA)
    with watched(netrc.parent) as opens:
        sent = harness.run("b.bin", f"{there}b.bin", kind="send", id="1", method="webdav")
        assert result(sent) == expected(ambient)
        copied = harness.run(f"{source}a.bin", f"{there}a.bin", kind="copy", id="2")
        assert result(copied) == expected(ambient)
        synced = harness.run(source, "", kind="sync", id="3", approve=True)
        assert result(synced) == expected(ambient)
        assert (".netrc" in opens.names) == ambient
    assert (folder / f"to-{ambient}" / "a.bin").exists() == ambient


def test_a_look_says_why(harness, chaos, netrc):
    harness.ambient = False
    context = harness.context({})
    seen = preview(f"{chaos.url}/f", context)
    assert (seen["needs"], seen["detail"]["kind"]) == ("credentials", "credentials_withheld")
    harness.ambient = True
    assert preview(f"{chaos.url}/f", harness.context({}))["needs"] is None


@pytest.fixture(scope="module")
def ftp_server(tmp_path_factory):
    with ftp.running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        (server.files / "f.bin").write_bytes(DATA)
        yield server


def test_ftp(harness, ftp_server, netrc, ambient):
    with watched(netrc.parent) as opens:
        assert result(harness.run(ftp_server.address("f.bin"))) == expected(ambient)
        assert (".netrc" in opens.names) == ambient


# ---- SSH ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        make_key(server.work / "open")
        with (server.work / "authorized").open("a") as file:
            file.write((server.work / "open.pub").read_text())
        (server.files / "f.bin").write_bytes(DATA)
        yield server


@pytest.fixture
def known(sshd, home):
    (home / ".ssh" / "known_hosts").write_text(sshd.known_host())
    return sshd.address(sshd.files / "f.bin")


@pytest.mark.parametrize("name", ["id_ed25519", "id_rsa"])
def test_a_key_of_the_home_folder(harness, sshd, known, home, ambient, name):
    """libcurl itself looks for id_rsa where it is told of no key."""
    key = home / ".ssh" / name
    key.write_bytes((sshd.work / "open").read_bytes())
    key.chmod(0o600)
    with watched(key.parent) as opens:
        assert result(harness.run(known)) == expected(ambient)
        assert (name in opens.names) == ambient
        assert "known_hosts" in opens.names


def test_a_key_file_that_an_option_names(harness, sshd, known, ambient):
    options = {"key_file": str(sshd.key), "passphrase": PASSPHRASE}
    with watched(sshd.work) as opens:
        assert result(harness.run(known, **options)) == expected(ambient)
        assert ("key" in opens.names) == ambient


def test_the_agent(harness, sshd, known, home, ambient, monkeypatch):
    path = home / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        add = ["ssh-add", "-q", str(sshd.work / "open")]
        for _ in range(100):
            if path.exists():
                break
            time.sleep(0.02)
        subprocess.run(add, check=True, env={**os.environ, "SSH_AUTH_SOCK": str(path)})
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        assert result(harness.run(known)) == expected(ambient)
    finally:
        agent.terminate()
        agent.wait()


@pytest.fixture
def silent_agent(home, monkeypatch):
    """The socket of an agent that answers nobody."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "agent"))
        listener.listen()
        listener.setblocking(False)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
        yield listener


def test_the_agent_is_not_asked(harness, known, silent_agent):
    harness.ambient = False
    assert result(harness.run(known)) == WAITS
    with pytest.raises(BlockingIOError):
        silent_agent.accept()


def test_what_a_guest_accepts_is_not_remembered(harness, sshd, home, ambient):
    """Who may not use this account's keys does not tell it whom to trust."""
    address = sshd.address(sshd.files / "f.bin")
    options = {"host_key": sshd.fingerprint()}
    assert result(harness.run(address, **options)) == WAITS  # the host is trusted, nobody logs in
    assert (home / ".ssh" / "known_hosts").exists() == ambient


# ---- S3 -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A service that refuses wrong keys, with a bucket that holds ``f.bin``."""
    with s3.running_rclone(tmp_path_factory.mktemp("s3")) as server:
        server.client().create_bucket(Bucket="bucket")
        server.client().put_object(Bucket="bucket", Key="f.bin", Body=DATA)
        yield server


PROFILE = f"aws_access_key_id = {s3.KEY}\naws_secret_access_key = {s3.SECRET}\n"


def run_s3(harness, store, **options):
    return result(harness.run("s3://bucket/f.bin", endpoint=store.url, region="x", **options))


@pytest.mark.parametrize("name", ["default", "lab"])
def test_a_profile(harness, store, home, ambient, name):
    (home / ".aws" / "credentials").write_text(f"[{name}]\n{PROFILE}")
    (home / ".aws" / "config").write_text("[default]\nregion = y\n")
    options = {} if name == "default" else {"profile": name}
    with watched(home / ".aws") as opens:
        assert run_s3(harness, store, **options) == expected(ambient)
        assert opens.names == ({"credentials", "config"} if ambient else set())


def test_variables(harness, store, home, ambient, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET)
    assert run_s3(harness, store) == expected(ambient)


def test_a_profile_that_a_variable_names(harness, store, home, ambient, monkeypatch):
    (home / ".aws" / "credentials").write_text(f"[lab]\n{PROFILE}")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert run_s3(harness, store) == expected(ambient)
    own = {"access_key_id": s3.KEY, "secret_access_key": s3.SECRET}
    assert run_s3(harness, store, **own, conflict="overwrite") == ("done", None)


@pytest.fixture
def machine(chaos):
    """What tells a machine of its role."""
    told = {"Code": "Success", "AccessKeyId": s3.KEY, "SecretAccessKey": s3.SECRET, "Token": ""}
    told["Expiration"] = "2999-01-01T00:00:00Z"
    chaos.add("/role", Resource(json.dumps(told).encode()))
    return chaos


@pytest.mark.parametrize("anonymous", [False, True])
def test_the_role_of_the_container(harness, store, home, machine, ambient, monkeypatch, anonymous):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{machine.url}/role")
    options = {"anonymous": True} if anonymous else {}
    assert run_s3(harness, store, **options) == (WAITS if anonymous else expected(ambient))
    if not ambient:
        assert machine.requests == []


# ---- rclone -------------------------------------------------------------------------------------


def made(kind, secrets, **options):
    return {
        "remote_type": kind,
        "remote_options": json.dumps(options),
        "remote_secrets": json.dumps(secrets),
    }


@pytest.fixture
def remote(dav, home):
    """A remote of rclone.conf, at its default place."""
    port, folder = dav
    (folder / "f.bin").write_bytes(DATA)
    config = home / ".config" / "rclone" / "rclone.conf"
    config.parent.mkdir(parents=True)
    described = {"type": "webdav", "url": f"http://127.0.0.1:{port}", "user": USER}
    write_config(config, mine={**described, "pass": obscured(PASSWORD)})
    return config


def test_a_remote_of_the_configuration(harness, remote, ambient):
    (harness.folder / "up.bin").write_bytes(DATA)
    with watched(remote.parent) as opens:
        assert result(harness.run("rclone://mine/f.bin")) == expected(ambient)
        sent = harness.run("up.bin", "rclone://mine/up.bin", kind="send", id="2")
        assert result(sent) == expected(ambient)
        copied = harness.run("rclone://mine/f.bin", "rclone://mine/g.bin", kind="copy", id="3")
        assert result(copied) == expected(ambient)
        assert (remote.name in opens.names) == ambient


def test_which_remotes_there_are(harness, remote, ambient):
    context = harness.context({})
    if ambient:
        assert [e["path"] for e in browse("rclone://", context)["entries"]] == ["mine/"]
        return
    with watched(remote.parent) as opens:
        with pytest.raises(TransferError) as caught:
            browse("rclone://", context)
        assert caught.value.code == "needs_credentials"
        assert opens.names == set()


def test_a_remote_that_variables_describe(harness, dav, home, ambient, monkeypatch):
    port, folder = dav
    (folder / "f.bin").write_bytes(DATA)
    for name, value in {"TYPE": "webdav", "URL": f"http://127.0.0.1:{port}", "USER": USER}.items():
        monkeypatch.setenv(f"RCLONE_CONFIG_MINE_{name}", value)
    monkeypatch.setenv("RCLONE_CONFIG_MINE_PASS", obscured(PASSWORD))
    assert result(harness.run("rclone://mine/f.bin")) == expected(ambient)


def test_a_remote_of_ones_own(harness, dav, remote):
    """Its variables fill what the person left out no more than rclone.conf does."""
    port, _ = dav
    harness.ambient = False
    own = made("webdav", {"pass": PASSWORD}, url=f"http://127.0.0.1:{port}", user=USER)
    with watched(remote.parent) as opens:
        assert result(harness.run("rclone://mine/f.bin", **own)) == ("done", None)
        half = made("webdav", {}, url=f"http://127.0.0.1:{port}", user=USER)
        assert result(harness.run("rclone://mine/f.bin", **half, id="2")) == WAITS
        assert opens.names == set()


@pytest.mark.parametrize("env_auth", [True, False])
def test_a_remote_that_takes_what_lies_around(harness, store, home, ambient, monkeypatch, env_auth):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.SECRET)
    options = made("s3", {}, provider="Other", endpoint=store.url, env_auth=env_auth)
    state, code = result(harness.run("rclone://mine/bucket/f.bin", **options))
    if env_auth:
        assert (state, code) == expected(ambient)
    else:
        assert (state, code) != ("done", None)


def test_a_remote_without_a_password_does_not_ask_the_agent(harness, sshd, known, silent_agent):
    """As rclone does for those who may have it."""
    harness.ambient = False
    options = made("sftp", {}, host="127.0.0.1", port=sshd.port, user="me")
    assert result(harness.run("rclone://mine/f.bin", **options))[0] != "done"
    with pytest.raises(BlockingIOError):
        silent_agent.accept()


def test_googles_library_does_not_ask_the_machine(harness, machine, home, ambient, monkeypatch):
    """It does so by itself where a remote has no credential, whatever its options are."""
    monkeypatch.setenv("GCE_METADATA_HOST", machine.url.removeprefix("http://"))
    options = made("google cloud storage", {}, endpoint="http://127.0.0.1:9")
    assert result(harness.run("rclone://mine/bucket/f.bin", **options))[0] != "done"
    assert bool(machine.requests) == ambient


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("azureblob", {"account": "a", "use_msi": True}),
        ("azureblob", {"account": "a", "use_az": True}),
        ("azurefiles", {"account": "a", "env_auth": True}),
        ("drive", {"env_auth": True}),
        ("hdfs", {"namenode": "127.0.0.1:9", "service_principal_name": "x"}),
        ("oracleobjectstorage", {"namespace": "n", "compartment": "c", "region": "r"}),
        ("oracleobjectstorage", {"provider": "instance_principal_auth", "namespace": "n"}),
        ("sftp", {"host": "127.0.0.1", "key_use_agent": True}),
        ("smb", {"host": "127.0.0.1", "use_kerberos": True}),
        ("swift", {"env_auth": True}),
    ],
)
def test_kinds_that_take_what_lies_around(harness, home, kind, options):
    harness.ambient = False
    assert result(harness.run("rclone://mine/bucket/f.bin", **made(kind, {}, **options))) == WAITS


def test_the_known_kinds_have_these_options(harness, home):
    """So that the list above is looked at when rclone has new ones."""
    taking = {
        (provider["Name"], option["Name"])
        for provider in rclone_remotes._providers()
        for option in provider["Options"]
        if rclone_remotes._OF_ACCOUNT.fullmatch(option["Name"])
    }
    assert {kind for kind, _ in taking} == {
        *("azureblob", "azurefiles", "drive", "google cloud storage", "hdfs", "qingstor"),
        *("s3", "sftp", "smb", "swift"),
    }
