"""Fetching one file until it is whole and proven: in parts or in one piece, and what to do when
the remote side turns out to be different from what it said.

* A locator that is not honoured any more is asked for anew (presigned addresses expire).
* A file that changed at its source is begun again, and the person is told. When the parts do not
  fit together twice (a CDN whose nodes disagree about the ETag), it is fetched in one piece.
* A digest that does not fit makes us fetch once more from the first byte, or the damaged pieces
  only where it is known which they are, then fail.
* A place that fails gives way to a mirror, if there is one and a digest.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import count

from ..backends.base import Validators
from ..errors import TransferError, from_os_error
from .control import Report
from .fileprobe import seconds_until_settled
from .partial import Expired, StartAgain
from .places import Places
from .plan import Remote
from .ranged import RangedFetch
from .retry import Retries
from .stream import StreamFetch
from .task import Task
from .verify import damaged_pieces, verify

RESTARTS = 3
"""Times that a file may be begun anew because it changed."""

RENEWALS = 3
"""Times in a row, without a byte between them, that a locator is asked for anew."""


class FileFetch:
    """One file: `run` brings it into the part of `journal`, whole and verified.

    Parameters
    ----------
    task: the file, with what the probe has found.
    places: where the bytes are now.
    """

    def __init__(self, task: Task, places: Places, report: Report) -> None:
        self._task = task
        self._places = places
        self._report = report
        self._restarts = 0
        self._one_piece = False

    def run(self) -> tuple[Remote, bool | None]:
        """What was fetched, and whether a digest proves it (None: there is none to compare with).

        Raises `TransferError`, `Stopped`; what has come in stays in the part.
        """
        for damaged in count(1):
            remote = self._bring()
            assert remote.size is not None
            self._fit(remote.size)
            if remote.proof is not None:
                self._report.state("checking")
            try:
                verified = self._verify(remote, remote.size)
            except TransferError as error:
                if error.code != "digest_mismatch":
                    raise
                if remote.presumed:
                    return replace(remote, digest=None, presumed=False), None
                if not self._places.leave(error) and damaged > 1:
                    raise
                self._mend(remote)
            else:
                if self._places.elsewhere:  # a mirror's own ETag says nothing of the source
                    remote = replace(remote, validators=Validators())
                return remote, verified
        raise AssertionError("unreachable")

    def _verify(self, remote: Remote, size: int) -> bool | None:
        task = self._task
        follower, task.follower = task.follower, None
        return verify(task.journal.part.fd, size, remote.proof, task.control.check, follower)

    def _mend(self, remote: Remote) -> None:
        """Fetch the damaged pieces again where it is known which they are, else everything."""
        after, journal, control = self._look(), self._task.journal, self._task.control
        if remote.pieces and remote.size and after.size == remote.size and journal.matches(after):
            spans = damaged_pieces(journal.part.fd, remote.size, remote.pieces, control.check)
            if spans:
                journal.lose(spans)
                self._task.remote = after
                return
        self._begin_again(after)

    def _bring(self) -> Remote:
        expired, before = 0, -1
        while True:
            self._task.tally.set(self._task.journal.spans.total)
            try:
                remote = self._move()
                self._recheck(remote)
                return remote
            except StartAgain as turn:
                self._start_again(turn)
            except Expired as turn:
                there = self._task.journal.spans.total
                expired, before = (expired + 1 if there == before else 1), there
                if expired <= RENEWALS:
                    self._renew()
                elif not self._go_elsewhere(turn.error):
                    raise turn.error from None
            except TransferError as error:
                if not self._go_elsewhere(error):
                    raise

    def _go_elsewhere(self, error: TransferError) -> bool:
        """Go on at the next mirror, with what is there already; whether there is one."""
        if not self._places.leave(error):
            return False
        remote = self._look()
        self._task.retries = Retries()
        if self._task.journal.matches(remote):
            self._task.remote = remote
        else:
            self._begin_again(remote)
        return True

    def _move(self) -> Remote:
        self._task.follower = None
        if self._task.remote.recheck:
            self._task.control.sleep(seconds_until_settled(self._task.remote))
        if self._task.remote.in_parts and not self._one_piece:
            RangedFetch(self._task).run()
            return self._task.remote
        return StreamFetch(self._task).run()

    def _recheck(self, remote: Remote) -> None:
        """Whether what was fetched is what is there now, where its answers do not tell and no
        digest will."""
        if not self._task.remote.recheck or remote.unverified is None:
            return
        now = self._look()
        # Of an empty file the size may be unknown beforehand (SFTP).
        if (now.size or 0) != remote.size or now.validators.contradicts(remote.validators):
            raise StartAgain("changed")

    def _start_again(self, turn: StartAgain) -> None:
        remote = self._look()
        if turn.reason == "no_ranges":
            self._one_piece = True
        else:
            self._restarts += 1
            if self._restarts > RESTARTS:
                raise TransferError(
                    "remote_changed", "The file changes at its source while it is being fetched."
                )
            self._one_piece = self._restarts > 1
            self._report.note(
                "remote_changed", "The file changed at its source; it is fetched from its start."
            )
        self._begin_again(remote)

    def _renew(self) -> None:
        remote = self._look()
        if self._task.journal.resumable and not self._task.journal.matches(remote):
            self._start_again(StartAgain("changed"))
        else:
            self._task.remote = remote

    def _begin_again(self, remote: Remote) -> None:
        self._task.remote = remote
        self._task.journal.restart(remote)

    def _look(self) -> Remote:
        return self._places.look(self._task.retries)

    def _fit(self, size: int) -> None:
        """Cut off what an earlier, longer state of the file left behind the end."""
        try:
            if os.fstat(self._task.journal.part.fd).st_size > size:
                os.ftruncate(self._task.journal.part.fd, size)
        except OSError as error:
            raise from_os_error(error) from None
