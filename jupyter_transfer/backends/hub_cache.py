"""The cache of the official client of Hugging Face (huggingface_hub, "Understand caching"): files
by what they hold, and by their names in each commit as links to these::

    models--owner--name/blobs/<etag>
    models--owner--name/snapshots/<commit>/config.json -> ../../blobs/<etag>
    models--owner--name/refs/main            the commit that it stood for
    models--owner--name/trees/<commit>.json  all files of the commit
"""

from __future__ import annotations

import re

from ..errors import TransferError
from . import hub_address
from .base import Entry
from .hub_address import COMMIT, Place

_ETAG = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class HubCache:
    """Where files of one repository lie below the `folder` of the cache.

    Parameters
    ----------
    place: the repository, with the revision that the person named.
    """

    by_content = True

    def __init__(self, folder: str, place: Place) -> None:
        self._folder = folder
        self._revision = place.revision or "main"
        self._repo = repo_folder(place)

    @property
    def folder(self) -> str:
        """The folder of the cache, an absolute path."""
        return self._folder

    @property
    def blobs(self) -> tuple[str, ...]:
        """The folder of the bytes."""
        return (f"{self._repo}/blobs",)

    def blob(self, entry: Entry) -> str:
        """The name of the bytes of `entry` below `blobs`. Raises ``remote_lied``."""
        value = entry.digest.value if entry.digest else ""
        if not _ETAG.fullmatch(value):
            raise TransferError("remote_lied", "The hub states no digest of the file.")
        return value

    def link(self, entry: Entry) -> str:
        """Where the bytes of `entry` have their name in its commit; untrusted."""
        place = hub_address.parse(entry.address)
        return f"{self._repo}/snapshots/{place.revision}/{place.path}"

    def ref(self, entry: Entry) -> tuple[str, str] | None:
        """The file that says which commit the revision of `entry` stood for, and that commit;
        None where a commit was named."""
        if COMMIT.fullmatch(self._revision):
            return None
        commit = hub_address.parse(entry.address).revision
        return f"{self._repo}/refs/{self._revision}", str(commit)


def repo_folder(place: Place) -> str:
    """The name of the folder of the repository of `place`."""
    return f"{place.kind or 'model'}s--{place.repo.replace('/', '--')}"
