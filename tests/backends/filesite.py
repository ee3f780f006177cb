"""A folder on this disk that a server shows: what the sites of FTP and SFTP have in common."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from jupyter_transfer.backends import filesink

from .site import CannotHold, Site

filesink.PIECE = 8 << 20  # a file of the tests takes several

_ticks = count(1_500_000_000, 100)


class FileSite(Site):
    """Files are put straight into `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes) -> None:
        """In place, as a careless program does; each time with another time of change."""
        segments = name.split("/")
        if any(part in ("", ".", "..") for part in segments) or "\n" in name:
            raise CannotHold
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError:
            raise CannotHold from None
        moment = next(_ticks)
        os.utime(path, (moment, moment))

    def read(self, name: str) -> bytes | None:
        """See `Site`."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def leftovers(self) -> list[str]:
        """See `Site`."""
        return [path.name for path in self.folder.rglob(".*.part*")]

    def names(self) -> list[str]:
        """See `Site`."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
