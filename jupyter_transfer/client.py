"""The transfers of a running Jupyter server, from Python.

>>> from jupyter_transfer import Client
>>> client = Client()                                     # the server that runs here
>>> job = client.get("https://example.org/data.csv", "data/")
>>> job.wait()                                            # until it rests
>>> job.state, job.verified
('done', True)

Paths are the server's: below its root folder. Errors are `jupyter_transfer.errors.TransferError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from . import servers
from .errors import TransferError
from .servers import Server

POLL = 0.25
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
        """``fetch``, ``send``, ``sync`` or ``copy``."""
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
        is away for a while (it restarts) is waited for."""
        seen = None
        while True:
            if self.data["revision"] != seen:
                seen = self.data["revision"]
                yield self.data
            if self.state in AT_REST:
                return
            time.sleep(interval)
            self._refresh_patiently()

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
        """Wait until the job rests; `on_progress` is called with each change of its JSON.

        Raises TimeoutError after `timeout` seconds, and the job's own error (`TransferError`) when
        it has failed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for data in self.updates():
            if on_progress is not None:
                on_progress(data)
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"The transfer is {self.state} after {timeout} seconds.")
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
        self._session = requests.Session()
        if self.server.token:
            self._session.headers["Authorization"] = f"token {self.server.token}"
        if ca_file:
            self._session.verify = ca_file

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
        url = f"{self.server.url}jupyter-transfer/{path}"
        try:
            return self._session.request(
                method, url, json=body, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            raise TransferError(
                "connect_failed", f"The Jupyter server does not answer ({type(error).__name__})."
            ) from None

    def status(self, method: str, path: str) -> int:
        """The status of the answer to one request below ``jupyter-transfer/``, whatever it is.
        Raises ``connect_failed``."""
        return self._send(method, path, None).status_code

    # -- new jobs --

    def submit(self, kind: str, source: str, destination: str = "", **options: Any) -> Job:
        """A new job of `kind` (``fetch``, ``send``, ``sync``, ``copy``) with the options of the
        contract. Raises what the server finds wrong with it."""
        body = {"kind": kind, "source": source, "destination": destination, "options": options}
        return Job(self, self.ask("POST", "jobs", body))

    def plan(self, kind: str, source: str, destination: str = "", **options: Any) -> Json:
        """What such a job would do; nothing is moved."""
        options = {**options, "dry_run": True}
        body = {"kind": kind, "source": source, "destination": destination, "options": options}
        plan: Json = self.ask("POST", "jobs", body)
        return plan

    def get(self, source: str, destination: str = "", **options: Any) -> Job:
        """Fetch the address `source` to the path `destination`."""
        return self.submit("fetch", source, destination, **options)

    def put(self, path: str, destination: str, **options: Any) -> Job:
        """Send the file or folder at `path` to the address `destination`."""
        return self.submit("send", path, destination, **options)

    def sync(self, source: str, destination: str, **options: Any) -> Job:
        """Make `destination` equal to `source`; it waits for a yes before it deletes."""
        return self.submit("sync", source, destination, **options)

    def copy(self, source: str, destination: str, **options: Any) -> Job:
        """Copy from one service to another."""
        return self.submit("copy", source, destination, **options)

    # -- looking --

    def probe(self, url: str, **options: Any) -> Json:
        """What stands at an address."""
        answer: Json = self.ask("POST", "probe", {"url": url, "options": options})
        return answer

    def browse(self, url: str, **options: Any) -> Json:
        """What lies directly below an address."""
        answer: Json = self.ask("POST", "browse", {"url": url, "options": options})
        return answer

    def backends(self) -> list[Json]:
        """The services that it knows, with their options."""
        answer: list[Json] = self.ask("GET", "backends")["backends"]
        return answer

    def job(self, id: str) -> Job:
        """The job with this id, or the only one whose id begins so. Raises ``not_found``,
        ``conflict`` when several do."""
        if len(id) == 32:
            return Job(self, self.ask("GET", f"jobs/{quote(id, safe='')}"))
        found = [job for job in self.jobs() if job.id.startswith(id)]
        if len(found) == 1:
            return found[0]
        if found:
            raise TransferError("conflict", "Several transfers begin so.", "Give more of the id.")
        raise TransferError("not_found", "There is no such job.", "See the list of jobs.")

    def jobs(self, state: str | None = None) -> Iterator[Job]:
        """All jobs, newest first."""
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
