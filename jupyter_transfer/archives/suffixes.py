"""How names of archives end, and what the folder of one is called when nobody says so."""

from __future__ import annotations

from ..names import split_path

SUFFIXES = (
    ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst",
    ".tzst", ".whl", ".jar", ".egg",
)  # fmt: skip
"""How names of archives end."""


def folder_for(path: str) -> str:
    """What an archive is extracted to when nobody says so: its name without the suffix, beside
    it."""
    folder, name = split_path(path)
    lower = name.lower()
    suffix = max((one for one in SUFFIXES if lower.endswith(one)), key=len, default="")
    stem = name[: len(name) - len(suffix)] if suffix else name.rpartition(".")[0]
    stem = stem or f"{name} extracted"
    return f"{folder}/{stem}" if folder else stem
