"""Sending one file by rclone's ``operations/copyfile`` (https://rclone.org/rc/).

rclone reads the very file that the engine has opened, by its descriptor, not by a name that may
lead elsewhere meanwhile; it compares hashes where both sides have one in common.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import count
from typing import Any

from ..errors import TransferError
from .base import Caller, Digest
from .rclone_errors import error_of_text
from .rclone_server import RcloneServer
from .sending import Sending

DIGESTS = ("sha256", "sha1", "md5")
"""Digests of whole files that both sides know, the best first."""

_STOP = 0.7
"""Seconds that a stopped copy has to remove what it wrote."""

_numbers = count(1)


def digest_of(item: dict[str, Any]) -> Digest | None:
    """The best digest in an item of a listing."""
    hashes = item.get("Hashes") or {}
    return next((Digest(name, hashes[name].lower()) for name in DIGESTS if hashes.get(name)), None)


class RcloneSending(Sending):
    """The file open as `fd` on its way to `path` of the remote `top`.

    Parameters
    ----------
    hash: the digest that the service can state, by its name.
    remains: whether a part of it may stand under the final name when it is stopped: nothing stood
        there, and rclone writes no temporary name at this service.
    rate: bytes a second at most, from the first byte on; None is no limit.
    """

    def __init__(
        self,
        server: RcloneServer,
        fd: int,
        top: str,
        path: str,
        *,
        hash: str | None,
        remains: bool,
        rate: int | None,
    ) -> None:
        self._size = os.fstat(fd).st_size
        self._remains = remains
        self._server = server
        self._top = top
        self._path = path
        self._hash = hash
        self._group = f"send{next(_numbers)}"
        server.limit(rate)  # before the copy begins: a small file is gone in a millisecond
        self._job = server.ask(
            "operations/copyfile",
            # A remote of our own making, which follows the link that a descriptor is.
            srcFs=f":local,copy_links:/proc/{os.getpid()}/fd",
            srcRemote=str(fd),
            dstFs=top,
            dstRemote=path,
            _async=True,
            _group=self._group,
        )["jobid"]

    def poll(self) -> tuple[bool, int]:
        """See `Sending`."""
        status = self._server.ask("job/status", jobid=self._job)
        moved = int(self._server.ask("core/stats", group=self._group).get("bytes") or 0)
        if status["finished"] and not status["success"]:
            raise error_of_text(str(status.get("error", "")))
        return bool(status["finished"]), moved

    def limit(self, rate: int | None) -> None:
        """See `Sending`."""
        self._server.limit(rate)

    def stated(self) -> Digest | None:
        """See `Sending`."""
        if self._hash is None:
            return None
        item = self._server.ask(
            "operations/stat",
            fs=self._top,
            remote=self._path,
            opt={"noMimeType": True, "showHash": True, "hashTypes": [self._hash]},
        )["item"]
        return None if item is None else digest_of(item)

    def stop(self, caller: Caller) -> None:
        """See `Sending`."""
        self._server.caller = caller
        with suppress(TransferError):
            self._server.ask("job/stop", jobid=self._job)
            end = time.monotonic() + _STOP
            while time.monotonic() < end:
                if self._server.ask("job/status", jobid=self._job)["finished"]:
                    break
                time.sleep(0.02)
            if self._remains:
                self._remove_part()

    def _remove_part(self) -> None:
        """Remove what a service that stores whatever arrives keeps of a request that broke off."""
        where = {"fs": self._top, "remote": self._path}
        item = self._server.ask("operations/stat", **where)["item"]
        if item is not None and not item["IsDir"] and item["Size"] < self._size:
            self._server.ask("operations/deletefile", **where)
