"""Files that a program of a backend's own sends, because its service cannot be written to by
requests of ours: the engine opens the files, watches, limits and stops it, and ends their sinks."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..errors import TransferError
from .base import Caller


class Sending(ABC):
    """Files on their way into their sinks."""

    @abstractmethod
    def poll(self) -> tuple[bool, int]:
        """Whether it is over, and the bytes that went out. Raises what all of them failed of."""

    @abstractmethod
    def outcomes(self) -> list[TransferError | None]:
        """What each failed of, or None where it is in its sink; once it is over."""

    @abstractmethod
    def limit(self, rate: int | None) -> None:
        """Send at most `rate` bytes a second from now on; None is no limit."""

    @abstractmethod
    def stop(self, caller: Caller, *, keep: bool) -> list[bool]:
        """Stop within a second and remove what is not whole, and what is unless `keep`; for each
        whether nothing of it is left. `caller` asks where the backend's own must not any more.
        Never raises `TransferError`."""
