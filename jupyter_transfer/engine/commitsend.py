"""One file of a send that ends with a commit: present there already, to be left alone, or staged.

Nothing is journaled before the commit. What the service holds it says itself (see
`jupyter_transfer.backends.committing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from ..backends.base import Digest, Entry
from ..backends.committing import CommittingBackend, StagingSink
from ..backends.sink import Sink, SourceFile, Span
from ..names import split_path
from .control import Message, Tally
from .delivery import row
from .digests import digest_of
from .filling import Way
from .local import LocalFile, changed
from .original import Original, State, Sums
from .outgoing import DigestOf, Lane, Outgoing, row_of
from .retry import Retries
from .send import FileSend, Sent, sink_of
from .sendjournal import Begun, Target
from .sendtarget import Service
from .walk import Found

ANNOUNCED = 256
"""Files that are announced together."""

Reader = Callable[[int | None], bytes]


class StagingSend(FileSend):
    """Brings one file of the disk into its sink; the commit is somebody else's."""

    sink: StagingSink | None = None
    """The sink that holds the file, once `run` has ended."""

    def _sink(self, file: Original) -> Sink:
        assert isinstance(file, LocalFile)

        def prefix(size: int, algorithm: str) -> Digest:
            return digest_of(file.fd, size, algorithm, self._check)

        read = partial(self._read, file.identity)
        return sink_of(self._backend, self._path, file.identity, self._target, prefix, read=read)

    def _read(self, state: State, count: int | None) -> bytes:
        with self._open() as file:
            assert isinstance(file, LocalFile)
            if not file.identity.is_same(state):
                raise changed(self._path)
            return file.read() if count is None else file.head(count)

    def _begin(self, sink: Sink, file: Original, begun: Begun | None) -> Sequence[Span]:
        return self._way.patiently(lambda: sink.begin(None))

    def _fill(self, sink: Sink, file: Original, digests: Sums, held: Sequence[Span]) -> None:
        assert isinstance(sink, StagingSink)
        if sink.carried is None:
            super()._fill(sink, file, digests, held)

    def _know_whole(self, sink: Sink) -> None:
        return

    def _settled(self, file: Original, entry: Entry, digests: Sums, sink: Sink) -> Sent:
        assert isinstance(sink, StagingSink)
        self.sink = sink
        return Sent(file.identity, entry, entry.digest, None, None)


class _Claimed:
    """A service at which other files of the job stand already where they will stand."""

    def __init__(self, there: Service, claims: dict[str, str], path: str) -> None:
        self._there = there
        self._claims = claims
        self._path = path

    def find(self, address: str) -> Entry | None:
        """See `Backend.find`."""
        if self._is_claimed(address):
            return Entry(split_path(address)[1], address)
        return self._there.find(address)

    def is_free(self, address: str) -> bool:
        """See `Backend.is_free`."""
        return not self._is_claimed(address) and self._there.is_free(address)

    def _is_claimed(self, address: str) -> bool:
        return self._claims.get(address, self._path) != self._path


class CommitOutgoing(Outgoing):
    """See `Outgoing`; `read` reads a file of the disk as it is now.

    A file that stands there with the digest that it has here is present, whatever the policy.
    """

    def __init__(
        self,
        *arguments: Any,
        digest_of: DigestOf,
        read: Callable[[Found, int | None], bytes],
    ) -> None:
        super().__init__(*arguments, digest_of=digest_of)
        self._read = read
        self._claims: dict[str, str] = {}

    def announced(self, lane: Lane, files: Iterable[Found]) -> Iterator[Found]:
        """`files`, once the service knows of them; those that it does not take are left out."""
        files = iter(files)
        while group := list(islice(files, ANNOUNCED)):
            lane.control.check()
            meant = [found for found in group if not found.left_out]
            yield from self._announced(lane, meant)
            yield from (found for found in group if found.left_out)

    def _announced(self, lane: Lane, group: list[Found]) -> Iterator[Found]:
        backend = lane.backend
        assert isinstance(backend, CommittingBackend)
        if not group:
            return
        asked = [(self._address_of(found.relative), self._source(found)) for found in group]
        way = Way(lane.transport, lane.control, Tally(lambda: None), Retries())
        taken = way.patiently(lambda: backend.announce(asked))
        for found, takes in zip(group, taken, strict=True):
            yield found if takes else replace(found, left_out=True)

    def _source(self, found: Found) -> SourceFile:
        name = split_path(found.path)[1]
        return SourceFile(name, found.size, found.mtime_ns, read=partial(self._read, found))

    def _judge(
        self, lane: Lane, way: Way, found: Found, there: Service, state: State | None = None
    ) -> Message | Target:
        state = state or self._state_of(lane, way, found)
        if found.path not in self._journal.done:
            present = self._present(lane, way, found, there, state)
            if present is not None:
                return present
        while True:
            claimed = _Claimed(there, self._claims, found.path)
            verdict = super()._judge(lane, way, found, claimed, state)
            if not isinstance(verdict, Target):
                return verdict
            if self._claims.setdefault(verdict.address, found.path) == found.path:
                return verdict

    def _present(
        self, lane: Lane, way: Way, found: Found, there: Service, state: State
    ) -> Message | None:
        """The row of a file that stands there with the very bytes that it has here."""
        address = self._address_of(found.relative)
        entry = way.patiently(lambda: there.find(address))
        if entry is None or entry.digest is None or entry.size != state.size:
            return None
        if self._digest_of(lane, way, found, state, entry.digest.algorithm) != entry.digest:
            return None
        return row(
            found.path,
            state="present",
            size=state.size,
            digest=str(entry.digest),
            verified=True,
            mtime_ns=state.mtime_ns,
            address=address,
            validators=entry.validators.as_dict(),
        )

    def _sent(self, found: Found, target: Target, sent: Sent, *, hold: bool = False) -> Message:
        return row_of(found.path, target.address, sent)
