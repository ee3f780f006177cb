"""Who a person is to a git server, and that nobody else learns it."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.git import GitBackend
from jupyter_transfer.backends.git_refs import Refs
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import Credential

from ..servers.git import git, running_git
from ..servers.opens import watched
from ..servers.proxy import running_proxy
from ..servers.sshd import make_key, running_sshd

CANARY = "git-token-canary-48151"


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A home without credentials."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


def test_a_private_repository_wants_credentials(harness, repository, git_server):
    git_server.user, git_server.password = "ann", CANARY
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
    assert harness.names() == []


def test_a_wrong_password(harness, repository, git_server):
    git_server.user, git_server.password = "ann", CANARY
    outcome = harness.run(repository.address, "here", username="ann", token="wrong-one")
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")


@pytest.mark.parametrize(
    ("user", "credential", "options"),
    [
        ("ann", None, {"username": "ann", "token": CANARY}),
        ("ann", None, {"username": "ann", "password": CANARY}),
        ("x-access-token", None, {"token": CANARY}),
        ("ann", Credential("ann", CANARY), {}),
        ("x-access-token", Credential(CANARY), {}),
        ("an'n \"$HOME", None, {"username": "an'n \"$HOME", "token": CANARY}),
    ],
)
def test_credentials_of_the_job(harness, repository, git_server, user, credential, options):
    git_server.user, git_server.password = user, CANARY
    harness.credential = credential
    outcome = harness.run(repository.address, "here", **options)
    assert (outcome.state, outcome.error) == ("done", None)
    repository.commit({"a.txt": b"two\n"})
    assert harness.run(repository.address, "here", **options).state == "done"
    clone = harness.folder / "here"
    assert (clone / "a.txt").read_bytes() == b"two\n"
    assert git(clone, "remote", "get-url", "origin") == repository.url
    for path in harness.folder.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


def test_what_is_left_out_is_fetched_with_credentials_too(harness, repository, git_server):
    repository.commit({"a.txt": b"two\n"})
    git_server.user, git_server.password = "x-access-token", CANARY
    outcome = harness.run(repository.address, "here", partial=True, token=CANARY)
    assert (outcome.state, outcome.error) == ("done", None)


def test_netrc_and_no_other_host(harness, repository, git_server, monkeypatch, nobody):
    git_server.user, git_server.password = "ann", CANARY
    netrc = nobody / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login ann password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert harness.run(repository.address, "here").state == "done"
    netrc.write_text(f"machine example.org login ann password {CANARY}\n")
    assert harness.run(repository.address, "there").state == "waiting"


def test_the_persons_own_helper(harness, repository, git_server, nobody):
    git_server.user, git_server.password = "ann", CANARY
    store = nobody / "store"
    store.write_text(f"http://ann:{CANARY}@{git_server.url.removeprefix('http://')}\n")
    store.chmod(0o600)
    (nobody / ".gitconfig").write_text(f'[credential]\n\thelper = "store --file={store}"\n')
    assert harness.run(repository.address, "here").state == "done"


def test_nothing_secret_is_seen_from_outside(harness, repository, git_server):
    """While git runs: not in arguments, not in variables, not in files."""
    repository.commit({"big": os.urandom(1 << 20)})
    git_server.user, git_server.password, git_server.rate = "ann", CANARY, 1 << 20
    seen, programs, stop = [], set(), threading.Event()

    def look() -> None:
        while not stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    line = (process / "cmdline").read_bytes()
                    texts = line, (process / "environ").read_bytes()
                except OSError:
                    continue
                if b"git" in line.split(b"\0")[0]:
                    programs.add(line.split(b"\0")[0])
                seen.extend(process.name for text in texts if CANARY.encode() in text)
            time.sleep(0.01)

    watcher = threading.Thread(target=look)
    watcher.start()
    outcome = harness.run(repository.address, "here", username="ann", token=CANARY)
    stop.set()
    watcher.join()
    assert outcome.state == "done"
    assert seen == []
    assert any(b"git" in one for one in programs)


def test_a_redirect_gets_no_credentials(harness, repository, git_server, tmp_path):
    """git follows none; the first look does, by our rules, and tells the next one nothing."""
    other = git_server.storage

    def fault(handler):
        if "/moved/" not in handler.path:
            return False
        onward = other + handler.path.replace("/moved", "")
        handler.reply(302, b"", {"Location": onward})
        return True

    git_server.faults = fault
    address = repository.address.replace(git_server.url, f"{git_server.url}/moved")
    harness.run(address, "here", username="ann", token=CANARY)
    assert [one for one in git_server.asked("/moved/") if "authorization" in one.headers]
    later = [one for one in git_server.requests if "/moved/" not in one.path]
    assert later
    assert not [one for one in later if "authorization" in one.headers]


def test_a_repository_that_moved_is_found(harness, repository, git_server):
    def fault(handler):
        if not handler.path.startswith("/old/"):
            return False
        handler.reply(301, b"", {"Location": handler.path.removeprefix("/old")})
        return True

    git_server.faults = fault
    address = repository.address.replace(git_server.url, f"{git_server.url}/old")
    outcome = harness.run(address, "here", partial=True)
    assert (outcome.state, outcome.error) == ("done", None)
    repository.commit({"a.txt": b"two\n"})
    assert harness.run(address, "here").state == "done"
    assert (harness.folder / "here" / "a.txt").read_bytes() == b"two\n"


def test_a_token_in_an_address_is_refused_by_the_place():
    with pytest.raises(TransferError) as caught:
        GitBackend(Context()).check(f"https://ann:{CANARY}@h/x.git")
    assert CANARY not in str(caught.value)


# ---- TLS and proxies ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory, certificate):
    with running_git(tmp_path_factory.mktemp("tls"), certificate) as running:
        repository = running.repository("tls")
        repository.use_lfs("*.bin")
        repository.commit({"a.txt": b"one\n", "b.bin": b"large"})
        running.user, running.password = "ann", CANARY
        yield repository


LOGIN = {"username": "ann", "token": CANARY}


def test_a_certificate_of_the_administrators_authority(harness, tls, certificate):
    harness.ca_file = str(certificate[0])
    outcome = harness.run(tls.url, "here", **LOGIN)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "here" / "b.bin").read_bytes() == b"large"
    assert str(certificate[0]) not in (harness.folder / "here" / ".git" / "config").read_text()


def test_a_certificate_that_nobody_knows(harness, tls):
    outcome = harness.run(tls.url, "here", **LOGIN)
    assert (outcome.state, outcome.error.code) == ("failed", "tls_failed")


@pytest.mark.parametrize("how", ["direct", "by the proxy"])
def test_a_proxy_of_the_environment(harness, tls, certificate, monkeypatch, how):
    harness.ca_file = str(certificate[0])
    with running_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        if how == "direct":
            monkeypatch.setenv("no_proxy", "127.0.0.1")
        outcome = harness.run(tls.url, "here", **LOGIN)
        assert (outcome.state, outcome.error) == ("done", None)
        assert bool(proxy.targets) is (how != "direct")


def test_a_proxy_is_no_way_to_a_refused_address(harness, monkeypatch):
    with running_proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        outcome = harness.run("git+http://169.254.169.254/x.git", "here")
        assert (outcome.state, outcome.error.code) == ("failed", "address_refused")
        assert proxy.targets == []


def test_git_is_bound_to_the_address_that_was_judged(harness, repository, git_server, monkeypatch):
    """A name that leads elsewhere the second time gains nothing."""
    from jupyter_transfer.net import Policy

    port = int(repository.url.split(":")[2].split("/")[0])
    asked = []

    def resolve(self, host, number):
        asked.append((host, number))
        return ["127.0.0.1"]

    monkeypatch.setattr(Policy, "resolve", resolve)
    monkeypatch.setattr(
        GitBackend,
        "_look_by_http",
        lambda self, place: (Refs({"refs/heads/main": repository.first}, "main"), place, None),
    )
    address = repository.address.replace("127.0.0.1", "judged.invalid")
    outcome = harness.run(address, "here", lfs=False)
    assert (outcome.state, outcome.error) == ("done", None)
    assert asked == [("judged.invalid", port)]


# ---- SSH ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    work = tmp_path_factory.mktemp("sshd")
    with running_sshd(work) as running:
        make_key(work / "open")
        keys = (work / "open.pub").read_text()
        (work / "authorized").write_text(keys)
        yield running


@pytest.fixture
def by_ssh(sshd, repository):
    return f"git+ssh://{os.environ.get('USER', 'root')}@127.0.0.1:{sshd.port}{repository.bare}"


def known(nobody, line: str) -> None:
    (nobody / ".ssh").mkdir(mode=0o700, exist_ok=True)
    (nobody / ".ssh" / "known_hosts").write_text(line + "\n")


def login_of(address: str, harness) -> str:
    """The address without its user name, which the harness is told."""
    scheme, _, rest = address.partition("://")
    user, _, host = rest.partition("@")
    harness.credential = Credential(user)
    return f"{scheme}://{host}"


def test_ssh(harness, sshd, by_ssh, nobody, repository):
    known(nobody, sshd.known_host())
    address = login_of(by_ssh, harness)
    key = str(sshd.work / "open")
    outcome = harness.run(address, "here", key_file=key)
    assert (outcome.state, outcome.error) == ("done", None)
    clone = harness.folder / "here"
    assert git(clone, "rev-parse", "HEAD") == repository.first
    repository.commit({"a.txt": b"two\n"})
    assert harness.run(address, "here", key_file=key).state == "done"
    assert (clone / "a.txt").read_bytes() == b"two\n"


def test_lfs_of_an_ssh_host(harness, sshd, by_ssh, nobody, repository, git_server):
    """It says where its LFS server is, and what to tell that."""
    repository.use_lfs("*.bin")
    repository.commit({"big.bin": os.urandom(70_000)})
    git_server.user, git_server.password = "lfs", CANARY
    header = Credential("lfs", CANARY).authorization()
    href = f"{repository.url}/info/lfs"
    wrapper = sshd.work / "wrapper"
    wrapper.write_text(
        f"""#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
  git-lfs-authenticate*) echo "$SSH_ORIGINAL_COMMAND" >{sshd.work}/asked
    echo '{{"href": "{href}", "header": {{"Authorization": "{header}"}}}}' ;;
  *) exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac
"""
    )
    wrapper.chmod(0o755)
    authorized = sshd.work / "authorized"
    before = authorized.read_text()
    authorized.write_text(f'command="{wrapper}" {before}')
    known(nobody, sshd.known_host())
    try:
        outcome = harness.run(login_of(by_ssh, harness), "here", key_file=str(sshd.work / "open"))
    finally:
        authorized.write_text(before)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "here" / "big.bin").stat().st_size == 70_000
    asked = (sshd.work / "asked").read_text()
    assert asked == f"git-lfs-authenticate {repository.bare} download\n"


def test_ssh_without_a_key(harness, sshd, by_ssh, nobody):
    known(nobody, sshd.known_host())
    outcome = harness.run(login_of(by_ssh, harness), "here", key_file=str(sshd.other))
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")


@pytest.mark.parametrize("ambient", [True, False])
def test_the_key_of_an_unknown_host_is_accepted(harness, sshd, by_ssh, nobody, ambient):
    """It is shown, and what was accepted is remembered for ssh by its owner."""
    key = str(sshd.work / "open")
    address, harness.ambient = login_of(by_ssh, harness), ambient
    outcome = harness.run(address, "here", key_file=key)
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_decision")
    shown = outcome.error.detail
    assert (shown["kind"], shown["fingerprint"]) == ("host_key", sshd.fingerprint())
    outcome = harness.run(address, "here", key_file=key, host_key="SHA256:" + "A" * 43)
    assert outcome.error.code == "needs_decision"
    outcome = harness.run(address, "here", key_file=key, host_key=shown["fingerprint"])
    hosts = nobody / ".ssh" / "known_hosts"
    if ambient:
        assert (outcome.state, outcome.error) == ("done", None)
        assert sshd.known_host().split()[1:3] == hosts.read_text().split()[1:3]
        assert harness.run(address, "there", key_file=key).state == "done"
    else:
        assert outcome.error.code == "needs_credentials"  # the key is good, and no login is
        assert not hosts.exists()


def test_a_host_key_that_changed_is_refused(harness, sshd, by_ssh, nobody):
    known(nobody, f"[127.0.0.1]:{sshd.port} {(sshd.work / 'other.pub').read_text()}")
    key, address = str(sshd.work / "open"), login_of(by_ssh, harness)
    outcome = harness.run(address, "here", key_file=key, host_key=sshd.fingerprint())
    assert (outcome.state, outcome.error.code) == ("failed", "host_key_changed")


def test_a_host_key_that_was_revoked_is_refused(harness, sshd, by_ssh, nobody):
    known(nobody, f"@revoked {sshd.known_host()}")
    key, address = str(sshd.work / "open"), login_of(by_ssh, harness)
    outcome = harness.run(address, "here", key_file=key, host_key=sshd.fingerprint())
    assert (outcome.state, outcome.error.code) == ("failed", "host_key_changed")


def test_a_push_by_ssh(harness, sshd, by_ssh, nobody, repository):
    known(nobody, sshd.known_host())
    address, key = login_of(by_ssh, harness), str(sshd.work / "open")
    assert harness.run(address, "here", key_file=key).state == "done"
    (harness.folder / "here" / "a.txt").write_bytes(b"two\n")
    git(harness.folder / "here", "commit", "-q", "-a", "-m", "mine")
    outcome = harness.run("here", address, kind="send", key_file=key)
    assert (outcome.state, outcome.error) == ("done", None)
    assert repository.branch() == git(harness.folder / "here", "rev-parse", "HEAD")


# ---- for somebody who may not have what lies around ---------------------------------------------


def test_a_guest_goes_without_netrc_and_helpers(harness, repository, git_server, nobody):
    """They go by what they gave."""
    git_server.user, git_server.password = "ann", CANARY
    (nobody / ".netrc").write_text(f"machine 127.0.0.1 login ann password {CANARY}\n")
    (nobody / ".gitconfig").write_text('[credential]\n\thelper = "store --file=/dev/null"\n')
    harness.ambient = False
    with watched(nobody) as opens:
        outcome = harness.run(repository.address, "here")
        assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
        assert harness.run(repository.address, "here", username="ann", token=CANARY).state == "done"
        assert opens.names == set()


@pytest.mark.parametrize("named", [True, False])
def test_a_guest_goes_without_keys(harness, sshd, by_ssh, nobody, monkeypatch, named):
    known(nobody, sshd.known_host())
    (nobody / ".ssh" / "id_ed25519").write_bytes((sshd.work / "open").read_bytes())
    (nobody / ".ssh" / "id_ed25519").chmod(0o600)
    options = {"key_file": str(sshd.work / "open")} if named else {}
    address = login_of(by_ssh, harness)
    with socket.socket(socket.AF_UNIX) as agent, watched(nobody / ".ssh", sshd.work) as opens:
        agent.bind(str(nobody / "agent"))
        agent.listen()
        agent.setblocking(False)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(nobody / "agent"))
        harness.ambient = False
        outcome = harness.run(address, "here", **options)
        assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
        assert not {"id_ed25519", "open"} & opens.names
        with pytest.raises(BlockingIOError):
            agent.accept()


def test_the_askpass_script_is_private(harness, repository, git_server, monkeypatch):
    from jupyter_transfer.tools import PrivateFolder

    modes = []
    write = PrivateFolder.write

    def spy(self, name, data, mode=0o600):
        path = write(self, name, data, mode)
        assert CANARY.encode() not in data
        modes.append((name, stat.S_IMODE(os.stat(path).st_mode)))
        modes.append(("folder", stat.S_IMODE(os.stat(self.path).st_mode)))
        return path

    monkeypatch.setattr(PrivateFolder, "write", spy)
    git_server.user, git_server.password = "ann", CANARY
    assert harness.run(repository.address, "x", username="ann", token=CANARY).state == "done"
    assert {("askpass", 0o700), ("folder", 0o700)} <= set(modes)
