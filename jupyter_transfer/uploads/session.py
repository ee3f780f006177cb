"""One unfinished upload on disk: its bytes, its durable offset, its digest, its publication.

Everything here blocks and runs in threads. Two numbers matter: `written`, the end of what was
handed to the kernel, and `offset`, the end of what is proven to be on disk. `offset` moves only
by `checkpoint`: first the bytes are synced, then the journal says so. Whatever lies behind the
offset of the journal after a crash is cut off when the session is opened again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from ..errors import TransferError, from_os_error
from ..parts import Part, boot_id
from ..paths import Root
from ..records import Record
from .appender import Appender, DirectAppender
from .digest import Digest
from .rows import Upload

WORTH = 512 << 10
"""Bytes that are worth the start of it."""

_READ = 1 << 20
_COPY = 256 << 20


class Session:
    """An open upload. Make one with `create` or `open`; give it back with `close`."""

    def __init__(self, upload: Upload, part: Part, offset: int, digest: Digest | None) -> None:
        self.upload = upload
        self.offset = offset
        """Bytes that are on disk and recorded: what a client may rely on."""
        self.synced = offset
        """Bytes that are on disk, recorded or not."""
        self._part = part
        self._digest = digest
        self._appender = Appender(part.fd, self.start + offset, self._note)

    @classmethod
    def create(cls, root: Root, upload: Upload, digest: Digest | None) -> Session:
        """A session of a new upload; its empty part is on disk when this returns."""
        header = {"upload": upload.as_row()}
        return cls(upload, Part.create(root, upload.folder, upload.id, header), 0, digest)

    @classmethod
    def open(cls, root: Root, upload: Upload, digest: Digest | None) -> Session:
        """The session that an earlier request, perhaps of an earlier process, left.

        Raises ``not_found`` when nothing of it is left, ``conflict`` when another process has it.
        """
        part = Part.open(root, upload.folder, upload.id, look=True)
        try:
            records = part.records()
            known = latest(records)
            upload = replace(upload, length=known.get("length", upload.length))
            if "publish" in known:
                published = part.published()
                if published is not None:
                    session = cls(upload, part, known.get("offset", 0), None)
                    session._published = published
                    session._completed = known.get("complete", False)
                    return session
            if part.fd < 0:
                part.discard()
                raise TransferError("not_found", "The bytes of this upload are gone.")
            session = cls(upload, part, _recover(part, known.get("offset", 0)), digest)
            session._completed = known.get("complete", False)
            return session
        except BaseException:
            part.close()
            raise

    sealed = False
    """Whether it takes no more bytes."""
    start = 0
    """Where the first byte stands in the part file."""
    is_read_soon = False
    """Whether its bytes are better kept in the page cache."""
    watch: Callable[[memoryview], None] | None = None
    """Called with all bytes on their way; those from a socket only if they go `around`."""
    relaxed = False
    """Whether bytes count as soon as the kernel has them: they survive this process, but a power
    cut only when the file is published."""
    _published: str | None = None
    _completed = False

    @property
    def published(self) -> bool:
        """Whether an earlier request gave the file its name, and died then."""
        return self._published is not None

    @property
    def whole(self) -> bool:
        """Whether all bytes are there, so that the file can be published."""
        if self.upload.partial or (self.upload.explicit and not self._completed):
            return False
        return self.full

    @property
    def full(self) -> bool:
        """Whether it has as many bytes as were announced."""
        return self.offset == self.upload.length

    def require_writable(self) -> None:
        """Raise ``read_only`` if the disk takes no bytes."""
        self._part.require_writable(self.upload.spec.destination)

    # -- what the client says later --

    def declare(self, length: int) -> None:
        """The client says that the file has `length` bytes; on disk when this returns.

        Raises ``bad_request`` when it cannot be so.
        """
        if self.upload.length is None and length >= self.offset:
            self._part.append({"length": length})
            self.upload = replace(self.upload, length=length)
        elif length != self.upload.length:
            known = self.offset if self.upload.length is None else self.upload.length
            raise TransferError(
                "bad_request",
                f"The upload cannot have {length} bytes: it has {known}.",
                detail={"offset": self.offset},
            )

    def complete(self) -> None:
        """The client says that no byte is missing; on disk when this returns.

        Raises ``bad_request`` when the upload is known to be longer.
        """
        if self.upload.length not in (None, self.offset):
            raise TransferError(
                "bad_request",
                f"The upload is not complete: it has {self.upload.length} bytes,"
                f" and {self.offset} have arrived.",
                detail={"offset": self.offset, "length": self.upload.length},
            )
        if not self._completed:
            self._part.append({"complete": True, "length": self.offset})
            self._completed = True
            self.upload = replace(self.upload, length=self.offset)

    # -- writing --

    @property
    def written(self) -> int:
        """Bytes that were written, synced or not."""
        return self._appender.position - self.start

    @property
    def held(self) -> int:
        """Bytes that are not yet written; see `flush`."""
        return self._appender.held

    @property
    def taken(self) -> int:
        """Bytes that were taken off sockets so far."""
        return self._appender.taken

    @property
    def around(self) -> bool:
        """Whether bytes go around the page cache now. Then `watch` is shown all of them."""
        return self._appender.shows

    def go_around(self) -> bool:
        """Go around the page cache from here on, if that can be; whether it can."""
        self._go_direct(WORTH)
        return self.around

    def write(self, pieces: Sequence[bytes]) -> None:
        """Write `pieces` behind `written`.

        Raises ``disk_full`` and others; `written` then says how much got in.
        """
        try:
            self._go_direct(sum(map(len, pieces)))
            self._appender.write(pieces)
        except OSError as error:
            raise from_os_error(error, self.upload.spec.destination) from None

    def receive(self, source: int, limit: int) -> None:
        """Move at most `limit` bytes that stand ready in the socket `source` behind `written`.

        Raises ``disk_full`` and others; `written` then says how much got in, `taken` how much is
        no longer in the socket.
        """
        try:
            self._go_direct(limit)
            self._appender.receive(source, limit)
        except OSError as error:
            raise from_os_error(error, self.upload.spec.destination) from None
        if self._digest is not None and not self.around:
            with suppress(OSError):  # it is read when its value is asked for
                self._digest.read(self._part.fd, self.written)

    def flush(self) -> None:
        """Write what is held, the beginning of a block. Raises ``disk_full`` and others."""
        try:
            self._appender.flush()
        except OSError as error:
            raise from_os_error(error, self.upload.spec.destination) from None

    def _go_direct(self, count: int) -> None:
        """From here on write around the page cache, if `count` bytes are worth it."""
        if self.is_read_soon or self.around or count < WORTH:
            return
        direct = self._part.open_direct(self.upload.length)
        if direct < 0:
            self.is_read_soon = True
            return
        old, fd = self._appender, self._part.fd
        self._appender = DirectAppender(fd, old.position, self._note, direct)
        self._appender.taken = old.taken
        old.close()

    def _note(self, data: memoryview, position: int) -> None:
        if self._digest is not None:
            self._digest.update(data, position)
        if self.watch is not None:
            self.watch(data)

    def sync(self) -> None:
        """Bring what is written now to the disk, without recording it: after a crash it is gone.
        May run while `write` runs."""
        end = self.written
        if end > self.synced:
            if not self.relaxed:
                self._part.sync()
            self.synced = end

    def checkpoint(self) -> None:
        """Make what is written now durable, then record it. May run while `write` runs."""
        self.sync()
        if self.synced > self.offset:
            self._record(self.synced)
            self.offset = self.synced

    def _record(self, offset: int) -> None:
        if self.relaxed:
            self._part.append({"offset": offset, "boot": boot_id()}, sync=False)
        else:
            self._part.append({"offset": offset})

    def rollback(self, offset: int, *, proven: bool = False) -> None:
        """Give up all bytes behind `offset`: a request brought what must not be kept. `proven`
        says that those before it are on disk."""
        if offset < self.offset:
            if self.relaxed and not proven:  # a record that holds over a power cut may say more
                self._part.sync()
            self._part.append({"offset": offset})
        self._stand_at(offset)
        self._truncate()
        if self._digest is not None:
            self._digest.rewind(offset)

    def prove(self) -> None:
        """Bring all bytes to the disk that are only acknowledged. After a sync that failed they
        are given up: the kernel takes what it could not write for written (fsync(2), ERRORS), so
        that another sync would prove nothing."""
        try:
            self._part.sync()
        except TransferError:
            self.give_up_unproven()
            raise
        self._part.append({"offset": self.offset})

    def give_up_unproven(self) -> None:
        """Go back to the offset that is on record for good."""
        records = [record for record in self._part.records() if "boot" not in record]
        proven = latest(records).get("offset", 0)
        if proven < self.offset:
            self.rollback(proven, proven=True)

    def _stand_at(self, offset: int) -> None:
        """Go on behind `offset`; what is held is given up."""
        self.offset = self.synced = offset
        self._appender.close()
        self._appender = Appender(self._part.fd, self.start + offset, self._note)

    def _truncate(self) -> None:
        try:
            os.ftruncate(self._part.fd, self.offset)
        except OSError as error:
            raise from_os_error(error, self.upload.spec.destination) from None

    def copy_from(self, other: Session) -> None:
        """Write all bytes of `other` behind `written`, inside the kernel where it can."""
        done = 0
        try:
            while done < other.offset:
                count = min(_COPY, other.offset - done)
                moved = _copy(other._part.fd, self._part.fd, count, done, self.written)
                if not moved:
                    raise OSError(errno.EIO, "")  # bytes that are on record are not there
                done += moved
                self._appender.position += moved
        except OSError as error:
            raise from_os_error(error, self.upload.spec.destination) from None

    # -- the end --

    def publish(self) -> tuple[str, bool]:
        """Check the digest and give the file its name; returns that name and whether the file
        there is ours (not with the policy ``skip`` where another file stood). Doing it again
        after a crash finds what was done. Then commit the row and `forget`.

        Raises ``digest_mismatch`` (nothing is published; `discard` is what is left to do, since
        nobody can tell which bytes are wrong), ``exists``, ``disk_full`` …
        """
        if self._published is not None:
            return self._published, True
        spec = self.upload.spec
        try:
            inode = os.fstat(self._part.fd).st_ino
            if spec.sha256 is not None:
                digest = self._digest or Digest()
                if digest.value(self._part.fd, self.offset) != spec.sha256:
                    raise TransferError(
                        "digest_mismatch",
                        "The file that arrived does not have the SHA-256 that was announced.",
                        "The bytes were damaged on the way, or the file changed: upload it again.",
                    )
        except OSError as error:
            raise from_os_error(error, spec.destination) from None
        if self.relaxed:
            self.prove()
        path = self._part.publish(spec.destination, spec.conflict, mtime_ns=spec.mtime_ns)
        return path, spec.conflict != "skip" or self._part.root.lstat(path).st_ino == inode

    def forget(self) -> None:
        """Remove the journal of a published upload: the last step."""
        self._part.forget()

    def discard(self) -> None:
        """Remove bytes and journal."""
        self._part.discard()

    def close(self) -> None:
        """Let go of the files; what is recorded stays for `open`."""
        self._appender.close()
        self._part.close()


def _copy(source: int, target: int, count: int, start: int, end: int) -> int:
    try:
        return os.copy_file_range(source, target, count, start, end)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    return os.pwrite(target, os.pread(source, min(count, _READ), start), end)


def latest(records: Sequence[Record]) -> Record:
    """The last word of the journal on each subject, but for bytes that only a kernel knew of which
    is gone."""
    known: Record = {}
    here = boot_id()
    for record in records:
        if record.get("boot", here) == here:
            known.update(record)
    return known


def _recover(part: Part, offset: int) -> int:
    """Cut the bytes of `part` at the recorded `offset`; the offset that holds then."""
    try:
        size = os.fstat(part.fd).st_size
        if size > offset and not part.read_only:
            os.ftruncate(part.fd, offset)
    except OSError as error:
        raise from_os_error(error) from None
    if size < offset:  # the disk broke its word: never state bytes that are not there
        part.append({"offset": size})
    return min(size, offset)
