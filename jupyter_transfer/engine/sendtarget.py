"""Where a file lands at a service, and what to do when something stands there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from ..backends.base import Backend, Digest, Entry, Validators
from ..errors import TransferError
from ..names import CONFLICTS, Conflict
from .original import State
from .sendjournal import Target
from .target import Delivered, Row


class Service(Protocol):
    """Who knows what stands at an address: a backend."""

    def find(self, address: str) -> Entry | None:
        """See `Backend.find`."""

    def is_free(self, address: str) -> bool:
        """See `Backend.is_free`."""


HasDigest = Callable[[Digest], bool]
"""Whether the file that goes there has a digest; reads it for that, where it can be read."""


@dataclass(frozen=True)
class Verdict:
    """What to do about a file: ``send`` it to `target`, or nothing, because it is ``present`` there
    or something else that has to be left alone (``skipped``); `entry` is what stands there now,
    `digest` what proves that it is the file, where that was asked."""

    act: Literal["send", "present", "skipped"]
    target: Target
    entry: Entry | None = None
    digest: Digest | None = None


class SendTargets:
    """The addresses for the files of one job.

    Parameters
    ----------
    destination: the job's, an address that `backend` serves.
    conflict: the policy that the person chose; None replaces what we sent there ourselves from the
        same source and nobody has changed since, and fails for anything else.
    delivered: what earlier jobs sent from the same source; the `path` of a row is an address.
    """

    def __init__(
        self,
        backend: Backend,
        destination: str,
        conflict: str | None,
        source: str,
        delivered: Delivered | Iterable[Row] = (),
    ) -> None:
        if conflict is not None and conflict not in CONFLICTS:
            raise TransferError(
                "bad_request",
                "The option “conflict” has an unknown value.",
                f"Use one of: {', '.join(CONFLICTS)}.",
            )
        self._backend = backend
        self._destination = destination
        self._conflict: Conflict | None = next((c for c in CONFLICTS if c == conflict), None)
        self.delivered = Delivered.of(source, delivered)
        self.delivered.get("")  # sorted now: several threads only read
        self._is_new: bool | None = None

    def address_of_one(self, name: str) -> str:
        """Where the only file of a job goes: to the destination, or into it when that is a folder
        or ends in ``/``."""
        if self._backend.means_folder(self._destination) or self._is_folder():
            return self._backend.join(self._destination, name)
        return self._destination

    def address_of_many(self, relative: str) -> str:
        """Where one of many files goes: at its relative path below the destination."""
        return self._backend.join(self._destination, relative)

    @property
    def takes_any_name(self) -> bool:
        """Whether no relative path leads out of the destination."""
        return self._backend.any_name

    def _is_folder(self) -> bool:
        entry = self._backend.find(self._destination)
        return entry is not None and entry.path.endswith("/")

    def expect_nothing(self) -> None:
        """Look once whether there is a folder at the destination; if not, nothing is in it."""
        self._is_new = not self.delivered and self._backend.find(self._destination) is None

    @property
    def is_new(self) -> bool:
        """Whether nothing can stand at any address."""
        return bool(self._is_new)

    def decide(
        self, backend: Service, address: str, local: State, has_digest: HasDigest | None = None
    ) -> Verdict:
        """What to do about the file `local` that goes to `address`; `backend` is asked what stands
        there, and `has_digest` where what was sent there has other validators by now.

        Raises ``exists`` where the policy says so, ``is_a_directory``.
        """
        for candidate in self._candidates(address):
            free = self._is_new or backend.is_free(candidate)
            entry = None if free else backend.find(candidate)
            if entry is None:
                may_replace = self._conflict == "overwrite"
                return Verdict("send", Target(candidate, may_replace))
            if not entry.path.endswith("/") and self._was_sent(candidate, local, entry):
                if self._is_known(candidate, entry):
                    return Verdict("present", Target(candidate), entry)
                if has_digest is not None and entry.digest and has_digest(entry.digest):
                    return Verdict("present", Target(candidate), entry, entry.digest)
            if self._conflict == "rename":
                continue
            return self._decide_about(candidate, entry)
        raise AssertionError("alternatives have no end")

    def _decide_about(self, address: str, entry: Entry) -> Verdict:
        """What to do where something else stands."""
        if entry.path.endswith("/"):
            raise TransferError("is_a_directory", "A folder stands at this address.")
        if self._conflict == "skip":
            return Verdict("skipped", Target(address), entry)
        if self._conflict == "overwrite":
            return Verdict("send", Target(address, replace=True), entry)
        if self._conflict is None and self._is_untouched(address, entry):
            target = Target(address, replace=True, replaces=entry.validators)
            return Verdict("send", target, entry)
        raise TransferError(
            "exists",
            "Something that we did not send there stands at this address.",
            detail={"address": address},
        )

    def _candidates(self, address: str) -> Iterator[str]:
        if self._conflict == "rename":
            return self._backend.alternatives(address)
        return iter((address,))

    def _is_untouched(self, address: str, entry: Entry) -> bool:
        """Whether what stands at `address` is what we sent there, as far as can be told."""
        row = self.delivered.get(address)
        if row is None or entry.size not in (None, row["size"]):
            return False
        known = Validators.from_dict(row["validators"])
        if known.provisional and not known.proves(entry.validators):
            return row["mtime_ns"] is not None and entry.mtime_ns == row["mtime_ns"]
        return not known.contradicts(entry.validators)

    def _was_sent(self, address: str, local: State, entry: Entry) -> bool:
        """Whether this very file was sent to `address` earlier, and a file as large is there."""
        row = self.delivered.get(address)
        return row is not None and entry.size in (None, row["size"]) and local.is_in(row)

    def _is_known(self, address: str, entry: Entry) -> bool:
        """Whether what stands at `address` is certainly what we sent there."""
        row = self.delivered.get(address)
        if row is None or not self._is_untouched(address, entry):
            return False
        algorithm, _, value = (row["digest"] or "").partition(":")
        if entry.digest is not None and algorithm == entry.digest.algorithm:
            return value == entry.digest.value
        return entry.validators.proves(Validators.from_dict(row["validators"]))
