"""Uploads on disk and in the database: everything that blocks.

Order of every step, so that a crash between any two of them leaves something that the next request
puts right:

    create   row, part on disk, answer
    append   bytes, fdatasync, journal record, answer
    finish   digest, publish (journal record, link, fsync of the folder), row, journal removed
    remove   part and journal, row
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from ..errors import TransferError
from ..names import split_path
from ..parts import Part, StagedFiles, left_journals
from ..paths import Root
from ..spec import new_id
from .admission import Admission, UploadSettings
from .assemblies import Assemblies, SegmentSession, assembly_id
from .digest import Digest
from .metadata import UploadSpec
from .pack import FileResult, PackSession, results_so_far
from .recovery import recover
from .room import Room
from .rows import PARTIAL, Upload, UploadRows
from .session import Session

P = ParamSpec("P")
T = TypeVar("T")

DIGESTS = 512
"""Digests of unfinished files that are kept in memory between two requests."""

LOCK_WAITS = (0.01, 0.02, 0.04, 0.08)
"""Seconds between two looks whether another process still has an upload."""

RETRY_SECONDS = 1.0
"""Seconds after which a client may ask again for what another process holds."""

SPARE = 3600.0
"""Seconds that partial uploads stay after a file was made of them, for those who make another."""


class Storage:
    """The uploads of one server.

    Parameters
    ----------
    root: the gate to the disk.
    rows: the database.
    settings: limits.
    is_claimed: whether a request works on the upload of that id.
    on_published: called, in whatever thread, with the paths of files of a pack.
    log: where surprises go.
    """

    def __init__(
        self,
        root: Root,
        rows: UploadRows,
        settings: UploadSettings,
        *,
        is_claimed: Callable[[str], bool],
        on_published: Callable[[Sequence[str]], None],
        log: Any,
    ) -> None:
        self.rows = rows
        self.admission = Admission(root, rows, settings)
        self.assemblies = Assemblies(root, rows)
        self.room = Room(root)
        self._root = root
        self._is_claimed = is_claimed
        self._on_published = on_published
        self._log = log
        self._digests: dict[str, Digest] = {}
        self._counting = Lock()  # nobody else begins an upload between counting and counting in

    # -- looking --

    def find(self, owner: str, id: str) -> Upload:
        """`owner`'s upload `id`. Raises ``not_found``, ``gone`` (it expired)."""
        row = self.rows.upload_get(id)
        if row is None or row["owner"] != owner:
            raise TransferError("not_found", "There is no such upload.", "Start the upload again.")
        upload = Upload.from_row(row)
        expired = upload.path is None and upload.expires < time.time()
        if expired and not self.is_live(upload):
            raise TransferError("gone", "The upload has expired.", "Start the upload again.")
        return upload

    def is_live(self, upload: Upload) -> bool:
        """Whether a request works on `upload`, or on another segment of its file."""
        others = self.assemblies.segments(upload.assembly) if upload.assembly else []
        return any(self._is_claimed(one.id) for one in (upload, *others))

    def find_assembled(self, assembly: str) -> Upload | None:
        """The finished file of an assembly; None if it is not finished."""
        row = self.rows.upload_get(assembly)
        return None if row is None else Upload.from_row(row)

    def find_partials(
        self, owner: str, ids: Sequence[str], header: str
    ) -> tuple[Upload | None, list[Upload]]:
        """The file that is done already, or None, and what it is to be made of.

        Raises ``not_found``, ``gone``, ``bad_request``.
        """
        self.admission.check_metadata(header)
        spec = UploadSpec.from_header(header, "", self._root.parse, concat=True)
        done = self.find_assembled(assembly_id(owner, spec.assembly)) if spec.assembly else None
        if done is not None:
            return done, []
        partials = [self.find(owner, id) for id in ids]
        assemblies = {upload.assembly for upload in partials}
        if not all(upload.partial for upload in partials) or len(assemblies) != 1:
            raise TransferError("bad_request", "These are not the partial uploads of one file.")
        done = self.find_assembled(assemblies.pop())
        if done is None and any(upload.path is not None for upload in partials):
            raise TransferError("gone", "The file that they made was forgotten.")
        return done, partials

    def files(
        self, owner: str, id: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[FileResult], int]:
        """A page of the files of a pack, and how many there are; see `Uploads.files`."""
        upload = self.find(owner, id)
        if not upload.spec.pack:
            raise TransferError("not_found", "This upload is one file, not a pack of many.")
        if upload.path is None:
            results = results_so_far(self._root, upload)
            if results or self.find(owner, id).path is None:  # not finished meanwhile
                chosen = [one for one in results if state in (None, one["state"])]
                chosen.sort(key=lambda one: one["state"] != "failed")
                return chosen[offset : offset + limit], len(chosen)
        return self.rows.pack_files(id, state, limit, offset)

    # -- sessions --

    @staticmethod
    def _session_type(upload: Upload) -> type[Session]:
        """What keeps the bytes of `upload` on disk."""
        if upload.spec.pack:
            return PackSession
        return SegmentSession if upload.partial and upload.assembly else Session

    def create(
        self,
        owner: str,
        length: int | None,
        header: str,
        *,
        explicit: bool = False,
        concat: str = "",
    ) -> Session:
        """The session of a new upload; see `Uploads.create`."""
        self.admission.check_metadata(header)
        id = new_id()
        spec = UploadSpec.from_header(header, id, self._root.parse, concat=concat == PARTIAL)
        assembly = assembly_id(owner, spec.assembly) if spec.assembly else ""
        with self.assemblies.lock(assembly):
            folder, needed = self._admit(length, spec, assembly)
            now = time.time()
            upload = Upload(
                id=id,
                owner=owner,
                folder=folder,
                length=length,
                created=now,
                expires=now + self.admission.settings.expiry,
                spec=spec,
                explicit=explicit,
                concat=concat,
                assembly=assembly,
            )
            if assembly:
                self.assemblies.check(upload)
            return self._create(upload, needed)

    def _admit(self, length: int | None, spec: UploadSpec, assembly: str) -> tuple[str, int]:
        """Check the limits of one file; the folder to stage in, and how much room it needs."""
        size = max(length or 0, spec.size)
        self.admission.check_size(size)
        folder = self.admission.staging_folder(spec)
        others = self.assemblies.segments(assembly)
        if others:  # the first one has asked for room for all
            return others[0].folder, 0
        return folder, size

    def _create(self, upload: Upload, needed: int) -> Session:
        self.room.promise(upload, needed)
        try:
            session = self._begin(upload)
        except BaseException:
            self.room.forget(upload.id)
            raise
        return self._wired(session)

    def _begin(self, upload: Upload) -> Session:
        with self._counting:
            self.admission.check_count(upload.owner)
            self.rows.upload_add(upload.as_row())
        try:
            session_type = self._session_type(upload)
            return session_type.create(self._root, upload, self._digest_of(upload))
        except BaseException:
            self.rows.upload_remove(upload.id)
            raise

    def _wired(self, session: Session) -> Session:
        session.relaxed = self.admission.settings.durability == "publish"
        if isinstance(session, PackSession):
            session.on_published = self._on_published
        self.room.follow(session)
        return session

    def open(self, upload: Upload) -> Session:
        """The session of an unfinished upload. Raises ``not_found``, ``busy``."""
        session_type = self._session_type(upload)
        try:
            session = _patiently(session_type.open, self._root, upload, self._digest_of(upload))
        except TransferError as error:
            if error.code != "not_found":
                raise
            self.rows.upload_remove(upload.id)
            self.room.forget(upload.id)
            raise TransferError(
                "not_found", "There is no such upload.", "Start the upload again."
            ) from None
        digest = self._digests.get(upload.id)
        if digest is not None:
            digest.rewind(session.offset)
        return self._wired(session)

    def close(self, session: Session) -> None:
        """Let go of what `create` or `open` gave."""
        session.close()
        self.room.settle(session)

    def _digest_of(self, upload: Upload) -> Digest | None:
        if upload.spec.sha256 is None or upload.partial:
            return None
        digest = self._digests.setdefault(upload.id, Digest())
        while len(self._digests) > DIGESTS:
            self._digests.pop(next(iter(self._digests)), None)
        return digest

    def declare(self, session: Session, length: int) -> None:
        """`Session.declare`, within the limits. Raises ``too_large``, ``disk_full`` too."""
        if session.upload.length is None:
            self.admission.check_size(length)
            self.room.check(session.upload, length - session.offset)
        session.declare(length)

    def copy(self, final: Session, sources: Sequence[Session]) -> None:
        """Fill `final` with the bytes of `sources`, which need not lie there twice for long."""
        for source in sources:
            final.copy_from(source)
        final.checkpoint()
        soon = time.time() + SPARE
        for source in sources:
            if source.upload.expires > soon:
                self.rows.upload_touch(source.upload.id, soon)

    def final_of(self, segment: Upload, header: str, concat: str) -> Upload:
        """The file of which `segment` is one, as the client wants it at the end."""
        id = segment.assembly
        spec = UploadSpec.from_header(header, id, self._root.parse, concat=True)
        if split_path(spec.destination)[0] != split_path(segment.spec.destination)[0]:
            raise TransferError("bad_request", "The segments were sent for another folder.")
        now = time.time()
        return Upload(
            id=id,
            owner=segment.owner,
            folder=segment.folder,
            length=segment.spec.size,
            created=now,
            expires=now + self.admission.settings.expiry,
            spec=spec,
            concat=concat,
            assembly=id,
        )

    # -- ends --

    def prolong(self, upload: Upload) -> Upload:
        """Move the expiry, not at every request: a commit waits for the disk."""
        expiry = self.admission.settings.expiry
        expires = time.time() + expiry
        if expires - upload.expires < expiry / 10:
            return upload
        try:
            if upload.assembly:
                self.rows.assembly_touch(upload.assembly, expires)
            else:
                self.rows.upload_touch(upload.id, expires)
        except TransferError as error:  # the bytes are safe, and that is what was asked for
            self._log.warning("An upload was not prolonged: %s", error.message)
            return upload
        return replace(upload, expires=expires)

    def publish(self, session: Session) -> tuple[Upload, bool]:
        """Give a whole file its name; the upload with its path, and whether the file there is
        ours. Raises what `Session.publish` raises."""
        upload = session.upload
        try:
            path, ours = session.publish()
        except TransferError as error:
            if error.code == "digest_mismatch":
                self.remove(upload, session)
            raise
        upload = session.upload  # a pack has counted its files
        self.prolong(upload)
        try:
            if isinstance(session, PackSession):
                results = session.results()
                self.rows.pack_finish(upload.id, session.offset, upload.files or {}, results)
            else:
                self.rows.upload_finish(upload.id, path, session.offset)
        except TransferError as error:
            # The file stands there: that is the answer. The journal tells it to the next request.
            self._log.warning("A finished upload was not recorded: %s", error.message)
        else:
            session.forget()
        self._digests.pop(upload.id, None)
        return replace(upload, path=path), ours

    def recover(self) -> int:
        """Take up again the uploads of a database that was lost; how many."""
        expires = time.time() + self.admission.settings.expiry
        return recover(self._root, self.rows, expires, self._log)

    def forget_finished(self) -> None:
        """Do the last step of `publish` for those that died before it."""
        for folder in self.rows.uploads_done_folders():
            for id in left_journals(self._root, folder):
                row = self.rows.upload_get(id)
                if row is not None and row["state"] == "done":
                    with suppress(TransferError):  # another process may have it
                        part = Part.open(self._root, folder, id)
                        StagedFiles.discard(self._root, folder, id)
                        part.discard()
            self._root.remove_staging(folder)

    def expire(self, owner: str, id: str) -> None:
        """Remove a claimed upload that has expired; publish it if it is whole."""
        upload = self.find(owner, id)
        if upload.expires >= time.time():
            return  # someone went on with it meanwhile
        if upload.path is None:
            with suppress(TransferError):
                session = self.open(upload)
                try:
                    if session.whole:
                        self.publish(session)
                finally:
                    self.close(session)
        self.remove(upload)

    def remove(self, upload: Upload, session: Session | None = None) -> None:
        """Remove what is left of `upload` on disk, then its row."""
        with self.assemblies.lock(upload.assembly):
            if session is not None:
                session.discard()
            else:
                self._discard(upload)
            self.rows.upload_remove(upload.id)
        self._digests.pop(upload.id, None)
        self.room.forget(upload.id)

    def _discard(self, upload: Upload) -> None:
        try:
            part = _patiently(Part.open, self._root, upload.folder, upload.id)
        except TransferError as error:
            if error.code != "not_found":
                raise
            # A crash while the part was made may have left its first half.
            part = Part(self._root, upload.folder, upload.id, -1, -1)
        if upload.partial and upload.assembly:
            self.assemblies.release(upload)
        StagedFiles.discard(self._root, upload.folder, upload.id)
        part.discard()


def _patiently(open_part: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Open what another process may have, waiting a moment for one that only looks at it.

    Raises ``busy`` while it is held: no status that makes clients begin anew.
    """
    for wait in LOCK_WAITS:
        try:
            return open_part(*args, **kwargs)
        except TransferError as error:
            if error.code != "conflict":
                raise
        time.sleep(wait)
    raise TransferError(
        "busy", "Another server is working on this upload.", retry_after=RETRY_SECONDS
    )
