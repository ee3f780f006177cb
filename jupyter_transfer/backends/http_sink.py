"""Sending files to web servers: WebDAV where the server says so, else a plain PUT.

WebDAV (RFC 4918): the bytes go to a temporary name beside the file, and MOVE gives the final one;
``Overwrite: F`` never replaces. A plain PUT writes under the final name, at once where the server
is a good one; ``If-None-Match: *`` and ``If-Match`` keep a server that knows them (RFC 9110 section
13.1) from replacing what it must not. Neither can be cut into pieces: a file whose PUT was
interrupted is sent from its start.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ..errors import TransferError
from .base import Answer, Caller, Digest, Entry
from .sink import Gone, Outlet, Sink, SourceFile, Span, State
from .webdav import PROPFIND, entries_in, holds_nothing, members_in, validators_of

Headers = Callable[[str], Mapping[str, str]]
"""What goes with every request to an address: the credential, and what the person adds."""

_MISSING = (404, 410)
_BUSY = (423, 429, 503)
_NAME_ROOM = 200
_DEEPEST = 128

_LISTING = 64 << 20
"""Bytes of one answer to PROPFIND: some hundred thousand names."""


class WebServer:
    """What one job knows of the servers that it sends to; asks them what it does not.

    Parameters
    ----------
    webdav: whether they speak WebDAV; None asks them by OPTIONS.
    address_for: where to send what goes to an address: with a query that is secret.
    """

    def __init__(
        self,
        caller: Caller,
        headers: Headers,
        webdav: bool | None = None,
        address_for: Callable[[str], str] = str,
    ) -> None:
        self._caller = caller
        self._headers = headers
        self._webdav = webdav
        self.address_for = address_for
        self._asked: dict[str, bool] = {}
        self._folders: set[str] = set()

    def speaks_webdav(self, address: str) -> bool:
        """Whether the server of `address` states ``DAV`` (RFC 4918 section 10.1)."""
        if self._webdav is not None:
            return self._webdav
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._asked:
            answer = self.call(address, "OPTIONS")
            if answer.status == 401:
                raise refusal(answer)
            self._asked[origin] = "dav" in answer.headers
        return self._asked[origin]

    def call(self, address: str, method: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a small request with the credential of this job; any status is an answer."""
        body = PROPFIND if method == "PROPFIND" else None
        media = {"Content-Type": "application/xml"} if body else {}
        return self._caller.call(
            address,
            method=method,
            headers={**self._headers(address), **media, **(headers or {})},
            body=body,
            limit=_LISTING,
            follow=False,
            wants=_is_short if method == "OPTIONS" else None,
        )

    def headers(self, address: str) -> Mapping[str, str]:
        """What goes with a request to `address`."""
        return self._headers(address)

    def find(self, address: str) -> Entry | None:
        """What stands at `address`; None if nothing. Raises ``needs_credentials`` …"""
        if self.speaks_webdav(address):
            answer = self.call(address, "PROPFIND", {"Depth": "0"})
            if answer.status == 207:
                return next(iter(entries_in(answer)), None)
        else:
            answer = self.call(address, "HEAD", {"Want-Repr-Digest": "sha-256=10"})
        parts = urlsplit(address)
        name = unquote(parts.path.rstrip("/").rpartition("/")[2])
        if answer.status in _MISSING:
            return None
        moved = urlsplit(answer.headers.get("location", "")).path == f"{parts.path}/"
        if moved or (parts.path.endswith("/") and answer.status in (200, 403, 405)):
            return Entry(f"{name}/", address)
        if answer.status != 200:
            raise refusal(answer)
        length = answer.headers.get("content-length", "")
        size = (
            int(length) if length.isdigit() and "content-encoding" not in answer.headers else None
        )
        return Entry(name, address, size, validators_of(answer.headers))

    def files_below(self, folder: str, below: str = "") -> Iterator[Entry]:
        """The files below the address `folder`, which ends in ``/``, of a server that speaks
        WebDAV. Raises what its answers mean."""
        answer = self.call(folder, "PROPFIND", {"Depth": "1"})
        if answer.status != 207:
            raise refusal(answer)
        for entry in members_in(answer):
            path = below + entry.path
            if not path.endswith("/"):
                yield replace(entry, path=path, member=True)
            elif path.count("/") > _DEEPEST:
                raise TransferError("remote_lied", "The folders of this server have no end.")
            else:
                yield from self.files_below(entry.address, path)

    def delete(self, address: str) -> TransferError | None:
        """Remove the file `address`; what went wrong, or None."""
        try:
            answer = self.call(address, "DELETE")
        except TransferError as error:
            return error
        return None if answer.status in (200, 202, 204, *_MISSING) else refusal(answer)

    def remove_folder(self, address: str) -> None:
        """Remove the folder `address`, which ends in ``/``, of a server that speaks WebDAV, if
        nothing is in it. DELETE takes with it whatever is (RFC 4918 section 9.6.1), so look
        right before."""
        if not self.speaks_webdav(address):
            return  # nothing tells whether it is empty
        answer = self.call(address, "PROPFIND", {"Depth": "1"})
        if answer.status in _MISSING or (answer.status == 207 and not holds_nothing(answer)):
            return
        error = refusal(answer) if answer.status != 207 else self.delete(address)
        if error is not None:
            raise error
        self.forget_folder(address)

    def make_folder(self, address: str) -> None:
        """Make the folder `address`, which ends in ``/``, and those above it that are missing,
        where the server lets us; where it does not, sending a file into it fails. Raises
        ``remote_busy``, also while another connection makes the same folder (423)."""
        if address in self._folders or urlsplit(address).path in ("", "/"):
            return
        answer = self.call(address, "MKCOL")  # 405: it is there (RFC 4918 section 9.3.1)
        if answer.status == 409:
            self.make_folder(folder_of(address.rstrip("/")))
            answer = self.call(address, "MKCOL")
        if answer.status in _BUSY:
            raise refusal(answer)
        self._folders.add(address)

    def forget_folder(self, address: str) -> None:
        """The folder `address` is not there after all."""
        self._folders.discard(address)


class PutSink(Sink):
    """A file that is sent by one PUT to its final name."""

    in_order = True

    def __init__(self, server: WebServer, address: str, source: SourceFile) -> None:
        self.piece_size = max(1, source.size)
        self._server = server
        self._address = address
        self._source = source
        self._before: dict[str, Any] | None = None
        self._made_folder = False

    def begin(self, state: State | None) -> Sequence[Span]:
        """Nothing is held, unless the PUT came through and only its answer was lost: then another
        file than `before`, of the right size, stands there. Raises ``exists`` where the server
        might not: many take the conditions and ignore them."""
        entry = self._server.find(self._address)
        if state is None:
            require_replaceable(self._source, entry)
            self._before = None if entry is None else _seen(entry)
            return []
        self._before = state["before"]
        if entry is not None and _seen(entry) != self._before:
            if entry.size == self._source.size:
                return [(0, self._source.size)]
            require_replaceable(self._source, entry)
        if entry is None and not self._made_folder:
            self._made_folder = True
            self._server.forget_folder(folder_of(self._address))
            self._server.make_folder(folder_of(self._address))
        return []

    def state(self) -> State:
        """What stood there before."""
        return {"before": self._before}

    def outlet(self, span: Span) -> Outlet:
        """The address itself, under a condition."""
        headers = {**self._server.headers(self._address), **self._condition()}
        return Outlet(self._server.address_for(self._address), headers=headers)

    def _condition(self) -> dict[str, str]:
        if not self._source.replace:
            return {"If-None-Match": "*"}
        known = self._source.replaces
        if known is not None and known.etag and not known.etag.startswith("W/"):
            return {"If-Match": known.etag}
        return {}

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """What stands there; it has its name already."""
        entry = self._server.find(self._address)
        if entry is None:
            raise TransferError("gone", "The service took the file and does not have it.")
        return entry

    def abort(self) -> None:
        """A good server shows nothing of a PUT that did not end; there is nothing to remove."""
        return


class DavSink(Sink):
    """A file that is sent to a temporary name, which then becomes the final one."""

    in_order = True
    states = ("md5", "sha1")  # Owncloud's property, as servers fill it

    def __init__(self, server: WebServer, address: str, source: SourceFile) -> None:
        self.piece_size = max(1, source.size)
        self._server = server
        self._address = address
        self._source = source
        self._temporary = ""
        self._before: dict[str, Any] | None = None

    def begin(self, state: State | None) -> Sequence[Span]:
        """All or nothing: a PUT cannot go on in the middle of a file."""
        if state is None:
            self._temporary = temporary_beside(self._address)
            there = self._server.find(self._address)
            require_replaceable(self._source, there)
            self._before = None if there is None else _seen(there)
            self._server.make_folder(self._folder)
            return []
        self._temporary, self._before = state["temporary"], state["before"]
        entry = self._server.find(self._temporary)
        if entry is not None and entry.size == self._source.size:
            return [(0, self._source.size)]
        if entry is not None:
            return []
        if self._server.find(self._address) is not None:
            raise Gone  # perhaps because it has become the final one
        self._server.forget_folder(self._folder)
        self._server.make_folder(self._folder)
        return []

    def state(self) -> State:
        """The temporary name, and what stood under the final one before."""
        return {"temporary": self._temporary, "before": self._before}

    @property
    def _folder(self) -> str:
        return folder_of(self._address)

    def outlet(self, span: Span) -> Outlet:
        """The temporary name."""
        return Outlet(
            self._server.address_for(self._temporary),
            headers=self._server.headers(self._temporary),
        )

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """MOVE to the final name. Raises ``exists``, ``gone``."""
        self._require_replaceable()
        answer = self._server.call(
            self._temporary,
            "MOVE",
            {
                "Destination": self._address,
                "Overwrite": "T" if self._source.replace else "F",
            },
        )
        if answer.status in _MISSING or self._is_missing_behind(answer):
            return self._moved_before()
        if answer.status == 412:
            raise TransferError("exists", "Something stands at this address already.")
        if not 200 <= answer.status < 300:
            raise refusal(answer)
        entry = self._server.find(self._address)
        if entry is None:
            raise TransferError("gone", "The service took the file and does not have it.")
        return entry

    def _is_missing_behind(self, answer: Answer) -> bool:
        """Whether what was sent is gone: some servers look at the final name first."""
        return answer.status == 412 and self._server.find(self._temporary) is None

    def _require_replaceable(self) -> None:
        """No condition of MOVE speaks of what it replaces, so look."""
        if self._source.replaces is None:
            return
        try:
            require_replaceable(self._source, self._server.find(self._address))
        except TransferError:
            if self._server.find(self._temporary) is not None:
                raise  # else it is ours, moved there before

    def _moved_before(self) -> Entry:
        entry = self._server.find(self._address)
        if entry is None or entry.size != self._source.size or _seen(entry) == self._before:
            raise TransferError("gone", "What was sent is not there any more.")
        return entry

    def abort(self) -> None:
        """Remove the temporary file."""
        answer = self._server.call(self._temporary, "DELETE")
        if not 200 <= answer.status < 300 and answer.status not in _MISSING:
            raise refusal(answer)


def require_replaceable(source: SourceFile, there: Entry | None) -> None:
    """Raise ``exists`` if what is `there` may not be replaced by `source`."""
    if there is None:
        return
    if not source.replace:
        raise TransferError("exists", "Something stands at this address already.")
    if source.replaces is not None and source.replaces.contradicts(there.validators):
        raise TransferError("exists", "What stands at this address was changed meanwhile.")


def sink_for(server: WebServer, address: str, source: SourceFile) -> Sink:
    """The better of the two ways that the server of `address` knows."""
    if source.entry is not None:
        from .http_copy import DavCopySink  # noqa: PLC0415 - imports this module

        return DavCopySink(server, address, source)
    kind = DavSink if server.speaks_webdav(address) else PutSink
    return kind(server, address, source)


def folder_of(address: str) -> str:
    """The address of the folder of `address`, with ``/`` at its end."""
    parts = urlsplit(address)
    return parts._replace(path=parts.path.rpartition("/")[0] + "/", query="", fragment="").geturl()


def temporary_beside(address: str) -> str:
    """A name of our own in the folder of `address`."""
    parts = urlsplit(address)
    name = unquote(parts.path.rpartition("/")[2]).encode()[:_NAME_ROOM].decode("utf-8", "ignore")
    return folder_of(address) + quote(f".{name}.{secrets.token_hex(6)}.part")


def refusal(answer: Answer) -> TransferError:
    """What an answer means that is no success."""
    host, status = urlsplit(answer.url).hostname, answer.status
    if status == 401:
        return TransferError("needs_credentials", f"“{host}” wants to know who you are.")
    if status == 403:
        return TransferError("remote_forbidden", f"“{host}” does not let us do that (403).")
    if status in (408, 423, 425, 429, 500, 502, 503, 504, 509):
        message = f"“{host}” cannot do that now (status {status})."
        return TransferError("remote_busy", message, retry_after=answer.retry_after)
    return TransferError("remote_refused", f"“{host}” answered with status {status}.")


def _is_short(headers: Mapping[str, str]) -> bool:
    """Whether a body that nobody reads is shorter than a new connection."""
    length = headers.get("content-length", "0")
    return length.isdigit() and len(length) < 6


def _size(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isdigit() and "content-encoding" not in headers else None


def _digest(headers: Mapping[str, str]) -> Digest | None:
    """The SHA-256 in ``Repr-Digest`` (RFC 9530)."""
    match = re.search(r"sha-256=:([A-Za-z0-9+/]{43}=):", headers.get("repr-digest", ""))
    if match is None or "content-encoding" in headers:
        return None
    return Digest("sha256", b64decode(match[1]).hex())


def _seen(entry: Entry) -> dict[str, Any]:
    known = entry.validators
    return {"size": entry.size, "etag": known.etag, "last_modified": known.last_modified}
