"""What interrupted transfers have left on the disk and at services, and nobody owns any more."""

from __future__ import annotations

import asyncio

from ..abandoned import PREFIX
from .base import TransferHandler, allow


class LeftoversHandler(TransferHandler):
    """``leftovers``: the list."""

    _track_activity = False

    @allow(("read", "transfers"), ("read", "contents"))
    async def get(self) -> None:
        """``{leftovers: [{id, path, size, modified, where}], bytes, complete}``: those on the disk,
        the largest first, then those at services. `bytes` are those of the disk."""
        found = await asyncio.to_thread(self.transfer.leftovers.find)
        found["leftovers"] += await self.transfer.abandoned.find()
        self.write_json(found)


class LeftoverHandler(TransferHandler):
    """``leftovers/{id}``: one of them."""

    @allow(("write", "transfers"), ("write", "contents"))
    async def delete(self, id: str) -> None:
        """Remove it from the disk or its service; with ``?forget=1`` one at a service is only
        forgotten."""
        if id.startswith(PREFIX):
            forget = self.get_query_argument("forget", "0") == "1"
            await self.transfer.abandoned.remove(id, forget=forget)
        else:
            await asyncio.to_thread(self.transfer.leftovers.remove, id)
        self.set_status(204)
        self.finish()


ROUTES = [
    (r"jupyter-transfer/leftovers/?", LeftoversHandler),
    (r"jupyter-transfer/leftovers/(?P<id>[A-Za-z0-9_-]+)", LeftoverHandler),
]
