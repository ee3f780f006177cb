"""The options of a sync, as data: admission reads them too, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...backends.base import Backend
from ...errors import TransferError
from ...names import parse_path

TRASH = "transfer-trash"
"""Folder of the destination for ``trash: true``."""


def trash_of(options: Mapping[str, Any]) -> str:
    """The trash folder in a job's `options`, relative to the destination; "" for none. Raises
    ``bad_request``."""
    value = options.get("trash")
    if value is None or value is False or value == "":
        return ""
    if value is True:
        return TRASH
    try:
        path = parse_path(str(value), new=True)
    except TransferError as error:
        raise TransferError(
            "bad_request",
            f"The option “trash” names no folder: {error.message}",
            "Give true, or the name of a folder in the destination.",
        ) from None
    if not path:
        raise TransferError("bad_request", "The option “trash” cannot be the destination itself.")
    return path


def require_apart(options: Mapping[str, Any], source: str, destination: str) -> None:
    """Raise ``bad_request`` for two folders of a service of which one holds the other: what is new
    in one would be lost in the other."""
    one, other = (address.rstrip("/") + "/" for address in (source, destination))
    if (one.startswith(other) or other.startswith(one)) and not options.get("dest_endpoint"):
        raise TransferError(
            "bad_request",
            "The source and the destination are the same folder, or one lies in the other.",
            "Choose two folders that lie apart.",
        )


def require_sync(options: Mapping[str, Any], destination: type[Backend] | None) -> None:
    """Raise ``bad_request`` for a sync that cannot be done: to the service `destination`, None for
    the disk."""
    if options.get("conflict") not in (None, "overwrite"):
        raise TransferError(
            "bad_request",
            "A sync makes the destination equal: it keeps no file that differs.",
            "Leave out “conflict”; “trash” keeps what is replaced.",
        )
    trash = trash_of(options)
    if destination is None:
        return
    if "delete" not in destination.can:
        raise TransferError(
            "bad_request",
            f"{destination.title}: nothing can be deleted there, so it cannot be made equal.",
            "Send the folder instead.",
        )
    if trash and "copy" not in destination.can:
        raise TransferError(
            "bad_request",
            f"{destination.title}: it cannot keep what is replaced or deleted, for it cannot copy.",
            "Leave out “trash”.",
        )
