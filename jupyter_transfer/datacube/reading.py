"""DataCubes out of files, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .arguments import options_of
from .cube import Cube
from .documents import Json, bad, documents
from .fields import Fields
from .values import names_in

API_VERSION = "tensorstack.dev/v1beta1"
KIND = "DataCube"

_OPTIONS = {
    "s3": {"s3-endpoint", "s3-access-key-id", "s3-secret-access-key", "s3-uri"},
    "git": {"token", "url", "ref"},
    "huggingface": {"token", "repo", "files"},
}
_UPLOAD_OPTIONS = {
    "s3": _OPTIONS["s3"] | {"s3-no-check-bucket"},
    "git": {"token", "url"},
    "huggingface": {"token", "repo", "path-in-repo", "commit-message"},
}
_LITERAL = {"s3-uri", "files"}


def read(text: str) -> list[Cube]:
    """The DataCubes of a YAML file of one document or several. Raises ``bad_request`` that names
    the field."""
    return [of(document) for document in documents(text)]


def is_cube(document: Mapping[str, Any]) -> bool:
    """Whether an object calls itself a DataCube."""
    return document.get("kind") == KIND


def of(document: Json) -> Cube:
    """The DataCube that an object is. Raises ``bad_request`` that names the field."""
    fields = Fields(document, "")
    if fields.text("apiVersion") != API_VERSION or fields.text("kind") != KIND:
        raise bad("apiVersion, kind", f"must be {API_VERSION} and {KIND}")
    metadata = fields.object("metadata")
    fields.take("status")
    spec = fields.object("spec")
    fields.done()
    ends = {side: spec.object(side) for side in ("source", "sink")}
    executor = spec.object("executor", optional=True)
    spec.done()
    kinds = {side: end.text("type") for side, end in ends.items()}
    if sorted(kind == "pvc" for kind in kinds.values()) != [False, True]:
        raise bad("spec.source.type, spec.sink.type", "one of the two, and one only, must be pvc")
    upload = kinds["source"] == "pvc"
    service, claim = ends["sink" if upload else "source"], ends["source" if upload else "sink"]
    kind = kinds["sink" if upload else "source"]
    if kind not in _OPTIONS:
        raise bad("type", f"must be one of: {', '.join(_OPTIONS)}")
    options = service.variables("options")
    service.done()
    pvc = claim.object("pvc")
    claim.take("options")
    claim.done()
    cube = Cube(
        name=str(metadata.take("name") or metadata.take("generateName") or "datacube"),
        type=kind,
        upload=upload,
        claim=pvc.text("name"),
        sub_path=_sub_path(pvc.text("subPath", optional=True)),
        options=options,
        document={name: value for name, value in document.items() if name != "status"},
        ignored=("template",) if pvc.take("template") else (),
    )
    pvc.done()
    _check_options(cube)
    return _with_executor(cube, executor)


def _with_executor(cube: Cube, executor: Fields) -> Cube:
    inner = executor.object("options", optional=True)
    sync = inner.flag("sync")
    if sync and (cube.upload or cube.type != "s3"):
        raise bad("spec.executor.options.sync", "is for downloads from S3 only")
    arguments = inner.take("extraArgs") or []
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        raise bad("spec.executor.options.extraArgs", "must be a list of texts")
    options_of(cube.type, cube.upload, arguments)  # refuses what is not allowed
    cube = replace(
        cube,
        sync=sync,
        retries=inner.number("backoffLimit"),
        deadline=inner.number("activeDeadlineSeconds"),
        arguments=tuple(arguments),
        variables=executor.variables("env"),
    )
    inner.done()
    taken = {variable["name"].lower() for variable in cube.options}
    if clash := [v["name"] for v in cube.variables if v["name"].lower() in taken]:
        raise bad("spec.executor.env", f"names an option: {clash[0]}")
    of_pods = [name for name in ("resources", "securityContext") if executor.take(name)]
    executor.done()
    return replace(cube, ignored=(*cube.ignored, *_unused(cube), *of_pods))


def _unused(cube: Cube) -> list[str]:
    """Variables of the environment that nothing here heeds."""
    texts = [str(one.get("value", "")) for one in (*cube.options, *cube.variables)]
    heeded = {name for text in texts for name in names_in(text)}
    if cube.type == "huggingface":
        heeded.add("HF_ENDPOINT")
    return [one["name"] for one in cube.variables if one["name"] not in heeded]


def _check_options(cube: Cube) -> None:
    allowed = (_UPLOAD_OPTIONS if cube.upload else _OPTIONS)[cube.type]
    names = [variable["name"] for variable in cube.options]
    for name in names:
        if name not in allowed:
            raise bad(f"options: {name}", f"is none of: {', '.join(sorted(allowed))}")
    for variable in cube.options:
        if variable["name"] in _LITERAL and "value" not in variable:
            raise bad(f"options: {variable['name']}", "must be given by “value”")
    wanted = {"s3": "s3-uri", "git": "url", "huggingface": "repo"}[cube.type]
    if wanted not in names:
        raise bad(f"options: {wanted}", "is missing")


def _sub_path(path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise bad("pvc.subPath", "must stay inside the claim")
    return "/".join(parts)
