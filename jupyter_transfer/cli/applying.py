"""``apply`` and ``export``: transfers in files, as DataCubes or in a form of our own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TextIO

import click
import yaml

from .. import datacube
from ..datacube import Transfer
from ..engine.references import in_cluster
from ..errors import TransferError
from ..secrets import ask_secret, of_kubernetes
from ..spec import JobSpec, now
from .codes import DONE
from .flags import OUTPUT, of_output
from .follow import Driven
from .jobs import of_server
from .moving import drive, job_for, show_plan

Json = dict[str, Any]


@dataclass
class _Task:
    """One transfer of the file, and what became of it."""

    transfer: Transfer
    spec: JobSpec | None = None
    job: Driven | None = None
    error: TransferError | None = None
    begun: bool = False

    def told(self) -> Json | None:
        """The DataCube with its status, None if it is none."""
        cube = self.transfer.cube
        if cube is None:
            return None
        if self.job is None or not self.begun:
            return datacube.not_begun(cube, self.error.as_dict() if self.error else None, now())
        return datacube.with_status(cube, self.job.data, now())


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(json.dumps(datacube.own_schema(), indent=2, ensure_ascii=False))
        context.exit()


@click.command()
@click.option("-f", "--file", "file", type=click.File("r"), required=True, help="YAML; - is stdin.")
@click.option(
    "--map", "maps", multiple=True, metavar="NAME=DIR", help="The folder that is a claim (PVC)."
)
@click.option("--secrets", metavar="DIR", help="Folder of secrets: DIR/NAME/KEY.")
@click.option("--status", type=click.File("w", lazy=True), help="Write the DataCubes with status.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("-y", "--yes", is_flag=True, help="Approve what the plans delete.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON schema of our own form.",
)
@of_output
def apply(
    file: TextIO,
    *,
    maps: tuple[str, ...],
    secrets: str | None,
    status: Any,
    dry_run: bool,
    yes: bool,
    **output: Any,
) -> None:
    """Run the transfers that a YAML file describes, one after the other.

    It holds DataCubes (tensorstack.dev/v1beta1), or objects with apiVersion jupyter-transfer/v1,
    kind Transfer and a spec of kind, source, destination and options.
    """
    output = {name: output[name] for name in OUTPUT}
    folders = _folders(maps)
    tasks = [_Task(one) for one in datacube.transfers(file.read(datacube.MAX_BYTES + 1))]
    try:
        _prepare(tasks, folders, secrets, output, yes=yes)
        codes = [_one(task, output, dry_run=dry_run) for task in tasks]
    finally:
        if status is not None and not dry_run:
            told = [one for one in (task.told() for task in tasks) if one is not None]
            yaml.safe_dump_all(told, status, sort_keys=False, allow_unicode=True)
    click.get_current_context().exit(next((code for code in codes if code != DONE), DONE))


def _prepare(
    tasks: list[_Task],
    folders: Mapping[str, str],
    secrets: str | None,
    output: Json,
    *,
    yes: bool,
) -> None:
    """Make the jobs of all `tasks`, before the first begins. Raises what is wrong with one."""
    for task in tasks:
        try:
            _require_folder(task.transfer, folders)
            spec = task.transfer.job(folders, partial(_value, secrets))
            task.spec = _approved(spec) if yes else spec
            task.job = job_for(task.spec, output)
        except TransferError as error:
            task.error = error
            raise


def _one(task: _Task, output: Json, *, dry_run: bool) -> int:
    for notice in task.transfer.notices:
        click.echo(f"{task.transfer.name}: {notice}", err=True)
    assert task.job is not None
    if dry_run:
        show_plan(task.job.plan(), output["as_json"])
        return DONE
    task.begun = True
    return drive(task.job, output)


def _require_folder(transfer: Transfer, folders: Mapping[str, str]) -> None:
    if transfer.claim is not None and transfer.claim not in folders:
        raise TransferError(
            "bad_request",
            f"Nobody says which folder the claim “{transfer.claim}” is.",
            f"Say so: --map {transfer.claim}=DIR.",
        )


def _folders(maps: tuple[str, ...]) -> dict[str, str]:
    folders = {}
    for one in maps:
        name, equals, folder = one.partition("=")
        if not (name and equals and folder):
            raise click.UsageError(f"--map {one}: give NAME=DIR.")
        folders[name] = folder
    return folders


def _value(folder: str | None, kind: str, name: str, key: str) -> str:
    """The value in a mounted folder or in the cluster, else what the person types. Raises
    ``needs_credentials``."""
    folders = [folder] if folder is not None else []
    try:
        return of_kubernetes(kind, name, key, folders, in_cluster({}))
    except TransferError as error:
        if sys.stdin.isatty() and error.code == "needs_credentials":
            return ask_secret(f"{name}, {key}: ")
        if folder is not None:
            raise
        raise TransferError(
            error.code,
            error.message,
            "Name the folder that has it: --secrets DIR, in which it is NAME/KEY.",
        ) from None


def _approved(spec: JobSpec) -> JobSpec:
    return replace(spec, options={**spec.options, "approve": True})


@click.command()
@click.argument("id")
@click.option("--claim", required=True, help="The claim (PVC) that the server's root folder is.")
@of_server
def export(client: Any, id: str, claim: str, as_json: bool) -> None:
    """Write a transfer of the Jupyter server as a DataCube."""
    job = client.job(id).data
    path = job["source"] if job["kind"] == "send" else job["destination"]
    document = datacube.exported(job, claim, path, now())
    if as_json:
        click.echo(yaml.safe_dump(document, default_flow_style=True, width=1 << 20).strip())
    else:
        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)
