"""The transfers of a running Jupyter server, from Python.

>>> from jupyter_transfer import Client
>>> client = Client()                                     # the server that runs here
>>> job = client.get("https://example.org/data.csv", "data/").wait()
>>> job.state, job.progress["bytes_done"]
('done', 8)
>>> [file["path"] for file in job.files()]
['data/data.csv']

How far a job is comes as a sequence, or to a function:

>>> job = client.get("https://example.org/data.csv", "again/")
>>> for progress in job.watch():
...     bytes_done = progress["bytes_done"]
>>> bytes_done
8
>>> job = client.get("https://example.org/data.csv", "more/")
>>> _ = job.wait(timeout=60, on_progress=lambda data: None)

In a coroutine a job is awaited, and several go on at the same time:

>>> async def both():
...     one = client.get("https://example.org/data.csv", "one/")
...     two = client.get("https://example.org/data.csv", "two/")
...     return [(await job).state for job in (one, two)]
>>> import asyncio
>>> asyncio.run(both())
['done', 'done']

What goes wrong is an error that says what to do:

>>> from jupyter_transfer.errors import TransferError
>>> try:
...     client.get("https://example.org/not-there").wait()
... except TransferError as error:
...     error.code, error.remedy
('remote_not_found', 'Check the address: the remote side has no such file.')

Paths are the server's: below its root folder. Every example here is run by the tests.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import servers
from .errors import TransferError
from .servers import Server

if TYPE_CHECKING:
    import requests

POLL = 0.1
"""Seconds between two looks at a job that somebody follows."""

TIMEOUT = 60.0
"""Seconds after which a server that says nothing is given up."""

AT_REST = ("done", "failed", "cancelled", "paused", "waiting")
"""States that a job does not leave by itself."""

PAGE = 500

Json = dict[str, Any]


class Job:
    """A transfer of a server, as it was when it was last looked at.

    Parameters
    ----------
    client: that of its server.
    data: the job as the contract's JSON.
    """

    def __init__(self, client: Client, data: Json) -> None:
        self._client = client
        self.data = data

    def __repr__(self) -> str:
        return f"<Job {self.id[:8]} {self.kind} {self.state}: {self.data['source']}>"

    @property
    def id(self) -> str:
        """The job's id: 32 hexadecimal digits."""
        return str(self.data["id"])

    @property
    def kind(self) -> str:
        """``fetch``, ``send``, ``sync``, ``copy``, ``extract`` or ``pack``."""
        return str(self.data["kind"])

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``paused``, ``waiting``, ``done``, ``failed``, ``cancelled``."""
        return str(self.data["state"])

    @property
    def progress(self) -> Json:
        """Bytes and files done, their totals (None while unknown), rate (bytes a second), eta
        (seconds)."""
        return dict(self.data["progress"])

    @property
    def reason(self) -> Json | None:
        """Why it waits or has failed: code, message, remedy."""
        reason: Json | None = self.data["reason"]
        return reason

    @property
    def verified(self) -> bool | None:
        """Whether a digest proves every byte; None where the source states none."""
        verified: bool | None = self.data["verified"]
        return verified

    def refresh(self) -> Job:
        """Look at it again."""
        self.data = self._client.ask("GET", f"jobs/{self.id}")
        return self

    def updates(self, interval: float = POLL) -> Iterator[Json]:
        """The job's JSON each time it has changed, until it rests (see `AT_REST`). A server that
        is away for a while (it restarts) is waited for.

        >>> job = client.get("https://example.org/data.csv", "updates/")
        >>> [data["state"] for data in job.updates()][-1]
        'done'
        """
        seen = None
        while True:
            if self.data["revision"] != seen:
                seen = self.data["revision"]
                yield self.data
            if self.state in AT_REST:
                return
            time.sleep(interval)
            self._refresh_patiently()

    async def _changes(self, interval: float) -> AsyncIterator[Json]:
        """As `updates`, without holding up the event loop."""
        import asyncio  # noqa: PLC0415 - who awaits has it

        seen = None
        while True:
            if self.data["revision"] != seen:
                seen = self.data["revision"]
                yield self.data
            if self.state in AT_REST:
                return
            await asyncio.sleep(interval)
            await asyncio.to_thread(self._refresh_patiently)

    def watch(self, interval: float = POLL) -> Watch:
        """Its `progress` each time it has changed, until it rests: for ``for`` and ``async for``.

        >>> job = client.get("https://example.org/data.csv", "watched/")
        >>> [progress["files_done"] for progress in job.watch()][-1]
        1
        """
        return Watch(self, interval)

    def __await__(self) -> Generator[Any, None, Job]:
        return self._rested().__await__()

    async def _rested(self) -> Job:
        async for _ in self._changes(POLL):
            pass
        return self._whole()

    def _refresh_patiently(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self.refresh()
                return
            except TransferError as error:
                if error.code != "connect_failed" or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def wait(
        self, timeout: float | None = None, on_progress: Callable[[Json], None] | None = None
    ) -> Job:
        """Wait until the job rests; `on_progress` is called with each change of its JSON. In a
        coroutine: ``await job``.

        Raises TimeoutError after `timeout` seconds, and the job's own error (`TransferError`) when
        it has failed.

        >>> seen = []
        >>> job = client.get("https://example.org/data.csv", "waited/")
        >>> job.wait(on_progress=lambda data: seen.append(data["state"])).state == seen[-1]
        True
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for data in self.updates():
            if on_progress is not None:
                on_progress(data)
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"The transfer is {self.state} after {timeout} seconds.")
        return self._whole()

    def _whole(self) -> Job:
        """This job. Raises what it failed of."""
        if self.state == "failed" and self.reason is not None:
            raise TransferError.from_dict(self.reason)
        return self

    def act(self, action: str, options: Mapping[str, Any] | None = None) -> Job:
        """Do ``pause``, ``resume``, ``cancel``, ``retry`` or ``approve``; `options` enter the
        credentials that it waits for. Raises ``conflict`` where its state does not allow it."""
        body = {"action": action, **({"options": dict(options)} if options else {})}
        self.data = self._client.ask("PATCH", f"jobs/{self.id}", body)
        return self

    def pause(self) -> Job:
        """Stop moving bytes and keep what is there."""
        return self.act("pause")

    def resume(self) -> Job:
        """Go on."""
        return self.act("resume")

    def cancel(self) -> Job:
        """Stop, and throw away what is not whole."""
        return self.act("cancel")

    def retry(self) -> Job:
        """Try a failed or cancelled job again, now."""
        return self.act("retry")

    def forget(self) -> None:
        """Take a finished job off the list."""
        self._client.ask("DELETE", f"jobs/{self.id}")

    def files(self, state: str | None = None) -> Iterator[Json]:
        """The report, file by file, failed ones first: path, size, digest, verified, error."""
        offset = 0
        while True:
            query = f"limit={PAGE}&offset={offset}" + (f"&state={quote(state)}" if state else "")
            page = self._client.ask("GET", f"jobs/{self.id}/files?{query}")
            yield from page["files"]
            offset += PAGE
            if offset >= page["total"]:
                return


class Watch:
    """The progress of a job each time it has changed, until it rests: bytes and files done, their
    totals, rate and eta, as in `Job.progress`."""

    def __init__(self, job: Job, interval: float) -> None:
        self._job = job
        self._interval = interval

    def __iter__(self) -> Iterator[Json]:
        for data in self._job.updates(self._interval):
            yield dict(data["progress"])

    async def __aiter__(self) -> AsyncIterator[Json]:
        async for data in self._job._changes(self._interval):
            yield dict(data["progress"])


class Client:
    """A Jupyter server with this extension.

    Parameters
    ----------
    server: which one; a URL, or None for the newest that runs here.
    token: what lets in, where the server is not one of this machine.
    ca_file: certificate authorities on top of the usual ones.

    Raises ``not_found`` when no server runs here.
    """

    def __init__(
        self, server: Server | str | None = None, token: str = "", ca_file: str | None = None
    ) -> None:
        if server is None:
            here = servers.running()
            if not here:
                raise TransferError(
                    "not_found",
                    "No Jupyter server of yours runs on this machine.",
                    "Start JupyterLab, or name a server by its address.",
                )
            server = here[0]
        elif isinstance(server, str):
            server = servers.at(server)
        self.server = Server(server.url, token, server.root) if token else server
        self._ca_file = ca_file

    @cached_property
    def _session(self) -> requests.Session:
        import requests  # noqa: PLC0415 - slow to load, and not needed without a server

        session = requests.Session()
        if self.server.token:
            session.headers["Authorization"] = f"token {self.server.token}"
        if self._ca_file:
            session.verify = self._ca_file
        return session

    def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        """The answer to one request below ``jupyter-transfer/``. Raises what the server says, and
        ``connect_failed``, ``not_found`` (a server without this extension), ``forbidden``."""
        answer = self._send(method, path, body)
        if answer.status_code == 204:
            return None
        try:
            data = answer.json()
        except ValueError:
            data = None
        if answer.ok and data is not None:
            return data
        raise _error(answer.status_code, data)

    def _send(self, method: str, path: str, body: Json | None) -> requests.Response:
        from requests import RequestException  # noqa: PLC0415

        url = f"{self.server.url}jupyter-transfer/{path}"
        try:
            return self._session.request(
                method, url, json=body, timeout=TIMEOUT, allow_redirects=False
            )
        except RequestException as error:
            raise TransferError(
                "connect_failed", f"The Jupyter server does not answer ({type(error).__name__})."
            ) from None

    def status(self, method: str, path: str) -> int:
        """The status of the answer to one request below ``jupyter-transfer/``, whatever it is.
        Raises ``connect_failed``."""
        return self._send(method, path, None).status_code

    # -- new jobs --

    def submit(self, kind: str, source: str, destination: str = "", **options: Any) -> Job:
        """A new job of `kind` (``fetch``, ``send``, ``sync``, ``copy``, ``extract``, ``pack``) with
        the options of the contract. Raises what the server finds wrong with it."""
        body = {"kind": kind, "source": source, "destination": destination, "options": options}
        return Job(self, self.ask("POST", "jobs", body))

    def plan(self, kind: str, source: str, destination: str = "", **options: Any) -> Json:
        """What such a job would do; nothing is moved.

        >>> plan = client.plan("sync", "https://example.org/listed/folder/", "other mirror")["plan"]
        >>> plan["copy"], plan["delete"]
        (2, 0)
        """
        options = {**options, "dry_run": True}
        body = {"kind": kind, "source": source, "destination": destination, "options": options}
        plan: Json = self.ask("POST", "jobs", body)
        return plan

    def get(self, source: str, destination: str = "", **options: Any) -> Job:
        """Fetch the address `source` to the path `destination`.

        >>> client.get("https://example.org/data.csv", "new name.csv").wait().state
        'done'
        """
        return self.submit("fetch", source, destination, **options)

    def put(self, path: str, destination: str, **options: Any) -> Job:
        """Send the file or folder at `path` to the address `destination`.

        >>> there = "https://dav.example.org/put.csv"
        >>> job = client.put("new name.csv", there, conflict="overwrite")
        >>> job.wait().state
        'done'
        """
        return self.submit("send", path, destination, **options)

    def sync(self, source: str, destination: str, **options: Any) -> Job:
        """Make `destination` equal to `source`; it waits for a yes before it deletes.

        >>> job = client.sync("https://example.org/listed/folder/", "mirror").wait()
        >>> job.state, job.progress["files_done"]
        ('done', 2)
        """
        return self.submit("sync", source, destination, **options)

    def copy(self, source: str, destination: str, **options: Any) -> Job:
        """Copy from one service to another.

        >>> there = "https://dav.example.org/copy.csv"
        >>> client.copy("https://example.org/data.csv", there, conflict="overwrite").wait().state
        'done'
        """
        return self.submit("copy", source, destination, **options)

    def archive(self, paths: str | Sequence[str], destination: str, **options: Any) -> Job:
        """Make an archive of the files and folders `paths`, at `destination`: ``.zip``, ``.tar``,
        ``.tar.gz`` or ``.tar.zst``.

        >>> client.get("https://example.org/data.csv", "packed/").wait().state
        'done'
        >>> client.archive("packed", "packed.zip", conflict="overwrite").wait().state
        'done'
        """
        first, *others = [paths] if isinstance(paths, str) else paths
        more = {"paths": others} if others else {}
        return self.submit("pack", first, destination, **more, **options)

    def extract(self, path: str, destination: str = "", **options: Any) -> Job:
        """Extract the archive at `path` into the folder `destination`; without one, into a new
        folder beside it that is called as the archive.

        >>> client.get("https://example.org/data.csv", "more/").wait().state
        'done'
        >>> client.archive("more", "more.tar.gz", conflict="overwrite").wait().state
        'done'
        >>> job = client.extract("more.tar.gz", "again", conflict="overwrite").wait()
        >>> [file["path"] for file in job.files()]
        ['again/more/data.csv']
        """
        return self.submit("extract", path, destination, **options)

    # -- looking --

    def probe(self, url: str, **options: Any) -> Json:
        """What stands at an address.

        >>> found = client.probe("https://example.org/data.csv")
        >>> found["files"], found["bytes"], found["resumable"]
        (1, 8, True)
        """
        answer: Json = self.ask("POST", "probe", {"url": url, "options": options})
        return answer

    def browse(self, url: str, **options: Any) -> Json:
        """What lies directly below an address.

        >>> found = client.browse("https://example.org/listed/folder/")
        >>> sorted(entry["path"] for entry in found["entries"])
        ['a.csv', 'b.csv']
        """
        answer: Json = self.ask("POST", "browse", {"url": url, "options": options})
        return answer

    def backends(self) -> list[Json]:
        """The services that it knows, with their options.

        >>> "s3" in [backend["name"] for backend in client.backends()]
        True
        """
        answer: list[Json] = self.ask("GET", "backends")["backends"]
        return answer

    def job(self, id: str) -> Job:
        """The job with this id, or the only one whose id begins so. Raises ``not_found``,
        ``conflict`` when several do.

        >>> id = client.get("https://example.org/data.csv", "by id/").id
        >>> client.job(id[:16]).id == id
        True
        """
        if len(id) == 32:
            return Job(self, self.ask("GET", f"jobs/{quote(id, safe='')}"))
        found = [job for job in self.jobs() if job.id.startswith(id)]
        if len(found) == 1:
            return found[0]
        if found:
            raise TransferError("conflict", "Several transfers begin so.", "Give more of the id.")
        raise TransferError("not_found", "There is no such job.", "See the list of jobs.")

    def jobs(self, state: str | None = None) -> Iterator[Job]:
        """All jobs, newest first; in one `state` only, where it is given.

        >>> {job.state for job in client.jobs("done")}
        {'done'}
        """
        offset = 0
        while True:
            query = f"limit={PAGE}&offset={offset}" + (f"&state={quote(state)}" if state else "")
            page = self.ask("GET", f"jobs?{query}")
            yield from (Job(self, data) for data in page["jobs"])
            offset += PAGE
            if offset >= page["total"]:
                return


def _error(status: int, data: Any) -> TransferError:
    if isinstance(data, dict) and isinstance(data.get("error"), dict):
        return TransferError.from_dict(data["error"])
    if status in (301, 302, 303, 307, 308, 401, 403):
        return TransferError(
            "forbidden",
            "The Jupyter server does not let this program in.",
            "Give its token in a file: --token-file.",
        )
    if status == 404:
        return TransferError(
            "not_found",
            "The Jupyter server lacks the extension jupyter_transfer.",
            "Install it where the server runs, or run the transfer here: --local.",
        )
    return TransferError("internal", f"The Jupyter server answered with status {status}.")
