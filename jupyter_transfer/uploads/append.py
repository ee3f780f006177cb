"""One request that brings bytes to an upload: from its first piece to its end, however it ends.

An `Append` holds the claim on its upload. It ends once: `finish` (the body is there in full),
`abort` (the connection was cut; what arrived is kept) or an interruption by a newer request. The
end runs as a task of its own, so that neither a client that went away nor a cancelled handler can
stop it half-way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from ..errors import TransferError
from .rows import Upload
from .session import Session
from .writer import Writer


@dataclass(frozen=True)
class UploadState:
    """What a client may know of an upload."""

    upload: Upload
    offset: int
    """Bytes that are on disk for good."""
    refusal: TransferError | None = None
    """What keeps a file from its name whose bytes are all there."""


OnInterrupt = Callable[[TransferError], None]


class End(Enum):
    """How the body of a request ended."""

    CUT = "cut"
    """Before its end."""
    BODY = "body"
    """As it should."""
    FILE = "file"
    """As it should, and the client says that the file ends there."""


class Append:
    """Bytes on their way to `session`.

    Parameters
    ----------
    session: the open session.
    writer: what takes the bytes.
    settle: called when the writer has closed, with this object, the error of the way or None and
        how the request ended; gives the new state, lets go of the session and of the claim.
    on_interrupt: called when a newer request takes over, with the error to answer.
    fresh: whether the upload is new and no client knows its id; may be set to False on the way.
    """

    def __init__(
        self,
        session: Session,
        writer: Writer,
        settle: Callable[[Append, TransferError | None, End], Awaitable[UploadState]],
        on_interrupt: OnInterrupt | None,
        *,
        fresh: bool,
    ) -> None:
        self.upload = session.upload
        self.limit = writer.limit
        """End of the bytes that the upload may have; None if nobody knows one."""
        self.offset = session.offset
        """Where the first byte of this request stands in the file."""
        self.fresh = fresh
        self._writer = writer
        self._settle = settle
        self._on_interrupt = on_interrupt
        self._end: asyncio.Task[UploadState] | None = None

    def feed(self, data: bytes) -> Awaitable[None] | None:
        """Take the next piece; see `Writer.feed`."""
        return self._writer.feed(data)

    @property
    def receives(self) -> bool:
        """Whether `receive` may be used for this request."""
        return self._writer.receives

    async def receive(self, source: int, limit: int) -> int:
        """Take the next bytes straight from the socket `source`; see `Writer.receive`."""
        return await self._writer.receive(source, limit)

    async def finish(self, *, complete: bool = False) -> UploadState:
        """The body is there: make it durable, and publish the file if it is whole. With
        `complete` the client says that it is: an unknown length is known then.

        Raises what went wrong on the way; ``detail.offset`` then says where to go on.
        ``bad_request``: `complete`, but the upload is known to be longer.
        """
        self._close(End.FILE if complete else End.BODY)
        assert self._end is not None
        return await asyncio.shield(self._end)

    def abort(self) -> None:
        """No more bytes come: keep what arrived, in the background."""
        self._close(End.CUT)

    async def aborted(self) -> None:
        """`abort`, and wait until the upload is free for the next request."""
        self._close(End.CUT)
        assert self._end is not None
        await asyncio.wait([self._end])

    def interrupt(self) -> None:
        """A newer request takes over."""
        if self._close(End.CUT) and self._on_interrupt is not None:
            self._on_interrupt(
                TransferError(
                    "conflict",
                    "Another request has taken over this upload.",
                    "Ask for the offset and go on from there.",
                    retryable=True,
                )
            )

    def _close(self, end: End) -> bool:
        """Begin the end, if it has not begun; whether it had not."""
        if self._end is not None:
            return False
        self._end = asyncio.ensure_future(self._run(end))
        # Nobody may be left to hear of an error.
        self._end.add_done_callback(lambda task: task.cancelled() or task.exception())
        return True

    async def _run(self, end: End) -> UploadState:
        error: TransferError | None = None
        try:
            await self._writer.close(cut=end is End.CUT)
        except TransferError as failure:
            error = failure
        except Exception:
            # A bug must not leave the upload claimed for ever.
            logging.getLogger(__name__).exception("An upload could not be written")
            error = TransferError("internal", "The server failed to write the upload.")
        return await self._settle(self, error, end)
