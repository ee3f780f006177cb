"""A real FTP server on loopback (pyftpdlib), with and without TLS, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .nginx import free_port, is_listening

USER, PASSWORD = "ann", "canary-password-4471"

_SERVER = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

port, files, certificate, key, without, masquerade, closed = sys.argv[1:]
people = DummyAuthorizer()
people.add_user({user!r}, {password!r}, files, perm="elradfmwMT")
if closed:
    people.override_perm({user!r}, closed, perm="elr", recursive=True)
class Handler(TLS_FTPHandler if certificate else FTPHandler):
    authorizer = people
    auth_failed_timeout = 0
    use_sendfile = False
    proto_cmds = {{k: v for k, v in FTPHandler.proto_cmds.items() if k not in without.split(",")}}
    if certificate:
        proto_cmds = TLS_FTPHandler.proto_cmds
        certfile, keyfile = certificate, key
        tls_control_required = tls_data_required = False
    if masquerade:
        masquerade_address = masquerade
        def ftp_EPSV(self, line):
            self.respond("500 unknown")
ThreadedFTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


@dataclass
class FtpServer:
    """A running server, whose user `USER` sees `files`."""

    port: int
    files: Path

    def address(self, name: str = "") -> str:
        """The address of a file or folder."""
        return f"ftp://127.0.0.1:{self.port}/{name}"

    def moved(self) -> tuple[int, int]:
        """Bytes of files that it has sent, and has taken, in transfers that have ended, whole or
        not."""
        log = (self.files.parent / "ftp.log").read_text("utf-8", "replace")
        found = re.findall(r" (RETR|STOR|APPE) .* completed=\d bytes=(\d+)", log)
        sent = sum(int(count) for verb, count in found if verb == "RETR")
        return sent, sum(int(count) for verb, count in found if verb != "RETR")


@contextmanager
def running_ftp(
    work: Path,
    *,
    certificate: tuple[Path, Path] | None = None,
    without: Sequence[str] = (),
    masquerade: str = "",
    closed: str = "",
) -> Iterator[FtpServer]:
    """Start one.

    Parameters
    ----------
    certificate: and its key: TLS for who asks.
    without: commands that it does not know.
    masquerade: the address that it names in its answers to PASV.
    closed: a folder, which it makes, that nobody may write to.
    """
    files = work / "files"
    files.mkdir()
    if closed:
        (files / closed).mkdir()
    script = work / "server.py"
    script.write_text(_SERVER.format(user=USER, password=PASSWORD))
    port = free_port()
    names = [str(path) for path in certificate] if certificate else ["", ""]
    with (work / "ftp.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, str(script), str(port), str(files)),
                *(*names, ",".join(without), masquerade, str(files / closed) if closed else ""),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(100):
            if is_listening(port):
                break
            assert process.poll() is None, (work / "ftp.log").read_text()
            time.sleep(0.05)
        yield FtpServer(port, files)
    finally:
        process.terminate()
        process.wait()
