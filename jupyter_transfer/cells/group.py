"""Several transfers of one cell, as one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

from ..cli.words import plural
from .job import Json, Transfer

_ORDER = ("failed", "waiting", "paused", "running", "queued", "cancelled", "done")
"""Which state of one is that of all."""

_COUNTS = ("bytes_done", "files_done", "files_failed")
_TOTALS = ("bytes_total", "files_total")


class Transfers(Sequence[Transfer]):
    """The jobs of a cell in the order of its lines, with what each can do done to all."""

    def __init__(self, transfers: Sequence[Transfer]) -> None:
        self._all = list(transfers)

    def __repr__(self) -> str:
        counts = Counter(one.state for one in self._all)
        states = ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
        return f"<{plural(len(self), 'Transfer')}: {states}>"

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self._all)

    def _ipython_display_(self) -> None:
        for one in self._all:
            one._ipython_display_()

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> Transfer: ...

    @overload
    def __getitem__(self, index: slice) -> Transfers: ...

    def __getitem__(self, index: int | slice) -> Transfer | Transfers:
        return Transfers(self._all[index]) if isinstance(index, slice) else self._all[index]

    def __iter__(self) -> Iterator[Transfer]:
        return iter(self._all)

    @property
    def state(self) -> str:
        """``done`` when all are; else that of the one which is worst off."""
        states = {one.state for one in self._all}
        return next((state for state in _ORDER if state in states), "done")

    @property
    def progress(self) -> Json:
        """The sums; a total is None while one of them is unknown."""
        each = [one.progress for one in self._all]
        sums: Json = {name: sum(one[name] for one in each) for name in _COUNTS}
        for name in _TOTALS:
            known = [one[name] for one in each]
            sums[name] = None if None in known else sum(known)
        return sums

    @property
    def path(self) -> list[str | None]:
        """Where each landed."""
        return [one.path for one in self._all]

    def files(self) -> list[Json]:
        """The reports, one behind the other."""
        return [file for one in self._all for file in one.files()]

    def report(self) -> list[Json]:
        """How each stands."""
        return [one.report() for one in self._all]

    def wait(self, timeout: float | None = None) -> Transfers:
        """Wait until all rest. Raises TimeoutError after `timeout` seconds, and, when all rest, the
        error that the first failed of."""
        deadline = None if timeout is None else time.monotonic() + timeout
        failure: Exception | None = None
        for one in self._all:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                one.wait(left)
            except TimeoutError:
                raise TimeoutError(f"{self!r} after {timeout} seconds.") from None
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return self

    def pause(self) -> Transfers:
        """Stop moving bytes and keep what is there; `resume` goes on."""
        return self._each(Transfer.pause, lambda one: not one.at_rest)

    def resume(self) -> Transfers:
        """Let those that are paused go on."""
        return self._each(Transfer.resume, lambda one: one.state == "paused")

    def cancel(self) -> Transfers:
        """Stop what is not finished, and throw away what is not whole."""
        finished = ("done", "failed", "cancelled")
        return self._each(Transfer.cancel, lambda one: one.state not in finished)

    def _each(
        self, act: Callable[[Transfer], Any], applies: Callable[[Transfer], bool]
    ) -> Transfers:
        for one in self._all:
            if applies(one):
                act(one)
        return self
