"""What a request may ask for, checked without a network: kinds of jobs, addresses, paths, options.

Here secrets are taken out: userinfo of addresses and values of secret options leave the request
for a `Held`; what stays may be written down. References to secrets (``env:NAME`` …) stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .archives.charsets import known_charset
from .archives.extractlimits import ExtractCaps
from .archives.suffixes import folder_for
from .backends import find, is_remote, secret_names
from .backends.base import Backend, Context
from .backends.committing import CommittingBackend
from .backends.ends import End, context_of, options_between
from .backends.tree import TreeBackend
from .engine.kinds import RUN_KINDS
from .engine.sync.options import require_apart, require_sync
from .errors import TransferError
from .joboptions import (
    BETWEEN_SERVICES,
    JOB_OPTIONS,
    JOB_SECRETS,
    archive_options,
    checked,
    checked_of_archive,
)
from .net import Policy
from .paths import Root
from .secrets import (
    Credential,
    Held,
    check_reference,
    is_reference,
    split_query,
    split_userinfo,
)
from .spec import Job, JobSpec

Ends = tuple[str, str]
"""Source and destination, each ``remote`` (an address) or ``local`` (a path below the root)."""

_REMOTE, _LOCAL = "remote", "local"

_FORMS: dict[str, tuple[Ends, ...]] = {
    "fetch": ((_REMOTE, _LOCAL),),
    "send": ((_LOCAL, _REMOTE),),
    "sync": ((_REMOTE, _LOCAL), (_LOCAL, _REMOTE), (_REMOTE, _REMOTE)),
    "copy": ((_REMOTE, _REMOTE),),
    "extract": ((_LOCAL, _LOCAL),),
    "pack": ((_LOCAL, _LOCAL),),
}


def ends_of(spec: JobSpec) -> Ends:
    """From where to where `spec` goes. Raises ``bad_request`` for what no job can do."""
    if spec.kind not in RUN_KINDS:
        raise TransferError(
            "bad_request",
            f"Jobs of the kind “{spec.kind}” cannot be started here.",
            f"Use one of: {', '.join(RUN_KINDS)}.",
        )
    forms = _FORMS[spec.kind]
    if len(forms) == 1:
        return forms[0]
    sorts = [_REMOTE if is_remote(end) else _LOCAL for end in (spec.source, spec.destination)]
    if tuple(sorts) not in forms:
        raise TransferError("bad_request", "One of the two ends must be the address of a service.")
    return sorts[0], sorts[1]


def permissions(spec: JobSpec) -> list[tuple[str, str]]:
    """What the user must be allowed beside ``transfers``: to write the files that a job changes
    here, to read those that it sends. Raises ``bad_request``."""
    source, destination = ends_of(spec)
    needs = [("read", "contents")] if source == _LOCAL else []
    if source == _LOCAL and _is_tree(spec.destination):
        needs.append(("write", "contents"))  # a commit, and what the clone knows of its remote
    if spec.options.get("target") == "cache":
        needs.append(("execute", "kernels"))  # it lies wherever this account keeps it
    return needs + ([("write", "contents")] if destination == _LOCAL else [])


def _is_tree(address: str) -> bool:
    try:
        return issubclass(find(address), TreeBackend)
    except TransferError:
        return False  # admission says what is wrong with it


@dataclass(frozen=True)
class Address:
    """An address of a service, or a path; without what is secret in it."""

    text: str
    backend: type[Backend] | None = None
    """None for a path."""
    credential: Credential | None = None
    """The userinfo."""
    query: str | None = None
    """The whole query, where it holds a signature or a token."""
    writes: bool = False
    """Whether the job puts files there."""


class JobAdmission:
    """Checks requests.

    Parameters
    ----------
    root: the gate to the user's files, which judges paths.
    policy: which addresses may be called.
    enabled: whether a backend of that name may be used.
    caps: how much an archive may become at most.
    """

    def __init__(
        self,
        root: Root,
        policy: Policy,
        ca_file: str | None,
        enabled: Callable[[str], bool],
        caps: ExtractCaps | None = None,
    ) -> None:
        self._root = root
        self._policy = policy
        self._ca_file = ca_file
        self._enabled = enabled
        self._caps = caps or ExtractCaps()

    def job(self, spec: JobSpec) -> tuple[JobSpec, Held]:
        """`spec` fit to be written down, and what it held that is not.

        Raises ``bad_request``, ``invalid_address``, ``unsupported_scheme``, ``address_refused``,
        ``disabled``, ``invalid_path``, ``hidden_path``.
        """
        source, destination = self._end(spec, 0), self._end(spec, 1)
        ends = [end for end in (source, destination) if end.backend is not None]
        _require_files(spec.kind, ends)
        more = archive_options(spec.kind)
        options, held = self._options(spec.options, ends, _held(*ends), more)
        if more:
            options, destination = self._of_archive(spec, options, destination)
        if options.get("target") == "cache" and spec.kind != "fetch":
            raise TransferError(
                "bad_request",
                "Files can go into the cache only by being fetched.",
                "Start a job of the kind “fetch”.",
            )
        if spec.kind == "sync":
            require_sync(options, destination.backend)
            if len(ends) > 1:
                require_apart(options, source.text, destination.text)
        goes = "" if options.get("target") == "cache" else destination.text  # it says where itself
        clean = replace(spec, source=source.text, destination=goes, options=options)
        return clean, held

    def _of_archive(
        self, spec: JobSpec, options: dict[str, Any], destination: Address
    ) -> tuple[dict[str, Any], Address]:
        """Options and destination of a job that makes an archive, or files of one."""
        options = checked_of_archive(spec.kind, options)
        for path in options.get("paths", ()):
            self._root.parse(path)
        if spec.kind == "pack":
            return options, destination
        if "encoding" in options:
            options["encoding"] = known_charset(options["encoding"])
        folder = destination.text or folder_for(self._root.parse(spec.source))
        return self._caps.within(options), replace(destination, text=folder)

    def remote(self, address: str, options: dict[str, Any]) -> tuple[str, dict[str, Any], Held]:
        """The address and the options of a look at a service, and what they held that is secret.

        Raises as `job`.
        """
        end = _apart(address)
        rest, held = self._options(options, [end], _held(end))
        return end.text, rest, held

    def more(self, job: Job, options: Any) -> tuple[dict[str, Any], Held]:
        """What a person enters for a job that lacks credentials: options for its row (references,
        a user name), and what is kept in memory. Raises ``bad_request``."""
        if not isinstance(options, dict):
            raise TransferError("bad_request", "The field “options” must be an object.")
        secret = secret_names(job.source, job.destination) | JOB_SECRETS
        names = {"username", "dest_username"} if self._is_between(job) else {"username"}
        secret = secret if self._is_between(job) else secret - {"dest_password"}
        unknown = sorted(set(options) - secret - names)
        if unknown:
            raise TransferError(
                "bad_request",
                f"“{unknown[0][:40]}” cannot be entered now.",
                f"Enter only: {', '.join(sorted(secret | names))}.",
            )
        return _split(checked(options), secret)

    @staticmethod
    def _is_between(job: Job) -> bool:
        """Whether both ends of `job` are services."""
        return is_remote(job.source) and is_remote(job.destination)

    def _end(self, spec: JobSpec, number: int) -> Address:
        """One end of a job."""
        address = (spec.source, spec.destination)[number]
        if ends_of(spec)[number] == "remote":
            return replace(_apart(address), writes=number == 1)
        self._root.parse(address, new=number == 1)
        return Address(address)

    def _options(
        self,
        options: dict[str, Any],
        ends: list[Address],
        held: Held,
        more: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Any], Held]:
        backends = [end.backend for end in ends if end.backend is not None]
        known = _known(backends) | more
        unknown = sorted(set(options) - known)
        if unknown:
            whose = backends[0].title if backends else "This kind of job"
            raise TransferError(
                "bad_request",
                f"{whose} has no option “{unknown[0][:40]}”.",
                f"Use only: {', '.join(sorted(known))}.",
            )
        options = checked(options)
        for end in ends:
            assert end.backend is not None
            if not self._enabled(end.backend.name):
                title = end.backend.title
                raise TransferError("disabled", f"{title} is switched off on this server.")
            if end.writes and "send" not in end.backend.can:
                title = end.backend.title
                raise TransferError("bad_request", f"{title}: nothing can be sent there.")
            if end.writes and _only_from_here(end, ends):
                raise TransferError(
                    "bad_request",
                    f"{end.backend.title}: nothing can be sent there from another service.",
                    "Fetch it to this server, and send it from there.",
                )
            end.backend(self._context(options, ends, end, held)).check(end.text)
        rest, secrets = _split(options, secret_names(*(end.text for end in ends)) | JOB_SECRETS)
        return rest, held.and_then(secrets)

    def _context(
        self, options: dict[str, Any], ends: list[Address], end: Address, held: Held
    ) -> Context:
        """What the backend of `end` is checked with."""
        context = Context(options, self._policy, self._ca_file, held.credential)
        if len(ends) < 2:
            return context
        context = replace(context, destination_credential=held.destination)
        whose: End = "destination" if end is ends[1] else "source"
        return context_of(context, ends[0].text, ends[1].text, whose)


def _only_from_here(end: Address, ends: list[Address]) -> bool:
    """Whether `end` takes files of this disk only, and another service is to send it some."""
    assert end.backend is not None
    if issubclass(end.backend, CommittingBackend):
        return len(ends) > 1
    elsewhere = ends[0].backend is not end.backend
    return elsewhere and end.backend.tool and not end.backend.streams


def _require_files(kind: str, ends: list[Address]) -> None:
    """Raise ``bad_request`` for a job that deals with single files of a whole folder's backend."""
    whole = [end.backend for end in ends if end.backend and issubclass(end.backend, TreeBackend)]
    if whole and kind not in ("fetch", "send"):
        raise TransferError(
            "bad_request",
            f"{whole[0].title}: it can only be fetched whole, or pushed to from a clone.",
            "Fetch it to a folder of this server, and send that folder on from there.",
        )


def _known(backends: list[type[Backend]]) -> frozenset[str]:
    """Names of the options that a job of these ends may have."""
    if len(backends) == 2:
        return JOB_OPTIONS.union(BETWEEN_SERVICES, options_between(*backends))
    return JOB_OPTIONS.union(option.name for b in backends for option in b.options)


def _apart(address: str) -> Address:
    """`address` without what is secret in it, and that."""
    text, credential = split_userinfo(address)
    backend, query = find(text), None
    if any(option.name == "query" and option.secret for option in backend.options):
        text, query = split_query(text)
    return Address(text, backend, credential, query)


def _held(first: Address | None = None, second: Address | None = None) -> Held:
    """What the ends of a job held; the options of a second one have names of their own."""
    if first is None:
        return Held()
    options = {"query": first.query, "dest_query": second.query if second else None}
    return Held(
        first.credential,
        second.credential if second else None,
        {name: value for name, value in options.items() if value is not None},
    )


def _split(options: Mapping[str, Any], secret: frozenset[str]) -> tuple[dict[str, Any], Held]:
    """What may be written down, and what may not."""
    rest: dict[str, Any] = {}
    held: dict[str, str] = {}
    for name, value in options.items():
        if name not in secret or value is None:
            rest[name] = value
        elif not isinstance(value, str):
            raise TransferError("bad_request", f"The option “{name}” must be a text.")
        elif is_reference(value):
            check_reference(value)
            rest[name] = value
        elif value:
            held[name] = value
    return rest, Held(options=held)
