"""A real service on loopback as the conformance suite sees it: files can be put there and looked
at without the backend that is tested."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_transfer.secrets import Credential


class CannotHold(Exception):  # noqa: N818 - no error: the service is like that
    """The service cannot hold a file of this name."""


@dataclass(frozen=True)
class Access:
    """An address, and what a job is given to enter there; `secrets` are texts of it that must
    never show."""

    address: str
    options: dict[str, Any] = field(default_factory=dict)
    credential: Credential | None = None
    secrets: tuple[str, ...] = ()


class Site(ABC):
    """One empty folder of a service, for one test."""

    ca_file: str | None = None

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Put the file `name` (``/`` between segments) there, replacing what stands there; each
        time it is told from what stood there before by ETag or time. Raises `CannotHold`."""

    @abstractmethod
    def access(self, name: str = "") -> Access:
        """The address of the file `name`, or of the whole folder, and what opens it."""

    def denied(self, name: str, how: Literal["missing", "wrong"]) -> Access | None:
        """An access to the file `name` that the service refuses, for lack of a credential or for
        a wrong one; None where everybody may read."""
        return None

    def short_lived(self) -> AbstractContextManager[Any] | None:
        """While it is entered, locators live for a few seconds, less than five; None where they
        live for ever."""
        return None

    def read(self, name: str) -> bytes | None:
        """What stands at `name`, None when nothing does."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Everything that a person can see there, sorted."""
        raise NotImplementedError

    def leftovers(self) -> list[str]:
        """What was begun there and is neither finished nor removed."""
        return []
