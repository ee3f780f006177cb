"""The commands about the transfers of a Jupyter server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from .. import servers
from ..client import Client
from ..errors import TransferError
from .completing import by, file_option
from .served import client_for
from .words import amount, counts, ending, heading, remark

Json = dict[str, Any]


def of_server(command: Callable[..., None]) -> Callable[..., None]:
    """A command about the jobs of a server gets a `Client`."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @click.option(
        "--server", metavar="URL", help="The Jupyter server to use.", shell_complete=by("server")
    )
    @file_option("--token-file", help="File with that server's token.")
    @file_option("--ca-file", help="Further certificate authorities (PEM).")
    @wraps(command)
    def with_client(
        server: str | None, token_file: str | None, ca_file: str | None, **values: Any
    ) -> None:
        client = client_for(None, server, token_file, ca_file)
        if client is None:
            for found in servers.running():
                Client(found, ca_file=ca_file).backends()  # raises why it cannot be used
            raise TransferError(
                "not_found",
                "No Jupyter server of yours runs on this machine.",
                "Start JupyterLab, or name a server: --server URL.",
            )
        command(client, **values)

    return with_client


@click.command()
@click.option("--state", help="Only jobs in this state.", shell_complete=by("state"))
@click.option("-w", "--watch", is_flag=True, help="Show them again and again, until Ctrl-C.")
@of_server
def jobs(client: Client, state: str | None, watch: bool, as_json: bool) -> None:
    """List the transfers of the Jupyter server, newest first."""
    while True:
        listed = [job.data for job in client.jobs(state)]
        if as_json:
            for job in listed:
                click.echo(json.dumps(job))
        else:
            if watch:
                click.clear()
            _show_jobs(listed)
        if not watch:
            return
        time.sleep(1)


def _show_jobs(listed: list[Json]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("id", "state", "what", "how far"):
        table.add_column(name, no_wrap=name in ("id", "state"), overflow="fold")
    for job in listed:
        table.add_row(job["id"][:8], job["state"], heading(job), remark(job) or counts(job))
    Console(highlight=False, markup=False).print(table if listed else "No transfers.")


@click.command()
@click.argument("id", shell_complete=by("job"))
@of_server
def show(client: Client, id: str, as_json: bool) -> None:
    """Show one transfer and its files."""
    job = client.job(id)
    if as_json:
        for file in job.files():
            click.echo(json.dumps(file))
        click.echo(json.dumps(job.data))
        return
    click.echo(f"{heading(job.data)}\n{ending(job.data)}")
    for file in job.files():
        error = f"  {file['error']['message']}" if file["error"] else ""
        size = "" if file["size"] is None else amount(file["size"])
        click.echo(f"  {file['state']:8} {size:>10}  {file['path']}{error}")


def _acting(name: str, help: str) -> click.Command:
    @click.command(name, help=help)
    @click.argument("ids", nargs=-1, required=True, metavar="ID…", shell_complete=by("job"))
    @of_server
    def act(client: Client, ids: tuple[str, ...], as_json: bool) -> None:
        for id in ids:
            job = client.job(id).act(name)
            click.echo(json.dumps(job.data) if as_json else f"{job.id[:8]} is {job.state}.")

    return act


pause = _acting("pause", "Pause transfers: what is there is kept.")
resume = _acting("resume", "Let paused transfers go on.")
cancel = _acting("cancel", "Cancel transfers: what is not whole is thrown away.")
retry = _acting("retry", "Try failed or cancelled transfers again.")
approve = _acting("approve", "Approve what waiting transfers show: deletions, the key of a host.")
