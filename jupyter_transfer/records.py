"""Append-only journals: one record a line, ``<crc32> <json>``.

A torn last line (power cut while it was written) fails its checksum and is cut off when the
journal is read. `append` and `read` work on descriptors that others have opened, beside a user's
file (`jupyter_transfer.parts`); a `RecordFile` is a journal of our own in the state folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .errors import TransferError, from_os_error

Record = dict[str, Any]
Buffer = bytes | bytearray | memoryview


_encoder = json.JSONEncoder(separators=(",", ":"))


def as_line(record: Record) -> bytes:
    """`record` as a line of a journal."""
    text = _encoder.encode(record).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def whole_records(data: bytes) -> tuple[list[Record], int]:
    """The records at the beginning of a journal, and where they end."""
    records: list[Record] = []
    good = 0
    for line in data.splitlines(keepends=True):
        record = _record_in(line)
        if record is None:
            break
        records.append(record)
        good += len(line)
    return records, good


def _record_in(line: bytes) -> Record | None:
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    record: Record = json.loads(text)
    return record


def write_all(fd: int, data: Buffer) -> None:
    """Write all of `data`. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def append(fd: int, record: Record, *, sync: bool = True) -> None:
    """Add a record to the journal `fd`; it is on disk when this returns, unless `sync` is False:
    then it survives the end of this process only. Raises ``disk_full``, ``io_error`` …; then the
    journal is as it was."""
    append_lines(fd, as_line(record), sync=sync)


def append_lines(fd: int, data: bytes, *, sync: bool) -> None:
    """As `append`, for lines that `as_line` has made."""
    try:
        end = os.lseek(fd, 0, os.SEEK_END)
        try:
            write_all(fd, data)
            if sync:
                os.fdatasync(fd)
        except OSError:
            # No half line before the next record, and none that is not on disk.
            os.ftruncate(fd, end)
            raise
    except OSError as error:
        raise from_os_error(error) from None


def read(fd: int, *, repair: bool) -> list[Record]:
    """All whole records of the journal `fd`, oldest first; with `repair` a torn tail is cut off.
    Raises ``io_error``."""
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read()
        records, good = whole_records(data)
        if repair and good < len(data):
            os.ftruncate(fd, good)
    except OSError as error:
        raise from_os_error(error) from None
    return records


def each(fd: int, *, repair: bool) -> Iterator[Record]:
    """`read`, one record after the other, for a journal that may be too long for the memory."""
    good = 0
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(fd), "rb") as file:
            for line in file:
                record = _record_in(line)
                if record is None:
                    break
                good += len(line)
                yield record
        if repair and good < os.fstat(fd).st_size:
            os.ftruncate(fd, good)
    except OSError as error:
        raise from_os_error(error) from None


class RecordFile:
    """A journal in a folder of our own, locked against every other process.

    Parameters
    ----------
    folder: made if it is missing, for this person only.
    create: whether to make the file too; else ``not_found`` where there is none.

    Raises ``conflict`` while another process has it.
    """

    def __init__(self, folder: str, name: str, *, create: bool = True) -> None:
        self._path = os.path.join(folder, name)
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        try:
            if create:
                os.makedirs(folder, 0o700, exist_ok=True)
            self._fd = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise from_os_error(error) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise TransferError(
                "conflict",
                "Another process is doing this job.",
                "Wait until it has ended.",
                retryable=True,
            ) from None
        except OSError:
            pass  # a network file system without locks: the queue runs each job once

    @classmethod
    def find(cls, folder: str, name: str) -> RecordFile | None:
        """The journal if there is one; raises as making one does."""
        try:
            return cls(folder, name, create=False)
        except TransferError as error:
            if error.code == "not_found":
                return None
            raise

    def append(self, record: Record, *, sync: bool = True) -> None:
        """See `append`."""
        append(self._fd, record, sync=sync)

    def append_lines(self, data: bytes) -> None:
        """See `append_lines`; nothing is synced."""
        append_lines(self._fd, data, sync=False)

    def sync(self) -> None:
        """Bring what was added to the disk; threads that do so at once share the work. Raises
        ``io_error`` …"""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise from_os_error(error) from None

    def read(self) -> list[Record]:
        """See `read`."""
        return read(self._fd, repair=True)

    def each(self) -> Iterator[Record]:
        """See `each`."""
        return each(self._fd, repair=True)

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Remove the file, and let go of it. What cannot be removed does no harm."""
        with suppress(OSError):
            os.unlink(self._path)
        self.close()


def record_files(folder: str) -> Iterator[tuple[str, float]]:
    """The names of the files in a folder of our own, and when each was written to last, in seconds
    since 1970. A folder that is not there has none."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                yield entry.name, entry.stat(follow_symlinks=False).st_mtime
