"""FTP and SFTP of ``rclone serve``, with a password."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import Credential

from ..engine.conftest import Recorder
from ..servers.rclonefiles import PASSWORD, USER, running_rclone_files
from .contract import BackendContract
from .filesite import FileSite
from .site import Access
from .test_sftp import home  # noqa: F401 - a fixture


class RcloneSite(FileSite):
    def __init__(self, server, folder, options):
        super().__init__(folder)
        self.server = server
        self.options = options

    def access(self, name=""):
        path = quote(os.fsencode(name)) if name else ""
        address = self.server.address(f"{self.folder.relative_to(self.server.files)}/{path}")
        return Access(address, self.options, Credential(USER, PASSWORD), (PASSWORD,))

    def denied(self, name, how):
        address = self.access(name).address
        if how == "missing":
            return Access(address, self.options)
        wrong = "wrong-canary-8812"
        return Access(address, self.options, Credential(USER, wrong), (wrong,))


@pytest.fixture(scope="module", params=["sftp", "ftp"])
def server(request, tmp_path_factory):
    with running_rclone_files(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def site(server, harness, tmp_path, home):  # noqa: F811
    folder = server.files / tmp_path.name
    folder.mkdir()
    options = {}
    if server.scheme == "sftp":
        outcome = harness.run(server.address(), username=USER, password=PASSWORD)
        assert outcome.error.code == "needs_decision"
        options["host_key"] = outcome.error.detail["fingerprint"]
        harness.report = Recorder()
    return RcloneSite(server, folder, options)


class TestRcloneFiles(BackendContract):
    """The contract."""

    @pytest.fixture
    def site(self, site):
        return site


def test_a_name_that_is_taken_is_not_replaced(harness, site):
    """Its SFTP server replaces, against the protocol."""
    site.put("new", b"ours")
    site.put("old", b"theirs")
    with BackendContract.open(harness, site.access()) as (backend, _):
        addresses = [site.access(name).address for name in ("", "new", "old")]
        with pytest.raises(TransferError) as caught:
            backend.rename(*addresses, replace=False)
    assert caught.value.code == "exists"
    assert site.read("old") == b"theirs"
