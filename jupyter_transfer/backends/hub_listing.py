"""What hubs tell of their repositories, and how they are asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TransferError
from .base import Answer, Caller, pause

ATTEMPTS = 4
_FIRST_WAIT, _LONGEST_WAIT = 0.3, 5.0
"""Tries of a small request that fails in passing; seconds before the second one, and the longest
that is waited for here."""

_PASSING = {"connect_failed", "connection_lost", "dns_failed", "remote_busy", "timeout"}

LONGEST = 64 << 20
"""Bytes of one answer."""


@dataclass(frozen=True)
class File:
    """A file of a commit.

    Parameters
    ----------
    size: bytes; None where it is not told.
    blob: its blob of git (SHA-1), where the hub tells that; else "".
    sha256: of its bytes; Hugging Face tells that of files in LFS only.
    touched: the commit that it is of, where the hub tells that of each file.
    xet: the hash that Xet has for it, if Xet holds it.
    mtime_ns: when it was changed, of files in buckets; nanoseconds since 1970.
    """

    path: str
    size: int | None
    blob: str = ""
    sha256: str | None = None
    touched: str | None = None
    xet: str | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class Folder:
    """A folder of a commit."""

    path: str


@dataclass(frozen=True)
class Facts:
    """What a hub tells of a repository at a revision.

    Parameters
    ----------
    commit: what the revision stands for; "" where that is not told.
    gated: whether its owner wants to know who fetches files.
    changed: when the revision was made, ISO 8601; None where it is not told.
    """

    commit: str
    gated: bool = False
    private: bool = False
    licence: str | None = None
    changed: str | None = None


def patiently(caller: Caller, ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives, which is tried again where that may help. Raises what it raises, and
    whatever stops the job."""
    for attempt in range(ATTEMPTS):
        try:
            return ask()
        except TransferError as error:
            wait = error.retry_after or _FIRST_WAIT * 3**attempt
            last = attempt == ATTEMPTS - 1
            if error.code not in _PASSING or last or wait > _LONGEST_WAIT:
                raise
            pause(caller, wait)
    raise AssertionError("unreachable")
