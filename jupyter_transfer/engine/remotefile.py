"""A file of another service that is sent on: known by its validators, brought in by `inflow`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..backends.base import Backend, Digest, Entry, Validators
from ..backends.etags import part_length
from ..backends.sink import Sink, Span
from ..errors import TransferError
from .fetch import RENEWALS
from .fileprobe import seconds_until_settled
from .filling import Way
from .inflow import Inflow
from .original import Damaged, OnRead, Original
from .partial import Expired, StartAgain
from .places import Places
from .plan import Remote
from .sumsonway import SumsOnWay
from .unsized import UnsizedFile, read_whole

_EMPTY = memoryview(b"")


@contextmanager
def at_source() -> Iterator[None]:
    """Whatever fails in here is the source's: credentials and decisions are wanted for it."""
    try:
        yield
    except TransferError as error:
        if error.code in ("needs_credentials", "needs_decision"):
            error.detail = {"end": "source", **error.detail}
        raise


@dataclass(frozen=True)
class RemoteState:
    """What is known of one state of a remote file; `digest` is what its service states."""

    size: int
    mtime_ns: int | None = None
    validators: Validators = field(default_factory=Validators)
    digest: str | None = None

    @classmethod
    def of(cls, remote: Remote, entry: Entry) -> RemoteState:
        """The state of `remote`, which `entry` lists. Its size must be known."""
        size = entry.size if remote.size is None else remote.size
        proof = None if remote.proof is None else str(remote.proof)
        return cls(size or 0, remote.mtime_ns or entry.mtime_ns, remote.validators, proof)

    def as_json(self) -> dict[str, Any]:
        """See `State`."""
        return {
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "validators": self.validators.as_dict(),
            "digest": self.digest,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RemoteState:
        """The state that `as_json` wrote."""
        validators = Validators.from_dict(value["validators"])
        return cls(value["size"], value["mtime_ns"], validators, value["digest"])

    def is_same(self, other: Any) -> bool:
        """See `State`."""
        if not self.may_be(other):
            return False
        return self.validators.proves(other.validators) or self._has_digest(other.digest)

    def may_be(self, other: Any) -> bool:
        """See `State`."""
        return self.size == other.size and not self.validators.contradicts(other.validators)

    def in_row(self) -> dict[str, Any]:
        """See `State`."""
        return {"source": self.validators.as_dict()}

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """See `State`."""
        known = Validators.from_dict(row["validators"].get("source") or {})
        return self.is_same(RemoteState(row["size"], None, known, row["digest"]))

    def _has_digest(self, digest: str | None) -> bool:
        return digest is not None and digest == self.digest


class RemoteFile(Original):
    """The file behind `places`, of which `remote` is what was found; make it with `Opener`."""

    moves = "remote_changed"
    identity: RemoteState

    def __init__(self, opener: RemoteOpener, way: Way, places: Places, remote: Remote) -> None:
        self._opener = opener
        self._way = way
        self._places = places
        self.remote = remote
        self.identity = RemoteState.of(remote, opener.entry)
        self._sums = SumsOnWay(self.size, [])
        self._inflow = Inflow(way, remote, self._sums)
        self._renewals = 0
        self._renewed_at = -1
        self._proven = False

    @property
    def can_go_on(self) -> bool:
        """See `Original`."""
        return not self._inflow.in_one_piece

    # -- its bytes --

    def sums(self, sink: Sink) -> SumsOnWay:
        """See `Original`; also what the source states, to compare with."""
        proof = self.remote.proof
        stated = {proof.algorithm} if proof and not self.remote.presumed else set()
        of_parts = {name for name in sink.digests if part_length(name)} - stated
        wanted = {*sink.digests, *sink.states, *stated} - of_parts
        self._sums = SumsOnWay(self.size, wanted, of_parts=of_parts)
        self._inflow.stop()
        self._inflow = Inflow(self._way, self.remote, self._sums)
        return self._sums

    def sums_of(self, span: Span, algorithms: Sequence[str]) -> SumsOnWay:
        """See `Original`."""
        return SumsOnWay(span[1], algorithms, span[0])

    def body(self, span: Span, on_read: OnRead) -> Passage:
        """See `Original`."""
        return Passage(self._inflow, span, on_read)

    def expect(self, pieces: Sequence[Span], sink: Sink) -> None:
        """See `Original`."""
        wanted = [span for span in pieces if span[0] < span[1]]
        if wanted:
            self._way.control.sleep(seconds_until_settled(self.remote))
        with self._turning():
            self._inflow.expect(wanted, sink.piece_size)

    def taken(self, span: Span) -> None:
        """See `Original`."""
        self._inflow.taken(span)

    def turn(self) -> None:
        """See `Original`."""
        with at_source(), self._turning():
            try:
                self._inflow.turn()
            except Expired as turn:
                self._renew(turn)
            if self._inflow.complete and not self._inflow.confirmed:
                self.confirm()

    @property
    def connections(self) -> int | None:
        """See `Original`."""
        return None if self._inflow.keeps else 1

    @contextmanager
    def _turning(self) -> Iterator[None]:
        try:
            yield
        except StartAgain as turn:
            self._opener.one_piece |= turn.reason == "no_ranges"
            raise self._changed() from None

    def _changed(self) -> TransferError:
        return TransferError(
            "remote_changed", f"“{self._opener.entry.path}” changes at its source meanwhile."
        )

    def _renew(self, turn: Expired) -> None:
        arrived = self._inflow.arrived
        self._renewals = self._renewals + 1 if arrived == self._renewed_at else 1
        self._renewed_at = arrived
        if self._renewals > RENEWALS:
            raise turn.error from None
        remote = self._look()
        if not RemoteState.of(remote, self._opener.entry).is_same(self.identity):
            raise StartAgain("changed")
        self.remote = self._inflow.remote = remote

    def _look(self) -> Remote:
        return self._places.look()

    # -- what proves it --

    def check(self) -> None:
        """See `Original`: every answer is compared, so there is nothing to ask."""

    def confirm(self) -> None:
        """See `Original`."""
        if self._inflow.confirmed:
            return
        proof = self.remote.proof
        if proof is not None and not self.remote.presumed:
            found = {one.algorithm: one for one in self._sums.finish(self._way.control.check)}
            self._compare(proof, found.get(proof.algorithm))
        if self.remote.recheck and not self._proven:
            now = self._look()
            if (now.size or 0) != self.size or now.validators.contradicts(self.remote.validators):
                raise self._changed()
        self._inflow.confirmed = True
        self._way.transport.stir()

    def _compare(self, proof: Digest, found: Digest | None) -> None:
        if found is None:
            return
        if found != proof:
            raise Damaged(
                "digest_mismatch",
                f"The bytes that arrived do not have the {proof.algorithm} digest"
                " that they should have.",
                "Compare the digest with its source; if it is right, the file was damaged there or"
                " on the way.",
                detail={"expected": str(proof), "found": str(found)},
            )
        self._proven = True

    def digest(self, algorithm: str, check: Callable[[], None]) -> Digest | None:
        """See `Original`: what the source states."""
        proof = self.remote.proof
        return proof if proof is not None and proof.algorithm == algorithm else None

    def doubt(self, stated: Digest | None) -> str | None:
        """See `Original`."""
        if not self._proven and (stated is None or stated != self.remote.proof):
            return self.remote.unverified or self._doubt
        return None if stated is not None else "no_digest"

    @property
    def _doubt(self) -> str:
        return self.remote.doubt if self.remote.presumed else "resumed"

    def close(self) -> None:
        """End what is under way."""
        self._inflow.stop()


class Passage:
    """The bytes of `span` as the `Body` of a request."""

    def __init__(self, inflow: Inflow, span: Span, on_read: OnRead) -> None:
        self._inflow = inflow
        self._start = span[0]
        self._on_read = on_read
        self.size = span[1] - span[0]
        self.position = 0

    def read(self, count: int) -> memoryview | None:
        """See `Body`."""
        room = min(count, self.size - self.position)
        if room <= 0:
            return _EMPTY
        offset = self._start + self.position
        data = self._inflow.read(offset, room)
        if data is not None:
            self.position += len(data)
            self._on_read(offset, data)
        return data

    def seek(self, position: int) -> None:
        """See `Body`."""
        self.position = position


class RemoteOpener:
    """Opens the file `entry` of `backend`, time and again while it is sent."""

    def __init__(self, backend: Backend, entry: Entry, way: Way) -> None:
        self.entry = entry
        self.one_piece = False
        """Whether its parts were found not to fit together."""
        self._backend = backend
        self._way = way
        self._seen: Remote | None = None

    def look(self) -> Remote:
        """What is there now; also what is opened next."""
        with at_source():
            self._seen = self._places().look()
        return self._seen

    def state(self) -> RemoteState:
        """The state that is there now, or was when it was looked at and not opened since."""
        return RemoteState.of(self._seen or self.look(), self.entry)

    def _places(self) -> Places:
        return Places(self._way.transport, self._backend, self.entry, self._way.control)

    @contextmanager
    def opened(self) -> Iterator[Original]:
        """The file as it is now, for the length of a ``with`` block."""
        places = self._places()
        with at_source():
            remote, self._seen = self._seen or places.look(), None
        if self.one_piece:
            remote = replace(remote, ranges=False)
        if remote.size is None:
            with at_source():
                read = read_whole(self._way, remote, self.entry)
            yield UnsizedFile(read)
            return
        file = RemoteFile(self, self._way, places, remote)
        try:
            yield file
        finally:
            file.close()
