"""The Jupyter servers that run here, as ``jupyter server list`` finds them: each leaves a file
``jpserver-<pid>.json`` in the Jupyter runtime folder, which only its owner can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_core.paths import jupyter_runtime_dir

from .errors import TransferError, from_os_error

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

MAX_TOKEN = 4096
"""Characters in a token file at most."""


@dataclass(frozen=True)
class Server:
    """A server to talk to.

    Parameters
    ----------
    url: its base address, which ends in ``/``.
    token: what lets in; "" for none.
    root: the folder on this machine that its paths lie below; None where that is not known.
    """

    url: str
    token: str = field(default="", repr=False)
    root: str | None = None

    def path_of(self, path: str) -> str | None:
        """`path` of this machine (relative ones to the working folder) as the server's path, which
        keeps a slash at its end; None when it lies outside of the server's root."""
        if self.root is None:
            return None
        root, full = Path(self.root).resolve(), Path(path or ".").resolve()
        if not full.is_relative_to(root):
            return None
        relative = full.relative_to(root).as_posix()
        return relative + "/" if path.endswith("/") and relative != "." else relative


def running() -> list[Server]:
    """The servers of this person that are alive: first the one that has started this process, if
    it is a kernel, then the newest."""
    parent = os.environ.get("JPY_PARENT_PID", "")

    def rank(one: tuple[float, dict[str, Any]]) -> tuple[bool, float]:
        return str(one[1].get("pid")) == parent, one[0]

    return [_server(info) for _, info in sorted(_infos(), key=rank, reverse=True)]


def at(url: str, token_file: str | None = None) -> Server:
    """The server at `url`; what is known of it when it runs here, with the token in the first line
    of `token_file`, if given. Raises ``not_found``, ``permission_denied`` … for that file."""
    url = url.partition("?")[0].rstrip("/") + "/"
    known = next((server for server in running() if _is_same(server.url, url)), None)
    token = _read(token_file) if token_file else known.token if known else _token()
    return Server(url, token, known.root if known else None)


def _is_same(one: str, other: str) -> bool:
    """Whether two addresses are of one server; this machine has several names."""
    ours, theirs = urlsplit(one), urlsplit(other)
    host = {name if name not in _LOOPBACK else "" for name in (ours.hostname, theirs.hostname)}
    return len(host) == 1 and (ours.scheme, ours.port, ours.path) == (
        theirs.scheme,
        theirs.port,
        theirs.path,
    )


def _infos() -> Iterator[tuple[float, dict[str, Any]]]:
    for path in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        with suppress(OSError, ValueError):
            info = json.loads(path.read_text())
            if isinstance(info, dict) and "url" in info and _lives(int(info.get("pid", 0))):
                yield path.stat().st_mtime, info


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _server(info: dict[str, Any]) -> Server:
    return Server(
        str(info["url"]).rstrip("/") + "/",
        str(info.get("token") or _token()),
        info.get("root_dir") or info.get("notebook_dir"),
    )


def _token() -> str:
    """That of a JupyterHub, where the server itself has none."""
    return os.environ.get("JUPYTERHUB_API_TOKEN", "")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(MAX_TOKEN).strip()
    except OSError as error:
        raise from_os_error(error, path) from None
    except UnicodeDecodeError:
        raise TransferError("bad_request", "The token file holds no text.") from None
