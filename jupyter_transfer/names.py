"""Paths below the root and the names in them, as text: nothing here looks at a disk.

A path is a string below the server's root, segments joined by ``/``, ``""`` for the root itself.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from typing import Literal

from .errors import TransferError

STAGING = ".jupyter-transfer"
"""Name of the folder that holds part files; never listed, archived, read or written by users."""

Conflict = Literal["rename", "overwrite", "skip", "fail"]
CONFLICTS: tuple[Conflict, ...] = ("rename", "overwrite", "skip", "fail")

MAX_NAME = 255
"""Bytes in one name: the limit of ext4, xfs, NFS and nearly everything else."""
MAX_PATH = 4096
"""Bytes in a path below the root (PATH_MAX)."""

# C0 and C1 controls, line separators, and the bidi overrides that make "gpj.exe" read "exe.jpg".
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


# As sinks name what they send before it is whole; “~” is what steps aside for it.
_SENT_PART = re.compile(r"\..*\.[0-9a-f]{8,16}\.part(?:ial)?~?", re.DOTALL)


def is_sent_part(path: str) -> bool:
    """Whether the last segment of `path` is a name that files have at a service while we send
    them."""
    return _SENT_PART.fullmatch(path.rpartition("/")[2]) is not None


def parse_path(path: str, *, allow_hidden: bool = False, new: bool = False) -> str:
    """The normal form of a path below the root, without leading or trailing slash.

    `new` applies the stricter rules for names that we are about to create: no control
    characters, no bidi overrides, no backslash, valid Unicode.

    Raises `TransferError`: ``invalid_path`` (absolute, ``..``, empty segment, NUL, too long),
    ``hidden_path`` (a segment that starts with a dot, unless `allow_hidden`).
    """
    if path in ("", ".", "/", "./"):
        return ""
    shown = shown_path(path)
    if "\0" in path:
        raise TransferError("invalid_path", f"The path {shown} holds a NUL character.")
    if path.startswith("/"):
        raise TransferError("invalid_path", f"The path {shown} is absolute.")
    segments = path.removesuffix("/").split("/")
    for segment in segments:
        _check_segment(segment, shown, allow_hidden=allow_hidden, new=new)
    normal = "/".join(segments)
    if len(os.fsencode(normal)) > MAX_PATH:
        raise TransferError("invalid_path", f"The path {shown} is longer than {MAX_PATH} bytes.")
    return normal


def _check_segment(segment: str, shown: str, *, allow_hidden: bool, new: bool) -> None:
    if segment in ("", ".", ".."):
        raise TransferError("invalid_path", f"The path {shown} holds an empty, “.” or “..” part.")
    try:
        size = len(segment.encode("utf-8") if new else os.fsencode(segment))
    except UnicodeEncodeError:
        raise TransferError("invalid_path", f"The path {shown} is not valid Unicode.") from None
    if size > MAX_NAME:
        raise TransferError(
            "invalid_path", f"A name in the path {shown} is longer than {MAX_NAME} bytes."
        )
    if new and ("\\" in segment or _UNPRINTABLE.search(segment)):
        raise TransferError(
            "invalid_path", f"The path {shown} holds a backslash or an unprintable character."
        )
    if segment == STAGING or (segment.startswith(".") and not allow_hidden):
        raise TransferError("hidden_path", f"The path {shown} leads to a hidden file.")


def shown_path(path: str) -> str:
    """`path` fit for an error message: printable and short."""
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", path)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return f"“{text[:80]}…”" if len(text) > 80 else f"“{text}”"


def safe_name(name: str, fallback: str = "download") -> str:
    """A file name that a remote side proposed, made safe to create: its last segment, without
    control characters, leading dots, trailing dots and spaces, at most `MAX_NAME` bytes."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name.rstrip("/\\")))[-1]
    name = name.encode("utf-8", "ignore").decode("utf-8")
    name = _UNPRINTABLE.sub("", name).strip().lstrip(".").rstrip(". ")
    return shorten_name(name) or fallback


def shorten_name(name: str, suffix: str = "") -> str:
    """`name` with `suffix` before its extension, its stem cut so that all fits `MAX_NAME` bytes."""
    stem, extension = _split_extension(name)
    room = MAX_NAME - len((suffix + extension).encode("utf-8", "surrogateescape"))
    if room < 1:
        stem, extension, room = name, "", MAX_NAME - len(suffix.encode())
    cut = stem.encode("utf-8", "surrogateescape")[:room].decode("utf-8", "ignore")
    return cut + suffix + extension


def _split_extension(name: str) -> tuple[str, str]:
    """As os.path.splitext, but ``.tar.gz`` and its kind are one extension."""
    stem, extension = os.path.splitext(name)
    inner, tar = os.path.splitext(stem)
    return (inner, tar + extension) if tar == ".tar" and inner else (stem, extension)


def alternative_names(name: str) -> Iterator[str]:
    """`name`, then ``name (1).ext``, ``name (2).ext`` … for the conflict policy ``rename``."""
    yield name
    for number in count(1):
        yield shorten_name(name, f" ({number})")


def split_path(path: str) -> tuple[str, str]:
    """Folder and name of a normal path: ``"a/b/c"`` -> ``("a/b", "c")``."""
    folder, _, name = path.rpartition("/")
    return folder, name


def join_path(folder: str, name: str) -> str:
    """The normal path of `name` in `folder`."""
    return f"{folder}/{name}" if folder else name
