"""The room that new uploads have on a disk: what is free, less what others were promised.

An upload is let in when its bytes fit. Until they have arrived the disk does not show them, so
what is still to come of uploads under way is taken off, else two files would be promised the same
room. A promise is kept in memory only and for a while: an upload that nobody went on with, or that
an earlier process let in, counts again as soon as its next byte arrives.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from ..errors import TransferError
from ..paths import Root
from .rows import Upload
from .session import Session

PROMISE_SECONDS = 3600.0
"""Seconds without a request after which an upload keeps no room: who left must not shut others out
until it expires."""


@dataclass
class _Promise:
    """What one upload still needs."""

    device: int
    """The file system (``st_dev``)."""
    left: int
    """Bytes to come when no request worked on it any more."""
    until: float
    """Until when it holds, by the monotonic clock."""
    session: Session | None = None
    """Who knows how much has arrived, while a request works on it."""

    @property
    def bytes(self) -> int:
        """Bytes to come."""
        if self.session is None:
            return self.left
        return max((self.session.upload.length or 0) - self.session.written, 0)


class Room:
    """The promises over the disk `root`. May be used from any thread."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._promises: dict[str, _Promise] = {}
        self._lock = Lock()

    def look(self, folder: str, but: str = "") -> tuple[int, int]:
        """Bytes that new uploads may bring into `folder` or its nearest ancestor that is there,
        and bytes that are promised there; the upload `but` is left out.

        Raises ``not_a_directory`` when a file stands in the way.
        """
        with self._lock:
            return self._look(self._root.nearest_folder(folder), but)

    def _look(self, folder: str, but: str) -> tuple[int, int]:
        now = time.monotonic()
        for id, promise in list(self._promises.items()):
            if promise.session is None and promise.until < now:
                del self._promises[id]
        device = self._device(folder)
        promised = sum(
            promise.bytes
            for id, promise in self._promises.items()
            if promise.device == device and id != but
        )
        return max(self._root.free_bytes(folder) - promised, 0), promised

    def _device(self, folder: str) -> int:
        return self._root.stat(folder).st_dev

    def promise(self, upload: Upload, needed: int) -> None:
        """`check`, then keep the room for all bytes of a new upload."""
        with self._lock:
            self._check(upload, needed)
            self._keep(upload, upload.length or 0)

    def check(self, upload: Upload, needed: int) -> None:
        """Raise ``disk_full``, with ``needed_bytes``, ``free_bytes`` and ``reserved_bytes``, unless
        `needed` bytes have room in the folder of `upload`."""
        with self._lock:
            self._check(upload, needed)

    def _check(self, upload: Upload, needed: int) -> None:
        free, promised = self._look(upload.folder, upload.id)
        if needed > free:
            raise TransferError(
                "disk_full",
                "The disk of the server has not enough room for this file.",
                detail=_detail(needed, free, promised),
            )

    def shortage(self, upload: Upload, needed: int) -> dict[str, int]:
        """The ``detail`` of ``disk_full`` where `needed` bytes of `upload` are still to come."""
        return _detail(needed, *self.look(upload.folder, upload.id))

    def follow(self, session: Session) -> None:
        """A request works on an upload: from now on its session knows what is to come."""
        upload = session.upload
        # A folder that is gone is for whoever writes into it to complain about.
        with self._lock, suppress(TransferError):
            promise = self._promises.get(upload.id) or self._keep(upload, 0)
            promise.session = session

    def settle(self, session: Session) -> None:
        """The request is over: what is still to come stays promised, for a while."""
        with self._lock:
            promise = self._promises.get(session.upload.id)
            if promise is None or promise.session is not session:
                return
            promise.left, promise.session = promise.bytes, None
            promise.until = time.monotonic() + PROMISE_SECONDS
            if not promise.left:
                del self._promises[session.upload.id]

    def forget(self, id: str) -> None:
        """Nothing more of the upload `id` is to come."""
        with self._lock:
            self._promises.pop(id, None)

    def _keep(self, upload: Upload, left: int) -> _Promise:
        until = time.monotonic() + PROMISE_SECONDS
        promise = _Promise(self._device(upload.folder), left, until)
        self._promises[upload.id] = promise
        return promise


def _detail(needed: int, free: int, promised: int) -> dict[str, int]:
    return {"needed_bytes": needed, "free_bytes": free, "reserved_bytes": promised}
