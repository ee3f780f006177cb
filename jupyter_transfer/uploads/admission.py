"""Whether an upload is let in: what can be refused is refused before the disk is used."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from ..errors import TransferError
from ..names import split_path
from ..paths import Root
from .metadata import UploadSpec
from .rows import UploadRows


@dataclass(frozen=True)
class UploadSettings:
    """What the administrator decides about uploads."""

    max_size: int | None = None
    """Bytes in one file, over all its pieces; None is no limit."""
    max_open: int = 1000
    """Unfinished uploads of one owner at a time."""
    max_metadata: int = 4096
    """Bytes in what a client says about a file."""
    durability: str = "ack"
    """When bytes survive a power cut: when they are acknowledged (``ack``), or when their file is
    published (``publish``). The end of the server they survive in any case."""
    expiry: float = 7 * 24 * 3600.0
    """Seconds without a new byte after which an upload is removed; a finished one is forgotten
    after as long (its file stays)."""


class Admission:
    """The checks, over the disk `root`, the database `rows` and the limits `settings`."""

    def __init__(self, root: Root, rows: UploadRows, settings: UploadSettings) -> None:
        self._root = root
        self._rows = rows
        self.settings = settings

    def check_metadata(self, header: str) -> None:
        """Raise ``too_large`` for a header ``Upload-Metadata`` over the limit."""
        if len(header) > self.settings.max_metadata:
            raise TransferError(
                "too_large",
                f"The metadata are longer than {self.settings.max_metadata} bytes.",
                "Send less metadata.",
                detail={"max_metadata": self.settings.max_metadata},
            )

    def check_count(self, owner: str) -> None:
        """Raise ``too_many`` when `owner` may not have another open upload."""
        if self._rows.uploads_open(owner) >= self.settings.max_open:
            raise TransferError(
                "too_many",
                f"You have {self.settings.max_open} unfinished uploads.",
                "Finish or cancel some of them.",
            )

    def check_size(self, length: int) -> None:
        """Raise ``too_large`` for a file of `length` bytes over the limit."""
        limit = self.settings.max_size
        if limit is not None and length > limit:
            raise TransferError(
                "too_large",
                f"The file has {length} bytes; this server takes {limit} at most.",
                detail={"max_size": limit},
            )

    def staging_folder(self, spec: UploadSpec) -> str:
        """The folder to stage in; refuse at once what could not be published at the end.

        Raises ``exists``, ``is_a_directory``, ``not_a_directory``, ``invalid_path`` …
        """
        parent = spec.destination if spec.pack else split_path(spec.destination)[0]
        folder = self._root.nearest_folder(parent)
        missing = spec.destination[len(folder) :].removeprefix("/")
        self._root.parse(missing, new=True)
        if spec.pack or spec.conflict == "rename" or not self._root.exists(spec.destination):
            return folder
        if spec.conflict == "overwrite":
            if stat.S_ISDIR(self._root.lstat(spec.destination).st_mode):
                raise TransferError("is_a_directory", "A folder has the name of this file.")
            return folder
        raise TransferError("exists", "There is a file of this name already.")
