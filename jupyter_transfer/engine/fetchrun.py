"""A fetch: files of a remote side, one after the other, into a folder on the disk.

For each file: an earlier process may have published it already (its journal tells), or have left a
part to go on from; an earlier job may have delivered it (size, time and validators tell). Only
what is left is fetched. Journals of published files are forgotten last, by `FetchRun.close`, when
whoever drives the job has had the time to save what was delivered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from ..backends.base import Context, Entry
from ..errors import TransferError
from ..names import split_path
from ..parts import Part
from ..paths import Root
from .client import opened
from .control import Message
from .delivery import Delivery, Setting, row
from .journal import find_part
from .run import JobRequest, Run


class FetchRun(Run):
    """One run of a fetch job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._published: list[Part] = []

    def close(self) -> None:
        """Forget the journals of what was published."""
        for part in self._published:
            with suppress(TransferError):
                part.forget()
        self._published.clear()

    def _run_all(self) -> None:
        request, control = self._request, self._control
        targets = request.targets(self._root)
        context = replace(self._context, note=self._report.note)
        with opened(request.source, context, control.check, control.bandwidth) as (
            backend,
            transport,
        ):
            backend.check(request.source)
            setting = Setting(
                self._root,
                request.id,
                request.source,
                transport,
                backend,
                targets,
                control,
                self._report,
            )
            single, entries = _peek(backend.entries(request.source))
            self._files_total = 1 if single else None
            for number, entry in enumerate(entries):
                self._deliver(setting, entry, number, single)
            self._files_total = len(self._verdicts) + len(self._errors)

    def _deliver(self, setting: Setting, entry: Entry, number: int, single: bool) -> None:
        """Deliver one file and report it; raises only what ends the whole job."""
        self._control.check()
        started = time.monotonic()
        self._size = entry.size
        delivery = Delivery(
            setting, entry, number, single=single, tally=self._tally, on_size=self._set_size
        )
        failure: TransferError | None = None
        message: Message
        try:
            message = delivery.run()
        except TransferError as error:
            failure = error
            message = row(delivery.path, state="failed", error=error.as_dict())
        else:
            self._succeeded(message["verified"], message["unverified"])
            if delivery.published is not None:
                self._published.append(delivery.published)
        message["seconds"] = round(time.monotonic() - started, 3)
        self._report.file(message)
        if failure is not None:
            self._failed(failure)
        self._tell(now=True)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove the parts and journals that an unfinished fetch left behind."""
    targets = request.targets(root)
    with opened(request.source, context) as (backend, _):
        single, entries = _peek(backend.entries(request.source))
        for number, entry in enumerate(entries):
            folder = (
                targets.folder_of_one()
                if single
                else split_path(targets.path_of_many(entry.path))[0]
            )
            part = find_part(root, folder, f"{request.id}-{number}")
            if part is not None:
                part.discard()


def _peek(entries: Iterator[Entry]) -> tuple[bool, Iterator[Entry]]:
    """Whether there is exactly one entry, which is not a member of a folder, and all of them."""
    first = list(islice(entries, 2))
    if not first:
        raise TransferError("remote_not_found", "There is nothing at this address.")
    return len(first) == 1 and not first[0].member, chain(first, entries)
