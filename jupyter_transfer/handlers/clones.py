"""Clones of repositories below the root: what they show, before anything of them is sent."""

from __future__ import annotations

from .base import TransferHandler, allow


class CloneHandler(TransferHandler):
    """``clone``: the status of one."""

    _track_activity = False

    @allow(("read", "transfers"), ("read", "contents"))
    async def get(self) -> None:
        """``?path=``: branch, commit, busy, ahead, behind, changes (path, kind, size), more,
        remotes (name, address), identity (name, email). A folder that is no clone is a
        ``conflict``."""
        path = self.transfer.root.parse(self.get_query_argument("path", ""))
        self.write_json(await self.transfer.clone(path, await self.ambient()))


ROUTES = [(r"jupyter-transfer/clone/?", CloneHandler)]
