"""What is sent: a file of this disk (`local`) or of another service (`remotefile`).

The one sender (`send`, `filling`) takes its bytes from an `Original`, and knows its states apart by
its `State`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..backends.base import Digest, Entry
from ..backends.sink import Sink, Span
from ..errors import TransferError
from .body import Body

OnRead = Callable[[int, memoryview], None]
"""Told each piece that is handed over with its offset in the file."""


class Damaged(TransferError):  # noqa: N818 - a turn, not only an error
    """The bytes that came are not those that the source states: what was sent is of no use."""


class State(Protocol):
    """What tells one state of a file from another."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def mtime_ns(self) -> int | None:
        """When it was changed, nanoseconds since 1970, where that is known."""

    def as_json(self) -> Any:
        """The state as JSON."""

    def is_same(self, other: Any) -> bool:
        """Whether both are certainly one state: then bytes of one are bytes of the other."""

    def may_be(self, other: Any) -> bool:
        """Whether nothing that is known says that they are two states."""

    def in_row(self) -> dict[str, Any]:
        """What a row of the report must hold beside size and mtime_ns to know the state again, as
        keys of its `validators`."""

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """Whether `row` tells of this state."""


class Sums(Protocol):
    """Digests of the bytes of a span."""

    def feed(self, offset: int, data: memoryview) -> None:
        """Take in `data`, which stands at `offset`, if it goes on where the last piece ended."""

    def piece(self, span: Span, digest: Digest | None) -> None:
        """`digest` is that of the bytes of `span`, which the service has."""

    def finish(self, check: Callable[[], None]) -> list[Digest]:
        """The digests, those that can be had; `check` is called all the while."""


class Original(ABC):
    """One file while it is sent."""

    identity: State
    moves: str
    """The code that `check` raises when the file is not what it was."""

    entry: Entry | None = None
    """What the service at the destination holds already, and is to copy by itself."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    @property
    def can_go_on(self) -> bool:
        """Whether bytes of an earlier process and bytes of this one are known to belong together
        when the states are the same."""
        return True

    # -- its bytes --

    @abstractmethod
    def sums(self, sink: Sink) -> Sums:
        """The digests of the whole file that `sink` can use, or its service may state."""

    @abstractmethod
    def sums_of(self, span: Span, algorithms: Sequence[str]) -> Sums:
        """The digests of a piece that is about to be sent."""

    @abstractmethod
    def body(self, span: Span, on_read: OnRead) -> Body:
        """The bytes of `span`, for one request."""

    def expect(self, pieces: Sequence[Span], sink: Sink) -> None:
        """`pieces` will be asked for, in this order, and no others."""
        return

    def taken(self, span: Span) -> None:
        """The service has `span`: it will not be asked for again."""
        return

    def turn(self) -> None:
        """Go on with whatever brings the bytes here; called all the while. Raises what it met."""
        return

    @property
    def connections(self) -> int | None:
        """Pieces that may be under way at a time; None for as many as the sink likes."""
        return None

    # -- what proves it --

    @abstractmethod
    def check(self) -> None:
        """Raise `moves` if the file is known to have changed; costs next to nothing."""

    @abstractmethod
    def confirm(self) -> None:
        """As `check`, as sure as it can be; called before anything gets the final name. Raises
        `Damaged`."""

    @abstractmethod
    def digest(self, algorithm: str, check: Callable[[], None]) -> Digest | None:
        """The digest of the whole file, as far as it can be had without sending it again."""

    @abstractmethod
    def doubt(self, stated: Digest | None) -> str | None:
        """Why the bytes that were sent are not proven to be those of the source (a code of
        `verify`), `stated` being the right digest that the service states; None if they are."""


Opener = Callable[[], AbstractContextManager[Original]]
"""Opens the file as it is now, for the length of a ``with`` block."""
