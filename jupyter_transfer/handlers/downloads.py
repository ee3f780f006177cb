"""``download/{path}``: one file, as the browser's own download.

The link carries ``?_xsrf=``: a foreign page must not make the browser read files.
"""

from __future__ import annotations

import asyncio
import os

from ..archives.manifest import Member, identity_of
from ..archives.stream import FileSource
from ..paths import split_path
from .base import allow
from .conditions import Validators
from .delivery import DeliveryHandler, Representation, entity_tag


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
            # The source takes over a descriptor of its own: whoever holds one closes it.
            await self.deliver(
                Representation(name, status.st_size, validators),
                lambda start, end: FileSource(os.dup(fd), member, start),
            )
        finally:
            os.close(fd)


ROUTES = [(r"jupyter-transfer/download/(.*)", DownloadHandler)]
