"""What a job is: its specification, its states and its JSON. Pure data, no input or output.

The names are the contract's (docs/architecture.md); times are ISO 8601 in UTC, sizes bytes, rates
bytes a second, `eta` seconds.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from .ambient import Ambient
from .errors import TransferError
from .timetable import parse_limit

KINDS = ("fetch", "send", "sync", "copy", "extract", "pack", "download")
"""Kinds of jobs; ``download`` is an archive that a browser is fetching from this server."""

MAX_ADDRESS = 8192
"""Characters in a source or destination address."""


class State(str, Enum):
    """Where a job stands. `waiting` waits for a person, `queued` for its turn or a retry."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to the job unless a person asks for a retry."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset(
        {
            State.QUEUED,
            State.PAUSED,
            State.WAITING,
            State.DONE,
            State.FAILED,
            State.CANCELLED,
        }
    ),
    State.PAUSED: frozenset({State.QUEUED, State.RUNNING, State.CANCELLED}),
    State.WAITING: frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.CANCELLED}),
    State.DONE: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}


def now() -> str:
    """The present time in UTC, ISO 8601 with milliseconds and ``Z``."""
    return iso_time(datetime.now(timezone.utc).timestamp())


def iso_time(seconds: float) -> str:
    """`seconds` since 1970 as ISO 8601 in UTC with milliseconds and ``Z``."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(moment: str) -> float:
    """Seconds since 1970 of a time that `iso_time` wrote."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def new_id() -> str:
    """An unguessable id: 128 random bits in hex."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Progress:
    """How far a job is. Totals are None while unknown; `rate` and `eta` None when not moving."""

    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int = 0
    files_total: int | None = None
    files_failed: int = 0
    rate: float | None = None
    eta: float | None = None

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Progress:
        """The progress in `value`, unknown keys left out."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__ if name in value})

    def at_rest(self) -> Progress:
        """The same without rate and eta, for a job that is not moving."""
        return replace(self, rate=None, eta=None)


@dataclass(frozen=True)
class JobSpec:
    """What a person asked for: checked, plain JSON, nothing secret in it."""

    kind: str
    source: str
    destination: str
    options: dict[str, Any] = field(default_factory=dict)
    priority: int = 0

    @classmethod
    def from_request(cls, body: Any) -> JobSpec:
        """The specification in the JSON body of ``POST jobs``.

        Raises `TransferError` ``bad_request`` for missing, unknown or ill-typed fields.
        """
        if not isinstance(body, dict):
            raise TransferError("bad_request", "The body must be a JSON object.")
        unknown = sorted(set(body) - {"source", "destination", "kind", "options", "priority"})
        if unknown:
            raise TransferError("bad_request", f"Unknown field: {', '.join(unknown)}.")
        source = _text(body, "source", required=True)
        destination = _text(body, "destination", required=False)
        kind = body.get("kind", "fetch")
        if kind not in KINDS:
            raise TransferError("bad_request", "The field “kind” is not a known kind of job.")
        options = body.get("options", {})
        if not isinstance(options, dict):
            raise TransferError("bad_request", "The field “options” must be an object.")
        priority = body.get("priority", 0)
        if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) > 1000:
            raise TransferError(
                "bad_request", "The field “priority” must be a whole number from -1000 to 1000."
            )
        options = {**options}
        if "bandwidth" in options:
            options["bandwidth"] = parse_limit(options["bandwidth"])
        return cls(kind, source, destination, options, priority)


def _text(body: dict[str, Any], name: str, *, required: bool) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or (required and not value.strip()):
        raise TransferError("bad_request", f"The field “{name}” must be a text.")
    if len(value) > MAX_ADDRESS or "\0" in value:
        raise TransferError("bad_request", f"The field “{name}” is too long or holds a NUL.")
    return value.strip() if required else value


def exceeded(seconds: int) -> TransferError:
    """What an attempt fails of that took longer than its ``max_duration``."""
    return TransferError("deadline_exceeded", f"It took longer than its {seconds} seconds.")


def scheduled(start_at: str) -> dict[str, Any]:
    """The reason of a job that is queued until `start_at`, ISO 8601 in UTC."""
    error = TransferError("scheduled", "The transfer waits for the time that it is planned for.")
    return {**error.as_dict(), "retry_at": start_at}


@dataclass(frozen=True)
class Job:
    """A job as it stands now."""

    id: str
    kind: str
    source: str
    destination: str
    state: State
    owner: str
    created: str
    priority: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    reason: dict[str, Any] | None = None
    progress: Progress = field(default_factory=Progress)
    verified: bool | None = None
    unverified: str | None = None
    """The code for why a job that is done is not verified (docs/architecture.md)."""
    started: str | None = None
    finished: str | None = None
    attempt: int = 0
    phase: str | None = None
    """What a running job is doing when it is not moving bytes: ``planning``, ``checking`` …"""
    revision: int = 0
    ambient: Ambient = "none"
    """Why it may use the credentials of this server's account; not told."""

    @classmethod
    def new(cls, spec: JobSpec, owner: str, ambient: Ambient = "none") -> Job:
        """A queued job for `spec`."""
        start_at = spec.options.get("start_at")
        return cls(
            id=new_id(),
            kind=spec.kind,
            source=spec.source,
            destination=spec.destination,
            state=State.QUEUED,
            owner=owner,
            created=now(),
            priority=spec.priority,
            options=dict(spec.options),
            reason=scheduled(start_at) if start_at else None,
            ambient=ambient,
        )

    def moved(self, state: State, **changes: Any) -> Job:
        """The job in another state. Raises ``conflict`` if no such step exists."""
        if state is not self.state and state not in TRANSITIONS[self.state]:
            raise TransferError(
                "conflict",
                f"A job that is {self.state.value} cannot become {state.value}.",
                "Reload the list of jobs.",
            )
        return replace(self, **{"phase": None, **changes, "state": state})

    def as_dict(self) -> dict[str, Any]:
        """The job as the contract's JSON."""
        told = {name: value for name, value in self.__dict__.items() if name != "ambient"}
        return {
            **told,
            "state": self.state.value,
            "options": dict(self.options),
            "progress": dict(self.progress.__dict__),
        }
