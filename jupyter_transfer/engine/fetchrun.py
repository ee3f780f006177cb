"""A fetch: the file or the files of a remote side, into a folder on the disk.

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

from ..backends.base import Backend, Context, Entry
from ..errors import TransferError
from ..parts import Part
from ..paths import Root
from .client import opened
from .control import Message
from .delivery import Delivery, LeftOut, Setting, row
from .filters import Filters
from .groups import discard_many, many_id
from .journal import find_part
from .many import ManyFiles, connections_of
from .run import JobRequest, Run
from .target import Targets


class FetchRun(Run):
    """One run of a fetch job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._published: list[Part] = []
        self._many: ManyFiles | None = None

    def close(self) -> None:
        """Forget the journals of what was published."""
        super().close()
        for part in self._published:
            with suppress(TransferError):
                part.forget()
        self._published.clear()
        if self._many is not None:
            self._many.forget()
            self._many = None

    def _run_all(self) -> None:
        request, control = self._request, self._control
        filters, connections = Filters(request.options), connections_of(request.options)
        targets = self._targets()
        context = replace(self._context, note=self._report.note)
        try:
            with opened(request.source, context, control.check, control.bandwidth, connections) as (
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
                    filters,
                )
                self._fetch_all(setting, connections)
        finally:
            targets.delivered.close()

    def _targets(self) -> Targets:
        return self._request.targets(self._root)

    def _fetch_all(self, setting: Setting, connections: int) -> None:
        backend = setting.backend
        single, entries = peek(backend, setting.source)
        if single:
            self._run_one(setting, next(entries))
        else:
            folder = setting.targets.folder_of_many(backend.name_for(setting.source))
            self._new_many(replace(setting, folder=folder), connections).run(entries)

    def _run_one(self, setting: Setting, entry: Entry) -> None:
        self._files_total = 1
        finished = None
        if setting.filters.admit(entry.path, entry.size, entry.mtime_ns):
            finished = self._deliver(setting, entry, one_id(setting.job))
        if finished is None:
            self._files_total = 0
            return
        message, error, part = finished
        if error is None:
            self._succeeded(message["verified"], message["unverified"])
            if part is not None:
                self._published.append(part)
        self._report.file(message)
        if error is not None:
            self._failed(error)
        self._tell(now=True)

    def _new_many(self, setting: Setting, connections: int) -> ManyFiles:
        self._many = ManyFiles(
            setting,
            connections,
            self._tally,
            settle=self._settle,
            deliver=lambda entry, id: self._deliver(setting, entry, id),
            on_total=self._set_total,
        )
        return self._many

    def _set_total(self, files: int, size: int | None) -> None:
        self._files_total, self._bytes_total = files, size
        self._tell(now=True)

    def _settle(self, message: Message, error: TransferError | None) -> None:
        """One of many files is finished."""
        self._report.file(message)
        if error is not None:
            self._failed(error)
        else:
            self._bytes_before += message["size"] or 0
            self._judge(message["verified"], message["unverified"])
        self._tell()

    def _deliver(
        self, setting: Setting, entry: Entry, id: str
    ) -> tuple[Message, TransferError | None, Part | None] | None:
        """Deliver one file by itself: its row, what it failed of, and the part that is published;
        None if it is left out. Raises only what ends the whole job."""
        self._control.check()
        started = time.monotonic()
        self._size = entry.size
        delivery = Delivery(setting, entry, id, tally=self._tally, on_size=self._set_size)
        failure: TransferError | None = None
        try:
            message = delivery.run()
        except LeftOut:
            return None
        except TransferError as error:
            failure = error
            message = row(delivery.path, state="failed", error=error.as_dict())
        finally:
            if setting.folder is not None:
                self._tally.bytes = 0
        message["seconds"] = round(time.monotonic() - started, 3)
        return message, failure, delivery.published


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove the parts and journals that an unfinished fetch left behind."""
    targets = request.targets(root)
    one = find_part(root, targets.folder_of_one(), one_id(request.id))
    if one is not None:
        one.discard()
    with opened(request.source, context) as (backend, _):
        folder = targets.folder_of_many(backend.name_for(request.source))
    many = find_part(root, folder, many_id(request.id))
    if many is None:
        return
    for record in many.each_record():
        if "part" in record:
            part = find_part(root, record["folder"], record["part"])
            if part is not None:
                part.discard()
    discard_many(many)


def one_id(job: str) -> str:
    """The id of the part of the only file of `job`."""
    return f"{job}-0"


def peek(backend: Backend, source: str) -> tuple[bool, Iterator[Entry]]:
    """Whether the source is exactly one file, and all its entries. Raises ``remote_not_found``."""
    entries = backend.entries(source)
    first = list(islice(entries, 2))
    if not first:
        raise TransferError("remote_not_found", "There is nothing at this address.")
    single = len(first) == 1 and not first[0].member and not _is_below(first[0], source)
    return single, chain(first, entries)


def _is_below(entry: Entry, source: str) -> bool:
    """Whether `entry` lies in the folder `source`, so that it is one of many even if there is no
    other: what a folder holds today must not decide where it lands."""
    folder = source.rstrip("/") + "/"
    return entry.address.startswith(folder) and len(entry.address) > len(folder)
