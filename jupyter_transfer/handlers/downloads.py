"""``download/{path}``: one file, as the browser's own download.

The link carries ``?_xsrf=``: a foreign page must not make the browser read files.
"""

from __future__ import annotations

import asyncio
import hashlib
import os

from ..archives.manifest import Member, identity_of
from ..archives.stream import FileSource
from ..names import split_path
from .base import allow
from .conditions import Validators
from .delivery import DeliveryHandler, Representation, entity_tag
from .fields import digest_field, wants_digest

MAX_DIGEST = 1 << 30
"""Bytes of the largest file whose digest is computed on request: a second or two."""
_READ = 1 << 20


class DownloadHandler(DeliveryHandler):
    """One regular file."""

    @allow(("read", "contents"))
    async def get(self, path: str) -> None:
        """The file, or the range of it that is asked for."""
        await self._answer(path)

    @allow(("read", "contents"))
    async def head(self, path: str) -> None:
        """What GET would say about the file."""
        await self._answer(path)

    async def _answer(self, path: str) -> None:
        self.check_xsrf_cookie()
        root = self.transfer.root
        path = root.parse(path)
        fd = await asyncio.to_thread(root.open, path)
        try:
            status = os.fstat(fd)
            member = Member(path, path, 0, identity_of(status))
            validators = Validators(entity_tag(*member.identity), member.mtime_ns // 10**9)
            name = split_path(path)[1]
            if self.request.method == "HEAD":
                await self._state_digest(fd)
            # The source takes over a descriptor of its own: whoever holds one closes it.
            await self.deliver(
                Representation(name, status.st_size, validators),
                lambda start, end: FileSource(os.dup(fd), member, start),
            )
        finally:
            os.close(fd)

    async def _state_digest(self, fd: int) -> None:
        """The SHA-256 of the file, if it is asked for: a page compares it with that of a file that
        it has, before it sends that."""
        if wants_digest(self.request.headers.get("Want-Repr-Digest"), "sha-256"):
            digest = await asyncio.to_thread(_sha256, fd)
            if digest is not None:
                self.set_header("Repr-Digest", digest_field("sha-256", digest))


def _sha256(fd: int) -> bytes | None:
    """The SHA-256 of a file; None if it is too large, cannot be read, or changes meanwhile."""
    try:
        before = os.fstat(fd)
        if before.st_size > MAX_DIGEST:
            return None
        digest, position = hashlib.sha256(), 0
        while data := os.pread(fd, _READ, position):
            digest.update(data)
            position += len(data)
        unchanged = identity_of(os.fstat(fd)) == identity_of(before)
        return digest.digest() if unchanged else None
    except OSError:
        return None


ROUTES = [(r"jupyter-transfer/download/(.*)", DownloadHandler)]
