"""Look before you leap: what stands at an address, and which kinds of address there are."""

from __future__ import annotations

from typing import Any

from ..backends import broken, load_all
from ..errors import TransferError
from ..secrets import Held
from ..spec import MAX_ADDRESS
from .base import TransferHandler, allow


class LookHandler(TransferHandler):
    """``probe`` and ``browse``: look at a service, move nothing."""

    async def look(self, operation: str) -> dict[str, Any]:
        """What a worker sees at the ``url`` of the body, with its ``options``."""
        address, options, held = await self.asked(self.json_body())
        return await self.transfer.look(operation, address, options, held, await self.ambient())

    async def asked(self, body: Any) -> tuple[str, dict[str, Any], Held]:
        """The address and the options of a `body`, and what it holds that is secret."""
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or not url.strip() or len(url) > MAX_ADDRESS:
            raise TransferError("bad_request", "The field “url” must be an address.")
        options = body.get("options", {})
        if not isinstance(options, dict):
            raise TransferError("bad_request", "The field “options” must be an object.")
        address, options, held = self.transfer.admission.remote(url.strip(), options)
        await self.require_references(options)
        return address, options, held


class ProbeHandler(LookHandler):
    """``probe``: what an address holds, before anything is moved; also the test of a connection."""

    @allow(("write", "transfers"))
    async def post(self) -> None:
        """Answer ``{url, options}`` with backend, title, files, bytes, entries, resumable,
        verifiable, unverified (why), needs, free_bytes."""
        found = await self.look("probe")
        self.write_json({**found, "free_bytes": self.transfer.root.free_bytes("")})


class BrowseHandler(LookHandler):
    """``browse``: one level of a service."""

    @allow(("write", "transfers"))
    async def post(self) -> None:
        """Answer ``{url, options}`` with backend, title, entries (path, address, folder, size,
        mtime_ns) and complete."""
        self.write_json(await self.look("browse"))


class LoginHandler(LookHandler):
    """``login``: whether a service takes a secret, which may then be kept for this server."""

    @allow(("write", "transfers"))
    async def post(self) -> None:
        """Answer ``{url, options, keep}`` with the service (its host) and the name of the account;
        ``used`` is whether transfers will come with what was kept (null: nothing was). To keep it
        is for those who may run code here: it becomes that of the account of this server."""
        body = self.json_body()
        keep = body.get("keep", False) if isinstance(body, dict) else False
        if not isinstance(keep, bool):
            raise TransferError("bad_request", "The field “keep” must be true or false.")
        if keep:
            await self.require("execute", "kernels")
        address, options, held = await self.asked(body)
        whoami = await self.transfer.look("login", address, options, held, await self.ambient())
        used = await self.transfer.keep_login(address, whoami, held) if keep else None
        self.write_json({"service": whoami["service"], "name": whoami["name"], "used": used})


class BackendsHandler(TransferHandler):
    """``backends``: the kinds of address that this server can reach."""

    _track_activity = False

    @allow(("read", "transfers"))
    async def get(self) -> None:
        """Name, title, schemes, declared options and abilities (``can``) of each backend; name,
        package and cause of each that cannot be loaded (``broken``)."""
        backends = [b for b in load_all().values() if self.transfer.backend_enabled(b.name)]
        self.write_json(
            {
                "backends": [backend.describe() for backend in backends],
                "broken": [one.as_dict() for one in broken()],
            }
        )


class FormsHandler(TransferHandler):
    """``backends/{name}/forms``: forms that a worker makes, such as rclone's kinds of remotes."""

    @allow(("read", "transfers"))
    async def get(self, name: str) -> None:
        """Type, title and options of each."""
        backend = load_all().get(name)
        if backend is None or not self.transfer.backend_enabled(name):
            raise TransferError("not_found", "There is no backend of this name.")
        self.write_json(await self.transfer.forms(name))


ROUTES = [
    (r"jupyter-transfer/probe/?", ProbeHandler),
    (r"jupyter-transfer/browse/?", BrowseHandler),
    (r"jupyter-transfer/login/?", LoginHandler),
    (r"jupyter-transfer/backends/?", BackendsHandler),
    (r"jupyter-transfer/backends/([a-z0-9_-]+)/forms/?", FormsHandler),
]
