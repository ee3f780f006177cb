"""Part files and their journals, on descriptors that the gate to the disk (`paths`) gives.

`part`: a part and its journal. `stagedfiles`: files that were taken out of a part. `left`: what
lies in staging folders, seen from outside. `trees`: a folder that a program fills. `ownfiles`:
files of our own outside the root. `pointers`: links and small texts.
"""

from .left import Staged, has_journal, left_journals, read_journal, remove_staged, staged, staged_as
from .ownfiles import boot_id, scratch_file
from .part import Part
from .stagedfiles import StagedFiles
from .trees import StagedTree, copy_within

__all__ = [
    "Part",
    "Staged",
    "StagedFiles",
    "StagedTree",
    "boot_id",
    "copy_within",
    "has_journal",
    "left_journals",
    "read_journal",
    "remove_staged",
    "scratch_file",
    "staged",
    "staged_as",
]
