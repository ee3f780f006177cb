"""All uploads of this server: creating, going on, finishing, forgetting.

This is the interface that protocols see. It decides who works on which upload, and when; what is
done to disk and database, and in which order, is written in `storage`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from ..errors import TransferError
from ..paths import Root
from .admission import UploadSettings
from .announcer import Announcer
from .append import Append, End, OnInterrupt, UploadState
from .assemblies import unfinished
from .checksum import Checksum
from .claims import Claims
from .pack import FileResult
from .rows import Upload, UploadRows
from .session import Session
from .storage import Storage
from .writer import Writer

T = TypeVar("T")

CLEAN_SECONDS = 3600.0
"""Seconds between two clean-ups."""

THREADS = 16
"""Threads that write, sync and look at the disk for all uploads together."""


class Uploads:
    """The uploads of one server.

    Parameters
    ----------
    root: the gate to the disk.
    rows: the database.
    settings: limits.
    on_saved: awaited with the path of each file that was published; with those of packs later.
    on_archive: awaited with each finished upload that is to be extracted, and again when somebody
        asks about it: a crash may have come in between.
    log: where surprises go.
    """

    def __init__(
        self,
        root: Root,
        rows: UploadRows,
        settings: UploadSettings | None = None,
        *,
        on_saved: Callable[[str], Awaitable[None]] | None = None,
        on_archive: Callable[[Upload], Awaitable[None]] | None = None,
        log: Any = None,
    ) -> None:
        self._on_saved = on_saved
        self._on_archive = on_archive
        self._log = log or logging.getLogger(__name__)
        self._claims = Claims()
        self._announcer = Announcer(on_saved, self._log)
        self._storage = Storage(
            root,
            rows,
            settings or UploadSettings(),
            is_claimed=self._claims.__contains__,
            on_published=self._announcer.add,
            log=self._log,
        )
        self._pool = ThreadPoolExecutor(THREADS, "jupyter-transfer-upload")
        self._appends: dict[str, Append] = {}
        self._cleaning: asyncio.Task[None] | None = None

    @property
    def settings(self) -> UploadSettings:
        """The limits."""
        return self._storage.admission.settings

    @settings.setter
    def settings(self, settings: UploadSettings) -> None:
        self._storage.admission.settings = settings

    # -- starting and stopping --

    async def start(self, *, lost: bool = False) -> None:
        """Remove what expired while no server was running, and what a crash left of files that
        are finished; from then on remove what expires. With `lost` the rows are gone: first find
        again the uploads that have a journal on disk."""
        if lost:
            count = await self._run(self._storage.recover)
            self._log.warning("%d uploads were found again by their journals on disk.", count)
        await self._run(self._storage.forget_finished)
        await self.expire()
        self._cleaning = asyncio.ensure_future(self._clean())

    async def _clean(self) -> None:
        while True:
            await asyncio.sleep(CLEAN_SECONDS)
            try:
                await self.expire()
            except Exception:
                self._log.exception("What expired could not be removed")

    async def stop(self) -> None:
        """End all requests; what arrived is on disk when this returns."""
        if self._cleaning is not None:
            self._cleaning.cancel()
            await asyncio.wait([self._cleaning])
        await asyncio.gather(*(append.aborted() for append in list(self._appends.values())))
        self._pool.shutdown()
        await self._announcer.close()

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = self._announcer.loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, work, *arguments)

    # -- what protocols ask for --

    async def create(
        self,
        owner: str,
        length: int | None,
        header: str,
        on_interrupt: OnInterrupt | None = None,
        *,
        explicit: bool = False,
        concat: str = "",
        checksum: Checksum | None = None,
    ) -> Append:
        """A new upload of `length` bytes (None: the client does not know yet) with the metadata
        `header`, open for its first bytes, which must have the `checksum`, if there is one. With
        `explicit` it is whole when the client says so (`Append.finish`), not when its length is
        reached. `concat` is ``partial`` for one of several that `concatenate` makes a file of.

        Until `Append.finish` succeeds for the first time nobody knows its id (unless
        `Append.fresh` is set to False), so whatever goes wrong before removes it.

        Raises ``bad_request``, ``invalid_path``, ``hidden_path``, ``too_large``, ``too_many``,
        ``disk_full`` (``detail``: needed_bytes, free_bytes, reserved_bytes), ``exists``,
        ``is_a_directory`` …
        """
        create = partial(self._storage.create, explicit=explicit, concat=concat)
        session = await self._run(create, owner, length, header)
        await self._claims.acquire(session.upload.id)
        return self._open_append(session, on_interrupt, checksum, fresh=True)

    async def append(
        self,
        owner: str,
        id: str,
        offset: int,
        on_interrupt: OnInterrupt | None = None,
        *,
        length: int | None = None,
        checksum: Checksum | None = None,
    ) -> Append:
        """The upload `id`, open for bytes from `offset` on. Ends a request that writes to it;
        `on_interrupt` is told when a newer one does the same to this one. `length`, if given, is
        the length of an upload that had none; the bytes must have the `checksum`, if given.

        Of a whole file that could not be published the last byte may be sent once more.

        Raises ``not_found``, ``gone`` (it expired), ``offset_mismatch`` (``detail.offset`` is the
        right one), ``bad_request`` (the length is another one), ``forbidden`` (it is made of
        others), ``too_large``, ``disk_full``.
        """
        upload = await self._run(self._storage.find, owner, id)
        upload.check_takes_bytes()
        session = await self._claim(owner, id) if upload.path is None else None
        if session is None:
            upload = await self._run(self._storage.find, owner, id)
            raise _offset_mismatch(upload.length or 0)
        try:
            if session.whole and not session.published and offset == session.offset - 1:
                await self._run(session.rollback, offset)
            if session.offset != offset:
                raise _offset_mismatch(session.offset)
            if session.sealed:
                raise TransferError(
                    "conflict",
                    "The file of this segment is being put together.",
                    "Ask for the file again.",
                    retryable=True,
                )
            session.require_writable()
            if length is not None:
                await self._run(self._storage.declare, session, length)
        except BaseException:
            await self._let_go(session)
            raise
        return self._open_append(session, on_interrupt, checksum, fresh=False)

    async def concatenate(
        self, owner: str, ids: Sequence[str], header: str, concat: str
    ) -> UploadState:
        """The file with the metadata `header` that the partial uploads `ids` make, in this order;
        `concat` is kept to be echoed (tus 1.0, concatenation).

        Segments of one assembly lie in their places already, and asking again gives the same
        upload. Other partial uploads are copied, and stay for a while.

        Raises ``not_found``, ``bad_request`` (not partial uploads, or not all of them),
        ``conflict`` (one is not finished) and what `create` and publishing raise.
        """
        done, partials = await self._run(self._storage.find_partials, owner, ids, header)
        if done is not None:
            await self._extract(done)
            return UploadState(done, done.length or 0)
        if partials[0].assembly:
            final = await self._run(self._storage.final_of, partials[0], header, concat)
            return await self._assemble(final, ids)
        return await self._copy(owner, ids, header, concat)

    async def _assemble(self, final: Upload, ids: Sequence[str]) -> UploadState:
        claimed = [final.id]
        await self._claims.acquire(final.id)
        try:
            done = await self._run(self._storage.find_assembled, final.assembly)
            if done is not None:
                return UploadState(done, done.length or 0)
            result = None
            while result is None:
                for segment in await self._run(self._storage.assemblies.segments, final.assembly):
                    if segment.id not in claimed:
                        await self._claims.acquire(segment.id)
                        claimed.append(segment.id)
                finish = self._storage.assemblies.finish
                result = await self._run(finish, final, ids, set(claimed))
        finally:
            for id in claimed:
                self._claims.release(id)
        upload, ours = result
        await self._announce(upload, ours)
        return UploadState(upload, upload.length or 0)

    async def _copy(self, owner: str, ids: Sequence[str], header: str, concat: str) -> UploadState:
        partials: dict[str, Session] = {}
        try:
            for id in sorted(set(ids)):  # in one order: two requests do not wait for each other
                session = await self._claim(owner, id)
                if session is not None:
                    partials[id] = session
                if session is None or not session.full:
                    raise unfinished(await self._run(self._storage.find, owner, id))
            sources = [partials[id] for id in ids]
            length = sum(source.offset for source in sources)
            create = partial(self._storage.create, concat=concat)
            final = await self._run(create, owner, length, header)
            await self._claims.acquire(final.upload.id)
            return await self._fill(final, sources)
        finally:
            for session in partials.values():
                await self._let_go(session)

    async def _fill(self, final: Session, sources: Sequence[Session]) -> UploadState:
        error = None
        try:
            await self._run(self._storage.copy, final, sources)
        except TransferError as failure:
            error = failure
        except BaseException:
            await self._let_go(final)
            raise
        try:
            return await self._settle(final, error)
        except TransferError:
            await self._run(self._storage.remove, final.upload)
            raise

    async def state(self, owner: str, id: str) -> UploadState:
        """Where the upload `id` stands. Ends a request that writes to it; finishes a file that is
        whole and was not published (a crash, or a name that was taken).

        Raises ``not_found``, ``gone`` and whatever keeps a whole file from being published.
        """
        state = await self.look(owner, id)
        if state.refusal is not None:
            raise state.refusal
        return state

    async def look(self, owner: str, id: str) -> UploadState:
        """`state`, but what keeps a whole file from being published is a part of the answer.

        Raises ``not_found``, ``gone``, and ``digest_mismatch``: then nothing of it is left.
        """
        upload = await self._run(self._storage.find, owner, id)
        session = await self._claim(owner, id) if upload.path is None else None
        if session is None:
            upload = await self._run(self._storage.find, owner, id)
            await self._extract(upload)
            return UploadState(upload, upload.length or 0)
        try:
            return await self._settle(session)
        except TransferError as error:
            if error.code == "digest_mismatch" or not session.whole:
                raise
            return UploadState(session.upload, session.offset, error)

    async def files(
        self, owner: str, id: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[FileResult], int]:
        """A page of the files of the pack `id` that are no plain successes (failed, skipped, or
        under another name), failed ones first, by `state` if given, and how many there are.

        Raises ``not_found`` (also for what is no pack), ``gone``.
        """
        return await self._run(self._storage.files, owner, id, state, limit, offset)

    async def room(self, folder: str) -> dict[str, int | None]:
        """What the folder `folder` takes: ``free_bytes`` that new uploads may bring there,
        ``reserved_bytes`` that uploads under way were promised (taken off already), and
        ``max_upload_size``, the bytes that one file may have (None is no limit).

        Raises ``not_a_directory``.
        """
        free, reserved = await self._run(self._storage.room.look, folder)
        return {
            "free_bytes": free,
            "reserved_bytes": reserved,
            "max_upload_size": self.settings.max_size,
        }

    async def terminate(self, owner: str, id: str) -> None:
        """Forget the upload `id` and its bytes; a published file stays.

        Raises ``not_found``, ``gone``.
        """
        await self._run(self._storage.find, owner, id)
        await self._claims.acquire(id)
        try:
            upload = await self._run(self._storage.find, owner, id)
            await self._run(self._storage.remove, upload)
        finally:
            self._claims.release(id)

    async def expire(self) -> int:
        """Remove the uploads that nobody went on with; how many. Never touches a live one nor a
        published file, and publishes a whole one that a crash left without its name."""
        count = 0
        for row in await self._run(self._storage.rows.uploads_expired, time.time()):
            if await self._run(self._storage.is_live, Upload.from_row(row)):
                continue
            await self._claims.acquire(row["id"])
            try:
                await self._run(self._storage.expire, row["owner"], row["id"])
                count += 1
            except TransferError as error:
                self._log.warning("An expired upload stays for now: %s", error.message)
            finally:
                self._claims.release(row["id"])
        return count

    # -- the end of a request --

    def _open_append(
        self,
        session: Session,
        on_interrupt: OnInterrupt | None,
        checksum: Checksum | None,
        *,
        fresh: bool,
    ) -> Append:
        settle = partial(self._settle_append, session)
        writer = Writer(session, self._pool, self.settings.max_size, checksum)
        append = Append(session, writer, settle, on_interrupt, fresh=fresh)
        self._appends[session.upload.id] = append
        self._claims.on_interrupt(session.upload.id, append.interrupt)
        return append

    async def _settle_append(
        self, session: Session, append: Append, error: TransferError | None, end: End
    ) -> UploadState:
        id = session.upload.id
        self._claims.on_interrupt(id, None)
        if append.fresh and end is End.CUT and error is None:
            error = TransferError("cancelled", "The upload ended before its address was known.")
        try:
            return await self._settle(session, error, complete=end is End.FILE)
        except TransferError as failure:
            if append.fresh:
                await self._run(self._storage.remove, session.upload)
            elif failure is error or failure.code != "digest_mismatch":
                failure.detail["offset"] = session.offset
                if failure.code == "disk_full" and session.upload.length is not None:
                    rest = session.upload.length - session.offset
                    shortage = self._storage.room.shortage
                    failure.detail.update(await self._run(shortage, session.upload, rest))
            raise
        finally:
            self._appends.pop(id, None)

    async def _settle(
        self, session: Session, error: TransferError | None = None, *, complete: bool = False
    ) -> UploadState:
        """Publish what is whole, then let go of the session and of its claim."""
        ours = False
        try:
            if error is not None:
                raise error
            if complete:
                await self._run(session.complete)
            if session.whole:
                upload, ours = await self._run(self._storage.publish, session)
            else:
                upload = await self._run(self._storage.prolong, session.upload)
        finally:
            await self._let_go(session)
        await self._announce(upload, ours)
        return UploadState(upload, session.offset)

    async def _announce(self, upload: Upload, ours: bool) -> None:
        if ours and upload.path is not None and self._on_saved is not None:
            await self._on_saved(upload.path)
        if ours:
            await self._extract(upload)

    async def _extract(self, upload: Upload) -> None:
        # With `skip` the file that stands there may be another one.
        wanted = upload.spec.unpack and upload.spec.conflict != "skip" and not upload.partial
        if wanted and upload.path is not None and self._on_archive is not None:
            await self._on_archive(upload)

    # -- claims --

    async def _claim(self, owner: str, id: str) -> Session | None:
        """Claim the unfinished upload `id`; None if it was finished meanwhile."""
        await self._claims.acquire(id)
        try:
            upload = await self._run(self._storage.find, owner, id)
            if upload.path is None:
                return await self._run(self._storage.open, upload)
        except BaseException:
            self._claims.release(id)
            raise
        self._claims.release(id)
        return None

    async def _let_go(self, session: Session) -> None:
        await self._run(self._storage.close, session)
        self._claims.release(session.upload.id)


def _offset_mismatch(offset: int) -> TransferError:
    return TransferError(
        "offset_mismatch",
        f"The upload stands at byte {offset}.",
        detail={"offset": offset},
    )
