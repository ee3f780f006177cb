"""What a backend is: it lists entries and says where the bytes of each lie; it never moves bytes.

A backend is one class in one file, found by the entry point group ``jupyter_transfer.backends``::

    class MyBackend(Backend):
        name = "my"
        title = "My service"
        schemes = ("my",)
        options = (Option("region", help="Region of the service"),)

        def entries(self, address): ...
        def locate(self, entry): ...

The class attributes are *declared data*: the server process reads them to build the form, the
documentation and the flags of the CLI, so importing the module must stay cheap. Whatever is heavy
(a client library of the service) is imported inside the methods, which run in a worker only.

One engine (`jupyter_transfer.engine`) fetches the locators in ranges, journals, verifies and
publishes. So resume, verification, limits and progress hold for every backend.

A backend that can be written to also has `find`, `sink` (see `jupyter_transfer.backends.sink`) and
`delete`; one whose service copies within itself has `copy`. What it can is declared in `can`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol
from urllib.parse import quote, unquote, urlsplit

from ..errors import TransferError, wait_in
from ..names import alternative_names, safe_name
from ..net import Policy
from ..secrets import Credential, Login
from ..sizes import parse_size

if TYPE_CHECKING:
    from .cache import Cache
    from .sending import Sending
    from .sink import Sink, SourceFile

OptionType = Literal["text", "integer", "number", "flag", "bytes", "path"]
Value = str | int | float | bool


@dataclass(frozen=True)
class Option:
    """One declared option of a backend: a field of the form, a flag of the CLI, a key of a job's
    `options`. `bytes` takes a number or a text such as ``5M``."""

    name: str
    type: OptionType = "text"
    help: str = ""
    default: Value | None = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    required: bool = False
    side: Literal["both", "source", "destination"] = "both"
    """Whether it is of use where files come from, or where they go, or both."""

    def as_dict(self) -> dict[str, Any]:
        """The option as the contract's JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "help": self.help,
            "default": self.default,
            "secret": self.secret,
            "choices": list(self.choices),
            "required": self.required,
            "side": self.side,
        }

    def read(self, options: Mapping[str, Any]) -> Any:
        """The value in `options`, checked, or the default. Raises ``bad_request``."""
        value = options.get(self.name)
        if value is None or value == "":
            if self.required:
                raise TransferError("bad_request", f"The option “{self.name}” is required.")
            return self.default
        wanted = _TYPES[self.type]
        good = isinstance(value, wanted) and (self.type == "flag" or not isinstance(value, bool))
        if not good or (self.choices and value not in self.choices):
            raise TransferError(
                "bad_request",
                f"The option “{self.name}” has a value of the wrong kind.",
                f"Give one of: {', '.join(self.choices)}." if self.choices else "",
            )
        if self.type == "bytes":
            parse_size(value, self.name)
        return value


_TYPES: dict[OptionType, tuple[type, ...]] = {
    "text": (str,),
    "path": (str,),
    "integer": (int,),
    "number": (int, float),
    "flag": (bool,),
    "bytes": (int, str),
}


Pair = tuple[str | None, str | None]


def _equal(pair: Pair) -> bool:
    return pair[0] is not None and pair[0] == pair[1]


@dataclass(frozen=True)
class Validators:
    """What tells one state of a remote file from another (RFC 9110 section 8.8). An `etag` or a
    `version` that begins with ``W/`` is weak: where it differs the file does, no more."""

    etag: str | None = None
    last_modified: str | None = None
    version: str | None = None
    settled: bool = False
    """Whether `last_modified` lay at least a minute back when it was read: only then no second
    change within the same second can hide behind it (RFC 9110 section 8.8.2.2)."""
    provisional: bool = False
    """Whether `etag` was stated by the answer that made the file: some services state another one
    from then on, so where it differs nothing is known."""

    @property
    def strong(self) -> bool:
        """Whether equal validators prove equal bytes."""
        return self.proves(self)

    def contradicts(self, other: Validators) -> bool:
        """Whether `other` is certainly another state of the file."""
        version, etag, modified = self._pairs(other)
        # One and the same version may be weak first, and proven by its age later.
        bare = tuple(None if one is None else one.removeprefix("W/") for one in version)
        if self.provisional or other.provisional:
            etag = None, None
        return any(
            mine != theirs
            for mine, theirs in (bare, etag, modified)
            if mine is not None and theirs is not None
        )

    def proves(self, other: Validators) -> bool:
        """Whether `other` is certainly the same state: a strong validator of both is equal."""
        if self.contradicts(other):
            return False
        version, etag, modified = self._pairs(other)
        if _equal(version) and not str(version[0]).startswith("W/"):
            return True
        if any(tag is not None and tag.startswith("W/") for tag in etag):
            return False  # the server says itself that equal tags do not mean equal bytes
        return _equal(etag) or (_equal(modified) and self.settled)

    def _pairs(self, other: Validators) -> tuple[Pair, Pair, Pair]:
        return (
            (self.version, other.version),
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
        )

    def as_dict(self) -> dict[str, Any]:
        """The validators as JSON, for journals and the record of what was delivered."""
        return {
            "etag": self.etag,
            "last_modified": self.last_modified,
            "version": self.version,
            "settled": self.settled,
            **({"provisional": True} if self.provisional else {}),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Validators:
        """The validators that `as_dict` wrote."""
        return cls(
            value.get("etag"),
            value.get("last_modified"),
            value.get("version"),
            bool(value.get("settled")),
            bool(value.get("provisional")),
        )


UNKNOWN = Validators()
"""Of a file of which nothing is known; one for all, for a job may have a million such."""


@dataclass(frozen=True)
class Digest:
    """A checksum of a whole file: its algorithm as `jupyter_transfer.engine.sums` names it, and its
    hex value."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


@dataclass(frozen=True)
class Pieces:
    """Digests (hex) of pieces of a file, each of `length` bytes but the last: they tell which part
    of a damaged file has to be fetched again."""

    length: int
    algorithm: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One file of a source.

    Parameters
    ----------
    path: where it lands, relative to the destination folder, ``/`` between segments; untrusted.
    address: what `Backend.locate` needs to find it again.
    size: bytes, None while unknown.
    guessed: whether `path` is only a guess from the address, which a name that the server states
        (Content-Disposition) overrules.
    mtime_ns: when it was changed, nanoseconds since 1970; None where the listing does not say.
    member: whether it was found in a folder, and so lands below the destination even if nothing
        else is in there.
    """

    path: str
    address: str
    size: int | None = None
    validators: Validators = UNKNOWN
    digest: Digest | None = None
    guessed: bool = False
    mtime_ns: int | None = None
    member: bool = False


@dataclass(frozen=True)
class Stated:
    """What a service says about a file in headers of its own: its digest, or the code for why it
    states none (see `jupyter_transfer.engine.verify`), and when it was changed."""

    digest: Digest | None = None
    unverified: str | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class Locator:
    """Where the bytes of an entry lie right now.

    Parameters
    ----------
    url: an ``http:``, ``https:``, ``ftp:``, ``ftps:`` or ``sftp:`` address.
    headers: private to the origin of `url`: they are dropped when a redirect leaves it.
    size, validators, digest: what the service states, where it states it.
    unix_socket: path of the socket of a private server that this job has started.
    login: what FTP and SFTP log in with; HTTP has `headers` for that.
    mirrors: other addresses of the same bytes, tried in turn when `url` fails; used only with a
        `digest` that cannot be forged.
    pieces: digests of the pieces of the file, used with `digest`.
    unverified: why there is no `digest` (a code of `jupyter_transfer.engine.verify`), where the
        backend knows it better than the headers of an answer tell.
    presumed: whether `digest` is only presumed: bytes that have it are proven, of others nothing is
        known.
    digest_of: ETag of the state that `digest` is of, where the service stated both: a file that has
        another one by now has another digest, too.
    if_match: whether requests for parts may carry ``If-Match`` with the ETag found first: the
        service then refuses to send a part of another state at all.
    stated: reads what is this service's own in the headers of an answer (names in lower case).
    recheck: whether an answer may be older than the bytes behind it: then the file is located and
        looked at once more when all of it is there, and is begun again if it is another one.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    size: int | None = None
    validators: Validators = UNKNOWN
    digest: Digest | None = None
    unix_socket: str | None = None
    login: Login | None = None
    mirrors: tuple[str, ...] = ()
    pieces: Pieces | None = None
    unverified: str | None = None
    presumed: bool = False
    digest_of: str | None = None
    if_match: bool = False
    stated: Callable[[Mapping[str, str]], Stated] | None = None
    recheck: bool = False


@dataclass(frozen=True)
class Answer:
    """What a service answered to a small request: status, address after redirects, headers by
    their names in lower case, body. Of FTP and SFTP: bytes of the file, and when it was changed, in
    seconds since 1970."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    size: int | None = None
    modified: int | None = None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asks to be left alone for."""
        return wait_in(self.headers.get)


class Content(Protocol):
    """The body of a request that is made while it is sent."""

    size: int
    """Bytes, all of which are sent."""

    position: int
    """Bytes that were handed over so far."""

    def read(self, count: int) -> memoryview:
        """At most `count` bytes from `position` on, which moves behind them. Raises
        `TransferError`, which ends the request with it."""

    def seek(self, position: int) -> None:
        """Go on from `position`."""


class Caller(Protocol):
    """How a backend asks its service for something small. No backend opens connections itself:
    this one goes by the address policy, proxies and certificate authorities of the job."""

    def call(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = 8 << 20,
        follow: bool = True,
        unix_socket: str | None = None,
        wants: Callable[[Mapping[str, str]], bool] | None = None,
        login: Login | None = None,
        commands: Sequence[str] = (),
        content: Content | None = None,
        into: Receiver | None = None,
    ) -> Answer:
        """Send the request; any status is an answer.

        `content` is a body that is too large for memory; `method` is ``PUT`` or ``POST`` then, and
        the request is sent once, whatever becomes of its answer.

        Over FTP and SFTP `method` is ``HEAD`` (look), ``GET`` (of an address that ends in ``/``: a
        listing), ``NLST`` (its names alone) or ``MLSD``; `commands` are sent before, in libcurl's
        QUOTE form.

        `headers` go to the origin of `url` only; redirects are followed unless `follow` is False.
        A body is left alone (and empty in the answer) if `wants`, asked with the headers, says
        that it is of no use. With `into` it is not gathered (and empty in the answer, too), of
        whatever length: `into` gets the head of the answer and says what each piece is handed to.
        Raises ``remote_lied`` for a body of more than `limit` bytes, `TransferError` when no
        answer comes, and whatever stops the job.
        """

    def check(self) -> None:
        """Raise what stops the job, if somebody asked for it: for whoever waits without calling."""

    def beside(self, check: Callable[[], None]) -> AbstractContextManager[Caller]:
        """Another one for another thread, with connections of its own, for the length of a
        ``with`` block. What it moves does not count for the limit of the job. `check` is called all
        the while and may raise."""


Receiver = Callable[[Answer], Callable[[memoryview], None]]
"""Told the head of an answer, it says what takes the pieces of the body, each of which is valid
during that call only."""


def pause(caller: Caller, seconds: float) -> None:
    """Let `seconds` pass; raise what stops the job within a twentieth of a second."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        caller.check()
        time.sleep(min(left, 0.05))


def _silent(_code: str, _message: str) -> None:
    return


@dataclass(frozen=True)
class Context:
    """What a backend works with: the options of its job, the address policy, a credential.

    `options` hold the values of the job's declared options, its `secret` ones too: those come
    from memory or from a reference that `secrets` resolved, never from the job's record.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    ca_file: str | None = None
    credential: Credential | None = None
    """The userinfo of the address, of a copy's source."""
    destination_credential: Credential | None = None
    """The userinfo of a copy's destination: its run makes it the `credential` of that end."""
    ambient: bool = False
    """Whether credentials of this server's account may be looked up (`jupyter_transfer.ambient`):
    only what the person gave, otherwise, and nothing is asked for what nobody gave."""
    caller: Caller | None = None
    """None in the server process, which only checks addresses and options."""
    note: Callable[[str, str], None] = _silent
    """Told (a code of `errors`, a sentence) what a person should know and that is no failure."""
    state_dir: str | None = None
    """The folder for journals of our own; None: they are kept in memory."""
    job: str | None = None
    """The id of the job, where something may be kept until it is done; None for a look."""
    hidden: bool = False
    """Whether files whose names begin with a dot may be put on this disk."""
    shared: dict[Any, Any] = field(default_factory=dict)
    """What the backends of one job keep for each other; they may be in several threads."""


@dataclass(frozen=True)
class Whoami:
    """For whom a service takes somebody.

    Parameters
    ----------
    service: its host.
    name: the account; "" where it does not tell.
    kept_as: by which name its official client keeps the secret, if by one.
    keeps: whether that client would ask this service with what it keeps.
    """

    service: str
    name: str = ""
    kept_as: str = ""
    keeps: bool = True


Ability = Literal["fetch", "send", "delete", "copy", "browse"]


class Backend(ABC):
    """Base of all backends; one instance serves one job or one probe."""

    name: ClassVar[str]
    title: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]]
    options: ClassVar[tuple[Option, ...]] = ()
    can: ClassVar[frozenset[Ability]] = frozenset({"fetch"})
    """What it can do: `send` needs `find` and `sink`, `delete` needs `delete`, `copy` (within the
    service, no byte passing through us) needs `copy`, `browse` needs `browse`."""

    tool: ClassVar[bool] = False
    """Whether a program of its own moves the bytes of files that are sent: then `send` also needs
    `find_many`, `start` and `finish`, and its sinks have no outlets."""

    streams: ClassVar[bool] = False
    """Of one with a `tool`: whether its sinks have outlets all the same for a file that is not at
    hand (`SourceFile.prefix` is None), so that files of other services can be copied there."""

    sends_at_once: ClassVar[bool] = False
    """Whether a small file is there, under its name, after one request (`Sink.publishes`)."""

    parallel: ClassVar[int] = 8
    """Small files that may be sent to it at a time, each over a connection of its own."""

    who: ClassVar[tuple[str, ...]] = (
        "username",
        "password",
        "token",
        "headers",
        "key_file",
        "passphrase",
    )
    """Options that say who asks, and of which service where its address does not."""

    folders: ClassVar[bool] = False
    """Whether it has folders: where one stands there can be no file of its name, and one that is
    empty stays. Then it has `remove_folder`, if it can `delete`."""

    signs_in_by: ClassVar[tuple[str, ...]] = ()
    """Options by which a person signs in, where the service tells whom it takes them for: then
    there is `whoami`."""

    any_name: ClassVar[bool] = False
    """Whether a file may be sent there under any relative path: none leads out of its folder."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._values: dict[str, Any] = {}

    @classmethod
    def claims(cls, address: str) -> int:
        """How surely this backend serves `address`: 0 not at all, 1 by its scheme, more when the
        address is recognised otherwise. The highest claim wins."""
        return int(urlsplit(address).scheme.lower() in cls.schemes)

    @classmethod
    def signs_in_with(cls, address: str) -> tuple[str, ...]:
        """See `signs_in_by`; empty where nobody does at `address`."""
        return cls.signs_in_by

    @classmethod
    def service_of(cls, address: str) -> str:
        """What is equal for addresses of one service."""
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}".lower()

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """The declared data as the contract's JSON."""
        return {
            "name": cls.name,
            "title": cls.title,
            "schemes": list(cls.schemes),
            "options": [option.as_dict() for option in cls.options],
            "can": sorted(cls.can),
            "signs_in_by": list(cls.signs_in_by),
        }

    @classmethod
    def forms(cls) -> list[dict[str, Any]]:
        """Further forms that only a worker can make, for they take more than declared data."""
        return []

    def option(self, name: str) -> Any:
        """The value of the declared option `name` in this job. Raises ``bad_request``."""
        if name not in self._values:
            declared = next(option for option in self.options if option.name == name)
            self._values[name] = declared.read(self.context.options)
        return self._values[name]

    def check(self, address: str) -> None:
        """Check the address and every declared option before anything moves.

        Raises ``bad_request``, ``invalid_address``, ``address_refused``.
        """
        for option in self.options:
            option.read(self.context.options)

    def whoami(self, address: str) -> Whoami:
        """For whom the service of `address` takes whoever has the secret of this job.

        Raises ``needs_credentials`` where it does not know the secret, ``bad_request`` where there
        is none, or nobody signs in by one.
        """
        raise TransferError("bad_request", f"{self.title}: nobody signs in there by a token.")

    @abstractmethod
    def entries(self, address: str) -> Iterator[Entry]:
        """The files below `address`, lazily: a million must not need a million in memory."""

    @abstractmethod
    def locate(self, entry: Entry) -> Locator:
        """Where the bytes of `entry` lie now; asked again when a locator has expired."""

    def prove(self, entry: Entry, answer: Answer) -> Locator | None:
        """What more there is to prove `entry` by, or other places that hold it: asked once
        `answer`, the head of what its locator leads to, is known. Of the result only `digest`,
        `presumed`, `size`, `mirrors` and `pieces` count; None for nothing."""
        return None

    def browse(self, address: str) -> Iterator[Entry]:
        """What lies directly below `address`, lazily. A folder (a prefix, a bucket) is an entry
        whose `path` ends in ``/`` and whose `address` can be browsed in turn."""
        raise self._cannot("browse")

    def about(self, address: str) -> dict[str, Any]:
        """What there is to know of a source before it is fetched, beside its files: plain JSON, by
        the names in docs/backends.md. Nothing, where the service tells nothing."""
        return {}

    def cache(self, address: str) -> Cache | None:
        """Where the service's own clients keep the files of `address`; None where they keep none.
        A backend that has one declares the option ``target`` (``folder`` or ``cache``)."""
        return None

    def cache_notes(self, address: str) -> Iterator[tuple[str, str]]:
        """What the service's own clients would note in that cache of the files of `address`: paths
        below its folder, and texts. Nothing, where they note nothing."""
        return iter(())

    def notes(self, address: str, landed: Collection[str]) -> Iterator[tuple[str, str]]:
        """What the service's own client would note in the folder that files of `address` have
        `landed` in, by their paths below it: paths there, and texts. Nothing, where it notes
        nothing. A backend that has some declares the option ``hub_metadata``."""
        return iter(())

    def find(self, address: str) -> Entry | None:
        """What stands at exactly `address`; None when nothing does. A folder is an entry whose
        `path` ends in ``/``."""
        raise self._cannot("send")

    def is_free(self, address: str) -> bool:
        """Whether nothing stood at `address` a moment ago, where that is known without asking for
        it alone; else False, and `find` has to be asked."""
        return False

    def held(self, address: str) -> Iterator[Entry]:
        """The files below the folder `address`, lazily, where files are sent to: all that lies
        there, not what is shown to the public."""
        return self.entries(address)

    def join(self, address: str, path: str) -> str:
        """The address of what lies at the relative `path` below the folder `address`."""
        return f"{address.rstrip('/')}/{quote(path, errors='surrogateescape')}"

    def means_folder(self, address: str) -> bool:
        """Whether `address` says by its form that a folder is meant: its path ends in ``/``."""
        return urlsplit(address).path.endswith("/")

    def alternatives(self, address: str) -> Iterator[str]:
        """`address`, then those beside it whose names have a number, for the policy ``rename``."""
        parts = urlsplit(address)
        head, _, last = parts.path.rpartition("/")
        for name in alternative_names(unquote(last, errors="surrogateescape")):
            escaped = quote(name, errors="surrogateescape")
            yield parts._replace(path=f"{head}/{escaped}").geturl()

    def sink(self, address: str, source: SourceFile) -> Sink:
        """Where the file `source` goes when it is sent to exactly `address`."""
        raise self._cannot("send")

    def find_many(self, addresses: Sequence[str]) -> list[Entry | None]:
        """`find` for each of `addresses`, at once where that is possible."""
        return [self.find(address) for address in addresses]

    def start(self, files: Sequence[tuple[int, Sink]], *, rate: int | None) -> Sending:
        """Have the backend's own program bring `files`, each open as a descriptor, into their
        sinks, which have begun; at most `rate` bytes a second from the first one on."""
        raise self._cannot("send")

    def finish(self, sinks: Sequence[Sink]) -> list[Entry | TransferError]:
        """`Sink.finish` for each of the `sinks` that `start` has filled."""
        raise self._cannot("send")

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """Remove `entries` for good; for each what went wrong, or None."""
        raise self._cannot("delete")

    def remove_folder(self, address: str) -> None:
        """Remove the folder at `address`, which ends in ``/``; nothing is done where something is
        in it, or it is not there. Raises what else it fails of."""
        raise self._cannot("delete")

    def copies(self, entry: Entry, address: str, other: Backend) -> bool:
        """Whether the service by itself may copy `entry`, which `other` lists, to `address`: then
        `sink` gives a `ServiceSink` for a `SourceFile` with that `entry`."""
        return False

    def copy(self, entry: Entry, address: str) -> Entry:
        """Let the service itself copy `entry`, which it holds, to exactly `address`; what stands
        there then. `entry` must not have changed since it was listed: ``remote_changed``."""
        from .servicesink import copy_by_service  # noqa: PLC0415 - it imports this module

        if "copy" not in self.can:
            raise self._cannot("copy")
        return copy_by_service(self, entry, address)

    def _cannot(self, ability: Ability) -> TransferError:
        return TransferError(
            "bad_request",
            f"{self.title}: there is no way to {ability}.",
            "Use another kind of address.",
        )

    @property
    def caller(self) -> Caller:
        """How to ask the service."""
        assert self.context.caller is not None
        return self.context.caller

    def name_for(self, address: str) -> str:
        """A safe name for what `address` holds: its last segment."""
        path = urlsplit(address).path
        return safe_name(unquote(path, errors="replace"))

    def close(self) -> None:
        """Give back what this instance holds (clients, child processes)."""
        return
