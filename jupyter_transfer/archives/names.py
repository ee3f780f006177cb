"""Names of archive members that every system can unpack.

What a file may be called on Linux is a weapon or a failure elsewhere: a backslash is a separator
on Windows, a colon opens a stream, ``con`` is a device, a bidi override makes ``gpj.exe`` read
``exe.jpg``. Such names are mapped; two that become equal are told apart by a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..names import alternative_names

_FORBIDDEN = re.compile(
    '[\x00-\x1f\x7f-\x9f"*:<>?|/\\\\\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]'
)
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)


def portable_name(name: str) -> str:
    """`name` as it stands in an archive: valid Unicode, nothing that a system cannot store.

    Bytes that are not UTF-8 become U+FFFD; forbidden characters, and a dot or space at the end,
    become ``_``; a reserved device name gets a ``_`` behind its stem.
    """
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    name = _FORBIDDEN.sub("_", name)
    if name.endswith((".", " ")):
        kept = name.rstrip(". ")
        name = kept + "_" * (len(name) - len(kept))
    stem, dot, extension = name.partition(".")
    if _DEVICE.fullmatch(stem.rstrip()):
        name = f"{stem}_{dot}{extension}"
    return name


class Names:
    """The names that are taken in one folder of the archive."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._others: dict[str, Iterator[str]] = {}

    def take(self, name: str) -> str:
        """The portable form of `name`, with a number if another member has it already."""
        portable = portable_name(name)
        if portable in self._taken:
            # One iterator a name: ten thousand equal names must not be tried over and over.
            others = self._others.setdefault(portable, alternative_names(portable))
            portable = next(other for other in others if other not in self._taken)
        self._taken.add(portable)
        return portable
