"""Addresses of remotes of rclone, ``rclone://remote/path``, and items of its listings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ..errors import TransferError
from .base import Digest

DIGESTS = ("sha256", "sha1", "md5")
"""Digests of whole files that both sides know, the best first."""

NAME = re.compile(r"[\w.+@]+(?:[ -]+[\w.+@-]+)*")
"""A remote's name (rclone: fs/fspath). No colon, comma, equals sign or slash: no remote that is
made up in the address."""


@dataclass(frozen=True)
class Place:
    """A path of a remote: `root` is ``/`` where the path is absolute there, else empty."""

    remote: str
    path: str = ""
    root: str = ""

    @classmethod
    def parse(cls, address: str) -> Place:
        """The place that `address` names. Raises ``invalid_address``."""
        try:
            parts = urlsplit(address)
            remote = unquote(parts.netloc, errors="strict")
            path = unquote(parts.path, errors="strict")
        except ValueError:
            raise TransferError("invalid_address", "This is not a valid address.") from None
        if parts.query or parts.fragment or "?" in address or "#" in address:
            raise TransferError(
                "invalid_address",
                "The address of a remote has no “?” and no “#”.",
                "Write %3F and %23 where a name holds them.",
            )
        if not NAME.fullmatch(remote):
            raise TransferError(
                "invalid_address",
                "The address does not name a remote of rclone.",
                "Write rclone://remote/path with a name that “rclone listremotes” shows.",
            )
        root = "/" if path.startswith("//") else ""
        path = path.lstrip("/") if root else path.removeprefix("/")
        path = path.removesuffix("/")
        if "\0" in path or any(part in ("", ".", "..") for part in path.split("/") if path):
            raise TransferError(
                "invalid_address", "The path of the address holds an empty, “.” or “..” part."
            )
        return cls(remote, path, root)

    def __str__(self) -> str:
        """As rclone writes it."""
        return f"{self.top}{self.path}"

    @property
    def top(self) -> str:
        """The whole remote, as rclone writes it."""
        return f"{self.remote}:{self.root}"

    @property
    def address(self) -> str:
        """As this backend writes it."""
        path = self.root + quote(self.path)
        return f"rclone://{quote(self.remote)}/{path}"

    @property
    def name(self) -> str:
        """The last segment."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Place:
        """The folder that holds it."""
        return Place(self.remote, self.path.rpartition("/")[0], self.root)

    def below(self, path: str) -> Place:
        """What lies at `path` below it."""
        return Place(self.remote, f"{self.path}/{path}" if self.path else path, self.root)

    def relative(self, folder: Place) -> str | None:
        """Its path below `folder`; None when it does not lie there."""
        if (self.remote, self.root) != (folder.remote, folder.root):
            return None
        if not folder.path:
            return self.path
        start = f"{folder.path}/"
        return self.path.removeprefix(start) if self.path.startswith(start) else None


def digest_of(item: Mapping[str, Any]) -> Digest | None:
    """The best digest in an item of a listing."""
    hashes = item.get("Hashes") or {}
    return next((Digest(name, hashes[name].lower()) for name in DIGESTS if hashes.get(name)), None)


def size_of(item: Mapping[str, Any]) -> int | None:
    """`Size` in bytes; None while it is unknown."""
    size = int(item["Size"])
    return size if size >= 0 else None


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def time_of(item: Mapping[str, Any]) -> int | None:
    """`ModTime` (RFC 3339) in nanoseconds since 1970; None where there is none."""
    match = _TIME.fullmatch(str(item.get("ModTime", "")))
    if match is None:
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    try:
        seconds = int(datetime.fromisoformat(match[1] + zone).timestamp())
    except (ValueError, OverflowError):
        return None
    moment = seconds * 10**9 + int((match[2] or "").ljust(9, "0"))
    return moment if moment >= 0 else None
