"""``apply`` and ``export``: transfers in files, as DataCubes or in a form of our own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import click
import yaml

from .. import datacube
from ..datacube import Cube
from ..errors import TransferError
from ..secrets import ask_secret, resolve
from ..spec import JobSpec, now
from .codes import DONE, FAILED
from .flags import OUTPUT, of_output, refuse_secrets
from .follow import Driven
from .jobs import of_server
from .moving import drive, job_for, show_plan

Json = dict[str, Any]

API_VERSION = "jupyter-transfer/v1"
"""Of our own files: ``kind: Transfer``, and in its ``spec`` what ``POST jobs`` takes."""


@dataclass(frozen=True)
class _Task:
    """One transfer of a file."""

    spec: JobSpec
    cube: Cube | None = None


@click.command()
@click.option("-f", "--file", "file", type=click.File("r"), required=True, help="YAML; - is stdin.")
@click.option(
    "--map", "maps", multiple=True, metavar="NAME=DIR", help="The folder that is a claim (PVC)."
)
@click.option("--secrets", metavar="DIR", help="Folder of secrets: DIR/NAME/KEY.")
@click.option("--status", type=click.File("w", lazy=True), help="Write the DataCubes with status.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("-y", "--yes", is_flag=True, help="Approve whatever the plans delete.")
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
    tasks = list(_tasks(file.read(datacube.MAX_BYTES + 1), folders, secrets))
    codes, told = [], []
    for task in tasks:
        for notice in task.cube.notices if task.cube else ():
            click.echo(f"{task.cube.name if task.cube else ''}: {notice}", err=True)
        spec = _approved(task.spec) if yes else task.spec
        job = job_for(spec, output)
        if dry_run:
            show_plan(job.plan(), output["as_json"])
            continue
        codes.append(_run(job, task, output))
        if task.cube is not None:
            told.append(_with_status(task.cube, job.data))
    if status is not None:
        yaml.safe_dump_all(told, status, sort_keys=False, allow_unicode=True)
    click.get_current_context().exit(next((code for code in codes if code != DONE), DONE))


def _run(job: Driven, task: _Task, output: Json) -> int:
    """Drive `job`, for as long as its DataCube lets it."""
    deadline = task.cube.deadline if task.cube else None
    if deadline is None:
        return drive(job, output)
    timer = threading.Timer(deadline, job.halt)
    timer.start()
    try:
        code = drive(job, output)
    finally:
        timer.cancel()
    if code != DONE and job.data["state"] == "paused":
        click.echo(f"It took longer than its {deadline} seconds.", err=True)
        return FAILED
    return code


def _tasks(text: str, folders: Mapping[str, str], secrets: str | None) -> Iterator[_Task]:
    for document in datacube.documents(text):
        if not datacube.is_cube(document):
            yield _Task(_transfer(document))
            continue
        cube = datacube.of(document)
        if cube.claim not in folders:
            raise TransferError(
                "bad_request",
                f"Nobody says which folder the claim “{cube.claim}” is.",
                f"Say so: --map {cube.claim}=DIR.",
            )

        def look_up(kind: str, name: str, key: str, folder: str | None = secrets) -> str:
            return _secret(kind, name, key, folder)

        yield _Task(cube.job(folders[cube.claim], look_up), cube)


def _transfer(document: Mapping[str, Any]) -> JobSpec:
    if (document.get("apiVersion"), document.get("kind")) != (API_VERSION, "Transfer"):
        raise TransferError(
            "bad_request",
            f"An object of the kind “{str(document.get('kind'))[:40]}” is no transfer.",
            f"Use {datacube.API_VERSION} DataCube, or {API_VERSION} Transfer.",
        )
    if unknown := set(document) - {"apiVersion", "kind", "metadata", "spec"}:
        raise TransferError("bad_request", f"A Transfer has no field “{min(unknown)[:40]}”.")
    spec = JobSpec.from_request(document.get("spec"))
    refuse_secrets(spec.options)
    return spec


def _folders(maps: tuple[str, ...]) -> dict[str, str]:
    folders = {}
    for one in maps:
        name, equals, folder = one.partition("=")
        if not (name and equals and folder):
            raise click.UsageError(f"--map {one}: give NAME=DIR.")
        folders[name] = folder
    return folders


def _secret(kind: str, name: str, key: str, folder: str | None) -> str:
    """The value in a mounted folder, else what the person types. Raises ``needs_credentials``."""
    if folder is not None:
        return resolve(f"file:{os.path.join(os.path.abspath(folder), name, key)}", [folder])
    if not sys.stdin.isatty():
        raise TransferError(
            "needs_credentials",
            f"The {kind} “{name}” with the key “{key}” is wanted.",
            "Name the folder that has it: --secrets DIR, in which it is NAME/KEY.",
        )
    return ask_secret(f"{name}, {key}: ")


def _approved(spec: JobSpec) -> JobSpec:
    return JobSpec(
        spec.kind, spec.source, spec.destination, {**spec.options, "approve": True}, spec.priority
    )


def _with_status(cube: Cube, job: Json) -> Json:
    phase = {"done": "Complete", "failed": "Failed"}.get(job["state"], "Processing")
    reason = job["reason"] or {}
    return cube.with_status(
        phase, str(reason.get("code", "")), str(reason.get("message", "")), job["finished"] or now()
    )


@click.command()
@click.argument("id")
@click.option("--claim", required=True, help="The claim (PVC) that the server's root folder is.")
@of_server
def export(client: Any, id: str, claim: str, as_json: bool) -> None:
    """Write a transfer of the Jupyter server as a DataCube."""
    job = client.job(id).data
    path = job["source"] if job["kind"] == "send" else job["destination"]
    document = datacube.written(job, claim, path.strip("/").removeprefix("."))
    if as_json:
        click.echo(yaml.safe_dump(document, default_flow_style=True, width=1 << 20).strip())
    else:
        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)
