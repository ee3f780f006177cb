"""An SFTP server (version 3, draft-ietf-secsh-filexfer-02) that shows a listing of a test's own;
what it names it serves from the disk. Run by sshd as its subsystem."""

from __future__ import annotations

import ast
import os
import struct
import sys
from pathlib import Path

INIT, OPEN, CLOSE, READ, LSTAT, FSTAT, OPENDIR, READDIR, REALPATH, STAT, READLINK = (
    *(1, 3, 4, 5, 7, 8),
    *(11, 12, 16, 17, 19),
)
OK, EOF, NO_SUCH_FILE, UNSUPPORTED = 0, 1, 2, 8


def text(data: bytes) -> bytes:
    """A string of the protocol."""
    return struct.pack(">I", len(data)) + data


def attributes(status: os.stat_result) -> bytes:
    """Size, permissions and times."""
    times = (int(status.st_atime), int(status.st_mtime))
    return struct.pack(">IQIII", 0x1 | 0x4 | 0x8, status.st_size, status.st_mode, *times)


class Server:
    """One connection."""

    def __init__(self, listing: Path) -> None:
        self.listing = listing
        self.unlisted: list[bytes] = []

    def answer(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """The answer to one request, without its number."""
        length = struct.unpack(">I", body[:4])[0]
        path, rest = body[4 : 4 + length], body[4 + length :]
        acts = {
            OPEN: self.open,
            OPENDIR: self.open_folder,
            READDIR: self.read_folder,
            STAT: lambda path: (105, attributes(os.stat(path))),
            LSTAT: lambda path: (105, attributes(os.lstat(path))),
            FSTAT: lambda path: (105, attributes(os.stat(path))),
            REALPATH: lambda path: (104, one_name(path)),
            READLINK: lambda path: (104, one_name(os.readlink(path))),
            CLOSE: lambda _: status(OK),
            READ: lambda path: self.read(path, *struct.unpack(">QI", rest)),
        }
        return acts[kind](path) if kind in acts else status(UNSUPPORTED)

    def open(self, path: bytes) -> tuple[int, bytes]:
        """The path is the handle."""
        os.stat(path)
        return 102, text(path)

    def read(self, path: bytes, offset: int, count: int) -> tuple[int, bytes]:
        """A part of a file."""
        data = Path(os.fsdecode(path)).read_bytes()[offset : offset + count]
        return (103, text(data)) if data else status(EOF)

    def open_folder(self, path: bytes) -> tuple[int, bytes]:
        """The path is the handle."""
        if not os.path.isdir(path):
            raise FileNotFoundError
        self.unlisted.append(path)
        return 102, text(path)

    def read_folder(self, path: bytes) -> tuple[int, bytes]:
        """All lines at once, then the end. Folders below have lines of a name alone."""
        if path not in self.unlisted:
            return status(EOF)
        self.unlisted.remove(path)
        if path.rstrip(b"/").endswith(b"/files"):
            pairs = ast.literal_eval(self.listing.read_text())
        else:
            pairs = [(name, name) for name in os.listdir(path)]
        return 104, struct.pack(">I", len(pairs)) + b"".join(
            text(name) + text(line) + self.attributes_of(path, name) for name, line in pairs
        )

    def attributes_of(self, path: bytes, name: bytes) -> bytes:
        """None of what is not there."""
        try:
            return attributes(os.lstat(os.path.join(path, name)))
        except (OSError, ValueError):
            return struct.pack(">I", 0)


def one_name(path: bytes) -> bytes:
    """A list of one name."""
    return struct.pack(">I", 1) + text(path) + text(b"") + struct.pack(">I", 0)


def status(code: int) -> tuple[int, bytes]:
    """An answer that is only a status."""
    return 101, struct.pack(">I", code) + text(b"") + text(b"")


def main() -> None:
    """Serve standard input."""
    server, source, sink = Server(Path(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(5):
        length, kind = struct.unpack(">IB", head)
        body = source.read(length - 1)
        if kind == INIT:
            answer = bytes([2]) + struct.pack(">I", 3)
        else:
            try:
                reply, more = server.answer(kind, body[4:])
            except OSError:
                reply, more = status(NO_SUCH_FILE)
            answer = bytes([reply]) + body[:4] + more
        sink.write(struct.pack(">I", len(answer)) + answer)
        sink.flush()


if __name__ == "__main__":
    main()
