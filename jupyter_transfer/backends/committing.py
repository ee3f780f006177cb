"""Services at which files show by an act of their own, a commit: all files of a job at once.

A sink of such a service only makes its file ready (`StagingSink`): the bytes of a large one are
brought to a store where they lie by their digest, a small one is carried by the commit itself.
Then `CommittingBackend.commit` publishes what is staged. Nothing of it is journaled: the service
knows by itself what it holds, so doing it all again after a crash moves nothing twice.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from .base import Backend, Entry
from .sink import Sink, SourceFile, State


class StagingSink(Sink):
    """One file on its way into a commit.

    Parameters
    ----------
    address: where it will stand.
    source: the file; has `prefix` and `read`.
    """

    carried: int | None = None
    """Bytes of a file that the commit itself carries: nothing of it is sent before. None for any
    other."""

    def __init__(self, address: str, source: SourceFile) -> None:
        self.address = address
        self.source = source

    def state(self) -> State:
        """See `Sink`: the service knows it."""
        return {}

    def abort(self) -> None:
        """See `Sink`: what no commit names shows nowhere, and the service removes it in time."""


class CommittingBackend(Backend):
    """A backend whose `sink` gives a `StagingSink`. The backends of a job's threads share what they
    know by `Context.shared`."""

    most_files: ClassVar[int] = 20_000
    most_carried: ClassVar[int] = 1 << 30
    """Files of one commit, and bytes that it carries, at most: more takes several commits."""

    @abstractmethod
    def announce(self, files: Sequence[tuple[str, SourceFile]]) -> list[bool]:
        """`files` are about to be sent, each to its address: ask at once what would be asked for
        each of them. For each whether the service takes it; one that it ignores is left out.
        Whoever sends a single file need not announce it."""

    @abstractmethod
    def commit(self, staged: Sequence[StagingSink], doomed: Sequence[Entry] = ()) -> list[Entry]:
        """Publish what is `staged` and delete `doomed`, in one act; what the service says that
        stands at each address then, with the digest that it states.

        What is so already is left as it is: doing it again after a crash finds the same. Raises
        ``exists`` where something took an address that may not be replaced, ``remote_changed``
        where one of `doomed` is another file by now, ``changed`` where a file that the commit
        carries is; then nothing is published.
        """
