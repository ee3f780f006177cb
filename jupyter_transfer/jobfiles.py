"""Files of transfers on this server: which jobs they would make, and jobs written as such files.

A claim is a folder below the root: by the trait `pvc_map`, or as the person says. A value in a
secret or a config map is what the person enters, else what `Values` finds. What a job takes as a
secret stays a reference wherever it can (`secrets.kubernetes_reference`), so that it survives a
restart and follows the secret when that is replaced.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from . import datacube
from .admission import JobAdmission
from .datacube import Lookup, Reference, Transfer
from .errors import TransferError
from .secrets import Held, kubernetes_reference
from .spec import JobSpec, now

Values = Callable[[list[Reference]], Awaitable[Mapping[str, Any]]]
"""Finds what secrets and config maps hold: ``{"value"}`` or ``{"error"}`` by reference."""

MAX_SECRET = 64 << 10
"""Characters of a value that a person enters."""


@dataclass(frozen=True)
class ApplyRequest:
    """The body of ``POST jobs/apply``, checked.

    Parameters
    ----------
    text: the YAML file.
    claims: the folder below the root that a claim is, by its name.
    secrets: values that the person entered, by ``secret/NAME/KEY`` or ``configMap/NAME/KEY``.
    dry_run: whether to tell only what would be done.
    """

    text: str
    claims: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    dry_run: bool = False

    @classmethod
    def from_body(cls, body: Any) -> ApplyRequest:
        """Raises ``bad_request``."""
        if not isinstance(body, dict):
            raise TransferError("bad_request", "The body must be a JSON object.")
        if unknown := sorted(set(body) - {"text", "claims", "secrets", "dry_run"}):
            raise TransferError("bad_request", f"Unknown field: {', '.join(unknown)[:80]}.")
        text, dry_run = body.get("text"), body.get("dry_run", False)
        if not isinstance(text, str):
            raise TransferError("bad_request", "The field “text” must be a text.")
        if not isinstance(dry_run, bool):
            raise TransferError("bad_request", "The field “dry_run” must be true or false.")
        return cls(text, _texts(body, "claims"), _texts(body, "secrets"), dry_run)


def _texts(body: Mapping[str, Any], name: str) -> dict[str, str]:
    value = body.get(name, {})
    if not isinstance(value, dict) or not all(
        isinstance(one, str) and len(one) <= MAX_SECRET for one in value.values()
    ):
        raise TransferError("bad_request", f"The field “{name}” must be an object of texts.")
    return value


@dataclass(frozen=True)
class Planned:
    """One transfer of a file: the job that it would make, or what it fails of.

    Parameters
    ----------
    spec, held: the job, admitted; None where there is an `error`.
    missing: values that nobody found; the person may enter them.
    """

    transfer: Transfer
    folder: str | None = None
    spec: JobSpec | None = None
    held: Held = field(default_factory=Held, repr=False)
    missing: tuple[str, ...] = ()
    error: TransferError | None = None

    def as_dict(self) -> dict[str, Any]:
        """The contract's JSON; nothing secret in it."""
        job = None
        if self.spec is not None:
            names = ("kind", "source", "destination", "options", "priority")
            job = {name: getattr(self.spec, name) for name in names}
        return {
            "name": self.transfer.name,
            "form": datacube.KIND if self.transfer.cube else datacube.OWN_KIND,
            "claim": self.transfer.claim,
            "folder": self.folder,
            "ignored": list(self.transfer.cube.ignored) if self.transfer.cube else [],
            "notices": list(self.transfer.notices),
            "missing": list(self.missing),
            "job": job,
            "error": self.error.as_dict() if self.error else None,
        }


class JobFiles:
    """Reads and writes files of transfers.

    Parameters
    ----------
    admission: which jobs may be asked for.
    claims: the folder below the root that a claim is, by its name.
    values: looks up secrets and config maps.
    """

    def __init__(self, admission: JobAdmission, claims: Mapping[str, str], values: Values) -> None:
        self._admission = admission
        self._claims = claims
        self._values = values

    async def planned(self, request: ApplyRequest, *, looks_up: bool) -> list[Planned]:
        """The jobs that a file would make. Secrets of this server are used if the person may have
        them (`looks_up`).

        Raises ``bad_request`` for a file that is wrong; what is wrong with one transfer stands in
        its `error`.
        """
        found = datacube.transfers(request.text)
        wanted = {one for transfer in found for one in transfer.references()}
        entered = {one for one in wanted if "/".join(one) in request.secrets}
        asked = sorted(wanted - entered)
        answers = await self._values(asked) if looks_up and asked else {}
        values = _Answers(request.secrets, answers, refers=looks_up)
        claims = {**self._claims, **request.claims}
        return [self._plan(transfer, claims, values) for transfer in found]

    def exported(self, job: Mapping[str, Any], claim: str | None) -> str:
        """`job` (the contract's JSON) as the YAML of a DataCube. Its folder lies in `claim`, or
        in that of `pvc_map` which is nearest; a claim that is not in there is the root folder.

        Raises ``bad_request`` for what no DataCube can do, and where no claim is known of.
        """
        datacube.written(job, "", "")  # before anything is asked, whether it can be one
        path = job["source" if job["kind"] == "send" else "destination"]
        claim, inner = self._claim_of(path, claim)
        document = datacube.exported(job, claim, inner, now())
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

    def _claim_of(self, path: str, claim: str | None) -> tuple[str, str]:
        claims = {name: folder.strip("/") for name, folder in self._claims.items()}
        if claim is not None:
            claims = {claim: claims.get(claim, "")}
        clean = path.lstrip("/")
        around = [
            (len(folder), name)
            for name, folder in claims.items()
            if folder in ("", ".") or f"{clean}/".startswith(f"{folder}/")
        ]
        if not around:
            raise TransferError(
                "bad_request",
                "Nobody says in which claim the folder of this transfer lies.",
                "Name the claim, or ask the administrator to name it in `pvc_map`.",
                detail={"claim": claim or ""},
            )
        name = max(around)[1]
        folder = claims[name]
        return name, clean if folder in ("", ".") else clean[len(folder) :].lstrip("/")

    def _plan(self, transfer: Transfer, claims: Mapping[str, str], values: _Answers) -> Planned:
        folder = claims.get(transfer.claim) if transfer.claim is not None else None
        missing = tuple("/".join(one) for one in transfer.references() if not values.has(one))
        try:
            spec = transfer.job(claims, values.look_up, values.refer)
            spec, held = self._admission.job(spec)
        except TransferError as error:
            return Planned(transfer, folder, missing=missing, error=error)
        return Planned(transfer, folder, spec, held, missing)


class _Answers:
    """What is known of secrets and config maps."""

    def __init__(
        self, entered: Mapping[str, str], answers: Mapping[str, Any], *, refers: bool
    ) -> None:
        self._entered = entered
        self._answers = answers
        self._refers = refers

    def has(self, reference: Reference) -> bool:
        """Whether there is a value."""
        answer = self._answers.get(kubernetes_reference(*reference), {})
        return "/".join(reference) in self._entered or "value" in answer

    def look_up(self, kind: str, name: str, key: str) -> str:
        """The value. Raises ``needs_credentials`` that says which one is lacking, and what the
        cluster could not be asked for."""
        path, reference = f"{kind}/{name}/{key}", kubernetes_reference(kind, name, key)
        if path in self._entered:
            return self._entered[path]
        answer = self._answers.get(reference, {})
        if "value" in answer:
            return str(answer["value"])
        if "error" in answer:
            raise TransferError.from_dict(answer["error"])
        raise TransferError(
            "needs_credentials",
            f"The {kind} “{name}” with the key “{key}” is wanted.",
            "Enter the value.",
        )

    @property
    def refer(self) -> Lookup | None:
        """What stands for a secret that a job takes as it is; None where the person may not have
        those of this server."""
        return self._reference if self._refers else None

    def _reference(self, kind: str, name: str, key: str) -> str:
        path = f"{kind}/{name}/{key}"
        return self._entered.get(path) or kubernetes_reference(kind, name, key)
