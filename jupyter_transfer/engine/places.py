"""The places where the bytes of one entry can be had: what the backend says, then its mirrors.

A mirror is somebody else: it gets none of the person's headers, its address is judged like any
other, and it is only asked where a digest that cannot be forged tells in the end whether it sent
the right bytes. Parts from different mirrors are parts of one file for the same reason.
"""

from __future__ import annotations

from dataclasses import replace

from ..backends.base import Answer, Backend, Digest, Entry, Locator, Validators
from ..errors import TransferError
from .control import Control
from .fileprobe import probe_file
from .fileprotocols import FILE_SCHEMES
from .plan import Remote, probe
from .retry import Retries
from .transport import Transport, parse
from .verify import SWITCHED_OFF

_UNFORGED = ("sha224", "sha256", "sha384", "sha512", "sha3_", "blake2")

_ELSEWHERE = {
    "address_refused",
    "connect_failed",
    "connection_lost",
    "digest_mismatch",
    "dns_failed",
    "invalid_address",
    "needs_credentials",
    "remote_busy",
    "remote_changed",
    "remote_forbidden",
    "remote_lied",
    "remote_not_found",
    "remote_refused",
    "timeout",
    "tls_failed",
    "too_many_redirects",
    "unsupported_scheme",
}
"""Failures that another place may not have; the disk is the same everywhere."""


class Places:
    """Where one entry lies now, and what is known to prove it."""

    def __init__(
        self, transport: Transport, backend: Backend, entry: Entry, control: Control
    ) -> None:
        self._transport = transport
        self._backend = backend
        self._entry = entry
        self._control = control
        self._mirrors: tuple[str, ...] = ()
        self._turn = 0
        self._known = Locator("")
        self._proven: tuple[Validators, Locator] | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether the place is a mirror."""
        return self._turn > 0

    def look(self, retries: Retries | None = None) -> Remote:
        """What the present place has, or the next one that answers. Raises `TransferError`,
        `Stopped`."""
        retries = retries or Retries()
        while True:
            try:
                return self._look()
            except TransferError as error:
                try:
                    wait = retries.wait_for(error)
                except TransferError:
                    if not self.leave(error):
                        raise
                    wait, retries = 0.0, Retries()
                self._control.sleep(wait)

    def leave(self, error: TransferError) -> bool:
        """Go to the next mirror because of `error`; whether there is one that may be asked."""
        if error.code not in _ELSEWHERE or not _vouches(self._known.digest):
            return False
        if self._turn >= len(self._mirrors):
            return False
        self._turn += 1
        return True

    def _look(self) -> Remote:
        place = self._place()
        is_file = parse(place.url).scheme in FILE_SCHEMES
        ask = probe_file if is_file else probe
        remote = ask(self._transport, place, self._control.check)
        if not self.elsewhere:
            if remote.digest is None:  # that of the locator is of another state
                self._known = replace(self._known, digest=None)
            self._learn(remote)
        known = self._known
        remote = replace(remote, digest=known.digest, presumed=known.presumed, pieces=known.pieces)
        if self._mirrors and _vouches(remote.proof):
            if None not in (remote.size, known.size) and remote.size != known.size:
                host = remote.url.host
                raise TransferError("remote_lied", f"“{host}” has a file of another size.")
            return replace(remote, mirrored=True)
        return remote

    def _place(self) -> Locator:
        """The locator of the backend, or a mirror of what was known of it before."""
        locator = self._backend.locate(self._entry)
        if not self.elsewhere:
            self._known, self._mirrors = locator, locator.mirrors
            return locator
        mirror = parse(self._mirrors[self._turn - 1])
        own = mirror.origin == parse(locator.url).origin
        return Locator(str(mirror), locator.headers if own else {}, digest=self._known.digest)

    def _learn(self, remote: Remote) -> None:
        """Ask the backend what more there is, once for each state of the file."""
        if remote.doubt == SWITCHED_OFF or (remote.proof and "link" not in remote.answer):
            return
        if self._proven is None or not self._proven[0].proves(remote.validators):
            answer = Answer(200, str(remote.url), remote.answer, b"")
            more = self._backend.prove(self._entry, answer) or Locator("")
            self._proven = remote.validators, more
        locator, more = self._known, self._proven[1]
        mirrors = locator.mirrors or more.mirrors
        stated = remote.proof if mirrors else None
        self._known = replace(
            locator,
            digest=locator.digest or more.digest or stated,
            presumed=locator.digest is None and more.presumed,
            size=more.size if locator.size is None else locator.size,
            pieces=locator.pieces or more.pieces,
        )
        self._mirrors = mirrors


def _vouches(digest: Digest | None) -> bool:
    """Whether nobody can make other bytes of the same digest."""
    return digest is not None and digest.algorithm.startswith(_UNFORGED)
