"""An FTP server that says what a test tells it to, right or wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from .chaos import end

Reply = str | None
"""Lines of an answer; None: as a good server does."""


@dataclass
class FtpLines:
    """A running server.

    Parameters
    ----------
    files: bytes by path, as the client names it.
    listing: the answer to MLSD of the folder that is asked for.
    before: asked about each command; what it returns is sent instead of the usual answer.
    heard: all commands of all connections.
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    listing: Callable[[str], bytes] = lambda _folder: b""
    before: Callable[[str, str], Reply] = lambda _verb, _argument: None
    banner: str = "220 ready"
    heard: list[str] = field(default_factory=list)

    def address(self, path: str = "") -> str:
        """The address of a file or folder."""
        return f"ftp://127.0.0.1:{self.port}/{path}"


class _Session:
    def __init__(self, server: FtpLines, control: socket.socket) -> None:
        self._server = server
        self._control = control
        self._data: socket.socket | None = None
        self._rest = 0

    def serve(self) -> None:
        self._say(self._server.banner)
        with self._control.makefile("rb") as lines:
            for raw in lines:
                line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
                self._server.heard.append(line)
                verb, _, argument = line.partition(" ")
                reply = self._server.before(verb.upper(), argument)
                if reply is not None:
                    self._say(reply)
                elif not self._act(verb.upper(), argument):
                    return

    def _say(self, text: str) -> None:
        self._control.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def _act(self, verb: str, argument: str) -> bool:
        files, plain = self._server.files, {"USER": "331 and?", "PASS": "230 in", "PWD": '257 "/"'}
        if verb in plain:
            self._say(plain[verb])
        elif verb in ("TYPE", "CWD", "NOOP", "OPTS"):
            self._say("200 ok")
        elif verb == "EPSV":
            self._data = socket.create_server(("127.0.0.1", 0))
            self._data.settimeout(10)
            self._say(f"229 go on (|||{self._data.getsockname()[1]}|)")
        elif verb == "REST":
            self._rest = int(argument)
            self._say("350 ok")
        elif verb == "MLSD":
            self._send(self._server.listing(argument))
        elif verb in ("SIZE", "MDTM", "RETR") and argument not in files:
            self._say("550 no such file")
        elif verb == "SIZE":
            self._say(f"213 {len(files[argument])}")
        elif verb == "MDTM":
            self._say("213 20200102030405")
        elif verb == "RETR":
            self._send(files[argument][self._rest :])
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("500 unknown")
        return True

    def _send(self, data: bytes) -> None:
        assert self._data is not None
        self._say("150 here it comes")
        taken, _ = self._data.accept()
        with taken, suppress(OSError):
            taken.sendall(data)
        self._data.close()
        self._rest = 0
        self._say("226 that was it")


@contextmanager
def running_ftp_lines() -> Iterator[FtpLines]:
    """Start one."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = FtpLines(listener.getsockname()[1])

    def accept() -> None:
        with suppress(OSError):
            while True:
                control, _ = listener.accept()
                threading.Thread(target=serve, args=(control,), daemon=True).start()

    def serve(control: socket.socket) -> None:
        with control, suppress(OSError):
            _Session(server, control).serve()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        end(listener)
