"""FTP, and FTP over TLS (RFC 959, RFC 4217)."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import ClassVar, Literal

from ..errors import TransferError
from ..net import Url
from ..secrets import Login
from .base import Option
from .filetree import MAX_LISTING, FileTreeBackend, Listed, path_of

_UNIX = re.compile(
    r"(?P<type>[-dlbcps])[-rwxsStT.+@]{9,11}\s+\d+\s+\S+\s+\S+\s+(?P<size>\d+)\s+"
    r"[A-Z][a-z]{2}\s+\d{1,2}\s+(?:\d{4}|\d{1,2}:\d{2}) (?P<name>.+)"
)
_DOS = re.compile(
    r"\d{2}-\d{2}-\d{2,4}\s+\d{2}:\d{2}(?:[AP]M)?\s+(?:(?P<folder><DIR>)|(?P<size>\d+))\s+"
    r"(?P<name>.+)"
)
_KINDS: dict[str, Literal["file", "folder", "link"]] = {"-": "file", "d": "folder", "l": "link"}


class FtpBackend(FileTreeBackend):
    """Files of FTP servers. Paths count from the folder that the login leads to."""

    name = "ftp"
    title = "FTP, FTPS"
    schemes = ("ftp", "ftps")
    parallel = 4  # servers often let a person in only so many times
    options: ClassVar[tuple[Option, ...]] = (
        Option("username", help="User name; nobody in particular without one (anonymous)"),
        Option("password", help="Password", secret=True),
        Option(
            "tls",
            help="Encryption of ftp: addresses: where the server offers it, always, or never",
            default="auto",
            choices=("auto", "required", "off"),
        ),
    )

    def login(self, url: Url) -> Login:
        """Options, the address, ``.netrc``, else anonymous."""
        login = super().login(url)
        tls = "required" if url.scheme == "ftps" else self.option("tls")
        return Login(login.username, login.password, tls=tls)

    def url(self, address: str) -> Url:
        """As `FileTreeBackend.url`; ``;type=`` at the end of a name is part of it."""
        parsed = super().url(address)
        path = parsed.path.replace(";", "%3B")
        return Url(parsed.scheme, parsed.host, parsed.port, path, parsed.query)

    def listing(self, url: str) -> Iterator[Listed]:
        """``MLSD`` (RFC 3659), else ``LIST`` in the forms of Unix and DOS."""
        login = self.login(self.url(url))
        try:
            answer = self.caller.call(url, method="MLSD", login=login, limit=MAX_LISTING)
        except TransferError as error:
            if error.code != "remote_not_found":
                raise
            answer = self.caller.call(url, login=login, limit=MAX_LISTING)
            parse = _parse_list
            if not answer.body.strip() and self._look_for_folder(url) is False:
                raise TransferError("remote_not_found", "There is no such folder.") from None
        else:
            parse = _parse_facts
        for raw in answer.body.splitlines():
            listed = parse(raw.decode("utf-8", "surrogateescape"))
            if listed is not None and listed.name not in (".", ".."):
                yield listed

    def _look_for_folder(self, url: str) -> bool:
        """Whether a folder stands at `url`: LIST answers with nothing to one that is not there."""
        try:
            self.act([f"CWD {_path(self.url(url))}"], url)
        except TransferError as error:
            if error.code == "remote_refused":
                return False
            raise
        return True

    def rename(
        self, url: str, old: str, new: str, *, replace: bool, first: Sequence[str] = ()
    ) -> None:
        """Servers replace what stands at `new`, so it is asked before whether something does."""
        if not replace and self._look(new) is not None:
            raise TransferError("exists", "The name was taken meanwhile.")
        source, target = (_path(self.url(each)) for each in (old, new))
        self.act([*first, f"RNFR {source}", f"RNTO {target}"], url)

    def commands(self, act: Literal["mkdir", "rm", "rmdir"], url: str) -> Sequence[str]:
        """See `FileTreeBackend.commands`."""
        verb = {"mkdir": "MKD", "rm": "DELE", "rmdir": "RMD"}[act]
        return [f"{verb} {_path(self.url(url)).rstrip('/')}"]

    def touch(self, url: str, mtime_ns: int) -> Sequence[str]:
        """``MFMT`` (draft-somers-ftp-mfxx), which not every server knows."""
        moment = datetime.fromtimestamp(mtime_ns // 1_000_000_000, timezone.utc)
        return [f"*MFMT {moment:%Y%m%d%H%M%S} {_path(self.url(url))}"]


def _path(url: Url) -> str:
    """The path in a command, relative to where the login led, as libcurl takes it in an address;
    absolute when the address has two slashes."""
    return path_of(url)[1:]


def _parse_facts(line: str) -> Listed | None:
    facts, blank, name = line.partition(" ")
    if not blank:
        raise TransferError("remote_lied", "The server lists its files in an unknown form.")
    known = {}
    for fact in facts.split(";"):
        key, _, value = fact.partition("=")
        known[key.lower()] = value
    kind = known.get("type", "file").lower()
    if kind in ("cdir", "pdir"):
        return None
    if kind == "dir":
        return Listed(name, "folder")
    if kind.startswith(("os.unix=slink", "os.unix=symlink")):
        return Listed(name, "link")
    if kind != "file":
        return None
    size = known.get("size", "")
    return Listed(name, "file", int(size) if size.isdigit() else None, _moment(known))


def _moment(known: dict[str, str]) -> int | None:
    try:
        return calendar.timegm(time.strptime(known.get("modify", "")[:14], "%Y%m%d%H%M%S"))
    except ValueError:
        return None


def _parse_list(line: str) -> Listed | None:
    if line.startswith("total "):
        return None
    if match := _UNIX.fullmatch(line):
        kind = _KINDS.get(match["type"])
        if kind is None:
            return None
        name = match["name"].partition(" -> ")[0] if kind == "link" else match["name"]
        return Listed(name, kind, int(match["size"]) if kind == "file" else None)
    if match := _DOS.fullmatch(line):
        if match["folder"]:
            return Listed(match["name"], "folder")
        return Listed(match["name"], "file", int(match["size"]))
    raise TransferError("remote_lied", "The server lists its files in an unknown form.")
