"""Sending one file until it stands whole at the service, and what to do when it changes meanwhile.

* What an earlier process sent is asked of the service and not sent again, if the file is still
  what it was (size, time, inode); else it is removed there, and the file is begun anew.
* Nothing gets its final name before all of it is there and the file was found unchanged.
* A digest that the service states is compared with the file's; one that differs makes us send the
  file once more, then fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..backends.base import Backend, Digest, Entry
from ..backends.servicesink import ServiceSink
from ..backends.sink import Gone, Sink, SourceFile, Span
from ..errors import TransferError
from ..names import split_path
from . import sums
from .control import Report
from .filling import Filling, Way
from .original import Damaged, Opener, Original, State, Sums
from .sendjournal import Begun, SendJournal, Target
from .servicecopy import let_copy, proven
from .spans import Spans

RESTARTS = 3
"""Times that a file may be begun anew: because it changed, or the service lost what it had."""

SMALL = 1 << 20
"""Bytes up to which a power cut may leave something unfinished behind at the service: to write
down what was begun would take longer than to send it."""


@dataclass(frozen=True)
class Sent:
    """What stands at the service: `digest` is the file's, `verified` whether the service states
    the same one, and the source too; else `unverified` says why that is not known."""

    identity: State
    entry: Entry
    digest: Digest | None
    verified: bool | None
    unverified: str | None


class FileSend:
    """One file: `run` brings it to `target`.

    Parameters
    ----------
    open: opens the file.
    path: what the journal and people call it.
    on_size: told its size whenever it is opened.
    """

    def __init__(
        self,
        opener: Opener,
        path: str,
        target: Target,
        backend: Backend,
        *,
        way: Way,
        journal: SendJournal,
        report: Report,
        on_size: Callable[[int], None],
    ) -> None:
        self._open = opener
        self._path = path
        self._target = target
        self._backend = backend
        self._way = way
        self._journal = journal
        self._report = report
        self._on_size = on_size

    def run(self) -> Sent:
        """Send it. Raises `TransferError`, `Stopped`; what the service has got stays there, and
        in the journal, for the next time."""
        restarts = mismatches = 0
        while True:
            try:
                with self._open() as file:
                    return self._send(file)
            except Gone:
                restarts += 1
                self._journal.drop(self._path)
                if restarts > RESTARTS:
                    raise TransferError(
                        "gone", "The service loses what was sent before it is whole."
                    ) from None
            except Damaged:
                mismatches += 1
                if (begun := self._journal.begun.get(self._path)) is not None:
                    self._withdraw(begun)
                if mismatches > 1:
                    raise
            except TransferError as error:
                if error.code in ("changed", "remote_changed"):
                    restarts += 1
                    if restarts > RESTARTS:
                        raise
                elif error.code != "digest_mismatch" or mismatches or not self._was_finished():
                    raise
                else:
                    mismatches += 1
                    self._journal.drop(self._path)

    def _was_finished(self) -> bool:
        """Whether it is worth sending it once more: a whole other file stands there."""
        begun = self._journal.begun.get(self._path)
        return begun is not None and begun.whole

    def _note_change(self, file: Original) -> None:
        self._report.note(file.moves, f"“{self._path}” changed; it is sent from its start.")

    # -- one try --

    def _send(self, file: Original) -> Sent:
        self._on_size(file.size)
        begun = self._journal.begun.get(self._path)
        if begun is not None and not _goes_on(begun, file):
            self._withdraw(begun)
            if not begun.identity.may_be(file.identity):
                self._note_change(file)
            begun = None
        sink = self._sink(file)
        digests = file.sums(sink)
        if begun is not None and begun.whole:
            if entry := self._found_whole(sink, begun, digests):
                return self._settled(file, entry, digests, sink)
            sink = self._sink(file)
            begun = begun if _may_go_on(begun, file) else None
        held = self._begin(sink, file, begun)
        self._fill(sink, file, digests, held)
        stated = digests.finish(self._check)
        file.confirm()
        self._know_whole(sink)
        entry = self._way.patiently(lambda: sink.finish(stated))
        return self._settled(file, entry, digests, sink)

    def _sink(self, file: Original) -> Sink:
        return sink_of(self._backend, self._path, file.identity, self._target, entry=file.entry)

    def _fill(self, sink: Sink, file: Original, digests: Sums, held: Sequence[Span]) -> None:
        """Bring what is not `held` into the sink."""
        if isinstance(sink, ServiceSink):
            let_copy(self._way, file.size, sink, held)
        else:
            Filling(self._way, file, sink, digests, lambda: sink.begin(sink.state())).run(held)

    def _begin(self, sink: Sink, file: Original, begun: Begun | None) -> Sequence[Span]:
        """What the service holds already; the journal knows the sink from then on."""
        held: Sequence[Span]
        try:
            held = self._way.patiently(lambda: sink.begin(begun.state if begun else None))
        except Gone:
            if begun is None:
                raise
            self._journal.drop(self._path)
            begun = None
            held = self._way.patiently(lambda: sink.begin(None))
        state = dict(sink.state())
        if begun is None or begun.state != state:
            durably = file.size > SMALL
            self._journal.begin(self._path, file.identity, self._target, state, sync=durably)
        return held

    def _know_whole(self, sink: Sink) -> None:
        """All of the file is in its sink: the journal knows it from then on."""
        self._journal.whole(self._path, published=sink.publishes)

    def _found_whole(self, sink: Sink, begun: Begun, digests: Sums) -> Entry | None:
        """What an earlier process finished, or all but finished; None if it is not there."""
        with suppress(Gone):
            held = self._way.patiently(lambda: sink.begin(begun.state))
            if Spans(held).total < begun.identity.size:
                return None
        try:
            return self._way.patiently(lambda: sink.finish(digests.finish(self._check)))
        except TransferError as error:
            if error.code not in ("gone", "remote_not_found"):
                raise
            return None

    def _settled(self, file: Original, entry: Entry, digests: Sums, sink: Sink) -> Sent:
        """Compare with what the service states. Raises ``digest_mismatch``."""
        if entry.size is not None and entry.size != file.size:
            self._expect_replacement(entry)
            raise TransferError(
                "digest_mismatch",
                f"The service has {entry.size} bytes where {file.size} were sent.",
            )
        if isinstance(sink, ServiceSink):
            same = proven(entry, sink)
            return Sent(
                file.identity, entry, entry.digest, same, None if same else file.doubt(None)
            )
        return self._verified(file, entry, digests)

    def _verified(self, file: Original, entry: Entry, digests: Sums) -> Sent:
        stated = entry.digest
        if stated is None:
            known = digests.finish(self._check)
            return Sent(file.identity, entry, next(iter(known), None), None, file.doubt(None))
        self._report.state("checking")
        ours = next(
            (one for one in digests.finish(self._check) if one.algorithm == stated.algorithm), None
        )
        if ours is None and not sums.known(stated.algorithm):
            return Sent(file.identity, entry, None, None, "unsupported_algorithm")
        ours = ours or file.digest(stated.algorithm, self._check)
        if ours in (stated, None):
            doubt = file.doubt(ours)
            return Sent(file.identity, entry, ours, None if doubt else True, doubt)
        self._way.control.check()
        file.check()  # else it is no wonder
        self._expect_replacement(entry)
        raise TransferError(
            "digest_mismatch",
            f"The service has not the {stated.algorithm} digest that the file has.",
            detail={"expected": str(ours), "found": str(stated)},
        )

    def _expect_replacement(self, entry: Entry) -> None:
        """The next try replaces the wrong bytes that we put there ourselves."""
        self._target = replace(self._target, replace=True, replaces=entry.validators)

    # -- the service --

    def _withdraw(self, begun: Begun) -> None:
        """Remove from the service what was sent of an earlier state of the file."""
        self._way.patiently(lambda: withdraw(self._backend, self._path, begun))
        self._journal.drop(self._path)

    def _check(self) -> None:
        self._way.control.check()


def _goes_on(begun: Begun, file: Original) -> bool:
    """Whether what was begun is of use. All of a file is of use as long as nothing says that it is
    another state by now."""
    if by_service(begun) != (file.entry is not None):
        return False
    return begun.identity.may_be(file.identity) if begun.whole else _may_go_on(begun, file)


def by_service(begun: Begun) -> bool:
    """Whether the service itself was to copy what was begun."""
    return bool(begun.state.get("service"))


def _may_go_on(begun: Begun, file: Original) -> bool:
    """Whether further bytes may follow on those that were sent."""
    return file.can_go_on and begun.identity.is_same(file.identity)


def sink_of(
    backend: Backend,
    path: str,
    identity: State,
    target: Target,
    prefix: Callable[[int, str], Digest] | None = None,
    *,
    read: Callable[[int | None], bytes] | None = None,
    entry: Entry | None = None,
) -> Sink:
    """The sink that takes the file at `path`, as it is now, to `target`; for `prefix`, `read` and
    `entry` see `SourceFile`."""
    source = SourceFile(
        split_path(path)[1],
        identity.size,
        identity.mtime_ns,
        replace=target.replace,
        replaces=target.replaces,
        prefix=prefix,
        read=read,
        entry=entry,
    )
    return backend.sink(target.address, source)


def sink_for(backend: Backend, path: str, begun: Begun) -> Sink:
    """The sink that took what was begun of `path`; `begin` it with its state."""
    entry = Entry(path, begun.target.address) if by_service(begun) else None
    return sink_of(backend, path, begun.identity, begun.target, entry=entry)


def begun_sink(backend: Backend, path: str, begun: Begun) -> Sink | None:
    """The sink that took what was begun of `path`, to be aborted; None where the service knows
    nothing of it any more. Raises `TransferError`."""
    sink = sink_for(backend, path, begun)
    try:
        sink.begin(begun.state)
    except Gone:
        return None
    return sink


def withdraw(backend: Backend, path: str, begun: Begun) -> None:
    """Remove from the service what was begun of `path`. Raises `TransferError`."""
    sink = begun_sink(backend, path, begun)
    if sink is not None:
        sink.abort()
