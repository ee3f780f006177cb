"""SFTP: files behind an SSH login."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import ClassVar, Literal

from ..errors import TransferError
from ..net import Url
from ..secrets import Login, own_name
from .base import Option
from .filetree import MAX_LISTING, FileTreeBackend, Listed, path_of

# What servers send as "longname" (draft-ietf-secsh-filexfer-02 section 7): the form of `ls -l`.
_LINE = re.compile(
    r"(?P<type>[-dlbcps])[-rwxsStT.+@]{9,11}\s+\S+\s+\S+\s+\S+\s+(?P<size>\d+)\s+"
    r"(?P<date>[A-Z][a-z]{2}\s+\d{1,2}\s+(?:\d{4}|\d{1,2}:\d{2})|\d{4}-\d{2}-\d{2}\s+\d{2}:\d{2})"
    r" (?P<name>.+)",
    re.DOTALL,
)


class SftpBackend(FileTreeBackend):
    """Files of SSH servers: ``sftp://host/path``, ``sftp://host/~/path`` from the home folder."""

    name = "sftp"
    title = "SFTP (SSH)"
    schemes = ("sftp",)
    parallel = 4  # servers often let a person in only so many times
    options: ClassVar[tuple[Option, ...]] = (
        Option("username", help="User name; else the one in the address, or yours"),
        Option("password", help="Password", secret=True),
        Option("key_file", type="path", help="Private key, else those in ~/.ssh and of ssh-agent"),
        Option("passphrase", help="What opens the private key", secret=True),
        Option("host_key", help="Fingerprint (SHA256:…) of a server that known_hosts has not yet"),
    )
    _may_be_folder = True

    def login(self, url: Url) -> Login:
        """Options, the address, ``.netrc``, keys and agent; ``known_hosts`` for the other side."""
        login = super().login(url)
        return Login(
            login.username or own_name(),
            login.password,
            key_file=self.option("key_file"),
            passphrase=self.option("passphrase") or "",
            host_key=self.option("host_key"),
        )

    def listing(self, url: str) -> Iterator[Listed]:
        """One ``SSH_FXP_READDIR`` after the other, as libcurl writes them out."""
        answer = self.caller.call(url, login=self.login(self.url(url)), limit=MAX_LISTING)
        for raw in answer.body.split(b"\n"):
            if line := raw.decode("utf-8", "surrogateescape"):
                listed = _parse(line)
                if listed.name not in (".", ".."):
                    yield listed

    def rename(self, url: str, old: str, new: str, *, replace: bool) -> None:
        """What stands at `new` steps aside first, and goes when the new file has its name: version
        3 of the protocol replaces nothing."""
        source, target = (_quote(path_of(self.url(each))) for each in (old, new))
        step = [f"rename {source} {target}"]
        if replace:
            aside = _quote(path_of(self.url(old)) + "~")
            step = [f"*rename {target} {aside}", *step, f"*rm {aside}"]
        try:
            self.act(step, url)
        except TransferError as error:
            if error.code == "remote_refused" and self._look(new) is not None:
                raise TransferError("exists", "The name was taken meanwhile.") from None
            raise

    def commands(self, act: Literal["mkdir", "rm"], url: str) -> Sequence[str]:
        """See `FileTreeBackend.commands`."""
        return [f"{act} {_quote(path_of(self.url(url)))}"]

    def touch(self, url: str, mtime_ns: int) -> Sequence[str]:
        """See `FileTreeBackend.touch`."""
        moment = datetime.fromtimestamp(mtime_ns // 1_000_000_000, timezone.utc)
        date = moment.strftime("%d %b %Y %H:%M:%S GMT")
        return [f'*mtime "{date}" {_quote(path_of(self.url(url)))}']


def _parse(line: str) -> Listed:
    match = _LINE.fullmatch(line)
    if match is None:
        raise TransferError("remote_lied", "The server lists its files in an unknown form.")
    name = match["name"]
    if match["type"] == "l":
        return Listed(name.partition(" -> ")[0], "link")
    if match["type"] == "d":
        return Listed(name, "folder")
    if match["type"] == "-":
        return Listed(name, "file", int(match["size"]))
    return Listed(".", "file")  # a device, a pipe, a socket: nothing to fetch


def _quote(path: str) -> str:
    """A path in a command of libcurl, which undoes both."""
    if path.startswith("/~/"):
        path = path[3:]
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
