"""One level of a service: what lies directly below an address, for a person who looks around."""

from __future__ import annotations

from itertools import islice
from typing import Any

from ..backends.base import Context, Entry
from .client import opened

MOST_ENTRIES = 1000
"""Entries in one answer; of a level with more `complete` is False."""


def browse(address: str, context: Context) -> dict[str, Any]:
    """The answer of ``POST browse`` as the contract's JSON. Raises `TransferError`."""
    with opened(address, context) as (backend, _):
        entries = list(islice(backend.browse(address), MOST_ENTRIES + 1))
        return {
            "backend": backend.name,
            "title": backend.name_for(address),
            "entries": [_shown(entry) for entry in entries[:MOST_ENTRIES]],
            "complete": len(entries) <= MOST_ENTRIES,
        }


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "address": entry.address,
        "folder": entry.path.endswith("/"),
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
    }
