"""SSH servers that are not who they were, and SFTP servers that mean harm or know no better.

The latter are a program of ours that a real sshd runs as its subsystem.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ..servers import sshd as sshd_module
from ..servers.sshd import running_sshd
from .test_sftp import SftpSite, home, server, site  # noqa: F401 - fixtures


def run(harness, access, **options):
    return harness.run(access.address, ".", **{**access.options, **options})


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_host_whose_key_is_of_another_kind_than_known(harness, site, home, tmp_path, kind):  # noqa: F811
    key = tmp_path.parent / f"{tmp_path.name}-{kind}"
    sshd_module.subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True
    )
    known = home / ".ssh" / "known_hosts"
    known.write_text(
        f"[127.0.0.1]:{site.server.port} {key.with_name(key.name + '.pub').read_text()}"
    )
    before = known.read_text()
    site.put("f", b"data")
    outcome = run(harness, site.access("f"), host_key=site.server.fingerprint())
    assert (outcome.state, outcome.error.code) == ("failed", "host_key_changed")
    assert harness.names() == []
    assert known.read_text() == before


def test_a_host_that_has_the_second_of_its_known_keys(harness, home, tmp_path_factory):  # noqa: F811
    work = tmp_path_factory.mktemp("rsa")
    with running_sshd(work) as running:
        gone = running.known_host()
        sshd_module._stop(running.process)
        for name in ("host", "host.pub"):
            (work / name).unlink()
        command = ["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(work / "host")]
        sshd_module.subprocess.run(command, check=True)
        running.process = sshd_module._start(work, running.port)
        (home / ".ssh" / "known_hosts").write_text(gone + running.known_host())
        site = SftpSite(running, running.files)
        site.put("d/f", b"data")
        outcome = run(harness, site.access())
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["d/f"]


def test_a_revoked_key_is_not_asked_about(harness, site, home):  # noqa: F811
    public = (site.server.work / "host.pub").read_text()
    (home / ".ssh" / "known_hosts").write_text(f"@revoked * {public}")
    site.put("f", b"data")
    outcome = run(harness, site.access("f"), host_key=site.server.fingerprint())
    assert (outcome.state, outcome.error.code) == ("failed", "host_key_changed")


SUBSYSTEM = Path(__file__).parents[1] / "servers" / "sftplines.py"


@pytest.fixture
def lines(home, tmp_path_factory, monkeypatch):  # noqa: F811
    """A folder whose file ``listing`` has what the server answers to READDIR."""
    work = tmp_path_factory.mktemp("lines")
    command = f"{sys.executable} {SUBSYSTEM} {work / 'listing'}"
    monkeypatch.setattr(
        sshd_module, "_CONFIG", sshd_module._CONFIG.replace("internal-sftp", command)
    )
    with running_sshd(work) as running:
        (home / ".ssh" / "known_hosts").write_text(running.known_host())
        yield SftpSite(running, running.files)


def listing(*entries: tuple[str, str]) -> str:
    """Pairs of a name and the line that the server makes of it."""
    return repr(
        [
            (name.encode("utf-8", "surrogateescape"), line.encode("utf-8", "surrogateescape"))
            for name, line in entries
        ]
    )


LONG = "-rw-r--r--    1 {who}     4 Nov 27 07:50 {name}"


@pytest.mark.parametrize(
    "who",
    ["ann staff", "ann domain users", "DOMAIN\\ann DOMAIN\\domain users", "1000 1000", "? ?", ""],
)
def test_names_of_owners(harness, lines, who):
    lines.put("f.bin", b"data")
    (lines.server.work / "listing").write_text(
        listing(("f.bin", LONG.format(who=who, name="f.bin")))
    )
    outcome = run(harness, lines.access())
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["f.bin"]


@pytest.mark.parametrize(
    "line",
    ["f.bin", "", "f.bin\t4\t2020", "-r--------  f.bin", "-rw-r--r-- 1 a b 4 27. Nov 07:50 f.bin"],
)
def test_lines_in_another_form(harness, lines, line):
    lines.put("f.bin", b"data")
    lines.put("g.bin", b"good")
    (lines.server.work / "listing").write_text(
        listing(("f.bin", line), ("g.bin", LONG.format(who="a b", name="g.bin")))
    )
    outcome = run(harness, lines.access())
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["f.bin", "g.bin"]


def test_links_and_pipes_among_lines_in_another_form(harness, lines):
    lines.put("d/f.bin", b"data")
    (lines.folder / "loop").symlink_to(".")
    os.mkfifo(lines.folder / "pipe")
    (lines.server.work / "listing").write_text(
        listing(("d", "d"), ("pipe", "prw-r--r-- 1 a b 0 Nov 27 07:50 pipe"), ("loop", "loop"))
    )
    outcome = run(harness, lines.access())
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["d/f.bin"]


def test_a_name_that_forges_a_line(harness, lines):
    lines.put("good.bin", b"good")
    lines.put("other/secret.bin", b"secret")
    forged = "x\n" + LONG.format(who="a b", name="../other/secret.bin")
    (lines.server.work / "listing").write_text(
        listing(
            (forged, LONG.format(who="a b", name=forged)),
            ("../../up.bin", LONG.format(who="a b", name="../../up.bin")),
            ("good.bin", LONG.format(who="a b", name="good.bin")),
        )
    )
    run(harness, lines.access())
    assert harness.names() == ["good.bin"]
