"""The way of a request's body to the disk: receiving, writing and syncing at the same time.

    network --feed--> buffer --write thread--> page cache --sync thread--> disk, journal
    socket -----receive------- write thread--> page cache --sync thread--> disk, journal

The event loop only collects pieces, or tells when a socket has some; threads write them and,
meanwhile, sync what was written before. So the disk is never idle while the network delivers and
the other way round, and one acknowledgement at the end costs the last checkpoint only. Two bounds
hold the sender back: `BUFFER` bytes that are not yet written, `WINDOW` bytes that are written but
not yet durable.

All methods are called on the loop; at most one write and one sync of a writer run at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from ..errors import TransferError
from .checksum import Checksum
from .rows import Upload
from .session import Session

BUFFER = 4 << 20
"""Bytes of one upload in memory, received and not yet written."""
BATCH = 1 << 20
"""Bytes worth a hop to a thread."""
CHECKPOINT = 16 << 20
"""Bytes after which what was written is made durable."""
CHECKPOINT_SECONDS = 1.0
"""Seconds after which it is made durable even if it is less."""
RECEIVE = 16 << 20
"""Bytes that a thread moves from a socket before other work gets its turn."""
WINDOW = 32 << 20
"""Bytes that may be written and not yet durable: what a newer request waits for at most."""
AROUND = 4
"""How many times `CHECKPOINT` and `WINDOW` are for bytes that went around the page cache: they are
on their way to the disk already, and a sync has little left to do."""


_UNLIMITED = 1 << 62


class Writer:
    """Takes pieces of a body for `session` and brings them to the disk.

    Parameters
    ----------
    session: an open session; the writer appends at its offset.
    pool: threads for writing and syncing.
    max_size: bytes that the file may have if nobody knows yet how long it is; None is no limit.
    checksum: what the bytes must have to count at all; until that is known none are recorded.
    """

    def __init__(
        self,
        session: Session,
        pool: Executor,
        max_size: int | None = None,
        checksum: Checksum | None = None,
    ) -> None:
        self._session = session
        self._checksum = checksum
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._start = session.offset
        length = session.upload.length
        self.limit = max_size if length is None else length
        """End of the bytes that the upload may have; None if nobody knows one."""
        self._room_left = (_UNLIMITED if self.limit is None else self.limit) - session.offset
        self._pieces: list[bytes] = []
        self._size = 0  # of the pieces
        self._in_flight = 0  # bytes that the write thread holds
        self._syncing = False
        self._due = False
        self._timer: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._sync_failed = False
        if checksum is not None:
            session.watch = checksum.update

    # -- feeding --

    def feed(self, data: bytes) -> asyncio.Future[None] | None:
        """Take the next piece. A returned future resolves when there is room for another.

        Raises ``too_large`` when the piece goes beyond the upload's length or the limit (then
        nothing that this writer was fed is kept), and the error of an earlier write.
        """
        if self._error is not None:
            raise self._error
        if self._closed is not None:
            raise TransferError("conflict", "Another request has taken over this upload.")
        if len(data) > self._room_left:
            self._error = _beyond_limit(self._session.upload, self.limit)
            raise self._error
        self._room_left -= len(data)
        self._pieces.append(data)
        self._size += len(data)
        self._step()
        return None if self._fits() else self._wait_for_room()

    @property
    def receives(self) -> bool:
        """Whether `receive` may be used: a checksum needs to see the bytes."""
        return self._checksum is None or self._session.go_around()

    async def receive(self, source: int, limit: int) -> int:
        """Move at most `limit` bytes that stand ready in the socket `source` straight into the
        file, behind all that was fed; the number of bytes that were taken off the socket.

        0 when none stand ready, or when this writer takes no more: `feed` tells why.
        """
        while self._takes_more and (self._in_flight or not self._fits()):
            await self._wait_for_room()
        if not self._takes_more:
            return 0
        before = self._session.taken
        limit = min(limit, self._room_left, RECEIVE)
        pieces, self._pieces, self._size = self._pieces, [], 0
        self._in_flight = limit + 1  # nothing else is written meanwhile
        await self._run(partial(self._receive, pieces, source, limit), self._wrote)
        taken = self._session.taken - before
        self._room_left -= taken
        return taken

    def _receive(self, pieces: list[bytes], source: int, limit: int) -> None:
        self._session.write(pieces)
        self._session.receive(source, limit)

    @property
    def _takes_more(self) -> bool:
        return self._error is None and self._closed is None

    def _wait_for_room(self) -> asyncio.Future[None]:
        if self._room is None:
            self._room = self._loop.create_future()
        return self._room

    def _fits(self) -> bool:
        return self._size + self._in_flight < BUFFER and self._unsynced < WINDOW * self._times

    @property
    def _times(self) -> int:
        return AROUND if self._session.around else 1

    def _tick(self) -> None:
        self._timer = None
        self._due = True
        self._step()

    # -- the two threads --

    def _step(self) -> None:
        """Start what may run now, and wake whoever may go on."""
        closing = self._closed is not None
        if self._error is None:
            at_last = self._due or closing
            if not self._in_flight and (self._size >= BATCH or (self._unwritten and at_last)):
                self._run_write(flush=at_last)
            unsynced = self._unsynced
            at_rest = closing and not self._in_flight and not self._unwritten
            if (
                not self._syncing
                and unsynced
                and (unsynced >= CHECKPOINT * self._times or self._due or at_rest)
            ):
                self._run_sync()
        busy = self._in_flight > 0 or self._syncing
        left = self._error is None and (busy or self._unwritten > 0 or self._unsynced > 0)
        if left and not closing and self._timer is None:
            self._timer = self._loop.call_later(CHECKPOINT_SECONDS, self._tick)
        if self._room is not None and (self._error is not None or self._fits()):
            _resolve(self._room)
            self._room = None
        if self._closed is not None and not busy and not left:
            _resolve(self._closed)

    @property
    def _unsynced(self) -> int:
        return self._session.written - self._session.synced

    @property
    def _unwritten(self) -> int:
        return self._size + self._session.held

    def _run_write(self, *, flush: bool) -> None:
        pieces, self._pieces = self._pieces, []
        self._in_flight, self._size = max(1, self._size), 0
        self._run(partial(self._write, pieces, flush), self._wrote)

    def _write(self, pieces: list[bytes], flush: bool) -> None:
        self._session.write(pieces)
        if flush:
            self._session.flush()

    def _wrote(self) -> None:
        self._in_flight = 0

    def _run_sync(self) -> None:
        self._syncing = True
        self._due = False
        self._run(self._sync, self._synced)

    def _sync(self) -> None:
        try:
            if self._checksum is None:
                self._session.checkpoint()
            else:
                self._session.sync()
        except TransferError:
            self._sync_failed = True
            raise

    def _synced(self) -> None:
        self._syncing = False

    def _run(self, work: Callable[[], None], after: Callable[[], None]) -> asyncio.Future[None]:
        """Have a thread do `work`; the result resolves when what became of it is noted."""
        noted: asyncio.Future[None] = self._loop.create_future()

        def done(future: asyncio.Future[None]) -> None:
            after()
            if self._error is None:
                self._error = future.exception()
            _resolve(noted)
            self._step()

        self._loop.run_in_executor(self._pool, work).add_done_callback(done)
        return noted

    # -- the end --

    async def close(self, *, cut: bool = False) -> None:
        """Write, sync and record all that was fed; take no more. Call it once. `cut` says that
        bytes are missing.

        Raises the first error of the way, after what could be kept was kept: all of it, but for
        ``too_large`` and where a checksum is stated, be it wrong (``digest_mismatch``) or that of
        bytes that are missing; then the upload is taken back to where this writer began. After a
        sync that failed it is taken back to what was recorded before.
        """
        self._closed = self._loop.create_future()
        if self._timer is not None:
            self._timer.cancel()
        self._step()
        await self._closed
        if self._error is not None:
            await self._loop.run_in_executor(self._pool, self._save)
            raise self._error
        if self._checksum is not None:
            await self._loop.run_in_executor(self._pool, self._verify, self._checksum, cut)

    def _verify(self, checksum: Checksum, cut: bool) -> None:
        try:
            if not cut:
                checksum.verify()
                self._session.checkpoint()
        finally:
            self._session.rollback(self._session.offset)  # what is not recorded is not kept

    def _save(self) -> None:
        too_large = isinstance(self._error, TransferError) and self._error.code == "too_large"
        try:
            if too_large or self._checksum is not None:
                self._session.rollback(self._start)
            elif self._sync_failed:
                # The kernel takes what it could not write for written (fsync(2), ERRORS): another
                # sync would succeed without those bytes.
                self._session.rollback(self._session.offset)
            else:
                self._session.checkpoint()
        except TransferError:
            pass  # the first error is the one to tell; the journal holds what is sure


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _beyond_limit(upload: Upload, limit: int | None) -> TransferError:
    if upload.length is None:
        return TransferError(
            "too_large",
            f"The file has more than {limit} bytes, which is what this server takes at most.",
            detail={"max_size": limit},
        )
    return TransferError(
        "too_large",
        "More bytes arrived than the upload was announced to have.",
        "Upload the file again: it may have grown meanwhile.",
    )
