"""What a moving name of a source (a branch, a tag) stood for when the job was planned, kept until
the job is done: a job that goes on after a break, or is tried again, gets the files that it began
with. Records of the file ``<job>.pin`` in the state folder::

    {"kind": "pin", "version": 1}
    {"source": "hf://owner/name", "pin": {"commit": "…"}}
"""

from __future__ import annotations

import os
from typing import Any

from ..records import RecordFile

_HEADER = {"kind": "pin", "version": 1}


class Pins:
    """The pins of one job, by address.

    Parameters
    ----------
    state_dir, job: None where nothing is kept.
    """

    def __init__(self, state_dir: str | None, job: str | None) -> None:
        self._folder = None if state_dir is None else os.path.join(state_dir, "jobs")
        self._name = None if job is None else f"{job}.pin"

    def read(self, source: str) -> dict[str, Any] | None:
        """What was kept last of `source`. Raises ``io_error`` …"""
        file = self._find()
        if file is None:
            return None
        try:
            records = file.read()
        finally:
            file.close()
        if not records or records[0] != _HEADER:
            return None
        known = [record["pin"] for record in records[1:] if record["source"] == source]
        return dict(known[-1]) if known else None

    def keep(self, source: str, pin: dict[str, Any]) -> None:
        """Keep `pin` of `source`, in place of one before. Raises ``disk_full`` …"""
        if self._folder is None or self._name is None:
            return
        file = RecordFile(self._folder, self._name)
        try:
            if not file.read():
                file.append(_HEADER, sync=False)
            file.append({"source": source, "pin": pin})
        finally:
            file.close()

    def remove(self) -> None:
        """Forget all of them."""
        file = self._find()
        if file is not None:
            file.remove()

    def _find(self) -> RecordFile | None:
        if self._folder is None or self._name is None:
            return None
        return RecordFile.find(self._folder, self._name)
