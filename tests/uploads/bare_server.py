"""A process that serves our tus handlers and nothing else, to be killed.

    python bare_server.py ROOT STATE [EXPIRY]

It writes its port on a line when it is ready. A whole Jupyter server takes seconds to start; this
takes half of one, so that a test can kill it many times.
"""

from __future__ import annotations

import asyncio
import os
import sys
from types import SimpleNamespace

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider
from tornado import httpserver, netutil, web

from jupyter_transfer.handlers import tus
from jupyter_transfer.paths import Root
from jupyter_transfer.store import Store
from jupyter_transfer.uploads.manager import Uploads, UploadSettings

TOKEN = "bare-token"


def application(uploads: Uploads) -> web.Application:
    """A tornado application with the settings that a Jupyter handler needs."""

    async def no_hooks(path: str) -> None:
        return None

    transfer = SimpleNamespace(
        uploads=uploads,
        uploads_enabled=True,
        upload_fast_path=os.environ.get("UPLOAD_FAST_PATH") != "0",
        max_upload_size=None,
        trust_forwarded=False,
        require_local=lambda: None,
        keep_alive=lambda: None,
        announce_saved=no_hooks,
    )
    return web.Application(
        [("/" + pattern, handler) for pattern, handler in tus.ROUTES],
        base_url="/",
        cookie_secret="0" * 32,
        identity_provider=IdentityProvider(token=TOKEN),
        authorizer=AllowAllAuthorizer(),
        allow_remote_access=True,
        headers={},
        jupyter_transfer=transfer,
        log_function=lambda handler: None,
    )


async def main(root: str, state: str, expiry: float) -> None:
    uploads = Uploads(Root(root), Store(state), UploadSettings(expiry=expiry))
    await uploads.start()
    server = httpserver.HTTPServer(application(uploads), max_buffer_size=512 << 20)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    sys.stdout.write(f"{sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float((sys.argv[3:] or ["604800"])[0])))
