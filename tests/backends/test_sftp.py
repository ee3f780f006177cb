"""SFTP against a real OpenSSH server."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pycurl
import pytest

from jupyter_transfer.engine import hostkeys

from ..servers.sshd import PASSPHRASE, Sshd, running_sshd
from ..servers.toxics import Toxics, running_toxics
from .contract import DATA, BackendContract
from .contract_send import SinkContract
from .filesite import FileSite
from .site import Access


class SftpSite(FileSite):
    def __init__(self, server: Sshd, folder: Path) -> None:
        super().__init__(folder)
        self.server = server

    def address(self, name: str = "") -> str:
        path = quote(os.fsencode(self.folder / name)) + ("" if name else "/")
        return f"sftp://127.0.0.1:{self.server.port}{path}"

    def access(self, name: str = "") -> Access:
        options = {"key_file": str(self.server.key), "passphrase": PASSPHRASE}
        return Access(self.address(name), options, secrets=(PASSPHRASE,))

    def denied(self, name: str, how: str) -> Access | None:
        options = {} if how == "missing" else {"key_file": str(self.server.other)}
        return Access(self.address(name), options)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder without keys, and no agent."""
    home = tmp_path.parent / f"{tmp_path.name}-home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def site(server, home, tmp_path_factory):
    (home / ".ssh" / "known_hosts").write_text(server.known_host())
    return SftpSite(server, tmp_path_factory.mktemp("site", numbered=True))


class TestSftp(BackendContract, SinkContract):
    """The contract."""

    @pytest.fixture
    def site(self, site):
        return site


def run(harness, access, **options):
    return harness.run(access.address, ".", **{**access.options, **options})


@pytest.mark.parametrize("position", [100, 1200])
def test_a_line_that_is_cut_during_the_key_exchange_is_no_other_key(
    harness, site, home, server, position
):
    site.put("f", DATA)
    access = site.access("f")

    def first_is_cut(number):
        return Toxics(reset_at=position if number == 0 else None)

    with running_toxics(server.port, first_is_cut) as proxy:
        line = server.known_host().replace(str(server.port), str(proxy.port), 1)
        (home / ".ssh" / "known_hosts").write_text(line)
        address = access.address.replace(str(server.port), str(proxy.port), 1)
        outcome = harness.run(address, ".", **access.options)
        assert proxy.counts.resets == 1
        assert (outcome.error.code, outcome.error.retryable) == ("connection_lost", True)
        assert harness.run(address, ".", **access.options).state == "done"


def test_an_unknown_host_key_waits_for_the_person(harness, site, home):
    (home / ".ssh" / "known_hosts").unlink()
    site.put("f", DATA)
    access = site.access("f")
    outcome = run(harness, access)
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_decision")
    detail = outcome.error.detail
    assert detail["kind"] == "host_key"
    assert (detail["host"], detail["key_type"]) == ("127.0.0.1", "ssh-ed25519")
    assert detail["fingerprint"] == site.server.fingerprint()
    assert harness.names() == []

    outcome = run(harness, access, host_key="SHA256:" + "A" * 43)
    assert outcome.error.code == "needs_decision"

    outcome = run(harness, access, host_key=detail["fingerprint"])
    assert outcome.state == "done"
    assert (home / ".ssh" / "known_hosts").stat().st_mode & 0o777 == 0o600
    # It is remembered as ssh does.
    assert run(harness, access, id="again", conflict="overwrite").state == "done"


def test_an_accepted_key_is_added_to_the_keys_that_are_there(harness, site, home):
    known = home / ".ssh" / "known_hosts"
    known.write_text("# mine\n|1|hashed= ssh-rsa AAAA")
    site.put("f", DATA)
    assert run(harness, site.access("f"), host_key=site.server.fingerprint()).state == "done"
    again = run(harness, site.access("f"), id="again", conflict="overwrite")
    assert again.state == "done"
    lines = known.read_text().splitlines()
    assert lines[:2] == ["# mine", "|1|hashed= ssh-rsa AAAA"]
    assert len(lines) == 3


def test_a_changed_host_key_is_refused(harness, site, home, tmp_path):
    site.put("f", DATA)
    other = home / ".ssh" / "known_hosts"
    other.write_text(
        f"[127.0.0.1]:{site.server.port} {(site.server.work / 'other.pub').read_text()}"
    )
    outcome = run(harness, site.access("f"), host_key=site.server.fingerprint())
    assert (outcome.state, outcome.error.code) == ("failed", "host_key_changed")
    assert "another one than before" in outcome.error.message
    assert harness.names() == []


def test_links_to_files_are_fetched_and_links_to_folders_left(harness, site):
    site.put("d/f.bin", DATA[:100])
    (site.folder / "link.bin").symlink_to("d/f.bin")
    (site.folder / "loop").symlink_to(".")
    (site.folder / "dangling").symlink_to("nowhere")
    os.mkfifo(site.folder / "pipe")
    assert run(harness, site.access()).state == "done"
    assert harness.names() == ["d/f.bin", "link.bin"]


def test_the_home_folder(harness, site):
    access = site.access()
    address = f"sftp://127.0.0.1:{site.server.port}/~/nothing-of-this-name"
    outcome = harness.run(address, **access.options)
    assert outcome.error.code == "remote_not_found"


@pytest.mark.parametrize("path", ["/a%0d%0aDELE", "/a%00b", "/%7f"])
def test_control_characters_are_refused(harness, site, path):
    outcome = harness.run(f"sftp://127.0.0.1:{site.server.port}{path}", **site.access().options)
    assert outcome.error.code == "invalid_address"


def test_a_key_file_that_is_none(harness, site):
    site.put("f", DATA)
    outcome = run(harness, site.access("f"), key_file="/nowhere/key")
    assert outcome.error.code == "bad_request"


def test_what_known_hosts_says_is_not_written_under_a_connection(server, site):
    first = hostkeys.file_for("127.0.0.1", server.port)
    status = os.stat(first)
    assert hostkeys.file_for("127.0.0.1", server.port) == first
    again = os.stat(first)
    assert (again.st_ino, again.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


def test_bytes_that_libssh2_holds_are_not_waited_for(harness, site, monkeypatch):
    waits = []

    class Multi(pycurl.CurlMulti):
        def select(self, seconds):
            ready = super().select(seconds)
            if seconds > 0.05 and ready < 1:
                waits.append(seconds)
            return ready

    monkeypatch.setattr(pycurl, "CurlMulti", Multi)
    site.put("large", DATA[:1000])
    os.truncate(site.folder / "large", 128 << 20)
    assert run(harness, site.access("large")).state == "done"
    # A busy machine may make it wait now and then, where that was one time in ten MiB.
    assert len(waits) < 5
