"""Fetching one file until it is whole and proven: in parts or in one piece, and what to do when
the remote side turns out to be different from what it said.

* A locator that is not honoured any more is asked for anew (presigned addresses expire).
* A file that changed at its source is begun again, and the person is told. When the parts do not
  fit together twice (a CDN whose nodes disagree about the ETag), it is fetched in one piece.
* A digest that does not fit makes us fetch once more from the first byte, then fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..backends.base import Locator
from ..errors import TransferError, from_os_error
from .control import Control, Report
from .plan import Remote, probe
from .ranged import Expired, RangedFetch, StartAgain
from .retry import Retries
from .stream import StreamFetch
from .task import Task
from .transport import Transport
from .verify import verify

RESTARTS = 3
"""Times that a file may be begun anew because it changed."""

RENEWALS = 3
"""Times in a row, without a byte between them, that a locator is asked for anew."""


def look(
    transport: Transport, locate: Callable[[], Locator], control: Control, retries: Retries
) -> Remote:
    """`probe`, with retries. Raises `TransferError`, `Stopped`."""
    while True:
        try:
            return probe(transport, locate(), control.check)
        except TransferError as error:
            control.sleep(retries.wait_for(error))


class FileFetch:
    """One file: `run` brings it into the part of `journal`, whole and verified.

    Parameters
    ----------
    task: the file, with what the probe has found.
    locate: asks the backend where the bytes are now.
    """

    def __init__(self, task: Task, locate: Callable[[], Locator], report: Report) -> None:
        self._task = task
        self._locate = locate
        self._report = report
        self._restarts = 0
        self._one_piece = False

    def run(self) -> tuple[Remote, bool | None]:
        """What was fetched, and whether a digest proves it (None: there is none to compare with).

        Raises `TransferError`, `Stopped`; what has come in stays in the part.
        """
        for mismatches in (0, 1):
            remote = self._bring()
            assert remote.size is not None
            self._fit(remote.size)
            if remote.proof is not None:
                self._report.state("checking")
            try:
                return remote, verify(
                    self._task.journal.part.fd, remote.size, remote.proof, self._task.control.check
                )
            except TransferError as error:
                if error.code != "digest_mismatch" or mismatches:
                    raise
                self._begin_again(self._look())
        raise AssertionError("unreachable")

    def _bring(self) -> Remote:
        expired, before = 0, -1
        while True:
            self._task.tally.set(self._task.journal.spans.total)
            try:
                return self._move()
            except StartAgain as turn:
                self._start_again(turn)
            except Expired as turn:
                there = self._task.journal.spans.total
                expired, before = (expired + 1 if there == before else 1), there
                if expired > RENEWALS:
                    raise turn.error from None
                self._renew()

    def _move(self) -> Remote:
        if self._task.remote.in_parts and not self._one_piece:
            RangedFetch(self._task).run()
            return self._task.remote
        return StreamFetch(self._task).run()

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
        return look(self._task.transport, self._locate, self._task.control, self._task.retries)

    def _fit(self, size: int) -> None:
        """Cut off what an earlier, longer state of the file left behind the end."""
        try:
            if os.fstat(self._task.journal.part.fd).st_size > size:
                os.ftruncate(self._task.journal.part.fd, size)
        except OSError as error:
            raise from_os_error(error) from None
