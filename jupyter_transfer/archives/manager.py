"""The archives that are being downloaded.

An archive is made twice, in two ways. `prepare` freezes a selection for one request; nothing is
kept, the same selection gives the same bytes and entity tag as long as no file changes. `keep`
remembers a frozen archive under an unguessable id, bound to its owner, and gives it a job, so that
the panel shows the browser's download live. A kept archive is forgotten when nobody has fetched
it for a while; a job that nobody ever fetched fails then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from tornado.iostream import StreamClosedError

from ..errors import TransferError
from ..names import safe_name, split_path
from ..paths import Root
from ..spec import JobSpec, State, new_id
from .coverage import Coverage, Span
from .crc import CrcCache
from .manifest import Manifest, freeze
from .stream import ArchiveSource
from .zip_layout import ZipLayout
from .zip_reader import ZipReader

FORMATS = ("zip",)
"""Formats of archives, the default first."""

EXPIRY = 3600.0
"""Seconds after which a kept archive that nobody fetches is forgotten."""

KEPT_MEMBERS = 250_000
"""Members of all kept archives together; beyond it the one idle longest is forgotten. A member
takes about 400 bytes of memory."""

REPORT_EVERY = 0.25
"""Seconds between two reports of progress."""

Cut = Callable[[], None]
"""Closes the connection of one request."""


class Jobs(Protocol):
    """What `streams.Streams` does for the jobs of downloads."""

    async def open(
        self, spec: JobSpec, owner: str, total: int, files: int, on_cancel: Callable[[], None]
    ) -> str: ...

    async def reopen(self, id: str, owner: str, on_cancel: Callable[[], None]) -> None: ...

    def progress(self, id: str, bytes_done: int) -> None: ...

    async def end(self, id: str, state: State, error: TransferError | None = None) -> None: ...


@dataclass
class Archive:
    """A frozen selection and what became of it."""

    name: str
    """What the browser is told to call it."""
    format: str
    paths: tuple[str, ...]
    layout: ZipLayout
    id: str = ""
    owner: str = ""
    job: str = ""
    used: float = field(default_factory=time.monotonic)
    broken: TransferError | None = None
    """Why it can never be sent whole again."""
    ended: bool = False
    """Whether its job has ended."""
    cuts: set[Cut] = field(default_factory=set)
    """One for each request that is being answered."""
    sent: Coverage = field(default_factory=Coverage)
    """The bytes that have left since its job began."""

    @property
    def manifest(self) -> Manifest:
        """The frozen list of members."""
        return self.layout.manifest


class Archives:
    """All archives of this server.

    Parameters
    ----------
    jobs: where the downloads' jobs are.
    max_size: bytes in one archive at most; None is no limit.
    expiry: seconds for which a kept archive waits for a browser.
    """

    def __init__(self, jobs: Jobs, *, max_size: int | None = None, expiry: float = EXPIRY) -> None:
        self._jobs = jobs
        self._max_size = max_size
        self._expiry = expiry
        self._kept: dict[str, Archive] = {}
        self._crcs = CrcCache()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -- making --

    async def prepare(
        self,
        root: Root,
        paths: Sequence[str],
        format: str = "zip",
        name: str = "",
        stopped: Callable[[], bool] = lambda: False,
    ) -> Archive:
        """The archive of the selection `paths`; the walk runs in a thread until `stopped()`.

        Raises `TransferError`: ``bad_request`` (unknown format), ``too_large``, what `freeze`
        raises.
        """
        if format not in FORMATS:
            raise TransferError(
                "bad_request",
                f"Archives of the format “{format[:20]}” are not made here.",
                f"Choose one of: {', '.join(FORMATS)}.",
                detail={"formats": list(FORMATS)},
            )
        return await asyncio.to_thread(self._freeze, root, tuple(paths), format, name, stopped)

    def _freeze(
        self,
        root: Root,
        paths: tuple[str, ...],
        format: str,
        name: str,
        stopped: Callable[[], bool],
    ) -> Archive:
        manifest = freeze(root, paths, max_size=self._max_size, stopped=stopped)
        layout = ZipLayout(manifest)
        if self._max_size is not None and layout.size > self._max_size:
            raise TransferError(
                "too_large",
                f"The archive would have {layout.size} bytes, more than the {self._max_size}"
                " that this server allows.",
                "Select less, or ask the administrator to raise the limit.",
                detail={"max_size": self._max_size, "size": layout.size},
            )
        return Archive(_name(name, paths, format), format, paths, layout)

    async def keep(self, archive: Archive, owner: str) -> Archive:
        """Remember `archive` for `owner` and open its job; gives it its id and its job's id."""
        archive.id, archive.owner = new_id(), owner
        options = {"paths": list(archive.paths), "format": archive.format}
        spec = JobSpec("download", archive.name, "", options)
        archive.job = await self._jobs.open(
            spec,
            owner,
            archive.layout.size,
            archive.manifest.files,
            lambda: self._cancel(archive),
        )
        self._kept[archive.id] = archive
        self._forget_idle(newest=archive)
        return archive

    def get(self, id: str, owner: str) -> Archive:
        """The kept archive `id` of `owner`.

        Raises ``not_found``, the same for a stranger's; ``changed`` if a file of it has changed.
        """
        archive = self._kept.get(id)
        if archive is None or archive.owner != owner:
            raise TransferError(
                "not_found", "There is no such download.", "Start the download again."
            )
        if archive.broken is not None:
            raise archive.broken
        return archive

    # -- sending --

    def source(
        self, root: Root, archive: Archive, start: int, end: int, stopped: Callable[[], bool]
    ) -> ArchiveSource:
        """The bytes `start` to `end` of `archive`."""
        reader = ZipReader(root, archive.layout, self._crcs, start=start, end=end, stopped=stopped)
        return ArchiveSource(reader)

    @asynccontextmanager
    async def sending(
        self, archive: Archive, start: int, cut: Cut
    ) -> AsyncIterator[Callable[[int], None]]:
        """Around one answer with the bytes from `start` on: keeps the job's state.

        Yields a function to be told the bytes of each block that has left. `cut` is called when a
        person cancels the job. The job is done when all bytes have left, be it in several answers.
        """
        if not archive.job:
            yield lambda count: None
            return
        archive.cuts.add(cut)
        report = not archive.ended or await self._reopen(archive)
        sent = archive.sent
        span = sent.begin(start)
        try:
            yield self._meter(archive, span) if report else lambda count: None
            if sent.total() == archive.layout.size:
                await self._end(archive, State.DONE)
        except StreamClosedError:
            if archive.cuts == {cut}:
                await self._end(archive, State.FAILED, _lost())
            raise
        except Exception as error:
            if not isinstance(error, TransferError):
                error = TransferError("internal", "The server failed to send this download.")
            if error.code == "changed":
                archive.broken = error
            await self._end(archive, State.FAILED, error)
            raise
        finally:
            sent.end(span)
            archive.cuts.discard(cut)
            archive.used = time.monotonic()

    def _meter(self, archive: Archive, span: Span) -> Callable[[int], None]:
        due = 0.0

        def moved(count: int) -> None:
            nonlocal due
            span[1] += count
            if time.monotonic() >= due:
                due = time.monotonic() + REPORT_EVERY
                self._jobs.progress(archive.job, archive.sent.total())

        moved(0)
        return moved

    async def _reopen(self, archive: Archive) -> bool:
        """Take the job up again; False if the person has removed its row, which is no reason not
        to send the bytes."""
        try:
            await self._jobs.reopen(archive.job, archive.owner, lambda: self._cancel(archive))
        except TransferError:
            return False
        archive.ended = False
        if archive.sent.total() == archive.layout.size:
            archive.sent = Coverage()
        return True

    async def _end(
        self, archive: Archive, state: State, error: TransferError | None = None
    ) -> None:
        if not archive.ended:
            archive.ended = True
            await self._jobs.end(archive.job, state, error)

    # -- forgetting --

    def _cancel(self, archive: Archive) -> None:
        """The person has cancelled the job: its row is settled already."""
        archive.ended = True
        self._kept.pop(archive.id, None)
        for cut in list(archive.cuts):
            cut()

    def _forget_idle(self, newest: Archive | None = None) -> None:
        """Forget what has expired, or is too much; come back as long as anything is kept."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        idle = sorted(
            (one for one in self._kept.values() if not one.cuts and one is not newest),
            key=lambda one: one.used,
        )
        members = sum(len(archive.manifest.members) for archive in self._kept.values())
        moment = time.monotonic()
        for archive in idle:
            if archive.used + self._expiry > moment and members <= KEPT_MEMBERS:
                break
            members -= len(archive.manifest.members)
            self._forget(archive)
        if self._kept:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._expiry / 4, self._forget_idle)

    def _forget(self, archive: Archive) -> None:
        del self._kept[archive.id]
        error = TransferError("gone", "The browser did not fetch this download in time.")
        task = asyncio.ensure_future(self._end(archive, State.FAILED, error))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close all connections that are being answered and forget everything."""
        if self._timer is not None:
            self._timer.cancel()
        for archive in self._kept.values():
            for cut in list(archive.cuts):
                cut()
        self._kept.clear()


def _lost() -> TransferError:
    return TransferError(
        "connection_lost",
        "The browser closed the connection before it had everything.",
        "Resume the download in the browser, or start it again.",
        retryable=False,
    )


def _name(name: str, paths: Sequence[str], format: str) -> str:
    """What to call the archive: `name`, or the one selected entry, or the folder of them all."""
    extension = f".{format}"
    if not name:
        folders = {split_path(path.strip("/"))[0] for path in paths}
        if len(paths) == 1:
            name = paths[0].strip("/")
        elif len(folders) == 1:
            name = folders.pop()
    name = safe_name(name, "archive")
    return name if name.lower().endswith(extension) else name + extension
