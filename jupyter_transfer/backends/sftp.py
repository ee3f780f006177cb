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
# Names of owners may hold blanks, or be missing: the first date ends them.
_LINE = re.compile(
    r"(?P<type>[-dlbcps])[-rwxsStT.+@]{9,11}\s+\S+\s+(?:\S.*?\s+)??(?P<size>\d+)\s+"
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
            ambient=self.context.ambient,
            host_key=self.option("host_key"),
        )

    def listing(self, url: str) -> Iterator[Listed]:
        """The long form of ``SSH_FXP_READDIR``, which libcurl gives, as far as it can be read; of
        what is written otherwise the names, for which it is asked apart."""
        lines = list(_lines(self._ask(url, "GET")))
        listed = [_parse(line) for line in lines]
        if None in listed:
            names = list(_lines(self._ask(url, "NLST")))
            listed = _named(names, lines, listed)
        wanted = (line for line in listed if line is not None and line.kind != "other")
        return (line for line in wanted if line.name not in (".", ".."))

    def _ask(self, url: str, method: str) -> bytes:
        login = self.login(self.url(url))
        return self.caller.call(url, method=method, login=login, limit=MAX_LISTING).body

    def rename(
        self, url: str, old: str, new: str, *, replace: bool, first: Sequence[str] = ()
    ) -> None:
        """What stands at `new` steps aside first, and goes when the new file has its name: version
        3 of the protocol replaces nothing. Some servers do (rclone), so look before."""
        if not replace and self._look(new) is not None:
            raise TransferError("exists", "The name was taken meanwhile.")
        source, target = (_quote(path_of(self.url(each))) for each in (old, new))
        step = [f"rename {source} {target}"]
        if replace:
            aside = _quote(path_of(self.url(old)) + "~")
            step = [f"*rename {target} {aside}", *step, f"*rm {aside}"]
        try:
            self.act([*first, *step], url)
        except TransferError as error:
            if error.code == "remote_refused" and self._look(new) is not None:
                raise TransferError("exists", "The name was taken meanwhile.") from None
            raise

    def commands(self, act: Literal["mkdir", "rm", "rmdir"], url: str) -> Sequence[str]:
        """See `FileTreeBackend.commands`."""
        return [f"{act} {_quote(path_of(self.url(url)))}"]

    def touch(self, url: str, mtime_ns: int) -> Sequence[str]:
        """See `FileTreeBackend.touch`."""
        moment = datetime.fromtimestamp(mtime_ns // 1_000_000_000, timezone.utc)
        date = moment.strftime("%d %b %Y %H:%M:%S GMT")
        return [f'*mtime "{date}" {_quote(path_of(self.url(url)))}']


def _lines(body: bytes) -> Iterator[str]:
    for line in body.removesuffix(b"\n").split(b"\n") if body else ():
        yield line.decode("utf-8", "surrogateescape")


def _parse(line: str) -> Listed | None:
    """None for a line in another form."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    name = match["name"]
    if match["type"] == "l":
        return Listed(name.partition(" -> ")[0], "link")
    if match["type"] == "d":
        return Listed(name, "folder")
    if match["type"] == "-":
        return Listed(name, "file", int(match["size"]))
    return Listed(name, "other")


def _named(
    names: Sequence[str], lines: Sequence[str], listed: Sequence[Listed | None]
) -> list[Listed | None]:
    """All `names`, with what `lines` tell of them. At the end of links libcurl writes where they
    lead, whatever the server wrote."""
    if len(names) != len(lines):  # somebody made or removed one in between
        known = {line.name: line for line in listed if line is not None}
        return [known.get(name, Listed(name, "unknown")) for name in names]
    return [
        line or Listed(name, "link" if " -> " in text else "unknown")
        for name, text, line in zip(names, lines, listed, strict=True)
    ]


def _quote(path: str) -> str:
    """A path in a command of libcurl, which undoes both."""
    if path.startswith("/~/"):
        path = path[3:]
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
