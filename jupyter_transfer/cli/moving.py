"""``get``, ``put``, ``sync`` and ``cp``: the commands that move files."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from ..backends import is_remote, is_repository_name, said_of_repository
from ..backends.elsewhere import remedy_for
from ..spec import JobSpec
from .codes import NEEDS
from .completing import Moving, by
from .flags import OUTPUT, of_jobs, of_output, of_syncs, options_in
from .follow import Driven, Front, follow
from .served import ServedJob, client_for
from .show import display
from .words import plan_line, push_line, step

Json = dict[str, Any]


@click.command(cls=Moving)
@click.argument("source", shell_complete=by("address"))
@click.argument("destination", default="", shell_complete=by("path"))
@of_output
@of_jobs
def get(source: str, destination: str, **values: Any) -> None:
    """Fetch the address SOURCE to DESTINATION.

    One file goes to DESTINATION, or into it when that is a folder or ends in “/”; many files go
    into DESTINATION, by default a new folder named after the source.

    Flags of the services: see “jupyter transfer backends NAME”.
    """
    require_remote(source)
    run("fetch", source, destination, values)


@click.command(cls=Moving)
@click.argument("path", shell_complete=by("path"))
@click.argument("destination", shell_complete=by("address"))
@of_output
@of_jobs
def put(path: str, destination: str, **values: Any) -> None:
    """Send the file or folder PATH to the address DESTINATION."""
    require_remote(destination)
    run("send", path, destination, values)


@click.command(cls=Moving)
@click.argument("source", shell_complete=by("path_or_address"))
@click.argument("destination", shell_complete=by("path_or_address"))
@of_output
@of_syncs
@of_jobs
def sync(source: str, destination: str, **values: Any) -> None:
    """Make DESTINATION equal to SOURCE; one of them, or both, are addresses.

    What would be deleted is listed first, and needs a yes: at the terminal, or by --yes.
    """
    run("sync", source, destination, values)


@click.command(cls=Moving)
@click.argument("source", shell_complete=by("address"))
@click.argument("destination", shell_complete=by("address"))
@of_output
@of_jobs
def cp(source: str, destination: str, **values: Any) -> None:
    """Copy from the address SOURCE to the address DESTINATION, not by this disk.

    Flags of the destination, where both have one of that name, begin with “--dest-”.
    """
    require_remote(source)
    require_remote(destination)
    run("copy", source, destination, values)


def require_remote(address: str) -> None:
    """Raise a usage error for what is no address."""
    if not is_remote(address):
        said = f"“{address}” is not the address of a service, such as s3://bucket."
        if is_repository_name(address):
            said += f" {said_of_repository(address)}"
        elif "::" in address and (remedy := remedy_for(address.partition(":")[0])):
            said += f" {remedy}"
        raise click.UsageError(said)


def run(kind: str, source: str, destination: str, values: Json) -> None:
    """Do the job that a command asks for, or show its plan. `values` are those of all flags."""
    output = {name: values.pop(name) for name in OUTPUT}
    options = options_in(values)
    dry = options.pop("dry_run", False)
    spec = JobSpec.from_request(
        {"kind": kind, "source": source, "destination": destination, "options": options}
    )
    if destination and options.get("target") == "cache":
        raise click.UsageError("The files go into the cache; leave the destination out.")
    job = job_for(spec, output)
    if dry:
        show_plan(job.plan(), output["as_json"])
        return
    click.get_current_context().exit(drive(job, output))


def drive(job: Driven, output: Json) -> int:
    """Show `job` until it rests, where the command was typed; the exit code."""
    front = click.get_current_context().obj
    if isinstance(front, Front):
        return front.drive(job)
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not output["as_json"]
    return follow(job, display(output["as_json"], output["quiet"]), asks=asks)


def job_for(spec: JobSpec, output: Json) -> Driven:
    """`spec` as a job on a server or in this process, as the flags in `output` say."""
    client = None
    if not output["local"]:
        client = client_for(spec, output["server"], output["token_file"], output["ca_file"])
    if client is not None:
        return ServedJob(client, spec)
    from .local import LocalJob  # noqa: PLC0415 - the engine: slow to load, not needed by servers

    return LocalJob(spec, output["ca_file"])


def show_plan(answer: Json, as_json: bool) -> None:
    """Print what a job would do."""
    if as_json:
        click.echo(json.dumps(answer))
        return
    plan = answer.get("plan")
    if plan is None:
        click.echo("It cannot be planned before the source lets us in.", err=True)
        click.get_current_context().exit(NEEDS)
    for entry in answer["entries"]:
        click.echo(step(entry))
    click.echo(plan_line(plan))
    if (push := answer.get("push")) is not None:
        for commit in push["commits"]:
            click.echo(f"commit {commit['commit'][:10]} {commit['subject']}")
        click.echo(push_line(push))
