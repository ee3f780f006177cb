"""What interrupted transfers have left on the disk and nobody owns any more."""

from __future__ import annotations

import asyncio

from .base import TransferHandler, allow


class LeftoversHandler(TransferHandler):
    """``leftovers``: the list."""

    _track_activity = False

    @allow(("read", "transfers"), ("read", "contents"))
    async def get(self) -> None:
        """``{leftovers: [{id, path, size, modified}], bytes, complete}``, the largest first."""
        self.write_json(await asyncio.to_thread(self.transfer.leftovers.find))


class LeftoverHandler(TransferHandler):
    """``leftovers/{id}``: one of them."""

    @allow(("write", "transfers"), ("write", "contents"))
    async def delete(self, id: str) -> None:
        """Remove it from the disk."""
        await asyncio.to_thread(self.transfer.leftovers.remove, id)
        self.set_status(204)
        self.finish()


ROUTES = [
    (r"jupyter-transfer/leftovers/?", LeftoversHandler),
    (r"jupyter-transfer/leftovers/(?P<id>[A-Za-z0-9_-]+)", LeftoverHandler),
]
