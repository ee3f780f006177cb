"""``doctor``: what is missing on this machine, and how to get it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from .codes import DONE, FAILED
from .completing import by, file_option
from .health.extension import extension
from .health.finding import Finding
from .health.network import network
from .health.parts import optional, services, versions
from .health.places import places
from .health.running import running

_MARKS = {
    "ok": ("✓", "green"),
    "note": ("·", None),
    "missing": ("-", None),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
}


@click.command()
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]…", shell_complete=by("address"))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("-q", "--quiet", is_flag=True, help="Show only what is wrong.")
@file_option("--ca-file", help="Further certificate authorities (PEM).")
def doctor(addresses: tuple[str, ...], as_json: bool, quiet: bool, ca_file: str | None) -> None:
    """Look at versions, optional parts, services, servers, folders and the network.

    Each ADDRESS is called, too. The exit code is 1 if something will not work.
    """
    topic, worst = "", DONE
    for finding in _findings(list(addresses), ca_file):
        if finding.state == "failed":
            worst = FAILED
        if as_json:
            click.echo(json.dumps(finding.as_dict()))
        elif not quiet or finding.state in ("warning", "failed"):
            if topic != finding.topic:
                topic = finding.topic
                click.echo(click.style(topic, bold=True))
            _show(finding)
    click.get_current_context().exit(worst)


def _findings(addresses: list[str], ca_file: str | None) -> Iterator[Finding]:
    yield from versions()
    yield from optional()
    yield from services()
    yield from extension()
    yield from running(ca_file)
    yield from places()
    yield from network(addresses, ca_file)


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    click.echo(f"  {click.style(mark, fg=colour)} {finding.name}: {finding.text}")
    if finding.remedy:
        click.echo(f"    {finding.remedy}")
