"""Magics for notebooks: ``%load_ext jupyter_transfer``.

>>> %transfer get s3://bucket/data.csv data/     # with a live row; returns the job
>>> %transfer put results sftp://host/srv/       # every command of ``jupyter transfer``
>>> %transfers                                   # the jobs of the server
>>> %upload data                                 # a place to drop files
>>> %download results report.pdf                 # a link that downloads

``%%transfer`` takes many at once: one address a line, or YAML. ``{name}`` is the value of a
variable. With ``--bg`` the cell does not wait. An interrupt of the kernel pauses.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.display import HTML, display

from . import servers
from .cells.bundle import jobs_bundle, upload_bundle
from .cells.completing import BACKGROUND
from .cells.front import Cell
from .cells.group import Transfers
from .cells.history import note_of
from .cells.job import Transfer
from .cells.lines import commands, is_yaml, yaml_expanded
from .cli.applying import apply
from .cli.codes import DONE
from .cli.main import main
from .client import Client
from .errors import TransferError
from .secrets import redact

Json = dict[str, Any]

MOST_JOBS = 100
"""Jobs that ``%transfers`` shows."""

_WHERE = ("--local", "--server")


@magics_class
class TransferMagics(Magics):
    """See the module."""

    @line_cell_magic
    def transfer(self, line: str, cell: str | None = None) -> Transfer | Transfers | None:
        """``%transfer get SOURCE [DESTINATION]``, and every other command; ``%transfer --help``.

        ``%%transfer [OPTIONS]``: below it ``SOURCE [DESTINATION]`` a line, or a YAML file of
        transfers.
        """
        found = None
        try:
            with _told():
                found = self._transfer(_words(line), cell)
        finally:
            sys.stderr.write(note_of(self.shell))
        return found

    def _transfer(self, words: list[str], cell: str | None) -> Transfer | Transfers | None:
        options = [word for word in words if word != BACKGROUND]
        cell_ = Cell(
            background=BACKGROUND in words,
            gathers=cell is not None and not is_yaml(cell),
            knows=any(word.partition("=")[0] in _WHERE for word in words),
        )
        with _told(cell_):
            self._begin(options, cell, cell_)
        if cell is None or len(cell_.transfers) == 1:
            return cell_.transfers[-1] if cell_.transfers else None
        return Transfers(cell_.transfers) if cell_.transfers else None

    def _begin(self, options: list[str], cell: str | None, cell_: Cell) -> None:
        if cell is None:
            _run(options, "%transfer", cell_)
        elif is_yaml(cell):
            _apply(yaml_expanded(cell, self._names()), options, cell_)
        else:
            _get_all(list(commands(cell, self._names())), options, cell_)

    @line_magic
    def transfers(self, line: str) -> None:
        """The jobs of the server, newest first, live; ``%transfers running``: those in that state
        now."""
        with _told():
            found = (job.data for job in _client().jobs(line.strip() or None))
            shown = list(islice(found, MOST_JOBS))
            more = sum(1 for _ in found)
            display(jobs_bundle(shown, more), raw=True)  # type: ignore[no-untyped-call]

    @line_magic
    def upload(self, line: str) -> None:
        """``%upload [FOLDER]``: a place to drop files, which go to FOLDER, or here."""
        with _told():
            words = _words(line)
            folder = _served_folder(words[0] if words else "")
            display(upload_bundle(folder), raw=True)  # type: ignore[no-untyped-call]

    @line_magic
    def download(self, line: str) -> HTML | None:
        """``%download PATH…``: a link that downloads a file, or several and folders as a zip."""
        link = ""
        with _told():
            paths, client = _words(line), _client()
            if not paths:
                raise click.UsageError("Name a file or folder: %download PATH…")
            below = [client.server.path_of(path) for path in paths]
            if None in below:
                raise click.UsageError("The Jupyter server does not serve such a path.")
            link = _link(client, [str(path).rstrip("/") for path in below])
        return HTML(link) if link else None  # type: ignore[no-untyped-call]

    def _names(self) -> Json:
        """The variables of the person."""
        return dict(self.shell.user_ns) if self.shell else {}


@contextmanager
def _told(cell: Cell | None = None) -> Iterator[None]:
    """What goes wrong within is told in the cell, without a traceback and without secrets. Raises
    `Interrupted`."""
    try:
        yield
    except click.exceptions.Exit:
        return
    except click.Abort:
        if cell is not None and cell.interrupted is not None:
            raise cell.interrupted from None
        sys.stderr.write("Aborted.\n")
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        sys.stderr.write(redact(text.getvalue()))
    except TransferError as error:
        sys.stderr.write(redact(f"{error}\n{error.remedy}\n"))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise click.UsageError("A quotation mark is missing.") from None


def _get_all(lines: Sequence[tuple[int, list[str]]], options: list[str], cell: Cell) -> None:
    """Fetch what each of `lines` names; nothing is begun when one of them is wrong."""
    if not lines:
        raise click.UsageError("There is no address in this cell.")
    for number, words in lines:
        try:
            wrong = _run(["get", *options, *words], "%%transfer", cell) != DONE
        except click.ClickException as error:
            sys.stderr.write(redact(f"{error.format_message()}\n"))
            wrong = True
        if wrong:
            cell.transfers.clear()
            raise click.UsageError(f"Nothing was begun, because of line {number}.")
    cell.run()


def _run(words: list[str], name: str, cell: Cell) -> int:
    """The exit code of a command. Raises what click finds wrong with it."""
    code = main.main(words, prog_name=name, standalone_mode=False, obj=cell)
    return code if isinstance(code, int) else DONE


def _apply(text: str, options: list[str], cell: Cell) -> None:
    with apply.make_context("%%transfer", ["--file", os.devnull, *options], obj=cell) as context:
        context.params["file"] = io.StringIO(text)
        apply.invoke(context)


def _client() -> Client:
    """The server of this kernel. Raises ``not_found``."""
    if not servers.running():
        raise TransferError("not_found", "No Jupyter server of yours runs where this kernel runs.")
    return Client()


def _served_folder(path: str) -> str:
    """`path` of the kernel as a folder of its server. Raises ``not_found``, ``invalid_path``, and
    what the server finds wrong with it."""
    here = os.path.abspath(path)
    found = servers.running()
    if not found:
        raise TransferError(
            "not_found",
            "No Jupyter server of yours runs where this kernel runs.",
            "Files that are dropped go to the server's disk, which this kernel does not see: drop "
            "them on the panel Transfers, or on the file browser.",
        )
    for server in found:
        folder = server.path_of(here)
        if folder is not None:
            folder = "" if folder == "." else folder
            Client(server).ask("GET", f"room?{urlencode({'path': folder})}")
            return folder
    raise TransferError(
        "invalid_path",
        f"The folder {here} does not lie below the root folder of the Jupyter server, "
        f"{found[0].root}.",
        "Name one that does: %upload FOLDER.",
    )


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
