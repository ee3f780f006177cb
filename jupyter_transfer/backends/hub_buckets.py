"""Buckets of the hub of Hugging Face (huggingface_hub, "Buckets"): files without commits, each
known by the hash that Xet has for it. That proves no bytes, but tells one state from another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .hub_address import Place
from .hub_listing import Facts, File, Folder


def facts(api: Any, place: Place) -> Facts:
    """What the hub tells of the bucket of `place`."""
    return Facts("", private=bool(api.bucket_info(place.repo).private))


def look(api: Any, place: Place) -> File | Folder | None:
    """What lies at the path of `place`: a folder if anything lies below it."""
    for row in api.get_bucket_paths_info(place.repo, [place.path]):
        if row.path == place.path:
            return _file(row)
    return Folder(place.path) if any(True for _ in tree(api, place, recursive=False)) else None


def tree(api: Any, place: Place, *, recursive: bool) -> Iterator[File | Folder]:
    """What lies below the folder `place`, page by page."""
    start = f"{place.path}/" if place.path else ""
    rows = api.list_bucket_tree(place.repo, place.path or None, recursive=recursive)
    for row in rows:
        if row.path.startswith(start):  # a prefix may be one of names, too
            yield Folder(row.path) if row.type == "directory" else _file(row)


def _file(row: Any) -> File:
    changed = None if row.mtime is None else round(row.mtime.timestamp() * 1e9)
    return File(row.path, row.size, xet=row.xet_hash, mtime_ns=changed)
