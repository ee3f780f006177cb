"""A source that is rewritten while it is fetched, so that nothing but its bytes tells."""

from __future__ import annotations

import os
import time

import pytest

from ..servers.chaos import noise
from ..servers.ftp import running_ftp
from ..servers.sshd import running_sshd
from .test_ftp import FtpSite
from .test_sftp import SftpSite, home  # noqa: F401 - a fixture

OLD, NEW = noise(6 << 20), noise(6 << 20, seed=2)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with (
        running_ftp(tmp_path_factory.mktemp("ftp")) as ftp,
        running_sshd(tmp_path_factory.mktemp("sshd")) as sshd,
    ):
        yield {"ftp": ftp, "sftp": sshd}


@pytest.fixture(params=["ftp", "sftp"])
def site(request, servers, home, tmp_path_factory):  # noqa: F811
    server = servers[request.param]
    if request.param == "ftp":
        folder = server.files / tmp_path_factory.mktemp("site").name
        folder.mkdir()
        return FtpSite(server, folder)
    (home / ".ssh" / "known_hosts").write_text(server.known_host())
    return SftpSite(server, tmp_path_factory.mktemp("site"))


def wait_for_a_new_second() -> None:
    time.sleep(1.02 - time.time() % 1)


@pytest.mark.parametrize("how", ["in_place", "renamed_over"])
def test_rewritten_within_the_second_in_which_it_was_written(harness, site, how):
    path, done = site.folder / "f.bin", []

    def swap(counts):
        if counts["bytes_done"] > 1 << 20 and not done:
            if how == "in_place":
                with path.open("r+b") as file:
                    file.write(NEW)
            else:
                path.with_name("g").write_bytes(NEW)
                os.replace(path.with_name("g"), path)
            done.append(int(path.stat().st_mtime))

    access = site.access("f.bin")
    harness.credential = access.credential
    harness.control.bandwidth.rate = 12 << 20
    harness.report.on_progress = swap
    wait_for_a_new_second()
    path.write_bytes(OLD)
    outcome = harness.run(access.address, **access.options)
    assert done
    assert outcome.state == "done", outcome.error
    got = (harness.folder / "f.bin").read_bytes()
    assert got in (OLD, NEW)
