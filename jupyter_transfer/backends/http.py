"""HTTP and HTTPS: an address is one file, the folder that a web server lists there, by a page or by
WebDAV, or the files that a Metalink describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

from ..errors import TransferError
from ..net import Url, parse_url
from ..secrets import Credential
from ..timetable import parse_rate
from .base import Ability, Answer, Backend, Caller, Digest, Entry, Locator, Option
from .http_access import Access, SignedCaller, parse_headers
from .http_checksums import Checksums, Wish, read_wish
from .http_dav import DavFolders
from .http_metalink import File, described_in, mirrors_in
from .http_pages import SCHEMES, Pages
from .http_robots import Robots
from .http_sink import WebServer, sink_for
from .http_walk import DEPTH, FILES, Folder, Limits, Walk
from .sink import Sink, SourceFile

SWITCHED_OFF = "switched_off"
"""The code for why nothing is verified where the person wants it so."""

_DEEPEST = 200


class HttpBackend(Backend):
    """Files and folders of web servers, by their address."""

    name = "http"
    title = "Web address (HTTP, HTTPS)"
    schemes = SCHEMES
    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse", "send", "delete"})
    folders = True
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "filename",
            help="Name for the file, instead of the one that the server proposes",
            side="source",
        ),
        Option(
            "sha256",
            help="SHA-256 of the file in hex; the file is refused if it differs",
            side="source",
        ),
        Option(
            "checksum",
            help="Digest of the file (sha256:…), address of a checksum file, “auto” to look for"
            " one, “off”; by default what the server states",
            side="source",
        ),
        Option("token", help="Token, sent as “Authorization: Bearer …”", secret=True),
        Option("headers", help="Further headers, one “Name: value” a line", secret=True),
        Option(
            "query",
            help="Query of the address (what follows the “?”), where it holds a signature or token",
            secret=True,
        ),
        Option(
            "metalink",
            "flag",
            default=True,
            help="Whether the address of a Metalink (.meta4) stands for the files it describes",
            side="source",
        ),
        Option(
            "depth",
            "integer",
            help=f"How many folders deep to go; without it everything, down to {DEPTH}",
            side="source",
        ),
        Option(
            "max_files",
            "integer",
            default=FILES,
            help="Files and folders at most",
            side="source",
        ),
        Option("max_bytes", "bytes", help="Bytes of a folder at most, such as 5G", side="source"),
        Option(
            "ignore_robots",
            "flag",
            default=False,
            help="Go also where the server's robots.txt asks programs to stay out",
            side="source",
        ),
        Option(
            "webdav",
            help="Whether the server speaks WebDAV; auto asks it",
            choices=("auto", "yes", "no"),
            default="auto",
        ),
    )

    _known: Access | None = None
    _asked: Pages | None = None
    _sums: Checksums | None = None
    _server: WebServer | None = None

    def check(self, address: str) -> None:
        """As `Backend.check`; also ``bad_request`` for values that mean nothing."""
        super().check(address)
        self._wish  # noqa: B018 - raises
        self._limits()
        url = _parse(address)
        self.context.policy.check_host(url.host)
        self._be_at(url)

    # -- what is there --

    def entries(self, address: str) -> Iterator[Entry]:
        """The file at `address`, the files below the folder that is listed there, or those of the
        Metalink."""
        url = _parse(address)
        self._be_at(url)
        if self._is_metalink(url):
            yield from self._described(url)
            return
        folder = self._pages.folder(str(url)) if _may_be_folder(url) else None
        if folder is not None and folder.items is not None:
            yield from self._below(folder)
        else:
            yield self._one(url)

    def _one(self, url: Url) -> Entry:
        filename = self.option("filename")
        return Entry(
            path=filename or self.name_for(str(url)),
            address=str(url),
            digest=self._checksums().of_file(url),
            guessed=not filename,
        )

    def _described(self, url: Url) -> Iterator[Entry]:
        """The files of a Metalink; each is found again by its name behind the ``#``."""
        files = self._pages.metalink(str(url))
        for file in files:
            yield Entry(
                file.name,
                f"{url}#{quote(file.name, safe='')}",
                file.size,
                digest=file.digest,
                member=len(files) > 1 or "/" in file.name,
            )

    def _below(self, folder: Folder) -> Iterator[Entry]:
        checksums = self._checksums()
        checksums.start(folder.url)
        robots = None
        if not self.option("ignore_robots"):
            robots = Robots(self.caller, folder.url, self._headers_for(folder.url))
        yield from Walk(
            folder,
            self._limits(),
            page=self._pages.folder,
            measure=self._pages.size,
            allows=lambda address: robots is None or robots.allows(address),
            note=self.context.note,
            checksums=checksums,
        ).entries()

    def browse(self, address: str) -> Iterator[Entry]:
        """What the server lists at `address`. Raises ``bad_request`` for a page that is no
        listing, and what the status of the answer means."""
        url = _parse(address)
        self._be_at(url)
        folder = self._pages.folder(str(url), strict=True)
        if folder is None or folder.items is None:
            raise TransferError(
                "bad_request",
                f"“{url.host}” lists no folder at this address.",
                "Use the address of a folder, which ends in “/”.",
                detail={"kind": "no_listing"},
            )
        for item in folder.items:
            path = item.name + "/" * item.folder
            yield Entry(path, item.url, item.size, mtime_ns=item.mtime_ns, member=True)

    # -- one file --

    def locate(self, entry: Entry) -> Locator:
        """The address itself, with what the person is known by to its origin; what a Metalink
        says of it."""
        url = _parse(entry.address)
        off = SWITCHED_OFF if self._wish.mode == "off" else None
        _, mark, name = entry.address.partition("#")
        if mark and self._is_metalink(url):
            files = self._pages.metalink(str(url))
            file = next((file for file in files if file.name == unquote(name)), None)
            if file is None:
                raise TransferError("remote_changed", "The Metalink names this file no more.")
            locator = file.locator()
            return replace(
                locator,
                url=self._address_for(locator.url),
                headers=self._headers_for(_parse(locator.url)),
                unverified=off,
            )
        return Locator(
            self._address_for(str(url)),
            self._headers_for(url),
            digest=entry.digest,
            unverified=off,
            digest_of=entry.validators.etag if entry.digest else None,
        )

    def prove(self, entry: Entry, answer: Answer) -> Locator | None:
        """Mirrors and the Metalink that the answer links to (RFC 6249); a checksum file beside a
        single file, where the person wants one to be looked for."""
        if "#" in entry.address or self._wish.mode == "off":
            return None
        base, link = _parse(answer.url), answer.headers.get("link", "")
        mirrors = mirrors_in(link, base)
        if entry.digest is not None:
            return Locator("", mirrors=mirrors)
        file = self._description(described_in(link, base), entry)
        if file is not None:
            located = file.locator()
            places = [place for place in (located.url, *located.mirrors) if place != str(base)]
            return replace(located, mirrors=tuple(places) if file.digest else ())
        digest = None if entry.member else self._checksums().beside(_parse(entry.address))
        return Locator("", digest=digest, mirrors=mirrors)

    def _description(self, address: str | None, entry: Entry) -> File | None:
        """What a Metalink says of `entry`; None if that is nothing, or it is not to be had."""
        if address is None:
            return None
        try:
            files = self._pages.metalink(address)
        except TransferError as error:
            if error.code not in ("remote_lied", "remote_not_found", "remote_forbidden"):
                raise
            return None
        name = self.name_for(entry.address)
        found = [file for file in files if file.name.rpartition("/")[2] == name] or files
        return found[0] if len(found) == 1 else None

    # -- sending --

    def find(self, address: str) -> Entry | None:
        """What stands at `address`, by PROPFIND or HEAD."""
        return self._web_server(address).find(str(_parse(address)))

    def held(self, address: str) -> Iterator[Entry]:
        """By PROPFIND: what a listing of a web server shows is not what lies there. Raises
        ``bad_request`` for a server that does not speak WebDAV."""
        server, url = self._web_server(address), str(_parse(address))
        if not server.speaks_webdav(url):
            raise TransferError(
                "bad_request",
                "This server does not speak WebDAV, so it does not tell what lies there.",
                "Send the folder instead.",
            )
        return server.files_below(url)

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """Remove files, one after the other."""
        return [self._web_server(one.address).delete(one.address) for one in entries]

    def remove_folder(self, address: str) -> None:
        """As `Backend.remove_folder`."""
        self._web_server(address).remove_folder(str(_parse(address)))

    def sink(self, address: str, source: SourceFile) -> Sink:
        """A temporary name and MOVE where the server speaks WebDAV, else a plain PUT."""
        return sink_for(self._web_server(address), str(_parse(address)), source)

    def copies(self, entry: Entry, address: str, other: Backend) -> bool:
        """By COPY within one server of WebDAV; a digest that the person gave takes the bytes."""
        if not isinstance(other, HttpBackend) or entry.digest is not None:
            return False
        if self.option("query") or other.option("query"):
            return False
        source, target = _parse(entry.address), _parse(address)
        if source.origin != target.origin or self._headers_for(target) != other._headers_for(
            source
        ):
            return False
        return self._web_server(address).speaks_webdav(address)

    def join(self, address: str, path: str) -> str:
        """As `Backend.join`; a query stays at the end."""
        parts = urlsplit(address)
        joined = f"{parts.path.rstrip('/')}/{quote(path, errors='surrogateescape')}"
        return parts._replace(path=joined, fragment="").geturl()

    def _web_server(self, address: str) -> WebServer:
        if self._server is None:
            self._be_at(_parse(address))
            webdav = {"yes": True, "no": False}.get(self.option("webdav"))
            self._server = WebServer(
                self.caller,
                lambda address: self._headers_for(_parse(address)),
                webdav,
                self._address_for,
            )
        return self._server

    # -- who asks, and for what --

    def _be_at(self, home: Url) -> None:
        """Remember the origin of the job, to which alone the person's credentials go."""
        if self._known is None:
            token = self.option("token")
            credential = Credential(token=token.strip()) if token else self.context.credential
            headers = parse_headers(self.option("headers") or "")
            self._known = Access(
                home,
                headers,
                credential,
                self.option("query"),
                ambient=self.context.ambient,
            )

    @property
    def caller(self) -> Caller:
        """As `Backend.caller`; it adds the secret query of the job's address."""
        caller = super().caller
        return SignedCaller(caller, self._known) if self._known else caller

    def _address_for(self, address: str) -> str:
        return self._known.address_for(address) if self._known else address

    def _headers_for(self, url: Url) -> dict[str, str]:
        return self._known.headers_for(url) if self._known else {}

    @property
    def _pages(self) -> Pages:
        if self._asked is None:
            stated = self._wish.mode in ("stated", "auto")
            webdav = DavFolders(self._web_server, digests=stated)
            self._asked = Pages(self.caller, self._headers_for, webdav)
        return self._asked

    def _checksums(self) -> Checksums:
        if self._sums is None:
            self._sums = Checksums(self._wish, self._text)
        return self._sums

    def _text(self, address: str) -> str | None:
        return self._pages.text(address)

    def _is_metalink(self, url: Url) -> bool:
        return url.path.endswith(".meta4") and bool(self.option("metalink"))

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

    @cached_property
    def _wish(self) -> Wish:
        """What is asked for as a proof. Raises ``bad_request``."""
        value = self.option("sha256")
        if value is None:
            return read_wish(self.option("checksum"))
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value.strip()):
            raise TransferError(
                "bad_request",
                "The option “sha256” must be 64 hexadecimal digits.",
                "Copy the digest again.",
            )
        return Wish("digest", Digest("sha256", value.strip().lower()))


def _parse(address: str) -> Url:
    return parse_url(address, SCHEMES)


def _may_be_folder(url: Url) -> bool:
    return url.path.endswith("/") and not url.query


def _bytes(value: Any) -> int | None:
    """A number of bytes; ``5G`` is 5 GiB. Raises ``bad_request``."""
    try:
        return parse_rate(value)
    except TransferError:
        raise TransferError(
            "bad_request", "The option “max_bytes” must be a number of bytes, such as “5G”."
        ) from None
