"""What huggingface_hub notes in a folder that it fetches a repository into (`_local_folder`): for
each file its commit, its ETag, and when that was, by which it knows the file again."""

from __future__ import annotations

import time

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
