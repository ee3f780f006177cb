"""A real OpenSSH server on loopback, run by whoever runs the tests, for its own login."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .nginx import free_port, is_listening

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {work}/host
PidFile none
AuthorizedKeysFile {work}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
MaxStartups 100
"""


@dataclass
class Sshd:
    """A running server.

    Parameters
    ----------
    files: a folder to put files into; the server shows everything.
    key: a private key that opens it, with the passphrase `PASSPHRASE`; `other` opens nothing.
    """

    port: int
    work: Path
    files: Path
    key: Path
    other: Path
    process: subprocess.Popen[bytes]

    def address(self, path: Path) -> str:
        """The address of a file or folder."""
        return f"sftp://127.0.0.1:{self.port}{path}"

    def known_host(self) -> str:
        """The line of known_hosts for it."""
        return f"[127.0.0.1]:{self.port} {(self.work / 'host.pub').read_text()}"

    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it."""
        shown = subprocess.run(
            ["ssh-keygen", "-lf", str(self.work / "host.pub")],
            check=True,
            capture_output=True,
            text=True,
        )
        return shown.stdout.split()[1]

    def change_key(self) -> None:
        """From now on it has another key."""
        _stop(self.process)
        for name in ("host", "host.pub"):
            (self.work / name).unlink()
        make_key(self.work / "host")
        self.process = _start(self.work, self.port)


PASSPHRASE = "canary-passphrase-7313"


def make_key(path: Path, passphrase: str = "") -> None:
    """A new key pair."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True
    )


@contextmanager
def running_sshd(work: Path) -> Iterator[Sshd]:
    """Start one that keeps its things in `work`."""
    files = work / "files"
    files.mkdir()
    make_key(work / "host")
    make_key(work / "key", PASSPHRASE)
    make_key(work / "other")
    (work / "authorized").write_text((work / "key.pub").read_text())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    (work / "sshd_config").write_text(_CONFIG.format(port=port, work=work))
    server = Sshd(port, work, files, work / "key", work / "other", _start(work, port))
    try:
        yield server
    finally:
        _stop(server.process)


def _start(work: Path, port: int) -> subprocess.Popen[bytes]:
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert program, "sshd is missing: run scripts/machine test"
    with (work / "sshd.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", str(work / "sshd_config")], stdout=log, stderr=log
        )
    for _ in range(100):
        if is_listening(port):
            return process
        assert process.poll() is None, (work / "sshd.log").read_text()
        time.sleep(0.05)
    raise AssertionError("sshd did not start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
