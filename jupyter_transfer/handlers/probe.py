"""Look before you leap: what stands at an address, and which kinds of address there are."""

from __future__ import annotations

from ..backends import load_all
from ..errors import TransferError
from ..spec import MAX_ADDRESS
from .base import TransferHandler, allow


class ProbeHandler(TransferHandler):
    """``probe``: what an address holds, before anything is moved."""

    @allow(("write", "transfers"))
    async def post(self) -> None:
        """Answer ``{url}`` with backend, title, files, bytes, entries, resumable, verifiable,
        unverified (why), needs, free_bytes."""
        body = self.json_body()
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or not url.strip() or len(url) > MAX_ADDRESS:
            raise TransferError("bad_request", "The field “url” must be an address.")
        options = body.get("options", {})
        if not isinstance(options, dict):
            raise TransferError("bad_request", "The field “options” must be an object.")
        source, credential = self.transfer.checked_source(url.strip(), options)
        self.write_json(await self.transfer.probe(source, options, credential))


class BackendsHandler(TransferHandler):
    """``backends``: the kinds of address that this server can reach."""

    _track_activity = False

    @allow(("read", "transfers"))
    async def get(self) -> None:
        """Name, title, schemes and declared options of each backend."""
        backends = [b for b in load_all().values() if self.transfer.backend_enabled(b.name)]
        self.write_json({"backends": [backend.describe() for backend in backends]})


ROUTES = [
    (r"jupyter-transfer/probe/?", ProbeHandler),
    (r"jupyter-transfer/backends/?", BackendsHandler),
]
