"""Uploads whose rows were lost with the database, found again by their journals on disk.

A journal begins with the row of its upload, and its later records say how far it is. What no
journal can tell is how long ago somebody asked: so each of them gets the whole time until it
expires once more.
"""

from __future__ import annotations

from typing import Any

from ..errors import TransferError
from ..parts import left_journals, read_journal
from ..paths import Root
from ..records import Record
from .assemblies import assembly_id
from .metadata import UploadSpec
from .rows import PARTIAL, Upload, UploadRows


def recover(root: Root, rows: UploadRows, expires: float, log: Any) -> int:
    """Add the rows that are missing of all uploads below `root` that have a journal, to expire at
    `expires` (seconds since 1970); how many those are. What cannot be taken up again is logged,
    and stays on disk.

    Raises ``disk_full``, ``list_unavailable`` or ``list_unreadable`` when a row cannot be written.
    """
    count = 0
    for folder in root.staging_parents():
        for id in left_journals(root, folder):
            row = _row(root, folder, id, log)
            if row is not None and rows.upload_get(id) is None:
                rows.upload_add({**row, "expires": expires})
                count += 1
    return count


def _row(root: Root, folder: str, id: str, log: Any) -> dict[str, Any] | None:
    """The row of the upload `id`, if its journal holds one that may be believed."""
    try:
        records = read_journal(root, folder, id)
        if not records or "upload" not in records[0]:
            return None  # a fetch, or an upload that died before it began
        return _checked(root, folder, id, records[0])
    except (TransferError, TypeError, KeyError, ValueError, AttributeError) as error:
        log.warning("The journal %s in “%s” was not taken up again: %s", id, folder, error)
        return None


def _checked(root: Root, folder: str, id: str, header: Record) -> dict[str, Any] | None:
    """The row as it would be if the client asked for it now: whoever may write below the root may
    have written the journal, too."""
    row = header["upload"]
    if row["assembly"] == id:
        return None  # of a file that its segments make again
    partial = row["concat"] == PARTIAL
    spec = UploadSpec.from_header(row["metadata"]["header"], id, root.parse, concat=partial)
    owner, length = str(row["owner"]), row["length"]
    assembly = assembly_id(owner, spec.assembly) if spec.assembly else ""
    whole = length is None or (type(length) is int and length >= 0)
    if (row["id"], row["assembly"], whole) != (id, assembly, True):
        raise ValueError("it contradicts itself")
    return Upload(
        id=id,
        owner=owner,
        folder=folder,
        length=length,
        created=float(row["created"]),
        expires=0,
        spec=spec,
        explicit=bool(row["explicit"]),
        concat=str(row["concat"]),
        assembly=assembly,
    ).as_row()
