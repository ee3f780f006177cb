"""One DataCube: what it says, and the job that does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..errors import TransferError
from ..spec import JobSpec
from .arguments import options_of
from .documents import Json, bad

Lookup = Callable[[str, str, str], str]
"""``(kind, name, key)`` -> the value in a ``secret`` or ``configMap``. Raises
``needs_credentials``."""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


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
        raise bad("options: s3-uri", "must begin with s3://")
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
        raise bad("options: url", "must name a repository")
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
