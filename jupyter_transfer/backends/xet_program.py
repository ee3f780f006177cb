"""A program of its own, in which hf_xet runs: it serves files that Xet holds over HTTP, with
ranges, on a unix socket (``python -I xet_program.py SOCKET FOLDER``).

hf_xet opens no connection but to a unix socket, that of its bridge (see `xet_bridge`), which its
environment names, and knows no token. FOLDER is where it is imported from. An address is
``/<grant>/<hash>/<size>``.

A range is read in pieces: hf_xet hands nothing on before it has all of what it asked for at once.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, NamedTuple

SMALLEST, LARGEST = 1 << 20, 4 << 20
"""Bytes of the first piece of a range, and of any: so much a slow line has to bring before a byte
of it is handed on, and so much is lost with a connection."""

QUICK = 0.25
"""Seconds: a piece that came within them is followed by one of twice its length."""

_PATH = re.compile(r"/(\d{1,9})/([0-9a-f]{64})/(\d{1,18})")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?")


class File(NamedTuple):
    """A file of Xet, and the number of the grant that it is read by."""

    grant: str
    hash: str
    size: int


class Unreadable(Exception):  # noqa: N818 - the bridge knows why
    """The bytes cannot be had."""


class Reader:
    """Reads files by hf_xet, in any number of threads."""

    def __init__(self) -> None:
        import hf_xet  # noqa: PLC0415 - it lies where this program was told

        self._xet: Any = hf_xet
        self._session: Any = hf_xet.XetSession()
        self._groups: dict[str, Any] = {}
        self._lock = threading.Lock()

    def read(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """The bytes of `file` from `start` up to `end`, as they come. Raises `Unreadable`."""
        length = SMALLEST
        while start < end:
            began = time.monotonic()
            piece = min(end, start + length)
            for data in self._piece(file, start, piece):
                start += len(data)
                yield data
            if start != piece:
                raise Unreadable
            if time.monotonic() - began < QUICK:
                length = min(LARGEST, 2 * length)

    def _piece(self, file: File, start: int, end: int) -> Iterator[bytes]:
        try:
            known = self._xet.XetFileInfo(file.hash, file.size)
            stream = self._group(file.grant).download_stream(known, start=start, end=end)
        except Exception as error:
            raise Unreadable from error
        try:
            yield from stream
        except GeneratorExit:
            stream.cancel()
            raise
        except Exception as error:  # of many kinds
            raise Unreadable from error

    def _group(self, grant: str) -> Any:
        with self._lock:
            if grant not in self._groups:
                self._groups[grant] = self._session.new_download_stream_group(
                    endpoint=f"http://bridge/cas/{grant}"
                )
            return self._groups[grant]


class Server(ThreadingMixIn, UnixStreamServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, reader: Reader) -> None:
        self.reader = reader
        super().__init__(path, Answering)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone."""


class Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """A file, or a range of it (RFC 9110 section 14)."""
        asked = _PATH.fullmatch(self.path)
        if asked is None:
            self._head(404)
            return
        file = File(asked[1], asked[2], int(asked[3]))
        span = _RANGE.fullmatch(self.headers.get("Range", ""))
        start, end = 0, file.size
        if span:
            start, end = int(span[1]), min(int(span[2] or file.size), file.size - 1) + 1
            if not start < end:
                self._head(416, {"Content-Range": f"bytes */{file.size}"})
                return
        fields = {"Content-Length": str(end - start), "ETag": f'"{file.hash}"'}
        if span:
            fields["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        self._send(206 if span else 200, fields, self.server.reader.read(file, start, end))

    def _send(self, status: int, fields: dict[str, str], body: Iterator[bytes]) -> None:
        """Answer with `body`; one that ends too early is cut short."""
        try:
            first = next(body, b"")
        except Unreadable:
            # A part is located anew, and told why then; a first look is only taken again.
            is_look = fields["Content-Length"] == "1"
            self._head(503 if is_look else 410)
            return
        self._head(status, fields)
        try:
            self.wfile.write(first)
            for data in body:
                self.wfile.write(data)
        except Unreadable:
            self.close_connection = True

    def _head(self, status: int, fields: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": "0", **(fields or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *values: Any) -> None:
        """Nobody reads it."""


def main() -> None:
    """Serve until somebody ends this process."""
    path, folder = sys.argv[1:]
    sys.path.append(folder)
    Server(path, Reader()).serve_forever()


if __name__ == "__main__":
    main()
