"""FTP and FTPS against pyftpdlib."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from jupyter_transfer.backends.ftp import _parse_facts, _parse_list
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import Credential

from ..servers.ftp import PASSWORD, USER, running_ftp
from .contract import DATA, BackendContract
from .contract_send import SinkContract
from .filesite import FileSite
from .site import Access


class FtpSite(FileSite):
    def __init__(self, server, folder, **options):
        super().__init__(folder)
        self.server = server
        self.options = options

    def access(self, name: str = "") -> Access:
        path = quote(os.fsencode(name)) if name else ""
        base = self.folder.relative_to(self.server.files)
        address = self.server.address(f"{base}/{path}")
        return Access(address, self.options, Credential(USER, PASSWORD), (PASSWORD,))

    def denied(self, name, how):
        access = self.access(name)
        credential = None if how == "missing" else Credential(USER, "wrong-canary-99")
        return Access(access.address, self.options, credential, ("wrong-canary-99",))


@pytest.fixture(scope="module", params=["MLSD", "LIST"])
def server(request, tmp_path_factory):
    without = ("MLSD",) if request.param == "LIST" else ()
    with running_ftp(tmp_path_factory.mktemp("ftp"), without=without) as running:
        yield running


@pytest.fixture
def site(server, tmp_path, monkeypatch):
    folder = server.files / tmp_path.name
    folder.mkdir()
    return FtpSite(server, folder)


class TestFtp(BackendContract, SinkContract):
    """The contract, with MLSD and without."""

    @pytest.fixture
    def site(self, site):
        return site


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory, certificate):
    with running_ftp(tmp_path_factory.mktemp("ftps"), certificate=certificate) as running:
        yield running


class TestFtps(BackendContract, SinkContract):
    """The contract over TLS that must be there."""

    @pytest.fixture
    def site(self, tls_server, tmp_path, harness, certificate):
        folder = tls_server.files / tmp_path.name
        folder.mkdir()
        harness.ca_file = str(certificate[0])
        return FtpSite(tls_server, folder, tls="required")


def run(harness, access, **options):
    harness.credential = access.credential
    return harness.run(access.address, **{**access.options, **options})


def test_encryption_that_is_required_and_not_offered(harness, site):
    site.put("f", DATA)
    outcome = run(harness, site.access("f"), tls="required")
    assert (outcome.state, outcome.error.code) == ("failed", "tls_failed")


def test_a_certificate_that_nobody_vouches_for(harness, tmp_path, certificate):
    with running_ftp(tmp_path, certificate=certificate) as server:
        (server.files / "d").mkdir()
        site = FtpSite(server, server.files / "d")
        site.put("f", DATA)
        outcome = run(harness, site.access("f"))
        assert (outcome.state, outcome.error.code) == ("failed", "tls_failed")


def test_a_server_without_rest_is_fetched_in_one_piece(harness, tmp_path):
    with running_ftp(tmp_path, without=["REST"]) as server:
        (server.files / "d").mkdir()
        site = FtpSite(server, server.files / "d")
        site.put("f", DATA)
        TestFtp().lasting(harness, harness.control.pause)
        assert run(harness, site.access("f")).state == "paused"
        harness.fresh_control()
        assert run(harness, site.access("f")).state == "done"
        assert (harness.folder / "f").read_bytes() == DATA


def test_where_pasv_points_is_not_followed(harness, tmp_path):
    with running_ftp(tmp_path, masquerade="169.254.169.254") as server:
        (server.files / "d").mkdir()
        site = FtpSite(server, server.files / "d")
        site.put("f", DATA)
        assert run(harness, site.access("f")).state == "done"
        assert (harness.folder / "f").read_bytes() == DATA


def test_a_metadata_address(harness):
    outcome = harness.run("ftp://169.254.169.254/latest/")
    assert outcome.error.code == "address_refused"


@pytest.mark.parametrize("path", ["a%0d%0aDELE%20x", "a%0ab", "a%00"])
def test_commands_in_names(harness, site, path):
    outcome = harness.run(site.server.address(path))
    assert outcome.error.code == "invalid_address"


@pytest.mark.parametrize(
    ("line", "name", "kind", "size"),
    [
        ("-rw-r--r--   1 root root   12 Nov 27 07:41 a b  c", "a b  c", "file", 12),
        ("drwxr-xr-x   2 root root 4096 Jan 01  2020 d", "d", "folder", None),
        ("lrwxrwxrwx   1 root root    7 Nov 27 07:41 l -> x/y", "l", "link", None),
        ("11-27-26  07:41AM       <DIR>          my folder", "my folder", "folder", None),
        ("11-27-2026  07:41AM                 1234 f.txt", "f.txt", "file", 1234),
    ],
)
def test_forms_of_list(line, name, kind, size):
    listed = _parse_list(line)
    assert (listed.name, listed.kind, listed.size) == (name, kind, size)


@pytest.mark.parametrize("line", ["total 12", "prw-r--r-- 1 a a 0 Nov 27 07:41 pipe"])
def test_lines_of_list_that_are_no_files(line):
    assert _parse_list(line) is None


@pytest.mark.parametrize("line", ["junk", "\x1b[31mred", "-rw nothing"])
def test_junk_in_a_listing(line):
    for parse in (_parse_list, _parse_facts) if " " not in line else (_parse_list,):
        with pytest.raises(TransferError) as caught:
            parse(line)
        assert caught.value.code == "remote_lied"


def test_facts():
    listed = _parse_facts("Type=file;Size=12;Modify=20200102030405.123; a; b")
    assert (listed.name, listed.kind, listed.size) == ("a; b", "file", 12)
    assert listed.mtime == 1577934245
    assert _parse_facts("type=cdir; .") is None
    assert _parse_facts("Type=dir;Size=4096; d").kind == "folder"
    assert _parse_facts("Type=OS.unix=slink:/x; l").kind == "link"
