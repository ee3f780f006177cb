"""Folders of servers that speak WebDAV, as sources: what PROPFIND with ``Depth: 1`` (RFC 4918
section 9.1) lists, for one folder at a time, where a page lists none."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import TransferError
from ..net import Url
from .base import Entry
from .http_listing import Item
from .http_sink import WebServer, refusal
from .webdav import describes_folder, members_in, modified_ns

_LATER = (401, 407, 408, 425, 429)
"""Statuses of a page that say nothing of what lies there; those above 500 neither, but 501."""


class DavFolders:
    """Lists the folders of one job.

    Parameters
    ----------
    server: what knows the server of an address.
    digests: whether the digests that a server states of its files are to be compared.
    """

    def __init__(self, server: Callable[[str], WebServer], *, digests: bool) -> None:
        self._server = server
        self._digests = digests
        self._origins: set[tuple[str, str, int]] = set()

    def first(self, url: Url) -> list[Item] | None:
        """As `instead`, without asking for a page before: where folders were listed so already."""
        return self._listed(url, None) if url.origin in self._origins else None

    def instead(self, url: Url, status: int) -> list[Item] | None:
        """What lies directly in the folder `url`, where GET has answered with `status` and no
        listing; None where the server does not speak WebDAV, or has no folder there. Raises
        ``needs_credentials``, ``remote_busy``, ``remote_lied`` …"""
        said_nothing = status in _LATER or (status >= 500 and status != 501)
        if not url.path.endswith("/") or url.query or said_nothing or not self._speaks(url):
            return None
        return self._listed(url, status)

    def _speaks(self, url: Url) -> bool:
        try:
            return self._server(str(url)).speaks_webdav(str(url))
        except TransferError as error:
            if error.code == "address_refused":
                raise
            return False  # what it shows to everybody may still be had as a page

    def _listed(self, url: Url, status: int | None) -> list[Item] | None:
        answer = self._server(str(url)).call(str(url), "PROPFIND", {"Depth": "1"})
        if answer.status == 207 and describes_folder(answer):
            self._origins.add(url.origin)
            return [self._item(entry) for entry in members_in(answer)]
        error = refusal(answer)
        if error.code == "remote_busy" or (error.code == "needs_credentials" and status != 200):
            raise error
        return None

    def _item(self, entry: Entry) -> Item:
        folder = entry.path.endswith("/")
        return Item(
            entry.path.removesuffix("/"),
            entry.address,
            folder,
            entry.size,
            None if folder else modified_ns(entry.validators),
            entry.validators,
            entry.digest if self._digests else None,
        )
