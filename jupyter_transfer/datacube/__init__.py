"""DataCube files (TensorStack's custom resource ``tensorstack.dev/v1beta1``) as jobs, and back.

A DataCube moves data between a persistent volume claim and S3, git or Hugging Face. Here a claim is
a folder of this machine. The rules are those of the resource: options may come from secrets and
config maps, ``$(NAME)`` in a value is another option or variable (Kubernetes, "Dependent
environment variables"), `sync` makes the folder equal to the source.

Pure data: who reads the file, finds folders and secrets, and runs the job, is the caller.
"""

from __future__ import annotations

from .cube import Cube, expand
from .documents import MAX_BYTES, documents
from .reading import is_cube, of, read
from .writing import API_VERSION, KIND, written

__all__ = [
    "API_VERSION",
    "KIND",
    "MAX_BYTES",
    "Cube",
    "documents",
    "expand",
    "is_cube",
    "of",
    "read",
    "written",
]
