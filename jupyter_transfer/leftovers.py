"""What lies in staging folders and belongs to nobody any more: parts and journals of jobs and
uploads whose rows are gone, or that ended without them.

Something that a process holds, that has a row which may still go on, or that was written to a
short time ago (by a server with another list) is no leftover.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from .errors import TransferError
from .names import STAGING, join_path
from .parts import Staged, remove_staged, staged, staged_as
from .paths import Root
from .spec import State, iso_time
from .store import Store

LEFT_AFTER = 24 * 3600.0
"""Seconds without a change after which something may be a leftover."""

MOST_SECONDS = 20.0
"""How long a look through the whole tree may take; after that the answer is what was found."""


class Leftovers:
    """Finds and removes leftovers. Its methods look at the disk: call them on a thread."""

    def __init__(self, root: Root, store: Store) -> None:
        self._root = root
        self._store = store

    def find(self) -> dict[str, Any]:
        """The leftovers below the root as the contract's JSON: each with id, path, size (bytes on
        the disk), modified and where (``disk``); whether the look was complete, and bytes in
        all."""
        found: list[dict[str, Any]] = []
        complete, deadline = True, time.monotonic() + MOST_SECONDS
        for folder in self._root.staging_parents():
            if time.monotonic() > deadline:
                complete = False
                break
            found += [
                {
                    "id": _encode(folder, one.id),
                    "path": join_path(join_path(folder, STAGING), one.id),
                    "size": one.size,
                    "modified": iso_time(one.modified),
                    "where": "disk",
                }
                for one in staged(self._root, folder)
                if self._is_left(one)
            ]
        return {
            "leftovers": sorted(found, key=lambda one: -one["size"]),
            "bytes": sum(one["size"] for one in found),
            "complete": complete,
        }

    def remove(self, id: str) -> None:
        """Remove the leftover `id`. Raises ``not_found`` for what is none, or none any more,
        ``conflict`` for what a process holds."""
        folder, name = _decode(id)
        self._root.parse(folder)
        one = staged_as(self._root, folder, name)
        if one is None or not self._is_left(one):
            raise TransferError("not_found", "There is no such leftover.", "Reload the list.")
        remove_staged(self._root, folder, name)

    def _is_left(self, one: Staged) -> bool:
        if one.busy or time.time() - one.modified < LEFT_AFTER:
            return False
        job = self._store.job_get(one.id.partition("-")[0])
        if job is not None and job.state not in (State.DONE, State.CANCELLED):
            return False
        return self._store.upload_get(one.id) is None and not self._store.uploads_of_assembly(
            one.id
        )


def _encode(folder: str, name: str) -> str:
    data = f"{folder}\0{name}".encode("utf-8", "surrogateescape")
    return urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decode(id: str) -> tuple[str, str]:
    try:
        data = urlsafe_b64decode(id + "=" * (-len(id) % 4))
        folder, _, name = data.decode("utf-8", "surrogateescape").partition("\0")
    except ValueError:
        raise TransferError("not_found", "There is no such leftover.") from None
    return folder, name
