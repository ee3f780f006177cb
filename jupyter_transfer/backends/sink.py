"""What a file is sent to: a *sink* says how it is cut and where each piece goes, and ends it; the
one sender (`jupyter_transfer.engine`) reads the file and moves the bytes.

What was sent is asked of the service (`Sink.begin`), never remembered by us: ``ListParts`` of S3,
the size of the file that FTP or SFTP appends to. Only the sink's `state`, which names the thing
that is being written (an upload id, a temporary name), is kept in the job's journal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ..errors import TransferError
from ..secrets import Login
from .base import Digest, Entry, Validators

Span = tuple[int, int]
"""First byte, and the one behind the last."""

State = Mapping[str, Any]


@dataclass(frozen=True)
class SourceFile:
    """The file that is sent.

    Parameters
    ----------
    name: its last segment, from which the service may guess its type.
    size: bytes.
    mtime_ns: nanoseconds since 1970; kept by the service where it can.
    replace: whether what stands at the address may be replaced; else the sink refuses (``exists``)
        wherever the service lets it, for somebody may take the name meanwhile.
    replaces: the only state that may be replaced, where that is known; with another one there
        `finish` raises ``exists``, wherever the service lets it.
    prefix: the digest of its first bytes, by their number and the name of the algorithm, while it
        is open; None where the file is not at hand. Only of files that a program sends
        (`Backend.tool`) or that are committed (`jupyter_transfer.backends.committing`).
    read: its first bytes, by their number, or all of them (None), at any time; raises ``changed``
        if it is not what it was. Only of files that are committed.
    entry: what the service holds already and is to copy by itself; see `Backend.copies`.
    """

    name: str
    size: int
    mtime_ns: int | None = None
    replace: bool = False
    replaces: Validators | None = None
    prefix: Callable[[int, str], Digest] | None = None
    read: Callable[[int | None], bytes] | None = None
    entry: Entry | None = None


@dataclass(frozen=True)
class Outlet:
    """One request that takes a span of the file, valid for the moment: like a `Locator`.

    Parameters
    ----------
    headers: private to the origin of `url`.
    append_at: FTP and SFTP: the offset at which the span goes into what is there; None elsewhere.
    commands: FTP and SFTP: sent when the span is written (rename), in libcurl's POSTQUOTE form.
    frame: HTTP: what the body of the request has in front of the span and behind it.
    """

    url: str
    method: Literal["PUT", "POST"] = "PUT"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    unix_socket: str | None = None
    login: Login | None = None
    append_at: int | None = None
    commands: tuple[str, ...] = ()
    frame: tuple[bytes, bytes] | None = None


class Gone(Exception):  # noqa: N818 - a turn, not an error
    """The service does not know the `state` any more (aborted, expired): begin anew."""


class Sink(ABC):
    """One file on its way to the service. Where the service allows it, nothing shows under the
    final name before `finish`, and what stood there stays until then."""

    piece_size: int
    """Bytes of every piece but the last one."""

    in_order: ClassVar[bool] = False
    """Whether a piece may only follow on the one before it, on one connection at a time."""

    publishes: ClassVar[bool] = False
    """Whether the last piece gives the file its final name by itself, before `finish`."""

    digests: tuple[str, ...] = ()
    """Digests of the whole file (names of `jupyter_transfer.engine.sums`) that `finish` can use:
    the sender computes them on the way."""

    states: ClassVar[tuple[str, ...]] = ()
    """Digests of the whole that the service may state afterwards: whoever cannot read the file
    again computes them on the way."""

    piece_digest: str | None = None
    """Digest of each piece (a name of hashlib) that `sent` can use: the sender computes it from the
    bytes as they are sent."""

    @abstractmethod
    def begin(self, state: State | None) -> Sequence[Span]:
        """Begin, or go on with the `state` of an earlier process; the spans that the service
        holds for certain already. Raises `Gone` for a state that is lost, `TransferError`.

        Asked once more, with the `state` of this process, after a piece failed: what did arrive?
        Even after `Gone`, `finish` may be called: an earlier process may have finished the whole.
        """

    @abstractmethod
    def state(self) -> State:
        """What `begin` needs to go on later: plain JSON, nothing secret."""

    @abstractmethod
    def outlet(self, span: Span) -> Outlet:
        """Where `span` goes now; asked again when an outlet has expired."""

    def expired(self) -> None:
        """The service does not honour an outlet any more: those that follow must be new ones."""
        return

    def sent(self, span: Span, headers: Mapping[str, str], digest: Digest | None = None) -> None:
        """`span` was taken; `headers` of the answer by their names in lower case, `digest` of the
        piece if `piece_digest` asks for one. Raises ``digest_mismatch`` where they show that other
        bytes arrived: the piece is sent again."""
        return

    def refused(self, status: int, body: bytes) -> TransferError | None:
        """What it means that an outlet answered with `status`; `body` is the first of its answer.
        None where the status says it all."""
        return None

    @abstractmethod
    def finish(self, digests: Sequence[Digest]) -> Entry:
        """Give the whole its final name; what stands there then, with validators and the digest
        that the *service* states. Doing it again after a crash finds the same.

        Raises ``exists`` where the name was taken meanwhile and may not be replaced, ``gone`` where
        neither what was sent nor the finished whole is there.
        """

    @abstractmethod
    def abort(self) -> None:
        """Remove what was sent, if it is not finished: nothing of it is left at the service. Called
        after `begin`; never raises for what is gone."""
