"""Moving bytes from a reader, which works in threads, to a browser, which works on the loop.

Two blocks are in use: while the loop writes one to the socket, a thread reads the next. The loop
never waits for a disk, memory is two blocks whatever the size, and because reading is asked for,
block by block, nothing is read for a browser that is gone or slow.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BufferedIOBase
from typing import Any, cast

from aiofiles.threadpool import wrap

from .manifest import Member
from .zip_reader import ZipReader

BLOCK = 1 << 20
"""Bytes that are read and written at a time."""

READERS = ThreadPoolExecutor(8, "jupyter-transfer-read")
"""Threads that read for downloads; slow disks must not take those that others need."""

ReadInto = Callable[[memoryview], Awaitable[int]]
"""Fills a buffer from its start; returns the bytes put there, at least one."""

Write = Callable[[memoryview], Awaitable[None]]
"""Returns when the block may be used again; raises when the other side is gone."""


class _SteadyFile(BufferedIOBase):
    """An open file that refuses to be read once it is no longer what `member` says."""

    def __init__(self, fd: int, member: Member, position: int) -> None:
        super().__init__()
        self._fd = fd
        self._member = member
        self._position = position

    def readinto(self, buffer: Any, /) -> int:
        count = self._member.read(self._fd, memoryview(buffer), self._position)
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


class FileSource:
    """The content of the open file `fd`, from `start` on; takes over the descriptor.

    Raises ``changed`` when the file is no longer what `member` says.
    """

    def __init__(self, fd: int, member: Member, start: int) -> None:
        self._file = wrap(_SteadyFile(fd, member, start), executor=READERS)

    async def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as one read does."""
        return cast("int", await self._file.readinto(buffer))

    async def close(self) -> None:
        """Close the file."""
        await self._file.close()


class ArchiveSource:
    """The bytes that `reader` makes."""

    def __init__(self, reader: ZipReader) -> None:
        self._reader = reader

    async def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(READERS, self._reader.read_into, buffer)

    async def close(self) -> None:
        """Close the file that is being read."""
        self._reader.close()


Source = FileSource | ArchiveSource


async def pump(source: Source, write: Write, length: int, moved: Callable[[int], None]) -> None:
    """Write `length` bytes of `source`; `moved` is told the bytes of each block that has left.

    Always closes `source`. Raises what it or `write` raises.
    """
    blocks = [memoryview(bytearray(min(BLOCK, length))) for _ in range(2)]
    reading: asyncio.Future[int] | None = None
    try:
        ahead = 0
        while length or reading:
            if reading is None:
                reading = asyncio.ensure_future(source.read_into(blocks[0][:length]))
            count = await reading
            reading = None
            length -= count
            block = blocks[ahead][:count]
            ahead = 1 - ahead
            if length:
                reading = asyncio.ensure_future(source.read_into(blocks[ahead][:length]))
            await write(block)
            moved(count)
    finally:
        if reading is not None:
            # The thread may still be filling the block: the file must not be closed under it.
            await asyncio.wait([reading])
            reading.cancelled() or reading.exception()
        await source.close()
