"""A fetch that leaves in the folder what the service's own client would note there."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from ..backends import find
from ..backends.base import Entry
from ..errors import TransferError
from ..names import split_path
from ..parts import Part
from ..parts.pointers import put_texts
from .control import Message
from .delivery import Setting
from .fetchrun import FetchRun
from .run import JobRequest

_HERE = ("done", "present")


def is_noted(request: JobRequest) -> bool:
    """Whether a fetch leaves such notes."""
    return request.options.get("hub_metadata") is True and any(
        option.name == "hub_metadata" for option in find(request.source).options
    )


class NotedFetchRun(FetchRun):
    """One run of such a fetch."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._landed: set[str] = set()

    def _fetch_all(self, setting: Setting, connections: int) -> None:
        super()._fetch_all(setting, connections)
        if not self._landed or self._errors:
            return
        backend, source = setting.backend, setting.source
        if self._many is None:
            folder = split_path(next(iter(self._landed)))[0]
        else:
            folder = setting.targets.folder_of_many(backend.name_for(source))
        start = len(folder) + 1 if folder else 0
        landed = {path[start:] for path in self._landed}
        with closing(self._root.inner(folder)) as inner:
            put_texts(inner, backend.notes(source, landed))

    def _settle(self, message: Message, error: TransferError | None) -> None:
        super()._settle(message, error)
        if message["state"] in _HERE:
            self._landed.add(message["path"])

    def _deliver(
        self, setting: Setting, entry: Entry, id: str
    ) -> tuple[Message, TransferError | None, Part | None] | None:
        finished = super()._deliver(setting, entry, id)
        if finished is not None and finished[0]["state"] in _HERE:
            self._landed.add(finished[0]["path"])
        return finished
