"""A send whose files show all at once, by a commit at its end: all of them, or none.

Each file is staged first, then what is staged is committed. If one of them fails nothing is. Only
so many files that one commit cannot hold them take several, which is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..backends.base import Backend, Entry
from ..backends.committing import CommittingBackend, StagingSink
from ..errors import TransferError
from .commitsend import CommitOutgoing, StagingSend
from .control import Message
from .filling import Way
from .local import Identity, LocalFile, changed
from .outgoing import Finished, Lane, Outgoing
from .retry import Retries
from .send import Sent
from .sendjournal import Target
from .sendrun import SendRun
from .sendtarget import SendTargets
from .transport import Transport
from .walk import Found


@dataclass(frozen=True)
class _Staged:
    """A file that waits for the commit; `identity` is its state when it was staged."""

    sink: StagingSink
    identity: Identity


@dataclass(frozen=True)
class _Held:
    """A staged file, and its row of the report, which is not told yet."""

    staged: _Staged
    row: Message


class CommitSendRun(SendRun):
    """One run of a send to a service that files are committed to."""

    file_send = StagingSend

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._staged: dict[str, _Staged] = {}
        self._held: list[_Held] = []
        self._carried = 0
        self._commits = 0
        self._there_now: tuple[CommittingBackend, Way] | None = None

    def _send_all(self, backend: Backend, transport: Transport, path: str, is_file: bool) -> None:
        self._open_commits(backend, transport)
        super()._send_all(backend, transport, path, is_file)
        self._files_total = len(self._verdicts) + self._files_failed + len(self._held)
        self._end_commits()

    def _open_commits(self, backend: Backend, transport: Transport) -> None:
        assert isinstance(backend, CommittingBackend)
        way = Way(transport, self._control, self._tally, Retries())
        self._there_now = backend, way

    def _end_commits(self, doomed: Sequence[Entry] = ()) -> bool:
        """Commit what is left, and delete `doomed` with it; whether that was done."""
        done = self._commit(doomed)
        self._files_total = len(self._verdicts) + self._files_failed
        return done

    # -- staging --

    def _outgoing(self, targets: SendTargets, address_of: Callable[[str], str]) -> Outgoing:
        assert self._journal is not None
        return CommitOutgoing(
            self._state_of,
            self._journal,
            targets,
            address_of,
            self._bring,
            digest_of=self._digest_of,
            read=self._read,
        )

    def _read(self, found: Found, count: int | None) -> bytes:
        with LocalFile.opened(self._root, found.path) as file:
            return file.read() if count is None else file.head(count)

    def _send_many(self, lane: Lane, outgoing: Outgoing, files: Iterable[Found]) -> None:
        assert isinstance(outgoing, CommitOutgoing)
        super()._send_many(lane, outgoing, outgoing.announced(lane, files))

    def _bring(self, lane: Lane, way: Way, found: Found, target: Target) -> Sent:
        send = self._sender_of(lane, way, found, target)
        assert isinstance(send, StagingSend)
        sent = send.run()
        assert send.sink is not None
        assert isinstance(sent.identity, Identity)
        self._staged[found.path] = _Staged(send.sink, sent.identity)
        return sent

    def _settle(self, finished: Finished) -> None:
        staged = self._staged.pop(finished.row["path"], None)
        if staged is None:
            super()._settle(finished)
            return
        assert self._there_now is not None
        backend, _ = self._there_now
        carried = staged.sink.carried or 0
        if self._held and (
            len(self._held) >= backend.most_files or self._carried + carried > backend.most_carried
        ):
            self._commit()
        self._tally.bytes = 0
        self._bytes_before += finished.bytes
        self._held.append(_Held(staged, finished.row))
        self._carried += carried

    # -- the commit --

    def _commit(self, doomed: Sequence[Entry] = ()) -> bool:
        """Publish what is held, unless a file failed. Raises what it failed of."""
        held, self._held, self._carried = self._held, [], 0
        if self._errors:
            self._leave(held)
            return False
        if not held and not doomed:
            return True
        assert self._there_now is not None
        backend, way = self._there_now
        for one in held:
            self._require_same(one)
        self._report.state("committing")
        sinks = [one.staged.sink for one in held]
        entries = way.patiently(lambda: backend.commit(sinks, doomed))
        self._commits += 1
        if self._commits == 2:
            self._report.note(
                "several_commits",
                "The files come in several commits: there are too many for one.",
            )
        for one, entry in zip(held, entries, strict=True):
            self._committed(one, entry)
        self._report.state("")
        return True

    def _require_same(self, one: _Held) -> None:
        """Raise ``changed`` where a file is not what was staged."""
        path = one.row["path"]
        try:
            now = Identity.of(self._root.stat(path))
        except TransferError as error:
            if error.code != "not_found":
                raise
            raise changed(path) from None
        if not one.staged.identity.is_same(now):
            raise changed(path)

    def _committed(self, one: _Held, entry: Entry) -> None:
        assert self._journal is not None
        message = _proven(one.row, entry)
        if message["state"] == "done":
            self._journal.finish(message["path"], one.staged.identity, message, hold=True)
        error = message["error"]
        failure = None if error is None else TransferError.from_dict(error)
        super()._settle(Finished(message, 0, failure))

    def _leave(self, held: list[_Held]) -> None:
        """Say of files that are ready that they were not committed."""
        why = TransferError(
            "cancelled",
            "It was not committed, because another file of the transfer failed.",
            "Start the transfer again when that is put right.",
        )
        for one in held:
            self._files_failed += 1
            self._report.file({**one.row, "state": "failed", "error": why.as_dict()})


def _proven(row: Message, entry: Entry) -> Message:
    """The row of a file that the service now has as `entry`."""
    address = entry.address or row["address"]
    row = {**row, "address": address, "validators": entry.validators.as_dict()}
    if entry.digest is None:
        return {**row, "verified": None, "unverified": "no_digest"}
    if str(entry.digest) == row["digest"]:
        return {**row, "verified": True, "unverified": None}
    error = TransferError(
        "digest_mismatch",
        f"The service has not the {entry.digest.algorithm} digest that the file has.",
        detail={"expected": row["digest"], "found": str(entry.digest)},
    )
    return {**row, "state": "failed", "verified": False, "error": error.as_dict()}
