"""What the entries of an archive are called, and what tells them apart, before the gate judges."""

from __future__ import annotations

import re

from ..archives.packed import Packed
from ..backends.base import Digest, Validators
from ..errors import TransferError
from .target import Listed

_DRIVE = re.compile(r"[A-Za-z]:")


def listed(packed: Packed) -> Listed:
    """What the archive states of an entry."""
    digest = None
    if packed.digest is not None:
        digest = Digest(*packed.digest.split(":", 1))
    size = packed.size if packed.kind == "file" else None
    return Listed(size, Validators(version=packed.version), digest)


def relative_name(name: str) -> str:
    """The name of an entry without the “./” that tar writes in front; "" for the top itself."""
    while name.startswith("./"):
        name = name[2:].lstrip("/") if name[2:3] == "/" else name[2:]
    return "" if name == "." else name


def require_portable(name: str) -> None:
    """Raise ``invalid_path`` for a path that names a drive of Windows."""
    if _DRIVE.match(name):
        raise TransferError("invalid_path", "The name of an entry begins with a drive.")


def is_of_macos(name: str) -> bool:
    """Whether an entry is what macOS adds for itself: the other half of a file, which is nothing
    elsewhere."""
    return name == "__MACOSX" or name.startswith("__MACOSX/")
