"""Magics for notebooks: ``%load_ext jupyter_transfer``.

>>> %transfer get s3://bucket/data.csv data/     # with a live bar; returns the job
>>> %transfer put results sftp://host/srv/       # every command of ``jupyter transfer``
>>> %transfers                                   # the jobs of the server
>>> %download results report.pdf                 # a link that downloads

``{name}`` in a line is the value of a variable. With ``--bg`` the cell does not wait.
"""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import HTML, display

from .cli.follow import Driven, Front, exit_code, follow
from .cli.main import main
from .cli.show import Display
from .cli.words import counts, ending, heading, remark
from .client import AT_REST, Client
from .errors import TransferError

Json = dict[str, Any]

BACKGROUND = "--bg"

_COLOURS = {"done": "success", "failed": "error", "waiting": "warn", "paused": "warn"}


class Transfer:
    """A job that a magic has begun, on the server or in this kernel."""

    def __init__(self, job: Driven, thread: threading.Thread | None = None) -> None:
        self._job = job
        self._thread = thread

    def __repr__(self) -> str:
        return f"<Transfer {self.state}: {heading(self.data)}>"

    def _repr_html_(self) -> str:
        return html_of(self.data)

    @property
    def data(self) -> Json:
        """The job as the contract's JSON, as it was when it was last looked at."""
        return self._job.data

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``paused``, ``waiting``, ``done``, ``failed``, ``cancelled``."""
        return str(self.data["state"])

    @property
    def progress(self) -> Json:
        """Bytes and files done, and their totals."""
        return dict(self.data["progress"])

    @property
    def path(self) -> str | None:
        """Where it landed, below the root of the server, or here: of the only file, else the folder
        that all lie in. None while nothing has landed."""
        paths = [file["path"] for file in self.files() if file["state"] in ("done", "present")]
        if len(paths) == 1:
            return str(paths[0])
        return self.data["destination"] or paths[0].partition("/")[0] if paths else None

    def wait(self, timeout: float | None = None) -> Transfer:
        """Wait until it rests. Raises TimeoutError, and the error that it failed of."""
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise TimeoutError(f"The transfer is {self.state} after {timeout} seconds.")
        reason = self.data["reason"]
        if self.state == "failed" and reason is not None:
            raise TransferError.from_dict(reason)
        return self

    def pause(self) -> Transfer:
        """Stop moving bytes and keep what is there; the same line again goes on."""
        self._job.halt()
        return self

    def files(self) -> list[Json]:
        """The report, file by file."""
        return list(self._job.files())


class _Live(Display):
    """A bar in the output of the cell, which is brought up to date in its place."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, job: Json) -> None:
        """See `Display`."""
        bundle = {"text/plain": _plain(job), "text/html": html_of(job)}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


class _Cell(Front):
    """The cell of a notebook.

    Parameters
    ----------
    background: whether the cell ends before the job does.
    """

    def __init__(self, *, background: bool) -> None:
        self._background = background
        self.job: Transfer | None = None

    def drive(self, job: Driven) -> int:
        """See `Front`."""
        live = _Live()
        live.show(job.data)
        if not self._background:
            self.job = Transfer(job)
            return follow(job, live, asks=False)

        def go_on() -> None:
            for data in job.updates():
                live.show(data)

        thread = threading.Thread(target=go_on, name="transfer", daemon=True)
        self.job = Transfer(job, thread)
        thread.start()
        return exit_code(job.data) if job.data["state"] in AT_REST else 0


@magics_class
class TransferMagics(Magics):
    """See the module."""

    @line_magic
    def transfer(self, line: str) -> Transfer | None:
        """``%transfer get SOURCE [DESTINATION]``, and every other command; ``%transfer --help``."""
        words = _words(line)
        cell = _Cell(background=BACKGROUND in words)
        _run([word for word in words if word != BACKGROUND], cell)
        return cell.job

    @line_magic
    def transfers(self, line: str) -> None:
        """The jobs of the server, newest first; ``%transfers running``: those in that state."""
        jobs = [job.data for job in _told(lambda: list(Client().jobs(line.strip() or None))) or ()]
        rows = "".join(
            f"<tr><td><code>{escape(job['id'][:8])}</code></td><td>{escape(job['state'])}</td>"
            f"<td style='text-align:left'>{escape(heading(job))}</td>"
            f"<td style='text-align:left'>{escape(remark(job) or counts(job))}</td></tr>"
            for job in jobs
        )
        plain = "\n".join(f"{job['id'][:8]}  {job['state']:9}  {heading(job)}" for job in jobs)
        bundle = {"text/plain": plain, "text/html": f"<table>{rows}</table>"}
        none = {"text/plain": "No transfers."}
        display(bundle if jobs else none, raw=True)  # type: ignore[no-untyped-call]

    @line_magic
    def download(self, line: str) -> HTML | None:
        """``%download PATH…``: a link that downloads a file, or several and folders as a zip."""
        client = _told(Client)
        paths = _words(line)
        if client is None or not paths:
            sys.stderr.write("Name a file or folder: %download PATH…\n" if client else "")
            return None
        below = [client.server.path_of(path) for path in paths]
        if None in below:
            sys.stderr.write("The Jupyter server does not serve such a path.\n")
            return None
        link = _link(client, [str(path).rstrip("/") for path in below])
        return HTML(link)  # type: ignore[no-untyped-call]


def _run(words: Sequence[str], cell: _Cell) -> None:
    try:
        main.main(list(words), prog_name="%transfer", standalone_mode=False, obj=cell)
    except click.ClickException as error:
        error.show()
    except click.Abort:
        sys.stderr.write("Aborted.\n")


def _told(ask: Any) -> Any:
    """What `ask` gives; None, and the error is shown, where it raises one of ours."""
    try:
        return ask()
    except TransferError as error:
        sys.stderr.write(f"{error}\n{error.remedy}\n")
        return None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        sys.stderr.write("A quotation mark is missing.\n")
        return []


def _link(client: Client, paths: list[str]) -> str:
    base = urlsplit(client.server.url).path + "jupyter-transfer/"
    name = paths[0].rpartition("/")[2]
    if len(paths) == 1 and _is_file(client, paths[0]):
        target, shown = f"{base}download/{quote(paths[0])}", name
    else:
        shown = f"{name}.zip" if len(paths) == 1 else "selection.zip"
        query = [("path", path) for path in paths] + [("format", "zip"), ("name", shown)]
        target = f"{base}archive?{urlencode(query)}"
    return f'<a href="{escape(target)}" download="{escape(shown)}">⬇ {escape(shown)}</a>'


def _is_file(client: Client, path: str) -> bool:
    return client.status("HEAD", f"download/{quote(path)}") == 200


def _plain(job: Json) -> str:
    if job["state"] in AT_REST:
        return ending(job)
    return f"{heading(job)}: {remark(job) or counts(job)}"


def html_of(job: Json) -> str:
    """A job as it looks in a notebook, in the colours of JupyterLab."""
    progress = job["progress"]
    total = progress["bytes_total"]
    at_rest = job["state"] in AT_REST
    if at_rest:
        bar = ""
    elif total:
        bar = f'<progress value="{progress["bytes_done"]}" max="{total}"></progress> '
    else:
        bar = "<progress></progress> "
    colour = _COLOURS.get(job["state"])
    style = f' style="color:var(--jp-{colour}-color1)"' if colour else ""
    text = ending(job) if at_rest else remark(job) or counts(job)
    lines = "<br>".join(escape(line) for line in text.splitlines())
    return f"<div><div>{escape(heading(job))}</div><div{style}>{bar}{lines}</div></div>"
