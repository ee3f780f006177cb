"""The cell of a notebook as the place where a command was typed: it shows jobs, and an interrupt
of the kernel pauses them."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

from .. import servers
from ..cli.codes import DONE
from ..cli.follow import Driven, Front, exit_code, halted_by_interrupts
from ..cli.words import counts, heading
from ..errors import TransferError
from ..secrets import redact
from .buttons import hold
from .job import Transfer


class Interrupted(KeyboardInterrupt):
    """The kernel was interrupted: what it moved is paused. Cells that wait are not run."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Cell(Front):
    """The cell of a notebook.

    Parameters
    ----------
    background: whether the cell ends before its jobs do.
    gathers: whether its jobs begin only when `run` is called, together.
    knows: whether the person has said where it is to run.
    """

    def __init__(
        self, *, background: bool = False, gathers: bool = False, knows: bool = False
    ) -> None:
        self._background = background
        self._gathers = gathers
        self._told = knows
        self.transfers: list[Transfer] = []
        self.interrupted: Interrupted | None = None

    def drive(self, job: Driven) -> int:
        """See `Front`."""
        transfer = Transfer(job)
        self.transfers.append(transfer)
        if transfer.here:
            hold(transfer)
        if self._gathers:
            return DONE
        self._tell_where(transfer)
        transfer.begin()
        if self._background:
            transfer.go_on()
            return exit_code(job.data) if transfer.at_rest else DONE
        self._run([transfer])
        return exit_code(job.data)

    def run(self) -> None:
        """Begin all that was gathered: those of a server at once, those of this kernel one by one.
        What cannot begin is told and left out."""
        begun = [one for one in self.transfers if self._begins(one)]
        self.transfers = begun
        if self._background and begun:
            begun[0].go_on(*begun[1:])
        elif begun:
            self._run(begun)

    def _begins(self, transfer: Transfer) -> bool:
        self._tell_where(transfer)
        try:
            transfer.begin()
        except TransferError as error:
            sys.stderr.write(f"{error}\n{error.remedy}\n")
            return False
        return True

    def _run(self, transfers: Sequence[Transfer]) -> None:
        """Show them until all rest. Raises `Interrupted`."""
        try:
            for one in transfers:
                with halted_by_interrupts(one.driven) as came:
                    one.follow()
                if came:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            self.interrupted = Interrupted(redact("\n".join(_paused(one) for one in transfers)))
            raise self.interrupted from None

    def _tell_where(self, transfer: Transfer) -> None:
        """Say it once, if nobody asked that this kernel does it."""
        if transfer.here and not self._told:
            sys.stderr.write(elsewhere(os.getcwd()))
        self._told = True


def elsewhere(folder: str) -> str:
    """Why this kernel does it itself, and where the files are then."""
    where = f"on {socket.gethostname()}"
    if servers.running():
        why = f"No Jupyter server of yours {where} with this extension serves {folder}"
    else:
        why = f"No Jupyter server of yours runs {where}, where this kernel runs"
    return (
        f"{why}: the kernel moves the bytes itself, and the files are there. "
        "Another server is named by --server URL; --local says that this is meant.\n"
    )


def _paused(transfer: Transfer) -> str:
    """Pause one; the line that tells how to go on with it."""
    if not transfer.at_rest and not transfer.here:
        try:
            transfer.pause()
        except TransferError as error:
            return f"{heading(transfer.data)}: it could not be paused. {error}"
    data = transfer.data
    if data["state"] in ("done", "failed", "cancelled"):
        return f"{heading(data)}: {data['state']}."
    how = "run this cell again" if transfer.here else f"%transfer resume {transfer.id[:8]}"
    return f"{heading(data)}: paused at {counts(data)}. To go on: {how}"
