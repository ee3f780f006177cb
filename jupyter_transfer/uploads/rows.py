"""An upload as the database remembers it, and what the database must be able to do.

The row says that an upload exists, whose it is and what is to become of it; where it stands is
written in its journal on disk.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ..errors import TransferError
from .metadata import UploadSpec

PARTIAL = "partial"
"""``Upload-Concat`` of one of several uploads that make a file."""


class UploadRows(Protocol):
    """The methods of the database that uploads need; each may be called from any thread.

    Raise ``disk_full``, ``list_unavailable`` or ``list_unreadable`` when a row cannot be read or
    written.
    """

    def upload_add(self, row: dict[str, Any]) -> None:
        """Insert an open upload: id, owner, folder, destination, length, created, expires,
        metadata, explicit, concat, assembly."""

    def upload_get(self, id: str) -> dict[str, Any] | None:
        """The row of `id`, with state (``open`` or ``done``) and path; None if there is none."""

    def upload_finish(self, id: str, path: str, length: int) -> None:
        """Mark an upload of `length` bytes as done; `path` is the final path below the root."""

    def pack_finish(
        self, id: str, length: int, files: dict[str, int], results: list[dict[str, Any]]
    ) -> None:
        """`upload_finish` of a pack, with the counts of its files and what is to be remembered of
        some of them."""

    def pack_files(
        self, id: str, state: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of what `pack_finish` remembers, failed ones first, and how much there is."""

    def upload_touch(self, id: str, expires: float) -> None:
        """Move the moment (seconds since 1970) at which an upload expires."""

    def upload_remove(self, id: str) -> None:
        """Forget an upload."""

    def uploads_of_assembly(self, assembly: str) -> list[dict[str, Any]]:
        """The rows of the segments of `assembly`, and of its file when that is done."""

    def assembly_touch(self, assembly: str, expires: float) -> None:
        """`upload_touch` for all segments of `assembly`."""

    def assembly_finish(self, row: dict[str, Any], path: str) -> None:
        """Insert the upload `row` of a file that was made of segments, and mark it and them as
        done, at once."""

    def uploads_open(self, owner: str) -> int:
        """How many unfinished uploads `owner` has."""

    def uploads_done_folders(self) -> list[str]:
        """The different ``folder`` of all uploads that are done."""

    def uploads_expired(self, before: float) -> list[dict[str, Any]]:
        """The rows, done or not, that expired before `before` (seconds since 1970)."""


@dataclass(frozen=True)
class Upload:
    """One upload: whose, how long, and what is to become of it."""

    id: str
    owner: str
    folder: str
    """Path below the root of the folder in whose staging folder the part lies."""
    length: int | None
    """Bytes of the whole file; None while the client has not said. Of an unfinished upload the
    journal knows better."""
    created: float
    """Seconds since 1970, as `expires`."""
    expires: float
    spec: UploadSpec
    path: str | None = None
    """Where the finished file stands, below the root; None while it is not whole."""
    explicit: bool = False
    """Whether the file is whole only when the client says so, not when its length is reached."""
    concat: str = ""
    """``Upload-Concat`` as it was sent (tus 1.0, concatenation)."""
    assembly: str = ""
    """What the segments of one file and the file share; empty for all other uploads."""
    files: dict[str, int] | None = None
    """How many files of a pack are ``done``, ``failed`` and ``skipped``; None for one file. Of an
    unfinished pack the journal knows better."""

    @property
    def partial(self) -> bool:
        """Whether it is one of several that make a file; never published itself."""
        return self.concat == PARTIAL

    @property
    def final(self) -> bool:
        """Whether it was made of partial uploads; takes no bytes itself."""
        return bool(self.concat) and not self.partial

    def check_takes_bytes(self) -> None:
        """Raise ``forbidden`` for what is made of other uploads."""
        if self.final:
            raise TransferError(
                "forbidden",
                "This upload is made of others and takes no bytes itself.",
                "Send the bytes to a partial upload.",
            )

    @property
    def sha256(self) -> str | None:
        """The digest that the finished file was proven to have, if any."""
        # With `skip` the file that stands there may be another one.
        known = self.path is not None and self.spec.conflict != "skip" and not self.partial
        return self.spec.sha256 if known else None

    def as_row(self) -> dict[str, Any]:
        """The row for `UploadRows.upload_add`."""
        spec = asdict(self.spec)
        return {
            "id": self.id,
            "owner": self.owner,
            "folder": self.folder,
            "destination": spec.pop("destination"),
            "length": self.length,
            "created": self.created,
            "expires": self.expires,
            "metadata": spec,
            "explicit": self.explicit,
            "concat": self.concat,
            "assembly": self.assembly,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Upload:
        """The upload of a row that `UploadRows` gave."""
        return cls(
            id=row["id"],
            owner=row["owner"],
            folder=row["folder"],
            length=row["length"],
            created=row["created"],
            expires=row["expires"],
            spec=UploadSpec(destination=row["destination"], **row["metadata"]),
            path=row["path"] if row["state"] == "done" else None,
            explicit=row["explicit"],
            concat=row["concat"],
            assembly=row["assembly"],
            files=row.get("files"),
        )
