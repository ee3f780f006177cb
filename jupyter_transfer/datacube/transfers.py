"""The transfers of a file: DataCubes, and those in our own form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import TransferError
from ..spec import JobSpec
from .cube import Cube
from .documents import Json, documents
from .own import own_transfer
from .reading import is_cube, of
from .values import Lookup, Reference

MAX_TRANSFERS = 200
"""Transfers in one file."""


@dataclass(frozen=True)
class Transfer:
    """One transfer, checked: a DataCube, or a job that the file describes as it is."""

    name: str
    cube: Cube | None = None
    own: JobSpec | None = None

    @property
    def claim(self) -> str | None:
        """The persistent volume claim that it reads or writes, if it is a DataCube."""
        return self.cube.claim if self.cube else None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the file says and nobody heeds."""
        return self.cube.notices if self.cube else ()

    def references(self) -> list[Reference]:
        """Values that stand in secrets and config maps."""
        return self.cube.references() if self.cube else []

    def job(
        self, claims: Mapping[str, str], look_up: Lookup, refer: Lookup | None = None
    ) -> JobSpec:
        """The job, where each claim is the folder that `claims` says; see `Cube.job`.

        Raises ``bad_request``, with the name of a `claim` in its detail that no folder is known of;
        ``needs_credentials``.
        """
        if self.cube is None:
            assert self.own is not None
            return self.own
        if self.cube.claim not in claims:
            raise TransferError(
                "bad_request",
                f"Nobody says which folder the claim “{self.cube.claim}” is.",
                "Say which, or ask the administrator to name it in `pvc_map`.",
                detail={"claim": self.cube.claim},
            )
        return self.cube.job(claims[self.cube.claim], look_up, refer)


def transfers(text: str) -> list[Transfer]:
    """The transfers of a YAML file. Raises ``bad_request`` that names what is wrong."""
    found = [_transfer(document) for document in documents(text)]
    if not found:
        raise TransferError("bad_request", "There is no transfer in this file.")
    if len(found) > MAX_TRANSFERS:
        raise TransferError(
            "bad_request", f"There are more than {MAX_TRANSFERS} transfers in this file."
        )
    return found


def _transfer(document: Json) -> Transfer:
    if is_cube(document):
        cube = of(document)
        return Transfer(cube.name, cube)
    spec = own_transfer(document)
    name = (document.get("metadata") or {}).get("name") or spec.destination or spec.source
    return Transfer(str(name), own=spec)
