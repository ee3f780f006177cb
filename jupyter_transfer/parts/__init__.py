"""Part files and their journals, on descriptors that the gate to the disk (`paths`) gives.

`part`: a part and its journal. `stagedfiles`: files that were taken out of a part. `left`: what
lies in staging folders, seen from outside. `ownfiles`: files of our own outside the root.
"""

from .left import Staged, has_journal, left_journals, read_journal, remove_staged, staged, staged_as
from .ownfiles import boot_id, scratch_file
from .part import Part
from .stagedfiles import StagedFiles

__all__ = [
    "Part",
    "Staged",
    "StagedFiles",
    "boot_id",
    "has_journal",
    "left_journals",
    "read_journal",
    "remove_staged",
    "scratch_file",
    "staged",
    "staged_as",
]
