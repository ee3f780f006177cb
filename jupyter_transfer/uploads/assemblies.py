"""One file that arrives as several uploads at a time, each written straight into its place.

The segments of an assembly share one part file; each has its own journal:

    <assembly>.part       the bytes of all
    <segment>.journal     how far that segment is
    <assembly>.journal    the segments were found whole: no byte is written from then on

With the last one the assembly is sealed, and its part is published like that of any upload. So the
end copies nothing and takes as long for a large file as for a small one. Order of the steps:

    seal       all segments claimed and whole, journal of the assembly
    publish    digest if asked, journal record, link, fsync of the folder
    finish     the rows of file and segments at once, then all journals removed
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from threading import Lock

from ..errors import TransferError, from_os_error
from ..parts import Part, has_journal, read_journal
from ..paths import Root
from .digest import Digest
from .rows import Upload, UploadRows
from .session import Session, latest


def assembly_id(owner: str, name: str) -> str:
    """The id of the file that `owner`'s client calls `name`: nobody else's can be the same."""
    return hashlib.sha256(f"{owner}\n{name}".encode()).hexdigest()[:32]


class SegmentSession(Session):
    """The session of one segment: what lies before and behind it in the part is not its own."""

    def __init__(self, upload: Upload, part: Part, offset: int, digest: Digest | None) -> None:
        self.start = upload.spec.start
        super().__init__(upload, part, offset, digest)

    @classmethod
    def create(cls, root: Root, upload: Upload, digest: Digest | None) -> SegmentSession:
        """A session of a new segment; it is on disk when this returns."""
        header = {"upload": upload.as_row()}
        part = Part.create(root, upload.folder, upload.id, header, shared=upload.assembly)
        return cls(upload, part, 0, digest)

    @classmethod
    def open(cls, root: Root, upload: Upload, digest: Digest | None) -> SegmentSession:
        """The session that an earlier request left; see `Session.open`."""
        part = Part.open(root, upload.folder, upload.id, shared=upload.assembly, look=True)
        try:
            session = cls(upload, part, latest(part.records()).get("offset", 0), digest)
            session.sealed = has_journal(root, upload.folder, upload.assembly)
            if session.sealed and not session.full:
                session._judge_seal(root)
            if not session.sealed:
                session._recover()
            return session
        except BaseException:
            part.close()
            raise

    def _judge_seal(self, root: Root) -> None:
        """A power cut took bytes that were only acknowledged (durability ``publish``) when the
        file was sealed. If it got its name it is whole all the same, else the seal is void."""
        with suppress(TransferError):  # whoever joins the segments judges itself
            final = replace(self.upload, id=self.upload.assembly, concat="")
            session = Session.open(root, final, None)
            if session.published:
                session.close()
                self._stand_at(self.upload.length or 0)
            else:
                session.forget()
                self.sealed = False

    def _recover(self) -> None:
        if self._part.fd < 0:
            self._part.discard()
            raise TransferError("not_found", "The bytes of this upload are gone.")
        try:
            there = max(0, os.fstat(self._part.fd).st_size - self.start)
        except OSError as error:
            raise from_os_error(error) from None
        if there < self.offset:  # the disk broke its word
            self._part.append({"offset": there})
            self._stand_at(there)

    def _truncate(self) -> None:
        """Leave what is behind the offset: the next bytes replace it, and others follow it."""


class Assemblies:
    """What the segments of one file do together. All methods block; `lock` keeps a segment from
    coming or going meanwhile."""

    def __init__(self, root: Root, rows: UploadRows) -> None:
        self._root = root
        self._rows = rows
        self._lock = Lock()

    def lock(self, assembly: str) -> AbstractContextManager[object]:
        """Held while a segment comes or goes; for what is no segment, nothing."""
        return self._lock if assembly else nullcontext()

    def segments(self, assembly: str) -> list[Upload]:
        """The unfinished segments of `assembly`."""
        uploads = map(Upload.from_row, self._rows.uploads_of_assembly(assembly))
        return [upload for upload in uploads if upload.partial and upload.path is None]

    def check(self, new: Upload) -> None:
        """Raise ``conflict`` or ``bad_request`` unless the segment `new` goes with the others.
        Under the lock."""
        done = self._rows.upload_get(new.assembly) is not None
        if done or has_journal(self._root, new.folder, new.assembly):
            raise TransferError("conflict", "The file of this segment is complete already.")
        if _end(new) > new.spec.size:
            raise TransferError("bad_request", "The segment ends behind the end of its file.")
        for other in self.segments(new.assembly):
            if (other.spec.destination, other.spec.size) != (new.spec.destination, new.spec.size):
                raise TransferError("bad_request", "The segments are not of one file.")
            # The same again is the repetition of a creation whose answer was lost.
            apart = _end(new) <= other.spec.start or _end(other) <= new.spec.start
            if not apart and (other.spec.start, other.length) != (new.spec.start, new.length):
                raise TransferError("bad_request", "The segment overlaps another one.")

    def release(self, segment: Upload) -> None:
        """`segment` is about to go: with the last one goes the shared part. Under the lock."""
        if all(other.id == segment.id for other in self.segments(segment.assembly)):
            Part(self._root, segment.folder, segment.assembly, -1, -1).discard()

    def finish(
        self, final: Upload, ids: Iterable[str], claimed: set[str]
    ) -> tuple[Upload, bool] | None:
        """Publish the file `final` that the segments `ids` make; the upload with its path, and
        whether the file there is ours. None if there are segments that are not yet `claimed`.

        Raises ``conflict`` (a segment is not finished), ``bad_request`` (they leave a gap) and
        what `Session.publish` raises.
        """
        with self._lock:
            segments = {segment.id: segment for segment in self.segments(final.assembly)}
            if segments.keys() - claimed:
                return None
            session = self._seal(final, [segments[id] for id in ids if id in segments])
        try:
            return self._publish(final, session, list(segments.values()))
        finally:
            session.close()

    def _seal(self, final: Upload, segments: list[Upload]) -> Session:
        """The session of the whole file, which a former request may have begun to publish."""
        begun = has_journal(self._root, final.folder, final.id)
        if not begun:
            self._check_whole(final, segments)
        # A journal that does not state the offset would have the part cut when it is opened.
        header = {"upload": final.as_row(), "offset": final.length}
        Part.open(self._root, final.folder, final.id, header=header).close()
        session = Session.open(self._root, final, None)
        if begun and not session.published:
            try:
                self._check_whole(final, segments)
            except TransferError:
                session.forget()  # no longer sealed
                raise
        return session

    def _check_whole(self, final: Upload, segments: list[Upload]) -> None:
        end = 0
        for segment in sorted(segments, key=lambda segment: segment.spec.start):
            session = SegmentSession.open(self._root, segment, None)
            session.close()
            if not session.full:
                raise unfinished(segment)
            if segment.spec.start != end:
                break
            end = _end(segment)
        if end != final.length:
            raise TransferError("bad_request", "The partial uploads do not make a whole file.")

    def _publish(
        self, final: Upload, session: Session, segments: list[Upload]
    ) -> tuple[Upload, bool]:
        try:
            if not session.published:
                self._prove(session, segments)
            path, ours = session.publish()
        except TransferError as error:
            if error.code == "digest_mismatch":
                session.discard()
                for segment in segments:
                    self._forget(segment)
                    self._rows.upload_remove(segment.id)
            else:
                session.close()
                self._unseal(final)
            raise
        try:
            self._rows.assembly_finish(final.as_row(), path)
        except TransferError as error:
            # The file stands there: that is the answer. The journal tells it to the next request.
            logging.getLogger(__name__).warning("A finished file was not recorded: %s", error)
        else:
            for segment in segments:
                self._forget(segment)
            session.forget()
        return replace(final, path=path), ours

    def _prove(self, session: Session, segments: list[Upload]) -> None:
        """`Session.prove` for `segments`, if there is one whose bytes are only acknowledged."""
        journals = (read_journal(self._root, one.folder, one.id) for one in segments)
        if not any("boot" in record for journal in journals for record in journal):
            return
        try:
            session._part.sync()
        except TransferError:
            for segment in segments:
                with suppress(TransferError):
                    one = SegmentSession.open(self._root, segment, None)
                    try:
                        one.give_up_unproven()
                    finally:
                        one.close()
            raise

    def _unseal(self, final: Upload) -> None:
        """Publishing failed: remove the journal, unless the file has got its name all the same.
        Then the journal tells that to the next request."""
        with suppress(TransferError):
            session = Session.open(self._root, final, None)
            if session.published:
                session.close()
            else:
                session.forget()

    def _forget(self, segment: Upload) -> None:
        Part(self._root, segment.folder, segment.id, -1, -1, shared=True).forget()


def _end(segment: Upload) -> int:
    return segment.spec.start + (segment.length or 0)


def unfinished(partial: Upload) -> TransferError:
    """The error for a `partial` upload that is to be part of a file before it is whole."""
    return TransferError(
        "conflict",
        "A partial upload is not finished.",
        "Send the rest of it first.",
        detail={"id": partial.id},
    )
