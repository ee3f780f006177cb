"""DataCube files (TensorStack's custom resource ``tensorstack.dev/v1beta1``) as jobs, and back.

A DataCube moves data between a persistent volume claim and S3, git or Hugging Face. Here a claim is
a folder of this machine. The rules are those of the resource: options may come from secrets and
config maps, ``$(NAME)`` in a value is another option or variable (Kubernetes, "Dependent
environment variables"), `sync` makes the folder equal to the source.

Pure data: who reads the file, finds folders and secrets, and runs the job, is the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from .datacubeargs import options_of
from .errors import TransferError
from .spec import JobSpec

API_VERSION = "tensorstack.dev/v1beta1"
KIND = "DataCube"

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 40
"""Limits of a file: characters, values in it, levels. More is no honest DataCube."""

Json = dict[str, Any]
Lookup = Callable[[str, str, str], str]
"""``(kind, name, key)`` -> the value in a ``secret`` or ``configMap``. Raises
``needs_credentials``."""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
"""Of a secret, a config map, or a key in one (Kubernetes, "Object Names and IDs")."""

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


@dataclass(frozen=True)
class Cube:
    """One DataCube, checked.

    Parameters
    ----------
    name: that of its metadata.
    type: ``s3``, ``git`` or ``huggingface``.
    upload: whether it goes from the claim to the service.
    claim: name of the persistent volume claim.
    sub_path: the folder in it; "" for all of it.
    variables: name, and value or reference, of its options and of its environment, in order.
    """

    name: str
    type: str
    upload: bool
    claim: str
    sub_path: str
    options: tuple[Json, ...] = ()
    variables: tuple[Json, ...] = ()
    sync: bool = False
    retries: int | None = None
    deadline: int | None = None
    arguments: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    document: Json = field(default_factory=dict, compare=False, repr=False)

    def job(self, folder: str, look_up: Lookup) -> JobSpec:
        """The job, where the claim is the folder `folder`. Raises ``bad_request``,
        ``needs_credentials``."""
        values, environment = self._values(look_up)
        place = "/".join(filter(None, (folder.rstrip("/"), self.sub_path))) or "."
        spec = _JOBS[self.type](self, values, place)
        given = options_of(self.type, self.upload, self.arguments)
        options = {**spec.options, **given}
        if self.retries is not None:
            options["max_retries"] = self.retries
        if self.type == "huggingface" and environment.get("HF_ENDPOINT"):
            options.setdefault("endpoint", environment["HF_ENDPOINT"])
        if self.sync:
            spec = replace(spec, kind="sync")
        return JobSpec.from_request(
            {
                "kind": spec.kind,
                "source": spec.source,
                "destination": spec.destination,
                "options": {name: value for name, value in options.items() if value},
            }
        )

    def _values(self, look_up: Lookup) -> tuple[dict[str, str], dict[str, str]]:
        """The options by their names, and the environment, with ``$(NAME)`` put in."""
        known: dict[str, str] = {}
        values = {}
        for variable in self.options:
            value = _value(variable, known, look_up)
            values[variable["name"]] = value
            known[variable["name"].upper()] = value
        for variable in self.variables:
            known[variable["name"]] = _value(variable, known, look_up)
        # A URL may name a token that stands behind it.
        return {name: expand(value, known) for name, value in values.items()}, known

    def with_status(self, phase: str, reason: str, message: str, moment: str) -> Json:
        """Its document with a `status` of the resource's own shape: `phase` is ``Complete``,
        ``Failed`` or ``Processing``; `moment` is ISO 8601."""
        done = {"Complete": "Complete", "Failed": "Failed"}.get(phase)
        conditions = [_condition("Initialized", "True", "", "", moment)]
        if done is not None:
            conditions.append(_condition(done, "True", reason, message, moment))
        return {**self.document, "status": {"phase": phase, "conditions": conditions}}


def _condition(kind: str, status: str, reason: str, message: str, moment: str) -> Json:
    return {
        "type": kind,
        "status": status,
        "lastProbeTime": moment,
        "lastTransitionTime": moment,
        "reason": reason,
        "message": message,
    }


# ---- reading ------------------------------------------------------------------------------------


def read(text: str) -> list[Cube]:
    """The DataCubes of a YAML file of one document or several. Raises ``bad_request`` that names
    the field."""
    return [of(document) for document in documents(text)]


def documents(text: str) -> Iterator[Json]:
    """The objects of a YAML file; those of a list one by one. Raises ``bad_request``."""
    if len(text) > MAX_BYTES:
        raise _bad("the file", f"is longer than {MAX_BYTES:,} characters")
    try:
        loaded = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise TransferError("bad_request", f"This is no YAML{line}.") from None
    budget = [MAX_VALUES]
    for document in loaded:
        if document is None:
            continue
        _measure(document, budget, 0)
        if not isinstance(document, dict):
            raise _bad("the document", "must be an object")
        if document.get("kind") in ("DataCubeList", "List"):
            items = document.get("items")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise _bad("items", "must be a list of objects")
            yield from items
        else:
            yield document


def _measure(value: Any, budget: list[int], depth: int) -> None:
    """Refuse what aliases blow up: each use of an alias counts."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise _bad("the file", "holds too much, or too deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise _bad(str(key)[:40], "must be a text")
            _measure(inner, budget, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _measure(inner, budget, depth + 1)


def is_cube(document: Mapping[str, Any]) -> bool:
    """Whether an object calls itself a DataCube."""
    return document.get("kind") == KIND


def of(document: Json) -> Cube:
    """The DataCube that an object is. Raises ``bad_request`` that names the field."""
    fields = _Fields(document, "")
    if fields.text("apiVersion") != API_VERSION or fields.text("kind") != KIND:
        raise _bad("apiVersion, kind", f"must be {API_VERSION} and {KIND}")
    metadata = fields.object("metadata")
    fields.take("status")
    spec = fields.object("spec")
    fields.done()
    ends = {side: spec.object(side) for side in ("source", "sink")}
    executor = spec.object("executor", optional=True)
    spec.done()
    kinds = {side: end.text("type") for side, end in ends.items()}
    if sorted(kind == "pvc" for kind in kinds.values()) != [False, True]:
        raise _bad("spec.source.type, spec.sink.type", "one of the two, and one only, must be pvc")
    upload = kinds["source"] == "pvc"
    service, claim = ends["sink" if upload else "source"], ends["source" if upload else "sink"]
    kind = kinds["sink" if upload else "source"]
    if kind not in _OPTIONS:
        raise _bad("type", f"must be one of: {', '.join(_OPTIONS)}")
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
        notices=("“template” is ignored: the folder is there.",) if pvc.take("template") else (),
    )
    pvc.done()
    _check_options(cube)
    return _with_executor(cube, executor)


def _with_executor(cube: Cube, executor: _Fields) -> Cube:
    inner = executor.object("options", optional=True)
    sync = inner.flag("sync")
    if sync and (cube.upload or cube.type != "s3"):
        raise _bad("spec.executor.options.sync", "is for downloads from S3 only")
    arguments = inner.take("extraArgs") or []
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        raise _bad("spec.executor.options.extraArgs", "must be a list of texts")
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
        raise _bad("spec.executor.env", f"names an option: {clash[0]}")
    notices = list(cube.notices)
    for name in ("resources", "securityContext"):
        if executor.take(name):
            notices.append(f"“{name}” is ignored: nothing runs in a pod.")
    executor.done()
    return replace(cube, notices=tuple(notices))


def _check_options(cube: Cube) -> None:
    allowed = (_UPLOAD_OPTIONS if cube.upload else _OPTIONS)[cube.type]
    names = [variable["name"] for variable in cube.options]
    for name in names:
        if name not in allowed:
            raise _bad(f"options: {name}", f"is none of: {', '.join(sorted(allowed))}")
    for variable in cube.options:
        if variable["name"] in _LITERAL and "value" not in variable:
            raise _bad(f"options: {variable['name']}", "must be given by “value”")
    wanted = {"s3": "s3-uri", "git": "url", "huggingface": "repo"}[cube.type]
    if wanted not in names:
        raise _bad(f"options: {wanted}", "is missing")


def _sub_path(path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise _bad("pvc.subPath", "must stay inside the claim")
    return "/".join(parts)


class _Fields:
    """The fields of an object, taken one by one; what nobody takes is refused with its name."""

    def __init__(self, value: Mapping[str, Any], where: str) -> None:
        self._rest = dict(value)
        self._where = where

    def _name(self, field: str) -> str:
        return f"{self._where}.{field}" if self._where else field

    def take(self, field: str) -> Any:
        """The value of a field, None if there is none."""
        return self._rest.pop(field, None)

    def object(self, field: str, *, optional: bool = False) -> _Fields:
        """A field that is an object; an empty one if it is missing and `optional`."""
        value = self.take(field)
        if value is None and optional:
            value = {}
        if not isinstance(value, dict):
            raise _bad(self._name(field), "must be an object")
        return _Fields(value, self._name(field))

    def text(self, field: str, *, optional: bool = False) -> str:
        """A field that is a text."""
        value = self.take(field)
        if value in (None, "") and optional:
            return ""
        if not isinstance(value, str) or not value:
            raise _bad(self._name(field), "must be a text")
        return value

    def flag(self, field: str) -> bool:
        """A field that is true or false; false if it is missing."""
        value = self.take(field)
        if value not in (None, True, False):
            raise _bad(self._name(field), "must be true or false")
        return bool(value)

    def number(self, field: str) -> int | None:
        """A field that is a whole number of 0 or more."""
        value = self.take(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _bad(self._name(field), "must be a whole number")
        return value

    def variables(self, field: str) -> tuple[Json, ...]:
        """A field that is a list of environment variables in Kubernetes' form."""
        value = self.take(field)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise _bad(self._name(field), "must be a list")
        return tuple(_variable(one, self._name(field)) for one in value)

    def done(self) -> None:
        """Refuse what is left."""
        if self._rest:
            raise _bad(self._name(next(iter(self._rest))), "is no field of a DataCube")


def _variable(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise _bad(where, "must be a list of objects")
    fields = _Fields(value, where)
    name = fields.text("name")
    where = f"{where}: {name}"
    plain, source = fields.take("value"), fields.take("valueFrom")
    fields.done()
    if (plain is None) == (source is None):
        raise _bad(where, "wants either “value” or “valueFrom”")
    if source is None:
        if not isinstance(plain, (str, int, float, bool)):
            raise _bad(where, "must have a text as its value")
        text = str(plain).lower() if isinstance(plain, bool) else str(plain)
        return {"name": name, "value": text}
    fields = _Fields(source if isinstance(source, dict) else {}, where)
    for field_name, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "configMap")):
        reference = fields.take(field_name)
        if isinstance(reference, dict):
            inner = _Fields(reference, f"{where}.{field_name}")
            found = {"kind": kind, "from": inner.text("name"), "key": inner.text("key")}
            for part in (found["from"], found["key"]):
                if not _NAME.fullmatch(part) or ".." in part:
                    raise _bad(where, f"refers to “{part[:40]}”, which is no name")
            inner.take("optional")
            inner.done()
            fields.done()
            return {"name": name, **found}
    raise _bad(where, "must come from a secretKeyRef or a configMapKeyRef")


# ---- values -------------------------------------------------------------------------------------


def expand(text: str, known: Mapping[str, str]) -> str:
    """`text` with each ``$(NAME)`` that is known replaced; ``$$`` is a dollar sign, and what is not
    known stays (Kubernetes API, EnvVar.value)."""

    def put_in(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return known.get(match[1], match[0])

    return _REFERENCE.sub(put_in, text)


def _value(variable: Json, known: Mapping[str, str], look_up: Lookup) -> str:
    if "value" in variable:
        text = str(variable["value"])
        return expand(text, known) if all(n in known for n in _names_in(text)) else text
    value: str = look_up(variable["kind"], variable["from"], variable["key"])
    return value


def _names_in(text: str) -> list[str]:
    return [match[1] for match in _REFERENCE.finditer(text) if match[1]]


# ---- the jobs -----------------------------------------------------------------------------------


def _s3(cube: Cube, values: Mapping[str, str], place: str) -> JobSpec:
    uri = values["s3-uri"]
    if not uri.startswith("s3://"):
        raise _bad("options: s3-uri", "must begin with s3://")
    options: Json = {
        "endpoint": values.get("s3-endpoint", ""),
        "access_key_id": values.get("s3-access-key-id", ""),
        "secret_access_key": values.get("s3-secret-access-key", ""),
    }
    if cube.upload:
        return JobSpec("send", place, uri, options)
    return JobSpec("fetch", uri, place if cube.sync else f"{place}/", options)


def _git(cube: Cube, values: Mapping[str, str], place: str) -> JobSpec:
    if cube.upload:
        raise TransferError(
            "bad_request",
            "A DataCube that pushes to a git repository cannot be run yet.",
            "Push with git.",
        )
    url = values["url"]
    name = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if not name or name in (".", ".."):
        raise _bad("options: url", "must name a repository")
    scheme = url.partition(":")[0].lower()
    source = f"git+{url}" if scheme in ("http", "https", "ssh") else url
    options: Json = {"ref": values.get("ref") or "master", "token": values.get("token", "")}
    return JobSpec("fetch", source, f"{place}/{name}", options)


def _huggingface(cube: Cube, values: Mapping[str, str], place: str) -> JobSpec:
    if cube.upload:
        raise TransferError(
            "bad_request",
            "A DataCube that uploads to Hugging Face cannot be run yet.",
            "Upload with Hugging Face's own client.",
        )
    files = [name.strip() for name in values.get("files", "").split(",")]
    options: Json = {
        "token": values.get("token", ""),
        "include": ["/" + _literal(name) for name in files if name],
    }
    return JobSpec("fetch", f"hf://{values['repo']}", place, options)


def _literal(name: str) -> str:
    """A pattern that only `name` matches."""
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", name)


_JOBS: dict[str, Callable[[Cube, Mapping[str, str], str], JobSpec]] = {
    "s3": _s3,
    "git": _git,
    "huggingface": _huggingface,
}


# ---- back ---------------------------------------------------------------------------------------


def written(job: Mapping[str, Any], claim: str, sub_path: str) -> Json:
    """A DataCube that does what `job` (the contract's JSON) does, its disk end being `sub_path` in
    the claim `claim`. Secrets are referred to by the names that the platform gives them; none
    is written. Raises ``bad_request`` for what no DataCube can do."""
    kind, source, destination = job["kind"], job["source"], job["destination"]
    upload = kind == "send"
    address, options = (destination if upload else source), job["options"]
    if kind not in ("fetch", "send", "sync"):
        raise _cannot("This kind of transfer")
    if address.startswith("s3://"):
        service: list[Json] = [*_exported_s3(options), {"name": "s3-uri", "value": address}]
        type_ = "s3"
    elif not upload and kind == "fetch" and address.startswith("git+"):
        url, _, ref = address.removeprefix("git+").partition(".git@")
        service = [{"name": "url", "value": url + (".git" if ref else "")}]
        service.append({"name": "ref", "value": options.get("ref") or ref or "master"})
        type_ = "git"
    elif not upload and kind == "fetch" and address.startswith("hf://"):
        service = [{"name": "repo", "value": address.removeprefix("hf://")}]
        type_ = "huggingface"
    else:
        raise _cannot("A transfer from or to this address")
    pvc: Json = {"type": "pvc", "pvc": {"name": claim, "subPath": sub_path}}
    ends = {"type": type_, "options": service}
    spec: Json = {"source": pvc, "sink": ends} if upload else {"source": ends, "sink": pvc}
    if kind == "sync":
        spec["executor"] = {"options": {"sync": True}}
    name = f"transfer-{job['id'][:8]}"
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def _exported_s3(options: Mapping[str, Any]) -> Sequence[Json]:
    def secret(key: str) -> Json:
        return {"valueFrom": {"secretKeyRef": {"name": "s3-env", "key": key}}}

    endpoint = options.get("endpoint")
    return [
        {"name": "s3-endpoint", **({"value": endpoint} if endpoint else secret("endpoint"))},
        {"name": "s3-access-key-id", **secret("accessKeyID")},
        {"name": "s3-secret-access-key", **secret("secretAccessKey")},
    ]


def _cannot(what: str) -> TransferError:
    return TransferError(
        "bad_request",
        f"{what} cannot be written as a DataCube.",
        "DataCubes move files between a claim and S3, git or Hugging Face.",
    )


def _bad(field_name: str, why: str) -> TransferError:
    return TransferError("bad_request", f"DataCube: {field_name} {why}.", "Correct the file.")
