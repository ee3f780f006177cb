"""Processes that serve the handlers of uploads and nothing else, to be killed.

    python bare_server.py

For each line ``{"root": …, "state": …, "expiry": …, "threads": …, "way": …, "durability": …,
"boot": …}`` on standard input it forks a server and answers ``<pid> <port>`` when that is ready, or
``<pid> 0`` when it died before. With another ``boot`` it takes the kernel for another one.
A whole Jupyter server takes seconds to start; a fork of this takes a fiftieth of one, so that a
test can kill it a thousand times.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from types import SimpleNamespace

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider
from tornado import httpserver, netutil, web

from jupyter_transfer.handlers import resumable, tus
from jupyter_transfer.paths import Root
from jupyter_transfer.store import Store
from jupyter_transfer.uploads import manager, session
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.manager import Uploads

TOKEN = "bare-token"


WAYS: dict[str, tuple[bool, int | None]] = {
    "direct": (True, 0),
    "splice": (True, None),
    "streamed": (False, None),
}
"""The ways of bytes from the socket to the disk: `upload_fast_path` and `direct_io_from`."""


def application(uploads: Uploads, fast: bool) -> web.Application:
    """A tornado application with the settings that a Jupyter handler needs."""

    async def no_hooks(path: str) -> None:
        return None

    transfer = SimpleNamespace(
        uploads=uploads,
        uploads_enabled=True,
        upload_fast_path=fast,
        max_upload_size=None,
        upload_expiry=uploads.settings.expiry,
        trust_forwarded=False,
        require_local=lambda: None,
        keep_alive=lambda: None,
        announce_saved=no_hooks,
    )
    return web.Application(
        [("/" + pattern, handler) for pattern, handler in [*tus.ROUTES, *resumable.ROUTES]],
        base_url="/",
        cookie_secret="0" * 32,
        identity_provider=IdentityProvider(token=TOKEN),
        authorizer=AllowAllAuthorizer(),
        allow_remote_access=True,
        headers={},
        jupyter_transfer=transfer,
        log_function=lambda handler: None,
    )


async def serve(root: Root, state: str, settings: UploadSettings, fast: bool, ready: int) -> None:
    store = Store(state)
    uploads = Uploads(root, store, settings)
    await uploads.start(lost=store.lost)
    server = httpserver.HTTPServer(application(uploads, fast), max_buffer_size=512 << 20)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    os.write(ready, b"%d" % sockets[0].getsockname()[1])
    os.close(ready)
    await asyncio.Event().wait()


def fork(
    *, root: str, state: str, expiry: float, threads: int, way: str, durability: str, boot: str
) -> tuple[int, int]:
    """Pid and port of a new server."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        manager.THREADS = threads
        if boot:
            session.boot_id = lambda: boot
        fast, direct_from = WAYS[way]
        settings = UploadSettings(expiry=expiry, durability=durability)
        try:
            asyncio.run(serve(Root(root, direct_from=direct_from), state, settings, fast, write))
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as port:
        return pid, int(port.read() or 0)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for line in sys.stdin:
        pid, port = fork(**json.loads(line))
        sys.stdout.write(f"{pid} {port}\n")
        sys.stdout.flush()
