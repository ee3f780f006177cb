"""Transfers in a form of our own: for what no DataCube can say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from ..backends import load_all
from ..backends.ends import PREFIX
from ..engine.kinds import RUN_KINDS
from ..errors import TransferError
from ..joboptions import JOB_SECRETS, checked
from ..secrets import is_reference
from ..spec import JobSpec
from .documents import Json

OWN_API_VERSION = "jupyter-transfer/v1"
OWN_KIND = "Transfer"


def own_schema() -> Json:
    """The JSON schema (2020-12) of one transfer: ``jobfile.schema.json`` beside this module, and
    the options that the services declare, with what they are for."""
    text = files(__package__).joinpath("jobfile.schema.json").read_text("utf-8")
    schema: Json = json.loads(text)
    known = schema["properties"]["spec"]["properties"]["options"]["properties"]
    for option in (o for backend in load_all().values() for o in backend.options):
        known.setdefault(option.name, {"description": option.help})
    for name in _secrets():
        told = known.get(name, {}).get("description", "")
        for each in (name, PREFIX + name.removeprefix(PREFIX)):
            known[each] = {
                "description": told,
                "anyOf": [{"$ref": "#/$defs/reference"}, {"enum": ["", None]}],
            }
    return schema


def own_transfer(document: Mapping[str, Any]) -> JobSpec:
    """The job that an object of our own form describes. Raises ``bad_request``."""
    if (document.get("apiVersion"), document.get("kind")) != (OWN_API_VERSION, OWN_KIND):
        raise TransferError(
            "bad_request",
            f"An object of the kind “{str(document.get('kind'))[:40]}” is no transfer.",
            f"Use tensorstack.dev/v1beta1 DataCube, or {OWN_API_VERSION} {OWN_KIND}.",
        )
    if unknown := set(document) - {"apiVersion", "kind", "metadata", "spec"}:
        raise TransferError("bad_request", f"A Transfer has no field “{min(unknown)[:40]}”.")
    metadata = document.get("metadata", {})
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name", ""), str):
        raise TransferError("bad_request", "The field “metadata” must be an object with a name.")
    spec = JobSpec.from_request(document.get("spec"))
    if spec.kind not in RUN_KINDS:
        kinds = ", ".join(RUN_KINDS)
        raise TransferError("bad_request", f"A Transfer is of one of the kinds {kinds}.")
    if spec.options.get("dry_run", False) is not False:
        raise TransferError("bad_request", "A file holds transfers: “dry_run” is no option of one.")
    _refuse_secrets(spec.options)
    return replace(spec, options=checked(spec.options))


def _refuse_secrets(options: Mapping[str, Any]) -> None:
    """Raise ``bad_request`` for a secret in a file: only references may be there."""
    for name, value in options.items():
        given = value not in (None, "")
        if name.removeprefix(PREFIX) in _secrets() and given and not is_reference(value):
            raise TransferError(
                "bad_request",
                f"The option “{name}” is secret, and does not belong into a file.",
                "Refer to it: env:NAME, file:PATH or keyring:SERVICE/USER.",
            )


def _secrets() -> frozenset[str]:
    declared = (o for backend in load_all().values() for o in backend.options)
    return JOB_SECRETS.union(o.name for o in declared if o.secret)
