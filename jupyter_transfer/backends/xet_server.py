"""The private hf_xet of one job: a program that serves what Xet holds on a unix socket, and the
bridge by which it asks for it, both in a folder that only this user may enter."""

from __future__ import annotations

import os
import sys
import time
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from ..errors import TransferError
from ..secrets import bare_environment
from ..tools import Child, PrivateFolder, last_words
from . import xet_program
from .base import Caller
from .xet_bridge import Bridge
from .xet_grants import Grants

OLDEST = (1, 8)

REMEDY = 'Install it with “pip install "jupyter_transfer[huggingface]"”, and try again.'

START = 20.0
"""Seconds until it must listen."""

_SETTINGS = {
    "HF_XET_CHUNK_CACHE_SIZE_BYTES": "0",
    "HF_XET_CLIENT_AC_MAX_DOWNLOAD_CONCURRENCY": "8",
    "HF_XET_CLIENT_CONNECT_TIMEOUT": "20s",
    "HF_XET_CLIENT_READ_TIMEOUT": "180s",
    "HF_XET_CLIENT_RETRY_BASE_DELAY": "200ms",
    "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2",
    "HF_XET_TELEMETRY_ENABLED": "false",
}
"""The engine tries again what fails."""


class XetServer:
    """Starts when it is first asked for, ends with `close`."""

    def __init__(self, caller: Caller, grants: Grants) -> None:
        self._caller = caller
        self._grants = grants
        self._child: Child | None = None
        self._bridge: Bridge | None = None
        self._folder: PrivateFolder | None = None

    def socket(self) -> str:
        """The socket at which files are served. Raises ``tool_missing``, and what the files that
        were asked for last failed of."""
        if self._child is not None and not self._child.alive:
            self.close()
        if self._child is None:
            self._start()
        assert self._bridge is not None
        assert self._folder is not None
        if (failure := self._bridge.take_failure()) is not None:
            raise failure
        return self._folder.socket("files")

    def close(self) -> None:
        """End the program and remove its sockets."""
        if self._child is not None:
            self._child.stop()
        if self._bridge is not None:
            self._bridge.close()
        if self._folder is not None:
            self._folder.remove()
        self._child = self._bridge = self._folder = None

    def _start(self) -> None:
        folder = home()
        self._folder = PrivateFolder()
        files, bridge = self._folder.socket("files"), self._folder.socket("bridge")
        try:
            self._bridge = Bridge(bridge, self._caller, self._grants)
            self._child = Child(
                [sys.executable, "-I", xet_program.__file__, files, folder],
                {
                    **bare_environment(),
                    **_SETTINGS,
                    "HF_HOME": self._folder.path,
                    "HF_XET_CLIENT_UNIX_SOCKET_PATH": bridge,
                },
            )
            end = time.monotonic() + START
            while not self._answers(files):
                if not self._child.alive:
                    self._child.wait()
                    said = last_words(self._child.said)
                    raise TransferError("tool_missing", f"hf_xet cannot be used: {said}.", REMEDY)
                if time.monotonic() > end:
                    raise TransferError("timeout", "hf_xet did not start in time.")
                self._caller.check()
                time.sleep(0.01)
        except BaseException:
            self.close()
            raise

    def _answers(self, socket: str) -> bool:
        """Whether the program listens: its socket is there a moment before it does."""
        assert self._folder is not None
        if not self._folder.has("files"):
            return False
        try:
            self._caller.call("http://xet/", follow=False, unix_socket=socket)
        except TransferError as error:
            if error.code not in ("connect_failed", "connection_lost"):
                raise
            return False
        return True


@lru_cache(maxsize=1)
def home() -> str:
    """The folder that hf_xet is imported from. Raises ``tool_missing``, also where it is too
    old."""
    wanted = ".".join(map(str, OLDEST))
    found = find_spec("hf_xet")
    if found is None or found.origin is None:
        raise TransferError(
            "tool_missing", f"This server has no hf_xet ({wanted} or newer).", REMEDY
        )
    try:
        there = version("hf_xet")
    except PackageNotFoundError:
        there = ""
    numbers = tuple(int(part) for part in there.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        raise TransferError(
            "tool_missing",
            f"The hf_xet of this server is {there or 'of an unknown version'}; {wanted} or newer is"
            " needed.",
            REMEDY,
        )
    return os.path.dirname(os.path.dirname(found.origin))
