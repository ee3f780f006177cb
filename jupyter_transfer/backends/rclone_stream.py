"""Files of other services on their way to a remote of rclone: their bytes go through us into one
``operations/uploadfile`` (https://rclone.org/rc/), a form of which the file is the only field.

A form that ends before its last line is refused by rclone, which removes what it wrote. So nothing
is gone on with in its middle, and nothing that is cut short is taken for the whole.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from secrets import token_hex
from urllib.parse import urlencode

from ..errors import TransferError
from .base import Digest, Entry, pause
from .rclone_errors import error_of_text
from .rclone_place import Place
from .rclone_sink import RcloneSink, Remote
from .sink import Gone, Outlet, SourceFile, Span, State

_OTHER = re.compile(r"[^A-Za-z0-9._-]")
"""What would have to be quoted in a form."""

_NOTICING = 2.0
"""Seconds that rclone may take to end what was cut short."""


class RcloneStreamSink(RcloneSink):
    """One file whose bytes come from elsewhere. It always has a part: of an object store, too,
    where its move to the final name is a copy within the service."""

    def __init__(self, remote: Remote, place: Place, source: SourceFile) -> None:
        super().__init__(remote, place, source)
        self.piece_size = max(1, source.size)
        self.digests = (remote.hash,) if remote.hash else ()
        name = _OTHER.sub("_", place.name)[:64]
        self.part = place.parent.below(f".{name}.{token_hex(4)}.partial")
        self._sending = False

    def begin(self, state: State | None) -> Sequence[Span]:
        """As `RcloneSink.begin`. Raises ``bad_request`` where a stream would first be kept on our
        disk, or cannot get its final name within the service."""
        if state is None:
            self._require_streams()
        else:
            self._wait()
        try:
            return super().begin(state)
        except Gone:
            if self._sending:
                return []  # what was cut short is removed there
            raise

    def outlet(self, span: Span) -> Outlet:
        """One form with the whole file."""
        assert self.part is not None
        self._sending = True
        mark = token_hex(16)
        head = (
            f"--{mark}\r\nContent-Disposition: form-data; name=file; filename={self.part.name}\r\n"
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        asked = {"fs": self.part.top, "remote": self.part.parent.path}
        return Outlet(
            f"http://rclone/operations/uploadfile?{urlencode(asked)}",
            method="POST",
            headers={"Content-Type": f"multipart/form-data; boundary={mark}"},
            unix_socket=self.remote.server.control,
            frame=(head.encode(), f"\r\n--{mark}--\r\n".encode()),
        )

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """As `RcloneSink.finish`, with the time of the source where that is what tells a file: or
        it would be another one to the next copy."""
        if self.remote.told_by_time and self.source.mtime_ns is not None:
            self._keep_time(self.source.mtime_ns)
        return super().finish(digests)

    def _wait(self) -> None:
        """Until rclone has noticed that a stream was cut short: before, it may still write."""
        server, end = self.remote.server, time.monotonic() + _NOTICING
        while len(server.ask("job/list")["runningIds"]) > 1 and time.monotonic() < end:
            pause(server.caller, 0.02)  # the one is the question itself

    def _keep_time(self, mtime_ns: int) -> None:
        assert self.part is not None
        seconds, rest = divmod(mtime_ns, 10**9)
        moment = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        flags = ["--no-create", f"--timestamp={moment}.{rest:09}", "--"]
        with suppress(TransferError):  # some services let nobody change it
            self.remote.server.ask("core/command", command="touch", arg=[*flags, str(self.part)])

    def refused(self, status: int, body: bytes) -> TransferError | None:
        """What rclone says."""
        try:
            text = json.loads(body)["error"]
        except (ValueError, TypeError, KeyError):
            return None
        return error_of_text(str(text))

    def _require_streams(self) -> None:
        if not self.remote.streams:
            raise TransferError(
                "bad_request",
                "This remote of rclone takes no file that is still coming from another service.",
                "Fetch it to this server, and send it from there.",
            )
