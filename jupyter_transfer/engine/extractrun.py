"""An extraction as a job: an archive below the root, into a folder.

A job that goes on after the end of its process reads the archive from its start again, for neither
tar nor deflate can be entered in the middle, and writes only what the journal does not tell of.
"""

from __future__ import annotations

import stat
from typing import Any

from ..archives.charsets import known_charset
from ..archives.extractlimits import ExtractLimits
from ..archives.opening import opened_archive
from ..archives.packed import ArchiveInput
from ..archives.suffixes import folder_for
from ..backends.base import Context
from ..errors import TransferError
from ..names import shown_path
from ..paths import Root
from .control import Control, Message
from .extractednames import is_of_macos, listed, relative_name, require_portable
from .extraction import Extraction, Site
from .filters import Filters
from .groups import discard_many, many_id
from .journal import find_part
from .overview import Overview
from .run import JobRequest, Run
from .target import Targets


class ExtractRun(Run):
    """One run of such a job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._extraction: Extraction | None = None
        self._archive: ArchiveInput | None = None
        self._archive_size = 0

    def close(self) -> None:
        """Forget the journal of what was published."""
        super().close()
        if self._extraction is not None:
            self._extraction.forget()
            self._extraction = None

    def _run_all(self) -> None:
        root, request, control = self._root, self._request, self._control
        targets = targets_of(root, request)
        limits = limits_of(root, request)
        self._archive_size = limits.archive
        self._report.state("reading")

        def count(size: int) -> None:
            control.check()
            limits.add_entry()
            limits.add_bytes(size)

        try:
            path, charset = root.parse(request.source), charset_of(request)
            with opened_archive(root, path, charset, count) as archive:
                self._report.state("")
                self._archive = archive
                site = Site(
                    root,
                    targets.folder_of_many(""),
                    request.id,
                    request.source,
                    targets,
                    Filters(request.options),
                    control,
                    self._report,
                )
                if not site.filters.active:
                    self._files_total, self._bytes_total = archive.files, archive.size
                    self._size = archive.size
                self._extraction = Extraction(site, archive, limits, self._tally, self)
                self._extraction.run()
        except TransferError as error:
            self._errors.insert(0, error)  # what ended all outweighs what single files failed of
            raise
        finally:
            targets.delivered.close()

    def on_total(self, files: int, size: int | None) -> None:
        """See `Told`."""
        self._files_total = files
        self._bytes_total = self._size = self._bytes_before

    def on_file(self, message: Message, error: TransferError | None) -> None:
        """See `Told`."""
        self._report.file(message)
        if error is not None:
            self._failed(error)
        else:
            self._bytes_before += message["size"] or 0
            self._judge(message["verified"], message["unverified"])
        self._tell()

    def _tell(self, *, now: bool = False) -> None:
        """Of a compressed tar nobody knows how much it becomes: it is guessed from the part of it
        that has been read."""
        archive = self._archive
        if archive is not None and archive.size is None and self._archive_size and not now:
            done = self._bytes_before + self._tally.bytes
            fraction = min(1.0, archive.position / self._archive_size)
            self._bytes_total = max(done, int(done / fraction)) if fraction else None
        super()._tell(now=now)


def targets_of(root: Root, request: JobRequest) -> Targets:
    """Where the files of an archive land: in the destination or, without one, in a folder with its
    name beside it. Raises ``bad_request``, ``invalid_path``."""
    folder = request.destination or folder_for(root.parse(request.source))
    conflict = request.options.get("conflict")
    return Targets(root, folder, conflict, request.source, request.delivered)


def limits_of(root: Root, request: JobRequest) -> ExtractLimits:
    """How much the archive may become. Raises ``not_found``, ``not_a_file``."""
    path = root.parse(request.source)
    status = root.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise TransferError("not_a_file", f"{shown_path(path)} is no archive.")
    return ExtractLimits.of(status.st_size, request.options)


def charset_of(request: JobRequest) -> str | None:
    """What the person says that names are in. Raises ``bad_request``."""
    name = request.options.get("encoding")
    return known_charset(name) if name else None


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished extraction left: what has its name stays."""
    targets = targets_of(root, request)
    part = find_part(root, targets.folder_of_many(""), many_id(request.id))
    targets.delivered.close()
    if part is not None:
        discard_many(part)


def plan_extract(
    root: Root, request: JobRequest, context: Context, control: Control
) -> dict[str, Any]:
    """What is in the archive, and what would become of it."""
    targets, limits = targets_of(root, request), limits_of(root, request)
    filters, folder = Filters(request.options), targets.folder_of_many("")
    overview, files, size = Overview(), 0, 0
    with opened_archive(root, root.parse(request.source), charset_of(request)) as archive:
        for packed in archive.entries():
            control.check()
            limits.add_entry()
            name = relative_name(packed.name)
            if packed.kind == "folder" or is_of_macos(name):
                continue
            if not filters.admit(name, packed.size, packed.mtime_ns):
                continue
            files, size = files + 1, size + packed.size
            try:
                if packed.error is not None:
                    raise packed.error
                if packed.kind == "other":
                    raise TransferError("not_a_file", "It is a device or a pipe.")
                require_portable(name)
                decision = targets.decide(targets.path_of_many(folder, name), listed(packed))
                there = decision.conflict == "overwrite" and root.exists(decision.path)
                status = root.lstat(decision.path) if there else None
            except TransferError as error:
                overview.add("fail", packed.name, packed.size, error=error.code)
                continue
            if decision.act != "fetch":
                overview.add("skip", name, packed.size)
            elif status is not None:
                before = (status.st_size, status.st_mtime_ns)
                overview.add("replace", name, packed.size, before=before)
            else:
                overview.add("copy", name, packed.size)
        answer = {"backend": "archive", "title": archive.format, "files": files, "bytes": size}
    targets.delivered.close()
    return {**answer, "needs": None, "plan": overview.plan(), "entries": overview.entries()}
