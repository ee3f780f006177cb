"""A job on a running Jupyter server, as the commands drive it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .. import servers
from ..backends import is_remote
from ..client import Client, Job
from ..errors import TransferError
from ..servers import Server
from ..spec import JobSpec

Json = dict[str, Any]


def client_for(
    spec: JobSpec | None, url: str | None, token_file: str | None, ca_file: str | None
) -> Client | None:
    """The server that the person named, else one of this machine that has this extension and
    serves the paths of `spec`; None when the job is to run here.

    Raises ``not_found`` … when the named one cannot do it.
    """
    if url is not None:
        return Client(servers.at(url, token_file), ca_file=ca_file)
    for server in servers.running():
        if spec is not None and _below(server, spec) is None:
            continue
        client = Client(server, ca_file=ca_file)
        try:
            client.backends()
        except TransferError:
            continue  # without this extension, or it does not let us in
        return client
    return None


class ServedJob:
    """A job of a server.

    Parameters
    ----------
    spec: what the person asked for, with paths as they were typed.

    Raises what the server finds wrong with it, ``invalid_path`` for a path that it does not serve.
    """

    def __init__(self, client: Client, spec: JobSpec) -> None:
        self._client = client
        self._spec = _served(client, spec)
        self._job: Job | None = None

    @property
    def where(self) -> str:
        """The address of the server."""
        return self._client.server.url

    @property
    def data(self) -> Json:
        """The job as the contract's JSON."""
        return self._started().data

    def plan(self) -> Json:
        """What it would do; nothing is moved."""
        spec = self._spec
        return self._client.plan(spec.kind, spec.source, spec.destination, **spec.options)

    def updates(self) -> Iterator[Json]:
        """Start it, or follow it: its JSON each time it has changed, until it rests."""
        yield from self._started().updates()

    def refresh(self) -> None:
        """Look at it again."""
        self._started().refresh()

    def halt(self) -> None:
        """Pause it."""
        self._started().act("pause")

    def resume(self) -> None:
        """Let it go on."""
        self._started().act("resume")

    def cancel(self) -> None:
        """Stop it, and throw away what is not whole."""
        self._started().act("cancel")

    def approve(self) -> None:
        """Accept what the waiting job shows."""
        self._started().act("approve")

    def enter(self, options: Mapping[str, Any]) -> None:
        """Give it the credentials that it waits for."""
        self._started().act("resume", options)

    def files(self) -> Iterator[Json]:
        """The report so far, file by file."""
        yield from self._started().files()

    def _started(self) -> Job:
        if self._job is None:
            spec = self._spec
            self._job = self._client.submit(
                spec.kind, spec.source, spec.destination, **spec.options
            )
        return self._job


def _below(server: Server, spec: JobSpec) -> JobSpec | None:
    """`spec` with the paths of `server`; None when it does not serve them."""
    source, destination = spec.source, spec.destination
    if not is_remote(source):
        path = server.path_of(source)
        if path is None:
            return None
        source = path
    if not is_remote(destination):
        path = server.path_of(destination)
        if path is None:
            return None
        destination = path
    options = dict(spec.options)
    if "paths" in options:
        paths = [server.path_of(path) for path in options["paths"]]
        if None in paths:
            return None
        options["paths"] = paths
    return replace(spec, source=source, destination=destination, options=options)


def _served(client: Client, spec: JobSpec) -> JobSpec:
    below = _below(client.server, spec)
    if below is None and client.server.root is None:
        below = spec  # a server elsewhere: its paths were typed
    if below is None:
        raise TransferError(
            "invalid_path",
            "The Jupyter server does not serve this folder.",
            "Name a path below its root folder, or run the transfer here: --local.",
        )
    if spec.destination or is_remote(spec.destination):
        return below
    return replace(below, destination=_named(client, spec, below.destination))


def _named(client: Client, spec: JobSpec, folder: str) -> str:
    """Where it goes without a destination: one file into the working folder, many into one of
    their own there."""
    if folder in (".", ""):
        return ""
    options = {k: v for k, v in spec.options.items() if k not in _OF_JOBS}
    found = client.probe(spec.source, **options)
    return f"{folder}/" if found["files"] == 1 else f"{folder}/{found['title']}"


_OF_JOBS = ("approve", "dry_run", "compare", "max_delete", "trash", "start_at")
"""Options that make no sense for a look."""
