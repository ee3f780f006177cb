"""The thread that brings what has come in to the disk, while the network goes on."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..directio import DirectFile, buffers
from ..errors import TransferError, from_os_error
from .control import as_transfer_error
from .journal import Journal, Syncer
from .parthasher import PartHasher
from .plan import Remote
from .spans import Spans

_log = logging.getLogger(__name__)

UNWRITTEN, UNRECORDED = 5 << 20, 48 << 20
"""Bytes that may have come in and not yet be written, those that are still gathered to a block
among them, and be written and not yet recorded, before the network has to wait for the disk."""

UNHASHED = 32 << 20
"""Bytes in memory that may wait to be hashed, before the network has to wait."""

UNSEEN = 2 << 20
"""Bytes that may be written and neither recorded nor noted with their CRC. What is noted outlives
the process; it costs the CRC, so on a disk that syncs as fast as the network delivers it is
seldom done. With `UNWRITTEN` and what the kernel holds (`window`) this is what a kill
costs."""

FEW = 2 << 20
MOMENT = 0.02
"""Unwritten bytes up to which a block is taken at once, and seconds that it waits at most if there
are more: a disk that is only a little slower than the network makes no pauses so."""

CACHED = 256 << 10
"""Bytes in one write through the page cache, which then works in large folios: that halves the
processor time of a whole fetch (measured on ext4, Linux 6.18: 0.6 instead of 1.1 seconds a GiB;
writes of a whole MiB cost 1.6)."""


@dataclass
class _Block:
    """Bytes on their way; the buffer is given back by the last of its users."""

    buffer: memoryview
    first: int
    end: int
    offset: int
    users: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self) -> None:
        with self.lock:
            self.users += 1

    def release(self) -> None:
        with self.lock:
            self.users -= 1
            unused = not self.users
        if unused:
            buffers.back(self.buffer)


class Drain:
    """Writes blocks in the order in which they are put, and has the `Syncer` record them.

    Parameters
    ----------
    journal: of the part that the blocks belong to.
    remote: the file that they are of.
    hasher: takes the bytes, too; whoever made it closes it, after this.
    on_written: told, in the thread, how many bytes of the file are there from its first one on.
    """

    def __init__(
        self,
        journal: Journal,
        remote: Remote,
        hasher: PartHasher | None = None,
        on_written: Callable[[int], None] | None = None,
    ) -> None:
        part = journal.part
        # What is read again to be verified is better kept in memory.
        is_read = remote.proof is not None and hasher is None
        direct = -1 if is_read else part.open_direct(remote.size)
        self._hasher = hasher
        self._on_written = on_written
        self._file = DirectFile(part.fd, direct)
        self._journal = journal
        self._syncer = Syncer(journal)
        self.written = Spans(journal.spans)
        """What is in the file, though not all of it on the disk yet."""
        self._blocks: deque[_Block] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._error: TransferError | None = None
        self._gathered = 0
        self._backlog = 0
        self._thread = threading.Thread(target=self._work, name="drain", daemon=True)
        self._thread.start()

    def gather(self, count: int) -> None:
        """So many bytes have come in, which `put` will bring."""
        self._gathered += count

    def put(self, buffer: memoryview, first: int, end: int, offset: int) -> None:
        """Write the bytes of `buffer` from `first` to `end` to `offset`, and give it back then."""
        self._gathered -= end - first
        block = _Block(buffer, first, end, offset)
        if self._hasher is not None:
            self._hasher.put(buffer[first:end], offset, block.hold, block.release)
        with self._change:
            self._blocks.append(block)
            self._backlog += end - first
            self._change.notify()
            if self._backlog > FEW:
                self._change.wait(MOMENT)

    def is_full(self) -> bool:
        """Whether the network has to wait for the disk."""
        if self._hasher is not None and self._hasher.backlog > UNHASHED:
            return True
        unwritten = self._gathered + self._backlog
        return unwritten > UNWRITTEN or self._syncer.backlog > UNRECORDED

    def check(self) -> None:
        """Raise what went wrong: ``disk_full``, ``io_error`` …"""
        if self._error is not None:
            raise self._error
        self._syncer.check()

    def close(self) -> None:
        """Write and record everything; raises what went wrong, with as much recorded as is there
        for certain."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()
        self._file.close()
        self._syncer.close()
        self.check()

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._blocks and not self._closing:
                    self._change.wait()
                if not self._blocks:
                    return
                block = self._blocks.popleft()
            try:
                if self._error is None:  # after a failure nothing is right any more
                    self._write(block)
            except OSError as error:
                self._error = from_os_error(error)
            except Exception as error:  # a bug: no success must come of it
                _log.exception("A block could not be written")
                self._error = as_transfer_error(error)
            finally:
                block.release()
            with self._change:
                self._backlog -= block.end - block.first
                self._change.notify()

    def _write(self, block: _Block) -> None:
        first = start = block.first
        try:
            while first < block.end:
                end = block.end if self._file.direct else min(block.end, first + CACHED)
                offset = block.offset + first - start
                first += self._file.pwrite(block.buffer[first:end], offset)
        finally:
            if first > start:
                self.written.add(block.offset, block.offset + first - start)
                slow = self._syncer.unseen + first - start > UNSEEN
                self._syncer.add(block.offset, block.offset + first - start, seen=slow)
                if slow:
                    self._journal.note(block.offset, block.buffer[start:first])
                if self._on_written is not None:
                    self._on_written(self.written.prefix)
