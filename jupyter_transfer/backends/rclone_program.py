"""The program rclone: where it is, whether it is new enough, and how it is called.

Versions before 1.75.1 are refused: among others CVE-2026-71309 to 71313 (names of a source that
escape the destination, credentials that follow a redirect) are mended in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..errors import TransferError
from ..secrets import bare_environment, tool_environment
from ..tools import candidates, run

OLDEST = (1, 75, 1)

REMEDY = 'Install it with “pip install "jupyter_transfer[rclone]"”, and try again.'

_ALWAYS = (
    "--use-json-log",
    "--log-level=INFO",
    "--ask-password=false",
    "--contimeout=15s",
    "--stats=0",
)

_KEPT = re.compile(r"RCLONE_(CONFIG(_.*)?|PASSWORD_COMMAND)")
"""Variables of the person that say where remotes are and what opens them. No other one reaches
the program: each of its flags is a variable too."""


@lru_cache(maxsize=1)
def program() -> str:
    """The path of the program. Raises ``tool_missing``, also where it is too old."""
    outdated = ""
    for path in candidates("rclone"):
        version = _version(path)
        if version >= OLDEST:
            return path
        outdated = ".".join(map(str, version)) or "of an unknown version"
    wanted = ".".join(map(str, OLDEST))
    if outdated:
        raise TransferError(
            "tool_missing",
            f"The rclone of this server is {outdated}; {wanted} or newer is needed.",
            REMEDY,
        )
    raise TransferError("tool_missing", f"This server has no rclone ({wanted} or newer).", REMEDY)


def _version(path: str) -> tuple[int, ...]:
    try:
        printed = run([path, "version"], environment())
    except TransferError:
        return ()
    match = re.match(rb"rclone v(\d+)\.(\d+)\.(\d+)", printed)
    return tuple(int(part) for part in match.groups()) if match else ()


IN_MEMORY = {"RCLONE_CONFIG": ""}
"""No file with remotes: rclone reads none, and keeps in memory what it would write into one
(https://rclone.org/docs/, "--config")."""

_NO_REMOTES = {
    **IN_MEMORY,
    # Its libraries would ask the machine for a role of its own, Google's even without `env_auth`.
    "AWS_EC2_METADATA_DISABLED": "true",
    "GCE_METADATA_HOST": "metadata.invalid",
}


def environment(more: Mapping[str, str] | None = None, *, ambient: bool = True) -> dict[str, str]:
    """The environment of the program: this account's own, without the variables that stand for
    flags; `more` describes remotes. Not `ambient`: nothing that leads to a credential or a remote
    of this account."""
    if not ambient:
        return {**bare_environment(), **_NO_REMOTES, **(more or {})}
    return {**tool_environment("RCLONE_", _KEPT), **(more or {})}


def command(verb: str, flags: Sequence[str] = (), values: Sequence[str] = ()) -> list[str]:
    """The arguments that call `verb`; `values`, which people wrote, cannot be taken for flags.
    Raises ``tool_missing``."""
    return [program(), verb, *_ALWAYS, *flags, "--", *values]


def obscured(password: str) -> str:
    """`password` as rclone wants it in a configuration. Not a protection."""
    printed = run([program(), "obscure", "-"], environment(), input=password.encode() + b"\n")
    return printed.decode().strip()


def providers() -> list[dict[str, object]]:
    """What rclone knows of every kind of remote, as ``rclone config providers`` prints it."""
    printed = run([program(), "config", "providers"], environment(IN_MEMORY))
    return [dict(provider) for provider in json.loads(printed)]
