"""All uploads of this server: creating, going on, finishing, forgetting.

This is the interface that protocols see. Order of every step, so that a crash between any two of
them leaves something that the next request puts right:

    create   row, part on disk, answer
    append   bytes, fdatasync, journal record, answer
    finish   digest, publish (journal record, link, fsync of the folder), row, journal removed
    remove   part and journal, row
"""

from __future__ import annotations

import asyncio
import logging
import stat
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from ..errors import TransferError
from ..parts import Part, left_journals
from ..paths import Root, split_path
from ..spec import new_id
from .append import Append, End, OnInterrupt, UploadState
from .checksum import Checksum
from .claims import Claims
from .metadata import UploadSpec
from .rows import Upload, UploadRows
from .session import Digest, Session
from .writer import Writer

T = TypeVar("T")

THREADS = 16
"""Threads that write, sync and look at the disk for all uploads together."""

DIGESTS = 512
"""Digests of unfinished files that are kept in memory between two requests."""


@dataclass(frozen=True)
class UploadSettings:
    """What the administrator decides about uploads."""

    max_size: int | None = None
    """Bytes in one file, over all its pieces; None is no limit."""
    max_open: int = 1000
    """Unfinished uploads of one owner at a time."""
    expiry: float = 7 * 24 * 3600.0
    """Seconds without a new byte after which an upload is removed; a finished one is forgotten
    after as long (its file stays)."""


class Uploads:
    """The uploads of one server.

    Parameters
    ----------
    root: the gate to the disk.
    rows: the database.
    settings: limits.
    on_saved: awaited with the path of each file that was published.
    log: where surprises go.
    """

    def __init__(
        self,
        root: Root,
        rows: UploadRows,
        settings: UploadSettings | None = None,
        *,
        on_saved: Callable[[str], Awaitable[None]] | None = None,
        log: Any = None,
    ) -> None:
        self.settings = settings or UploadSettings()
        self._root = root
        self._rows = rows
        self._on_saved = on_saved
        self._log = log or logging.getLogger(__name__)
        self._claims = Claims()
        self._digests: dict[str, Digest] = {}
        self._pool = ThreadPoolExecutor(THREADS, "jupyter-transfer-upload")
        self._appends: dict[str, Append] = {}

    # -- starting and stopping --

    async def start(self) -> None:
        """Remove what expired while no server was running, and what a crash left of files that
        are finished."""
        await self._run(self._forget_finished)
        await self.expire()

    async def stop(self) -> None:
        """End all requests; what arrived is on disk when this returns."""
        await asyncio.gather(*(append.aborted() for append in list(self._appends.values())))
        self._pool.shutdown()

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    # -- what protocols ask for --

    async def create(
        self,
        owner: str,
        length: int | None,
        header: str,
        on_interrupt: OnInterrupt | None = None,
        *,
        explicit: bool = False,
        checksum: Checksum | None = None,
    ) -> Append:
        """A new upload of `length` bytes (None: the client does not know yet) with the metadata
        `header`, open for its first bytes, which must have the `checksum`, if there is one. With
        `explicit` it is whole when the client says so (`Append.finish`), not when its length is
        reached.

        Until `Append.finish` succeeds for the first time nobody knows its id (unless
        `Append.fresh` is set to False), so whatever goes wrong before removes it.

        Raises ``bad_request``, ``invalid_path``, ``hidden_path``, ``too_large``, ``too_many``,
        ``disk_full`` (``detail``: needed_bytes, free_bytes), ``exists``, ``is_a_directory`` …
        """
        session = await self._run(self._create, owner, length, header, explicit)
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

        Raises ``not_found``, ``gone`` (it expired), ``offset_mismatch`` (``detail.offset`` is the
        right one), ``bad_request`` (the length is another one), ``too_large``, ``disk_full``.
        """
        upload = await self._run(self._find, owner, id)
        session = await self._claim(owner, id) if upload.path is None else None
        if session is None:
            upload = await self._run(self._find, owner, id)
            raise _offset_mismatch(upload.length or 0)
        try:
            if session.offset != offset:
                raise _offset_mismatch(session.offset)
            if length is not None:
                await self._run(self._declare, session, length)
        except BaseException:
            await self._let_go(session)
            raise
        return self._open_append(session, on_interrupt, checksum, fresh=False)

    async def state(self, owner: str, id: str) -> UploadState:
        """Where the upload `id` stands. Ends a request that writes to it; finishes a file that is
        whole and was not published (a crash, or a name that was taken).

        Raises ``not_found``, ``gone`` and whatever keeps a whole file from being published.
        """
        upload = await self._run(self._find, owner, id)
        session = await self._claim(owner, id) if upload.path is None else None
        if session is None:
            upload = await self._run(self._find, owner, id)
            return UploadState(upload, upload.length or 0)
        return await self._settle(session)

    async def terminate(self, owner: str, id: str) -> None:
        """Forget the upload `id` and its bytes; a published file stays.

        Raises ``not_found``, ``gone``.
        """
        await self._run(self._find, owner, id)
        await self._claims.acquire(id)
        try:
            upload = await self._run(self._find, owner, id)
            await self._run(self._remove, upload)
        finally:
            self._claims.release(id)

    async def expire(self) -> int:
        """Remove the uploads that nobody went on with; how many. Never touches a live one nor a
        published file, and publishes a whole one that a crash left without its name."""
        count = 0
        for row in await self._run(self._rows.uploads_expired, time.time()):
            if row["id"] in self._claims:
                continue
            await self._claims.acquire(row["id"])
            try:
                await self._run(self._expire, row["owner"], row["id"])
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
                await self._run(self._remove, session.upload)
            elif failure is error or failure.code != "digest_mismatch":
                failure.detail["offset"] = session.offset
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
                upload, ours = await self._run(self._publish, session)
            else:
                upload = await self._run(self._prolong, session.upload)
        finally:
            await self._let_go(session)
        if ours and upload.path is not None and self._on_saved is not None:
            await self._on_saved(upload.path)
        return UploadState(upload, session.offset)

    # -- claims --

    async def _claim(self, owner: str, id: str) -> Session | None:
        """Claim the unfinished upload `id`; None if it was finished meanwhile."""
        await self._claims.acquire(id)
        try:
            upload = await self._run(self._find, owner, id)
            if upload.path is None:
                return await self._run(self._open, upload)
        except BaseException:
            self._claims.release(id)
            raise
        self._claims.release(id)
        return None

    async def _let_go(self, session: Session) -> None:
        await self._run(session.close)
        self._claims.release(session.upload.id)

    # -- the disk and the database; in threads --

    def _find(self, owner: str, id: str) -> Upload:
        row = self._rows.upload_get(id)
        if row is None or row["owner"] != owner:
            raise TransferError("not_found", "There is no such upload.", "Start the upload again.")
        upload = Upload.from_row(row)
        if upload.path is None and upload.expires < time.time() and id not in self._claims:
            raise TransferError("gone", "The upload has expired.", "Start the upload again.")
        return upload

    def _create(self, owner: str, length: int | None, header: str, explicit: bool) -> Session:
        id = new_id()
        spec = UploadSpec.from_header(header, id, self._root.parse)
        if length is not None:
            self._check_size(length)
        folder = self._check_destination(spec)
        if self._rows.uploads_open(owner) >= self.settings.max_open:
            raise TransferError(
                "too_many",
                f"You have {self.settings.max_open} unfinished uploads.",
                "Finish or cancel some of them.",
            )
        self._check_space(folder, length or 0)
        now = time.time()
        upload = Upload(
            id, owner, folder, length, now, now + self.settings.expiry, spec, explicit=explicit
        )
        self._rows.upload_add(upload.as_row())
        try:
            session_type = self._session_type(upload)
            return session_type.create(self._root, upload, self._digest_of(upload))
        except BaseException:
            self._rows.upload_remove(id)
            raise

    @staticmethod
    def _session_type(upload: Upload) -> type[Session]:
        """What keeps the bytes of `upload` on disk."""
        return Session

    def _declare(self, session: Session, length: int) -> None:
        if session.upload.length is None:
            self._check_size(length)
            self._check_space(session.upload.folder, length - session.offset)
        session.declare(length)

    def _check_size(self, length: int) -> None:
        limit = self.settings.max_size
        if limit is not None and length > limit:
            raise TransferError(
                "too_large",
                f"The file has {length} bytes; this server takes {limit} at most.",
                detail={"max_size": limit},
            )

    def _check_destination(self, spec: UploadSpec) -> str:
        """The folder to stage in; refuse at once what could not be published at the end."""
        parent, _ = split_path(spec.destination)
        folder = self._root.nearest_folder(parent)
        missing = spec.destination[len(folder) :].removeprefix("/")
        self._root.parse(missing, new=True)
        if spec.conflict == "rename" or not self._root.exists(spec.destination):
            return folder
        if spec.conflict == "overwrite":
            if stat.S_ISDIR(self._root.lstat(spec.destination).st_mode):
                raise TransferError("is_a_directory", "A folder has the name of this file.")
            return folder
        raise TransferError("exists", "There is a file of this name already.")

    def _check_space(self, folder: str, length: int) -> None:
        free = self._root.free_bytes(folder)
        if length > free:
            raise TransferError(
                "disk_full",
                "The disk of the server has not enough room for this file.",
                detail={"needed_bytes": length, "free_bytes": free},
            )

    def _open(self, upload: Upload) -> Session:
        try:
            session_type = self._session_type(upload)
            session = session_type.open(self._root, upload, self._digest_of(upload))
        except TransferError as error:
            if error.code != "not_found":
                raise
            self._rows.upload_remove(upload.id)
            raise TransferError(
                "not_found", "There is no such upload.", "Start the upload again."
            ) from None
        digest = self._digests.get(upload.id)
        if digest is not None:
            digest.rewind(session.offset)
        return session

    def _digest_of(self, upload: Upload) -> Digest | None:
        if upload.spec.sha256 is None:
            return None
        digest = self._digests.setdefault(upload.id, Digest())
        while len(self._digests) > DIGESTS:
            self._digests.pop(next(iter(self._digests)), None)
        return digest

    def _prolong(self, upload: Upload) -> Upload:
        """Move the expiry, not at every request: a commit waits for the disk."""
        expires = time.time() + self.settings.expiry
        if expires - upload.expires < self.settings.expiry / 10:
            return upload
        try:
            self._rows.upload_touch(upload.id, expires)
        except TransferError as error:  # the bytes are safe, and that is what was asked for
            self._log.warning("An upload was not prolonged: %s", error.message)
            return upload
        return replace(upload, expires=expires)

    def _publish(self, session: Session) -> tuple[Upload, bool]:
        upload = session.upload
        try:
            path, ours = session.publish()
        except TransferError as error:
            if error.code == "digest_mismatch":
                self._remove(upload, session)
            raise
        self._prolong(upload)
        try:
            self._rows.upload_finish(upload.id, path, session.offset)
        except TransferError as error:
            # The file stands there: that is the answer. The journal tells it to the next request.
            self._log.warning("A finished upload was not recorded: %s", error.message)
        else:
            session.forget()
        self._digests.pop(upload.id, None)
        return replace(upload, path=path), ours

    def _forget_finished(self) -> None:
        """Do the last step of `_publish` for those that died before it."""
        for folder in self._rows.uploads_done_folders():
            for id in left_journals(self._root, folder):
                row = self._rows.upload_get(id)
                if row is not None and row["state"] == "done":
                    with suppress(TransferError):  # another process may have it
                        Part.open(self._root, folder, id).forget()

    def _expire(self, owner: str, id: str) -> None:
        upload = self._find(owner, id)
        if upload.expires >= time.time():
            return  # someone went on with it meanwhile
        if upload.path is None:
            with suppress(TransferError):
                session = self._open(upload)
                try:
                    if session.whole:
                        self._publish(session)
                finally:
                    session.close()
        self._remove(upload)

    def _remove(self, upload: Upload, session: Session | None = None) -> None:
        """Remove what is left of `upload` on disk, then its row."""
        if session is not None:
            session.discard()
        else:
            try:
                part = Part.open(self._root, upload.folder, upload.id)
            except TransferError as error:
                if error.code != "not_found":
                    raise
                # A crash while the part was made may have left its first half.
                part = Part(self._root, upload.folder, upload.id, -1, -1)
            part.discard()
        self._rows.upload_remove(upload.id)
        self._digests.pop(upload.id, None)


def _offset_mismatch(offset: int) -> TransferError:
    return TransferError(
        "offset_mismatch",
        f"The upload stands at byte {offset}.",
        detail={"offset": offset},
    )
