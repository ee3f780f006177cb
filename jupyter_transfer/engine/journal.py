"""What the journal of a part says about a fetch, and the thread that keeps it true.

Records, oldest first::

    {"kind": "fetch", "version": 1, "source": "<sha256 of the address>", "plan": {...}}
    {"done": [[0, 16777216], [33554432, 50331648]]}     spans that are on disk, synced before
    {"seen": [0, 2097152, 305419896]}                   a span that is written, and its CRC-32
    {"plan": {...}}                                     start again: nothing is done any more
    {"lost": [[0, 4194304]]}                            spans that turned out to be damaged
    {"whole": {"size", "digest", "verified", "validators"}}   all is there and proven
    {"publish": "folder/name", "inode": 42}             written by `parts`

What is `seen` is believed by whoever goes on if the bytes are there, which they are after the end
of the process and need not be after that of the machine; it is told only where the disk is slow
to sync, so that a kill costs little there, too.

A plan holds size, validators and digest: what has to be the same for the spans to count. The
address is kept as a digest, for it may hold a signature.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from contextlib import suppress
from typing import Any

from ..backends.base import Digest, Validators
from ..errors import TransferError, from_os_error
from ..names import split_path
from ..parts import Part
from ..paths import Root
from .plan import Remote
from .spans import Span, Spans

VERSION = 1


class Journal:
    """The journal of one file being fetched, with its part.

    `spans` is what is on disk for certain; `resumable` whether a later process may build on it.
    """

    def __init__(self, part: Part, plan: dict[str, Any], spans: Spans) -> None:
        self.part = part
        self.plan = plan
        self.spans = spans
        self.whole: dict[str, Any] = {}
        """What is known of the file since it is whole; for the report, also after a crash."""

    @property
    def resumable(self) -> bool:
        """Whether what is recorded may be built on."""
        return bool(self.plan.get("in_parts"))

    # -- opening --

    @classmethod
    def open(cls, root: Root, folder: str, id: str, source: str) -> Journal | None:
        """The journal that an earlier process left for `id`, whose file goes into `folder`.

        It is looked for in `folder` and everything above it: the part was staged in the nearest
        folder that was there then. One that speaks of another source is discarded.
        """
        part = find_part(root, folder, id)
        if part is None:
            return None
        records = part.records()
        if not records or not _is_ours(records[0], source):
            part.discard()
            return None
        plan: dict[str, Any] = records[0]["plan"]
        spans = Spans()
        whole: dict[str, Any] = {}
        seen: list[Any] = []
        for record in records[1:]:
            whole = record.get("whole", whole)
            if "plan" in record:
                plan, spans = record["plan"], Spans()
            if "plan" in record or "lost" in record:
                seen.clear()
            if "seen" in record:
                seen.append(record["seen"])
            for start, end in record.get("done", ()):
                spans.add(start, end)
            for start, end in record.get("lost", ()):
                spans.remove(start, end)
        if part.fd >= 0:
            spans = spans.cut(os.fstat(part.fd).st_size)
        journal = cls(part, plan, spans)
        journal.whole = whole
        if part.fd >= 0 and not whole:
            journal._believe([one for one in seen if not spans.has(*one[:2])])
        return journal

    def _believe(self, seen: list[list[int]]) -> None:
        """Record those spans of `seen` whose bytes are there."""
        there = [(start, end) for start, end, crc in seen if self._holds(start, end, crc)]
        if there:
            self.record(there)

    def _holds(self, start: int, end: int, crc: int) -> bool:
        try:
            data = os.pread(self.part.fd, end - start, start)
        except OSError as error:
            raise from_os_error(error) from None
        return len(data) == end - start and zlib.crc32(data) == crc

    @classmethod
    def create(cls, root: Root, folder: str, id: str, source: str, remote: Remote) -> Journal:
        """A new part and journal for `remote`."""
        plan = plan_of(remote)
        header = {"kind": "fetch", "version": VERSION, "source": _hash(source), "plan": plan}
        return cls(Part.create(root, folder, id, header), plan, Spans())

    # -- deciding --

    def matches(self, remote: Remote) -> bool:
        """Whether the spans on disk are parts of what `remote` describes."""
        if not (self.resumable and remote.in_parts and self.plan["size"] == remote.size):
            return False
        known = Validators.from_dict(self.plan["validators"])
        if known.proves(remote.validators):
            return True
        same_digest = self.plan["digest"] is not None and self.plan["digest"] == _text(remote.proof)
        if same_digest and remote.mirrored and self.plan.get("mirrored"):
            return True
        return same_digest and not known.contradicts(remote.validators)

    def changed(self, remote: Remote) -> bool:
        """Whether `remote` is certainly not the file that the journal was begun for."""
        known = Validators.from_dict(self.plan["validators"])
        return self.plan["size"] != remote.size or known.contradicts(remote.validators)

    # -- writing --

    def restart(self, remote: Remote) -> None:
        """Forget all spans and begin anew for `remote`."""
        self.plan, self.spans = plan_of(remote), Spans()
        self.part.append({"plan": self.plan})
        try:
            os.ftruncate(self.part.fd, 0)
        except OSError as error:
            raise from_os_error(error) from None

    def lose(self, spans: list[Span]) -> None:
        """`spans` are damaged: they have to be fetched again."""
        self.part.append({"lost": [list(span) for span in spans]})
        for span in spans:
            self.spans.remove(*span)

    def record(self, spans: list[Span]) -> None:
        """Sync the bytes and record that `spans` are there."""
        self.part.sync()
        if self.resumable:
            merged = Spans(spans)
            self.part.append({"done": [list(span) for span in merged]})
        for span in spans:
            self.spans.add(*span)

    def note(self, start: int, data: memoryview) -> None:
        """`data` is written from `start` on, and not synced yet."""
        if self.resumable:
            span = [start, start + len(data), zlib.crc32(data)]
            self.part.append({"seen": span}, sync=False)

    def finish(self, remote: Remote, verified: bool | None) -> None:
        """Record that the file is whole, before it gets its final name."""
        self.whole = {
            "size": remote.size,
            "digest": _text(remote.proof),
            "verified": verified,
            "unverified": None if verified else remote.unverified,
            "validators": remote.validators.as_dict(),
        }
        self.part.append({"whole": self.whole})


def find_part(root: Root, folder: str, id: str) -> Part | None:
    """The part `id` staged for `folder`, None when there is none. Raises ``conflict`` while
    another process holds it."""
    while True:
        with suppress(TransferError):
            folder = root.nearest_folder(folder)
        try:
            return Part.open(root, folder, id)
        except TransferError as error:
            if error.code not in ("not_found", "not_a_directory"):
                raise
        if not folder:
            return None
        folder = split_path(folder)[0]


def plan_of(remote: Remote) -> dict[str, Any]:
    """What a journal keeps of `remote`."""
    return {
        "size": remote.size,
        "validators": remote.validators.as_dict(),
        "digest": _text(remote.proof),
        "in_parts": remote.in_parts,
        "mirrored": remote.mirrored,
    }


def _text(digest: Digest | None) -> str | None:
    return None if digest is None else str(digest)


def _is_ours(header: dict[str, Any], source: str) -> bool:
    return (
        header.get("kind") == "fetch"
        and header.get("version") == VERSION
        and header.get("source") == _hash(source)
    )


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


class Syncer:
    """A thread that syncs and records spans while the network goes on.

    It always syncs what has come in since it began the last time, so a fast disk records small
    steps and a slow one large ones. `backlog` is what is written and not recorded yet, `unseen`
    what of it was not noted either; whoever writes keeps both small, so that a kill costs little
    and the last sync is short.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._pending: list[Span] = []
        self._unseen = 0
        self._closing = False
        self._error: TransferError | None = None
        self._change = threading.Condition()
        self.backlog = self.unseen = 0
        self._thread = threading.Thread(target=self._work, name="sync", daemon=True)
        self._thread.start()

    def add(self, start: int, end: int, seen: bool) -> None:
        """The bytes from `start` to `end` were written; those that are `seen` are noted, too."""
        with self._change:
            self._pending.append((start, end))
            self.backlog += end - start
            if not seen:
                self._unseen += end - start
                self.unseen += end - start
            self._change.notify_all()

    def check(self) -> None:
        """Raise what the thread has met, such as ``io_error``."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Record everything and end the thread; raises what it met."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join()
        self.check()

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._pending and not self._closing:
                    self._change.wait()
                spans, self._pending = self._pending, []
                unseen, self._unseen = self._unseen, 0
            if not spans:
                return
            try:
                self._journal.record(spans)
            except TransferError as error:
                self._error = error
                return
            with self._change:
                self.backlog -= sum(end - start for start, end in spans)
                self.unseen -= unseen
