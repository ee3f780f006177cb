"""``room``: what a folder takes, asked before the first byte of many files is sent.

tus lets a client learn that of one file at a time, when its upload is created.
"""

from __future__ import annotations

from .base import allow
from .uploadbody import WRITE, UploadBodyHandler


class RoomHandler(UploadBodyHandler):
    """The room for uploads into one folder."""

    _track_activity = False

    async def begin(self) -> None:
        """Answer only where uploads are taken."""
        self.check_enabled()

    @allow(WRITE)
    async def get(self) -> None:
        """free_bytes, reserved_bytes and max_upload_size for the folder ``path``, which need not
        be there yet."""
        path = self.transfer.root.parse(self.get_query_argument("path", "", strip=False))
        self.write_json(await self.transfer.uploads.room(path))


ROUTES = [(r"jupyter-transfer/room/?", RoomHandler)]
