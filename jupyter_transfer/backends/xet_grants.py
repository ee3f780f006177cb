"""Who lets us read what Xet holds: the hub gives a token for its content-addressable store (CAS),
valid for some minutes (huggingface_hub, `utils._xet`). It is kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errors import TransferError
from ..net import parse_url
from .base import Caller

EARLY = 60.0
"""Seconds before its end in which a token is not used any more."""


@dataclass(frozen=True)
class Grant:
    """A token for a store.

    Parameters
    ----------
    cas: the address of the store, without ``/`` at the end.
    until: when it ends, seconds since 1970.
    """

    cas: str
    token: str = field(repr=False)
    until: float

    @classmethod
    def of(cls, headers: Mapping[str, str], schemes: tuple[str, ...]) -> Grant:
        """What the hub's answer grants. Raises ``remote_lied``, also where the store is at none of
        `schemes`: hf_xet would take folders of this machine for one, too."""
        try:
            cas = str(parse_url(headers["x-xet-cas-url"], schemes)).rstrip("/")
            token, until = headers["x-xet-access-token"], int(headers["x-xet-token-expiration"])
        except (KeyError, ValueError, TransferError):
            raise TransferError(
                "remote_lied", "The hub does not say by what its store of Xet is to be read."
            ) from None
        return cls(cas, token, until)

    @property
    def holds(self) -> bool:
        """Whether it is still good for a while."""
        return self.until > time.time() + EARLY


class Grants:
    """The grants of one job, numbered by the address at which the hub gives them out; for many
    threads.

    Parameters
    ----------
    ask: asks the hub at such an address, by way of the caller; raises `TransferError`.
    """

    def __init__(self, ask: Callable[[str, Caller], Grant]) -> None:
        self._ask = ask
        self._routes: list[str] = []
        self._known: dict[int, Grant] = {}
        self._lock = threading.Lock()

    def number(self, route: str) -> int:
        """The number of what is given out at `route`."""
        with self._lock:
            if route not in self._routes:
                self._routes.append(route)
            return self._routes.index(route)

    def grant(self, number: int, caller: Caller, *, fresh: bool = False) -> Grant:
        """The grant of this number: a new one if that which is known ends soon, or is to be
        `fresh`. Raises what the hub says."""
        with self._lock:
            known = self._known.get(number)
            if known is None or fresh or not known.holds:
                known = self._known[number] = self._ask(self._routes[number], caller)
            return known
