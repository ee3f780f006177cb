"""Look before you leap: what stands at an address, without fetching it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from ..ambient import explained
from ..backends.base import Backend, Context, Entry
from ..backends.tree import TreeBackend
from ..errors import TransferError
from .client import opened
from .control import Control
from .filters import Filters
from .places import Places
from .retry import Retries
from .transport import Transport

MOST_ENTRIES = 200
"""Entries that are listed; a source with more has `files` None."""

TRIES = 2


def preview(source: str, context: Context) -> dict[str, Any]:
    """The answer of ``POST probe`` as the contract's JSON, without ``free_bytes``.

    `about` is what else the service tells of the source (see `Backend.about`).
    A source that wants credentials or a decision (a host key to accept) is an answer (``needs``,
    and `detail` says what of), no error: to look is to test the connection.
    Raises `TransferError` with what else is in the way.
    """
    with opened(source, context) as (backend, transport):
        backend.check(source)
        return _look(backend, source, transport)


def _look(backend: Backend, source: str, transport: Transport) -> dict[str, Any]:
    result: dict[str, Any] = {
        "backend": backend.name,
        "title": backend.name_for(source),
        "files": None,
        "bytes": None,
        "entries": [],
        "resumable": False,
        "verifiable": False,
        "unverified": None,
        "needs": None,
        "about": {},
    }
    try:
        result["about"] = backend.about(source)
        if isinstance(backend, TreeBackend):
            return result | {"verifiable": True}
        meant = Filters(backend.context.options).apply(backend.entries(source))
        entries = list(islice(meant, MOST_ENTRIES + 1))
        if len(entries) == 1:
            return result | _look_at_one(backend, entries[0], transport)
    except TransferError as error:
        if error.code not in ("needs_credentials", "needs_decision"):
            raise
        error = error if backend.context.ambient else explained(error)
        return result | {"needs": error.code.removeprefix("needs_"), "detail": error.detail}
    shown = entries[:MOST_ENTRIES]
    sizes = [entry.size for entry in shown]
    complete = len(entries) == len(shown)
    result["files"] = len(shown) if complete else None
    if complete and None not in sizes:
        result["bytes"] = sum(size for size in sizes if size is not None)
    result["entries"] = [{"path": entry.path, "size": entry.size} for entry in shown]
    result["resumable"] = True
    result["verifiable"] = bool(shown) and all(entry.digest for entry in shown)
    result["unverified"] = None if result["verifiable"] else "unknown"
    return result


def _look_at_one(backend: Backend, entry: Entry, transport: Transport) -> dict[str, Any]:
    remote = Places(transport, backend, entry, Control()).look(Retries(TRIES))
    chosen = None if entry.guessed else entry.path
    name = chosen or remote.name or entry.path
    return {
        "title": name,
        "files": 1,
        "bytes": remote.size,
        "entries": [{"path": name, "size": remote.size}],
        "resumable": remote.in_parts,
        "verifiable": remote.unverified is None,
        "unverified": remote.unverified,
    }
