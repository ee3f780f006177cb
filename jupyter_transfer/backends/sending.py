"""A file that a program of a backend's own sends, because its service cannot be written to by
requests of ours: the engine opens the file, watches, limits and stops it, and compares digests."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .base import Caller, Digest


class Sending(ABC):
    """One file on its way. Nothing of it shows under the final name before it is whole, where the
    service allows that."""

    @abstractmethod
    def poll(self) -> tuple[bool, int]:
        """Whether it is whole there, and the bytes that went out. Raises what went wrong."""

    @abstractmethod
    def limit(self, rate: int | None) -> None:
        """Send at most `rate` bytes a second from now on; None is no limit."""

    @abstractmethod
    def stated(self) -> Digest | None:
        """A digest of the whole that the service states or computes, once it is there."""

    @abstractmethod
    def stop(self, caller: Caller) -> None:
        """Stop within a second and remove what is not whole, as far as the service lets us.
        `caller` asks where the backend's own must not any more. Never raises `TransferError`."""
