"""Transfers in files: DataCubes (TensorStack's custom resource ``tensorstack.dev/v1beta1``) as jobs
and back, and a form of our own for everything else.

A DataCube moves data between a persistent volume claim and S3, git or Hugging Face. Here a claim is
a folder of this machine. The rules are those of the resource: options may come from secrets and
config maps, ``$(NAME)`` in a value is another option or variable (Kubernetes, "Dependent
environment variables"), `sync` makes the folder equal to the source.

Pure data: who reads the file, finds folders and secrets, and runs the job, is the caller.
"""

from __future__ import annotations

from .cube import Cube
from .documents import MAX_BYTES, documents
from .own import OWN_API_VERSION, OWN_KIND, own_schema, own_transfer
from .reading import API_VERSION, KIND, is_cube, of, read
from .status import not_begun, with_status
from .transfers import MAX_TRANSFERS, Transfer, transfers
from .values import Lookup, Reference, expand
from .writing import exported, sub_path_of, written

__all__ = [
    "API_VERSION",
    "KIND",
    "MAX_BYTES",
    "MAX_TRANSFERS",
    "OWN_API_VERSION",
    "OWN_KIND",
    "Cube",
    "Lookup",
    "Reference",
    "Transfer",
    "documents",
    "expand",
    "exported",
    "is_cube",
    "not_begun",
    "of",
    "own_schema",
    "own_transfer",
    "read",
    "sub_path_of",
    "transfers",
    "with_status",
    "written",
]
