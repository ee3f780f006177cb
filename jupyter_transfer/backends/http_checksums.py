"""Where the digest of a file of a web server comes from, as the option ``checksum`` says.

``stated``
    (the default) what costs no guess: headers of the answer, a Metalink that it links to, checksum
    files that the listing of a folder shows.
``auto``
    also checksum files beside a single file, asked for by their usual names.
``off``
    nothing is compared.
an address
    of a checksum file, relative to that of the file or the folder.
a digest
    ``sha256:…`` and its kind: that of the one file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from ..errors import TransferError
from ..net import Url, redirect_target
from .base import Digest
from .http_listing import Item
from .http_sums import ENDINGS, GUESSES, SUMS, Sums, read_sums, read_value

Mode = Literal["stated", "auto", "off", "address", "digest"]

_SCHEMES = ("http", "https")

Read = Callable[[str], "str | None"]
"""Text at an address; None where there is none."""


@dataclass(frozen=True)
class Wish:
    """What the person asked for."""

    mode: Mode
    digest: Digest | None = None
    address: str = ""


def read_wish(value: str | None) -> Wish:
    """The option ``checksum``. Raises ``bad_request``."""
    text = (value or "stated").strip()
    if text in ("stated", "auto", "off"):
        mode: Mode = "auto" if text == "auto" else "off" if text == "off" else "stated"
        return Wish(mode)
    if digest := read_value(text):
        return Wish("digest", digest)
    looks_like_a_digest = re.match(r"[A-Za-z0-9_]{2,20}[:=][0-9a-fA-F]+$|[0-9a-fA-F]{32,}$", text)
    if looks_like_a_digest or not re.search(r"[./]|SUM", text):
        raise TransferError(
            "bad_request",
            "The option “checksum” is no digest that can be computed here.",
            "Give “sha256:<hex>” or its kind, the address of a checksum file, “auto”, “stated”"
            " or “off”.",
        )
    return Wish("address", address=text)


class Checksums:
    """The digests of the files of one job.

    Parameters
    ----------
    read: how to ask for a checksum file.
    """

    def __init__(self, wish: Wish, read: Read) -> None:
        self._wish = wish
        self._read = read
        self._stack: list[tuple[str, Sums]] = []
        self._beside: dict[str, str] = {}
        self._guessed: dict[str, Sums | None] = {}

    # -- a single file --

    def of_file(self, url: Url) -> Digest | None:
        """What is given for the file at `url`. Raises ``remote_not_found`` for a checksum file
        that says nothing of it."""
        if self._wish.mode != "address":
            return self._wish.digest
        address = self._resolve(url)
        sums = self._sums(address)
        digest = sums and (sums.of(_relative(url, address)) or sums.of_one(_name(url)))
        if not digest:
            raise TransferError(
                "remote_not_found", "The checksum file says nothing of this file, or is not there."
            )
        return digest

    def beside(self, url: Url) -> Digest | None:
        """What a neighbour of `url` says, if the person wants it to be looked for."""
        name = _name(url)
        if self._wish.mode != "auto" or not name:
            return None
        for guess in GUESSES:
            own = "{name}" in guess
            address = str(redirect_target(url, "./" + _quoted(url, guess), _SCHEMES))
            if address not in self._guessed or own:
                self._guessed[address] = self._sums(address)
            sums = self._guessed.pop(address) if own else self._guessed[address]
            found = sums and (sums.of_one(name) if own else sums.of(name))
            if found:
                return found
        return None

    # -- the files of a folder --

    def start(self, folder: Url) -> None:
        """The walk begins at `folder`. Raises ``bad_request`` for the digest of one file."""
        if self._wish.mode == "digest":
            raise TransferError(
                "bad_request",
                "A digest is that of one file; this is a folder.",
                "Give the address of a checksum file, or leave the option “checksum” out.",
            )
        if self._wish.mode == "address":
            sums = self._sums(self._resolve(folder))
            if sums is None:
                raise TransferError("remote_not_found", "There is no checksum file there.")
            self._stack.append(("", sums))

    def enter(self, prefix: str, items: list[Item]) -> None:
        """The walk is in the folder `prefix`, which holds `items`."""
        if self._wish.mode not in ("stated", "auto"):
            return
        while self._stack and not prefix.startswith(self._stack[-1][0]):
            self._stack.pop()
        self._beside = {}
        names = {item.name for item in items if not item.folder}
        for item in items:
            if item.folder:
                continue
            if item.name.lower() in SUMS and (sums := self._sums(item.url)):
                self._stack.append((prefix, sums))
            stem, dot, ending = item.name.rpartition(".")
            if dot and "." + ending in ENDINGS and stem in names:
                self._beside.setdefault(prefix + stem, item.url)

    def of_member(self, path: str) -> Digest | None:
        """What is known of the file at `path`, in the folder that the walk is in."""
        for prefix, sums in reversed(self._stack):
            if path.startswith(prefix) and (digest := sums.of(path[len(prefix) :])):
                return digest
        address = self._beside.get(path)
        sums_of_it = self._sums(address) if address else None
        return sums_of_it.of_one(path.rpartition("/")[2]) if sums_of_it else None

    # -- reading --

    def _resolve(self, base: Url) -> str:
        return str(redirect_target(base, self._wish.address, _SCHEMES))

    def _sums(self, address: str) -> Sums | None:
        text = self._read(address)
        sums = read_sums(text, _segment(address)) if text is not None else None
        return sums if sums and (sums.named or sums.alone) else None


def _segment(address: str) -> str:
    path = address.partition("?")[0].partition("#")[0]
    return unquote(path.rpartition("/")[2], errors="replace")


def _name(url: Url) -> str:
    return _segment(url.path)


def _quoted(url: Url, guess: str) -> str:
    """`guess` as a relative address, with the name as `url` spells it."""
    return guess.format(name=url.path.rpartition("/")[2])


def _relative(url: Url, sums: str) -> str:
    """The path of `url` relative to the folder of the checksum file; "" if it is elsewhere."""
    folder = sums.partition("?")[0].rpartition("/")[0] + "/"
    address = str(url).partition("?")[0]
    return unquote(address[len(folder) :]) if address.startswith(folder) else ""
