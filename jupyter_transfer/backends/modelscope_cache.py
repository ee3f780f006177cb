"""The cache of the official client of ModelScope (modelscope-hub, `DownloadManager`): the files of
each revision by their names::

    models/owner--name/snapshots/master/config.json

Versions before 1.38 of ``modelscope`` kept those of a repository in another folder. The client
still looks there first, if that holds something (a dot in a name is ``___`` there)::

    models/owner/name/config.json
    hub/models/owner/name/config.json
"""

from __future__ import annotations

from . import modelscope_address
from .base import Entry
from .hub_address import Place


class ModelScopeCache:
    """Where files of one repository lie below the `folder` of the cache.

    Parameters
    ----------
    place: the repository, with the revision that the person named.
    branch: the revision that is meant where they named none.
    """

    by_content = False

    def __init__(self, folder: str, place: Place, branch: str) -> None:
        self._folder = folder
        self._kind = f"{place.kind or 'model'}s"
        self._repo = place.repo
        self._revision = place.revision or branch

    @property
    def folder(self) -> str:
        """The folder of the cache, an absolute path."""
        return self._folder

    @property
    def blobs(self) -> tuple[str, ...]:
        """See `Cache`."""
        owner, _, name = self._repo.partition("/")
        older = f"{self._kind}/{owner}/{name.replace('.', '___')}"
        newer = f"{self._kind}/{owner}--{name}/snapshots/{self._revision}"
        return older, f"hub/{older}", newer

    def blob(self, entry: Entry) -> str:
        """The path of `entry` in its repository."""
        return modelscope_address.parse(entry.address).path

    def link(self, entry: Entry) -> None:
        """See `Cache`: there are no links."""

    def ref(self, entry: Entry) -> None:
        """See `Cache`: nothing tells the commit."""
