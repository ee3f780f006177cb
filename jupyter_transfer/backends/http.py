"""HTTP and HTTPS: one address, one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from ..errors import TransferError
from ..net import Url, parse_url
from ..secrets import from_netrc
from .base import Backend, Digest, Entry, Locator, Option

SCHEMES = ("http", "https")


class HttpBackend(Backend):
    """Files of web servers, by their address."""

    name = "http"
    title = "Web address (HTTP, HTTPS)"
    schemes = SCHEMES
    options: ClassVar[tuple[Option, ...]] = (
        Option("filename", help="Name for the file, instead of the one that the server proposes"),
        Option("sha256", help="SHA-256 of the file in hex; the file is refused if it differs"),
    )

    def check(self, address: str) -> None:
        """As `Backend.check`; also ``bad_request`` for a malformed SHA-256."""
        super().check(address)
        self._digest()
        self.context.policy.check_host(self._url(address).host)

    def entries(self, address: str) -> Iterator[Entry]:
        """The one file at `address`."""
        url = self._url(address)
        filename = self.option("filename")
        yield Entry(
            path=filename or self.name_for(str(url)),
            address=str(url),
            digest=self._digest(),
            guessed=not filename,
        )

    def locate(self, entry: Entry) -> Locator:
        """The address itself, with the job's credential or the one in ``.netrc``."""
        url = self._url(entry.address)
        credential = self.context.credential or from_netrc(url.host)
        headers = {"Authorization": credential.authorization()} if credential else {}
        return Locator(str(url), headers, digest=entry.digest)

    @staticmethod
    def _url(address: str) -> Url:
        return parse_url(address, SCHEMES)

    def _digest(self) -> Digest | None:
        value = self.option("sha256")
        if value is None:
            return None
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value.strip()):
            raise TransferError(
                "bad_request",
                "The option “sha256” must be 64 hexadecimal digits.",
                "Copy the digest again.",
            )
        return Digest("sha256", value.strip().lower())
