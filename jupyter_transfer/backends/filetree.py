"""What FTP and SFTP have in common: a tree of folders and files behind a login.

An address that ends in ``/`` is a folder; of any other the server is asked. Links to folders are
not followed: they may lead in a circle.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import quote, unquote

from ..errors import TransferError
from ..net import Url, parse_url
from ..secrets import Login, from_netrc
from .base import Ability, Backend, Entry, Locator, Validators

if TYPE_CHECKING:
    from .sink import Sink, SourceFile

MAX_LISTING = 256 << 20
"""Bytes in the listing of one folder; a million names have about 100 MB."""

MAX_DEPTH = 128
"""Folders within each other."""

SETTLED = 60.0
"""Seconds after which the time of a change, in whole seconds, tells one state from another."""

_ABSENT = ("remote_not_found", "remote_forbidden", "remote_refused")


@dataclass(frozen=True)
class Listed:
    """One line of a listing; `size` and `mtime` (seconds since 1970) None where it does not say.
    Of what is ``unknown`` only the name is told; ``other`` is a device, a pipe, a socket."""

    name: str
    kind: Literal["file", "folder", "link", "other", "unknown"]
    size: int | None = None
    mtime: int | None = None


class FileTreeBackend(Backend):
    """Base of the backends of servers that keep files in folders."""

    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "send", "delete", "browse"})

    folders = True

    # -- what a protocol has to say --

    @abstractmethod
    def listing(self, url: str) -> Iterator[Listed]:
        """What lies in the folder `url`, which ends in ``/``. Raises ``remote_not_found`` for one
        that is none."""

    @abstractmethod
    def rename(
        self, url: str, old: str, new: str, *, replace: bool, first: Sequence[str] = ()
    ) -> None:
        """Give the file `old` the name `new`; both are addresses of files below the folder `url`.
        The commands `first` go before, with the same request. Raises ``exists`` where `new` is
        taken and may not be replaced."""

    @abstractmethod
    def commands(self, act: Literal["mkdir", "rm", "rmdir"], url: str) -> Sequence[str]:
        """The commands in libcurl's QUOTE form that make a folder, or remove a file or a folder."""

    @abstractmethod
    def touch(self, url: str, mtime_ns: int) -> Sequence[str]:
        """The commands that set when a file was changed."""

    def login(self, url: Url) -> Login:
        """What to log in with: options, the address, or ``.netrc``."""
        credential = self.context.credential
        if credential is None and self.context.ambient:
            credential = from_netrc(url.host)
        username = self.option("username") or (credential.username if credential else "")
        password = self.option("password") or (credential.password if credential else "")
        return Login(username, password)

    # -- what all of them do --

    def check(self, address: str) -> None:
        """As `Backend.check`; also ``address_refused``, and ``invalid_address`` for a path that
        would be a command of its own."""
        super().check(address)
        self.context.policy.check_host(self.url(address).host)

    def entries(self, address: str) -> Iterator[Entry]:
        """The file at `address`, or all files below it."""
        if not address.endswith("/"):
            found = self.find(address)
            if found is None:
                raise TransferError("remote_not_found", "There is nothing at this address.")
            if not found.path.endswith("/"):
                yield found
                return
        yield from self._walk(str(self.url(address)).rstrip("/") + "/", "")

    def _walk(self, url: str, below: str, depth: int = 0) -> Iterator[Entry]:
        if depth > MAX_DEPTH:
            raise TransferError("remote_lied", "The folders of this server have no end.")
        for line in self.listing(url):
            path, address = below + line.name, url + _quoted(line.name)
            kind = self._kind(address) if line.kind == "unknown" else line.kind
            if kind == "folder":
                yield from self._walk(address + "/", path + "/", depth + 1)
            elif kind == "file":
                yield member(self._entry(path, address, line.size, line.mtime), path)
            elif (found := self._look(address)) is not None:
                yield member(found, path)

    def _kind(self, url: str) -> Literal["file", "folder"]:
        """What stands at `url`; what cannot be found there is a file that cannot be fetched."""
        return "folder" if self._look(url) is None and self._is_folder(url) else "file"

    def browse(self, address: str) -> Iterator[Entry]:
        """What lies in the folder `address`."""
        url = str(self.url(address)).rstrip("/") + "/"
        for line in self.listing(url):
            kind = self._kind(url + _quoted(line.name)) if line.kind == "unknown" else line.kind
            tail = "/" if kind == "folder" else ""
            at = url + _quoted(line.name) + tail
            yield self._entry(line.name + tail, at, line.size, line.mtime)

    def find(self, address: str) -> Entry | None:
        """See `Backend.find`."""
        url = str(self.url(address))
        if not url.endswith("/") and (found := self._look(url)) is not None:
            return found
        try:
            next(self.listing(url.rstrip("/") + "/"), None)
        except TransferError as error:
            if error.code in _ABSENT:
                return None
            raise
        return Entry(self.name_for(address) + "/", url.rstrip("/") + "/")

    def file_at(self, address: str, *, certain: bool = False) -> Entry | None:
        """The file at `address`; None where there is none, or it is a folder, which does not
        have to be asked when it is `certain` that it is none."""
        return self._look(str(self.url(address)), certain=certain)

    def _look(self, url: str, *, certain: bool = False) -> Entry | None:
        """The file at `url`, None where there is none, or it is a folder."""
        parsed = self.url(url)
        try:
            answer = self.caller.call(url, method="HEAD", login=self.login(parsed))
            unknown = answer.size is None and answer.modified is None
            if unknown or (self._may_be_folder and not certain and self._is_folder(url)):
                return None
        except TransferError as error:
            if error.code in _ABSENT:
                return None
            raise
        return self._entry(self.name_for(url), url, answer.size, answer.modified)

    _may_be_folder: ClassVar[bool] = False
    """Whether a look at a folder succeeds as one at a file does."""

    def _is_folder(self, url: str) -> bool:
        try:
            next(self.listing(url + "/"), None)
        except TransferError as error:
            if error.code in _ABSENT:
                return False
            raise
        return True

    @staticmethod
    def _entry(path: str, address: str, size: int | None, mtime: int | None) -> Entry:
        modified = None if mtime is None else str(mtime)
        settled = mtime is not None and time.time() - mtime >= SETTLED
        return Entry(
            path,
            address,
            size,
            Validators(last_modified=modified, settled=settled),
            mtime_ns=None if mtime is None else mtime * 1_000_000_000,
        )

    def locate(self, entry: Entry) -> Locator:
        """The address itself, with what to log in with."""
        url = self.url(entry.address)
        return Locator(str(url), login=self.login(url), digest=entry.digest)

    def name_for(self, address: str) -> str:
        """The last segment of the address, a folder's too."""
        return super().name_for(address.rstrip("/"))

    def sink(self, address: str, source: SourceFile) -> Sink:
        """See `jupyter_transfer.backends.filesink`."""
        from .filesink import FileSink  # noqa: PLC0415 - it imports this module

        return FileSink(self, str(self.url(address)), source)

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """Remove files, one after the other."""
        return [self._delete(entry) for entry in entries]

    def _delete(self, entry: Entry) -> TransferError | None:
        try:
            self.act(self.commands("rm", entry.address), entry.address)
        except TransferError as error:
            if error.code in _ABSENT and self.find(entry.address) is None:
                return None
            return error
        return None

    def remove_folder(self, address: str) -> None:
        """As `Backend.remove_folder`. Servers refuse to remove one that is not empty; look before,
        so that a refusal means something else."""
        url = str(self.url(address)).rstrip("/")
        try:
            if next(self.listing(url + "/"), None) is None:
                self.act(self.commands("rmdir", url), url)
        except TransferError as error:
            if error.code not in _ABSENT:
                raise

    def act(self, commands: Sequence[str], url: str) -> None:
        """Carry out `commands` at the server of `url`."""
        parsed = self.url(url)
        folder = str(parsed).rpartition("/")[0] + "/"
        self.caller.call(folder, method="HEAD", login=self.login(parsed), commands=commands)

    def url(self, address: str) -> Url:
        """`address` parsed. Raises ``invalid_address``."""
        parsed = parse_url(address, self.schemes)
        if any(ord(c) < 0x20 or ord(c) == 0x7F for c in unquote(parsed.path)):
            raise TransferError(
                "invalid_address",
                "This is not a valid address: its path holds a control character.",
            )
        return parsed


def member(entry: Entry, path: str) -> Entry:
    """`entry` as it was found at `path` below a folder: of a link, by the link's name."""
    return replace(entry, path=path, member=True)


def _quoted(name: str) -> str:
    return quote(name.encode("utf-8", "surrogateescape"))


def path_of(url: Url) -> str:
    """The path of `url` as the server knows it."""
    return unquote(url.path, errors="surrogateescape")
