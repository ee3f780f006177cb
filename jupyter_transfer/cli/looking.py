"""``ls`` and ``backends``: the commands that only look."""

from __future__ import annotations

import json
from typing import Any

import click

from ..backends import broken, load_all
from .completing import Moving, by
from .flags import OUTPUT, flag_of, of_looks, of_output, options_in
from .local import look
from .moving import require_remote
from .served import client_for
from .words import amount


@click.command(cls=Moving)
@click.argument("url", shell_complete=by("address"))
@of_output
@of_looks
def ls(url: str, **values: Any) -> None:
    """Show what lies directly below the address URL."""
    require_remote(url)
    output = {name: values.pop(name) for name in OUTPUT}
    options = options_in(values)
    client = None
    if not output["local"] and output["server"] is not None:
        client = client_for(None, output["server"], output["token_file"], output["ca_file"])
    found = (
        client.browse(url, **options) if client else look("browse", url, options, output["ca_file"])
    )
    for entry in found["entries"]:
        if output["as_json"]:
            click.echo(json.dumps(entry))
        else:
            size = "" if entry["size"] is None else amount(entry["size"])
            click.echo(f"{size:>10}  {entry['path']}")
    if not found["complete"]:
        click.echo("… and more.", err=True)


@click.command()
@click.argument("name", required=False, shell_complete=by("service"))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def backends(name: str | None, as_json: bool) -> None:
    """Show the services that can be reached; with NAME, the flags of one."""
    known = load_all()
    for one in broken():
        if name in (None, one.name):
            click.echo(f"The backend {one.title} cannot be loaded: {one.cause}", err=True)
    if name is not None and name not in known:
        raise click.UsageError(f"There is no “{name}”. Use one of: {', '.join(known)}.")
    for backend in [known[name]] if name else known.values():
        described = backend.describe()
        if as_json:
            click.echo(json.dumps(described))
            continue
        schemes = ", ".join(scheme + ":" for scheme in described["schemes"])
        click.echo(f"{described['name']:8} {described['title']} ({schemes})")
        if name:
            for option in described["options"]:
                secret = " (env:NAME, file:PATH, or -)" if option["secret"] else ""
                click.echo(f"  {flag_of(option['name']):22} {option['help']}{secret}")
