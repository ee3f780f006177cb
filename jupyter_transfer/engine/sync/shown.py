"""The plan that a person was shown, kept until the job is done: what was agreed to, file by file.

After a crash some of it is done, and the plan that is left is another one; it needs no new
question as long as nothing is lost by it but what was shown. Records of the file ``<job>.plan`` in
the state folder::

    {"kind": "sync-plan", "version": 1, "hash": "…", "moment": "20261127T103000Z", "agreed": true}
    {"lost": ["delete", "a/b", 512, 1767225600000000000]}     one for each file, by path
    {"folder": "a"}                                     one for each that is empty then
    {"whole": true}
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from ...records import RecordFile
from .spool import Spool

VERSION = 1

Lost = list[Any]


class ShownPlan:
    """The plan of a job that was shown last, if any.

    Parameters
    ----------
    state_dir: None where nothing is kept: then only the very same plan is agreed to.
    """

    def __init__(self, state_dir: str | None, job: str) -> None:
        self._folder = None if state_dir is None else os.path.join(state_dir, "jobs")
        self._name = f"{job}.plan"
        self.hash: str | None = None
        self.agreed = False
        """Whether nobody need be asked about it."""
        self.moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        """When it was made, as the name of a folder of the trash."""
        self._read()

    def keep(
        self, hash: str, lost: Iterable[Lost], folders: Iterable[str], *, agreed: bool
    ) -> None:
        """Keep a plan in place of the one before. Raises ``disk_full`` …"""
        self.remove()
        self.hash, self.agreed = hash, agreed
        if self._folder is None:
            return
        file = RecordFile(self._folder, self._name)
        try:
            header = {"kind": "sync-plan", "version": VERSION, "hash": hash}
            file.append({**header, "moment": self.moment, "agreed": agreed}, sync=False)
            for step in lost:
                file.append({"lost": step}, sync=False)
            for folder in folders:
                file.append({"folder": folder}, sync=False)
            file.append({"whole": True})
        finally:
            file.close()

    def compare(self, lost: Iterable[Lost]) -> Spool | None:
        """The deletions that were shown and are none any more, if nothing is `lost` (by path) but
        what was shown; else None."""
        gone = Spool()
        shown = self._shown()
        for step in lost:
            for known in shown:
                if known == step:
                    break
                if known[0] == "delete":
                    gone.add(known)
            else:
                return None
        for known in shown:
            if known[0] == "delete":
                gone.add(known)
        return gone

    def folders(self) -> Iterator[str]:
        """The folders that were to be empty, what lies in them before themselves; none where no
        plan is kept."""
        if self.hash is not None:
            yield from (record["folder"] for record in self._records() if "folder" in record)

    def remove(self) -> None:
        """Forget it."""
        self.hash, self.agreed = None, False
        file = None if self._folder is None else RecordFile.find(self._folder, self._name)
        if file is not None:
            file.remove()

    def _read(self) -> None:
        header: dict[str, Any] = {}
        whole = False
        for record in self._records():
            header = header or record
            whole = bool(record.get("whole"))
        if whole and header.get("version") == VERSION:
            self.hash, self.moment = header["hash"], header["moment"]
            self.agreed = bool(header.get("agreed"))

    def _shown(self) -> Iterator[Lost]:
        return (record["lost"] for record in self._records() if "lost" in record)

    def _records(self) -> Iterator[dict[str, Any]]:
        file = None if self._folder is None else RecordFile.find(self._folder, self._name)
        if file is None:
            return
        try:
            yield from file.each()
        finally:
            file.close()
