"""HTTP and HTTPS: an address is one file, or the folder that a web server lists there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from ..errors import TransferError, from_http_status
from ..net import Url, parse_url
from ..secrets import Credential
from ..timetable import parse_rate
from .base import Ability, Answer, Backend, Digest, Entry, Locator, Option
from .http_access import Access, parse_headers
from .http_listing import ACCEPT, TYPES, media_type, read_listing
from .http_robots import Robots
from .http_sink import WebServer, sink_for
from .http_walk import DEPTH, FILES, Folder, Limits, Walk
from .sink import Sink, SourceFile

SCHEMES = ("http", "https")

_PAGE = 64 << 20
"""Bytes of one page of a listing: about half a million names."""

_DEEPEST = 200

_TRIES = 3


class HttpBackend(Backend):
    """Files and folders of web servers, by their address."""

    name = "http"
    title = "Web address (HTTP, HTTPS)"
    schemes = SCHEMES
    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse", "send"})
    options: ClassVar[tuple[Option, ...]] = (
        Option("filename", help="Name for the file, instead of the one that the server proposes"),
        Option("sha256", help="SHA-256 of the file in hex; the file is refused if it differs"),
        Option("token", help="Token, sent as “Authorization: Bearer …”", secret=True),
        Option("headers", help="Further headers, one “Name: value” a line", secret=True),
        Option(
            "depth",
            "integer",
            help=f"How many folders deep to go; without it everything, down to {DEPTH}",
        ),
        Option("max_files", "integer", default=FILES, help="Files and folders at most"),
        Option("max_bytes", "bytes", help="Bytes of a folder at most, such as 5G"),
        Option(
            "ignore_robots",
            "flag",
            default=False,
            help="Go also where the server's robots.txt asks programs to stay out",
        ),
        Option(
            "webdav",
            help="Whether the server that files are sent to speaks WebDAV; auto asks it",
            choices=("auto", "yes", "no"),
            default="auto",
        ),
    )

    _access: Access | None = None
    _robots: Robots | None = None
    _server: WebServer | None = None

    def check(self, address: str) -> None:
        """As `Backend.check`; also ``bad_request`` for values that mean nothing."""
        super().check(address)
        self._digest()
        self._limits()
        url = self._url(address)
        self.context.policy.check_host(url.host)
        self._be_at(url)

    # -- what is there --

    def entries(self, address: str) -> Iterator[Entry]:
        """The file at `address`, or the files below the folder that is listed there."""
        url = self._url(address)
        self._be_at(url)
        folder = self._folder(str(url)) if _may_be_folder(url) else None
        if folder is None or folder.items is None:
            yield self._one(url)
            return
        if self._digest() is not None:
            raise TransferError("bad_request", "A digest is that of one file; this is a folder.")
        self._robots = None if self.option("ignore_robots") else self._rules(folder.url)
        yield from Walk(
            folder,
            self._limits(),
            page=self._folder,
            measure=self._size_of,
            allows=self._allows,
            note=self.context.note,
        ).entries()

    def _one(self, url: Url) -> Entry:
        filename = self.option("filename")
        return Entry(
            path=filename or self.name_for(str(url)),
            address=str(url),
            digest=self._digest(),
            guessed=not filename,
        )

    def browse(self, address: str) -> Iterator[Entry]:
        """What the server lists at `address`. Raises ``bad_request`` for a page that is no
        listing, and what the status of the answer means."""
        url = self._url(address)
        self._be_at(url)
        folder = self._folder(str(url), strict=True)
        if folder is None or folder.items is None:
            raise TransferError(
                "bad_request",
                f"“{url.host}” lists no folder at this address.",
                "Use the address of a folder, which ends in “/”.",
            )
        for item in folder.items:
            yield Entry(
                item.name + "/" * item.folder,
                item.url,
                item.size,
                mtime_ns=item.mtime_ns,
                member=True,
            )

    def locate(self, entry: Entry) -> Locator:
        """The address itself, with what the person is known by to its origin."""
        url = self._url(entry.address)
        return Locator(str(url), self._headers_for(url), digest=entry.digest)

    # -- sending --

    def find(self, address: str) -> Entry | None:
        """What stands at `address`, by PROPFIND or HEAD."""
        return self._web_server(address).find(str(self._url(address)))

    def sink(self, address: str, source: SourceFile) -> Sink:
        """A temporary name and MOVE where the server speaks WebDAV, else a plain PUT."""
        return sink_for(self._web_server(address), str(self._url(address)), source)

    def join(self, address: str, path: str) -> str:
        """As `Backend.join`; a query stays at the end."""
        parts = urlsplit(address)
        joined = f"{parts.path.rstrip('/')}/{quote(path, errors='surrogateescape')}"
        return parts._replace(path=joined, fragment="").geturl()

    def _web_server(self, address: str) -> WebServer:
        if self._server is None:
            self._be_at(self._url(address))
            webdav = {"yes": True, "no": False}.get(self.option("webdav"))
            self._server = WebServer(
                self.caller, lambda address: self._headers_for(self._url(address)), webdav
            )
        return self._server

    # -- asking --

    def _folder(self, address: str, *, strict: bool = False) -> Folder | None:
        """The folder at `address`: its `items` are None where the answer is no listing; None
        where there is none, or with `strict` an error that says why."""
        answer = self._get(address, {"Accept": ACCEPT}, limit=_PAGE)
        if answer.status != 200:
            if strict:
                raise from_http_status(answer.status, self._url(answer.url).host)
            return None
        url = self._url(answer.url)
        listed = media_type(answer.headers) in TYPES and url.path.endswith("/")
        return Folder(url, read_listing(answer, url) if listed else None)

    def _get(self, address: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """A page of text; a body of any other kind is left alone."""
        sent = {**self._headers_for(self._url(address)), **headers}
        for _ in range(_TRIES - 1):
            try:
                return self.caller.call(address, headers=sent, limit=limit, wants=_is_page)
            except TransferError as error:
                if not error.retryable:
                    raise
            time.sleep(0.2)
        return self.caller.call(address, headers=sent, limit=limit, wants=_is_page)

    def _size_of(self, address: str) -> int | None:
        headers = self._headers_for(self._url(address))
        answer = self.caller.call(address, method="HEAD", headers=headers)
        length = answer.headers.get("content-length", "")
        return int(length) if answer.status == 200 and re.fullmatch(r"\d{1,18}", length) else None

    def _rules(self, url: Url) -> Robots:
        return Robots(self.caller, url, self._headers_for(url))

    def _allows(self, address: str) -> bool:
        return self._robots is None or self._robots.allows(address)

    # -- who asks --

    def _be_at(self, home: Url) -> None:
        """Remember the origin of the job, to which alone the person's credentials go."""
        if self._access is None:
            headers = parse_headers(self.option("headers") or "")
            self._access = Access(home, headers, self._credential())

    def _credential(self) -> Credential | None:
        if token := self.option("token"):
            return Credential(token=token.strip())
        return self.context.credential

    def _headers_for(self, url: Url) -> dict[str, str]:
        return self._access.headers_for(url) if self._access else {}

    # -- options --

    def _limits(self) -> Limits:
        depth, files = self.option("depth"), self.option("max_files")
        for name, value, least, most in (
            ("depth", depth, 0, _DEEPEST),
            ("max_files", files, 1, 10**9),
        ):
            if value is not None and not least <= value <= most:
                raise TransferError(
                    "bad_request", f"The option “{name}” must be from {least} to {most}."
                )
        return Limits(depth, files, _bytes(self.option("max_bytes")))

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


def _may_be_folder(url: Url) -> bool:
    return url.path.endswith("/") and not url.query


def _is_page(headers: Mapping[str, str]) -> bool:
    return media_type(headers) in TYPES


def _bytes(value: Any) -> int | None:
    """A number of bytes; ``5G`` is 5 GiB. Raises ``bad_request``."""
    try:
        return parse_rate(value)
    except TransferError:
        raise TransferError(
            "bad_request", "The option “max_bytes” must be a number of bytes, such as “5G”."
        ) from None
