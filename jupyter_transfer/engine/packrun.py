"""An archive as a job: files and folders below the root, into one file there.

What goes in is listed first and then is that, or the job fails: a file that changes meanwhile makes
no wrong archive. It gets its name when it is whole; after the end of the process it is begun again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..archives.manifest import Manifest, freeze
from ..archives.packing import format_of, known_format, packed, size_of, version_of
from ..backends.base import Context, Validators
from ..errors import TransferError, from_os_error
from ..names import safe_name, split_path
from ..parts import Part
from ..paths import Root
from ..records import write_all
from .control import Control, Stopped
from .delivery import patiently, row
from .fetchrun import one_id
from .filters import Filters
from .journal import find_part
from .many import row_of_what_is_there
from .overview import Overview
from .run import JobRequest, Run
from .target import Decision, Listed, Targets

SHOWN = 1000
"""Rows of what was left out."""


class PackRun(Run):
    """One run of such a job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._part: Part | None = None

    def close(self) -> None:
        """Forget the journal of what was published."""
        super().close()
        if self._part is not None:
            self._part.forget()
            self._part = None

    def _run_all(self) -> None:
        root, request = self._root, self._request
        targets = request.targets(root)
        path, format = target_of(root, request, targets)
        self._files_total = 1
        part = patiently(
            self._control,
            lambda: find_part(root, split_path(path)[0], one_id(request.id)),
        )
        if part is not None:
            there = part.published()
            if there is not None:
                self._finish(part, there)
                return
            part.discard()
        self._report.state("reading")
        manifest = listing(root, request, path, self._control)
        self._report.state("")
        version = version_of(manifest, format)
        decision = targets.decide(path, _state(version))
        if decision.act != "fetch":
            message = row_of_what_is_there(root, decision)
            self._tally.set(message["size"] or 0)
            self._succeeded(message["verified"], message["unverified"])
            self._report.file(message)
        else:
            self._pack(manifest, format, decision, version)
        self._tell_skipped(manifest)
        targets.delivered.close()

    def _pack(self, manifest: Manifest, format: str, decision: Decision, version: str) -> None:
        root, request, path = self._root, self._request, decision.path
        self._set_size(size_of(manifest, format))
        if format in ("zip", "tar"):
            _require_room(root, path, self._size or 0)
        header = {"kind": "pack", "version": 1, "state": version}
        part = Part.create(root, split_path(path)[0], one_id(request.id), header)
        try:
            for piece in packed(root, manifest, format, self._moved):
                write_all(part.fd, piece)
            self._control.check()
            published = part.publish(path, decision.conflict)
        except OSError as error:
            part.discard()
            raise from_os_error(error, path) from None
        except (TransferError, Stopped):
            part.discard()
            raise
        self._finish(part, published)

    def _moved(self, count: int) -> None:
        self._control.check()
        self._tally.add(count)
        self._tell()

    def _finish(self, part: Part, path: str) -> None:
        self._part = part
        version = next((one["state"] for one in part.records() if "state" in one), None)
        status = self._root.lstat(path)
        self._size = status.st_size
        self._tally.set(status.st_size)
        message = row(
            path,
            size=status.st_size,
            unverified="no_digest",
            mtime_ns=status.st_mtime_ns,
            validators=Validators(version=version).as_dict(),
        )
        self._succeeded(None, "no_digest")
        self._report.file(message)
        self._tell(now=True)

    def _tell_skipped(self, manifest: Manifest) -> None:
        if not manifest.skipped_total:
            return
        first = manifest.skipped[0]
        self._report.note(
            "left_out",
            f"Left out of the archive: {manifest.skipped_total}, among them “{first.path}”:"
            f" {first.reason}",
        )
        for one in manifest.skipped[:SHOWN]:
            self._report.file(row(one.path, state="skipped", unverified="skipped"))


def target_of(root: Root, request: JobRequest, targets: Targets) -> tuple[str, str]:
    """Path and format of the archive; in a folder it is called as its first source. Raises
    ``bad_request``, ``invalid_path``."""
    wanted = request.options.get("format")
    form = wanted or format_of(request.destination) or "zip"
    source = split_path(root.parse(request.source))[1] or "files"
    path = targets.path_of_one(f"{safe_name(source)}.{form}")
    return path, known_format(wanted, path)


def listing(root: Root, request: JobRequest, target: str, control: Control) -> Manifest:
    """What goes into the archive, which is not in itself. Raises what `freeze` does, `Stopped`;
    ``not_found`` where the filters leave nothing."""
    paths = [request.source, *request.options.get("paths", ())]

    def stopped() -> bool:
        control.check()
        return False

    filters = Filters(request.options)
    manifest = freeze(root, paths, stopped=stopped)
    members = tuple(
        one
        for one in manifest.members
        if one.path != target
        and (
            not filters.active if one.is_folder else filters.admit(one.name, one.size, one.mtime_ns)
        )
    )
    if not any(not one.is_folder for one in members) and filters.active:
        raise TransferError("not_found", "The filters leave no file.", "Change the filters.")
    return replace(manifest, members=members)


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished job left."""
    targets = request.targets(root)
    path, _ = target_of(root, request, targets)
    part = find_part(root, split_path(path)[0], one_id(request.id))
    targets.delivered.close()
    if part is not None:
        part.discard()


def plan_pack(
    root: Root, request: JobRequest, context: Context, control: Control
) -> dict[str, Any]:
    """What would be in the archive."""
    targets, overview = request.targets(root), Overview()
    path, format = target_of(root, request, targets)
    manifest = listing(root, request, path, control)
    for member in manifest.members:
        if not member.is_folder:
            overview.add("copy", member.name, member.size)
    for one in manifest.skipped:
        overview.add("skip", one.path, None)
    try:
        targets.decide(path, _state(version_of(manifest, format)))
    except TransferError as error:
        overview.add("fail", path, None, error=error.code)
    targets.delivered.close()
    size = sum(member.size for member in manifest.members)
    answer = {"backend": "archive", "title": format, "files": manifest.files, "bytes": size}
    return {**answer, "needs": None, "plan": overview.plan(), "entries": overview.entries()}


def _state(version: str) -> Listed:
    return Listed(None, Validators(version=version), None)


def _require_room(root: Root, path: str, size: int) -> None:
    free = root.free_bytes(split_path(path)[0])
    if size > free:
        raise TransferError(
            "disk_full",
            f"The archive needs {size} bytes, and {free} are free on the disk of the server.",
            detail={"needed_bytes": size, "free_bytes": free},
        )
