"""What huggingface_hub notes where it fetches a repository to: in a folder for each file its
commit, its ETag, and when that was, by which it knows the file again (`_local_folder`); there and
in its cache which files the commit has, by which it knows if any is missing (`_tree_cache`)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from .hub_listing import File

FOLDER = ".cache/huggingface"

_TAG = """\
Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by huggingface_hub.
# For information about cache directory tags, see:
#\thttps://bford.info/cachedir/
"""

ABOUT = ((f"{FOLDER}/.gitignore", "*"), (f"{FOLDER}/CACHEDIR.TAG", _TAG))
"""The files that keep git and backups out of the folder."""


def of(file: File, commit: str) -> tuple[str, str]:
    """The note about `file` as it is in `commit`: its path and its text."""
    path = f"{FOLDER}/download/{file.path}.metadata"
    return path, f"{commit}\n{file.sha256 or file.blob}\n{time.time()}\n"


_XET_HASH = re.compile(r"[0-9a-fA-F]{64}")


def tree(files: Iterable[File], commit: str, folder: str) -> tuple[str, str]:
    """The note in `folder` of all `files` of `commit`: its path and its text."""
    rows = {file.path: _row(file) for file in sorted(files, key=lambda file: file.path)}
    text = json.dumps({"format_version": 1, "files": rows}, indent=1)
    return f"{folder}/trees/{commit}.json", text


def _row(file: File) -> dict[str, Any]:
    row: dict[str, Any] = {"size": file.size, "blob_id": file.blob}
    if file.sha256 is not None:
        row |= {"lfs_sha256": file.sha256, "lfs_size": file.size}
    if file.xet is not None and _XET_HASH.fullmatch(file.xet):
        row["xet_hash"] = file.xet
    return row
