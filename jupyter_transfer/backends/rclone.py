"""Every service that rclone knows, by the remotes of the person's rclone.conf.

``rclone://remote/path`` is rclone's ``remote:path``, percent-encoded; ``rclone://remote//path`` is
``remote:/path``. Listings come from ``rclone lsjson``; files are read in ranges from a private
``rclone`` that serves them on a unix socket (see `rclone_server`). rclone opens the connections
itself: the address policy judges only the hosts that a remote names (`rclone_addresses`), and the
certificate authorities of this server do not hold.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from ..errors import TransferError
from ..names import safe_name
from ..tools import Child
from . import rclone_addresses, rclone_remotes
from .base import Ability, Backend, Context, Digest, Entry, Locator, Option, Validators
from .rclone_errors import error_of_exit
from .rclone_place import DIGESTS, NAME, Place, digest_of, size_of, time_of
from .rclone_program import command, environment
from .rclone_send import RcloneSending
from .rclone_server import RcloneServer, url_of
from .rclone_sink import RcloneSink, Remote, finish_all
from .sending import Sending
from .sink import Sink, SourceFile

_FLAGS = ("--use-server-modtime",)
"""The time of an object as its listing states it, where one request per object would tell more."""

_LISTING = ("--no-mimetype", *_FLAGS)

REMOTES = ("rclone:", "rclone:/", "rclone://")
"""Addresses at which the remotes themselves can be browsed."""

SETTLED = 60.0
"""Seconds after which a modification time tells one state from the next (RFC 9110 8.8.2.2)."""

SETTLED_FINE = 2.0
"""The same for times that are finer than a second."""

NO_TIMES = 3600 * 10**9
"""Nanoseconds: a remote whose times are coarser than this keeps none."""


class RcloneBackend(Backend):
    """Files of the remotes of rclone."""

    name = "rclone"
    title = "Remote of rclone"
    schemes = ("rclone",)
    options: ClassVar[tuple[Option, ...]] = rclone_remotes.OPTIONS
    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse", "send", "delete"})
    tool = True
    streams = True
    folders = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._base: Place | None = None
        self._states: dict[str, tuple[Any, ...]] = {}
        self._abilities: dict[str, Mapping[str, Any]] = {}
        self._open_server: RcloneServer | None = None
        self._variables: Mapping[str, str] | None = None

    def check(self, address: str) -> None:
        """As `Backend.check`; also ``bad_request`` where the address carries a password."""
        super().check(address)
        if self.context.credential is not None:
            raise TransferError(
                "bad_request",
                "A remote of rclone has its password in its configuration.",
                "Write the address without one.",
            )
        if address not in REMOTES:
            place = Place.parse(address)
            rclone_remotes.check(place.remote, self.context.options, self.context.policy)

    @classmethod
    def forms(cls) -> list[dict[str, Any]]:
        """The kinds of remotes that can be made of options."""
        return rclone_remotes.forms()

    # -- what is there --

    def entries(self, address: str) -> Iterator[Entry]:
        """The file at `address`, or all files below the folder there."""
        place = self._parsed(address)
        item = self._stat(place)
        if item is None:
            raise TransferError("remote_not_found", "The remote has no such file or folder.")
        if not item["IsDir"]:
            self._base = place.parent
            # As guessed: like any name that a service proposes, it is made safe.
            yield replace(self._entry(place.parent, {**item, "Path": place.name}), guessed=True)
            return
        self._base = place
        for item in self._listed(place, "--recursive", "--files-only"):
            yield self._entry(place, item)

    def browse(self, address: str) -> Iterator[Entry]:
        """What lies directly below `address`; at ``rclone://`` the remotes themselves."""
        if address in REMOTES:
            yield from self._remotes()
            return
        place = self._parsed(address)
        for item in self._listed(place):
            yield self._entry(place, item)

    def find(self, address: str) -> Entry | None:
        """What stands at exactly `address`."""
        place = self._parsed(address)
        item = self._stat(place, hashes=True)
        return None if item is None else self._found(place, item)

    def find_many(self, addresses: Sequence[str]) -> list[Entry | None]:
        """As `Backend.find_many`. Raises what any failed of."""
        places = [self._parsed(address) for address in addresses]
        answers = self._server.ask_many([self._stat_call(p, hashes=True) for p in places])
        entries: list[Entry | None] = []
        for place, answer in zip(places, answers, strict=True):
            item = _item(answer)
            entries.append(None if item is None else self._found(place, item))
        return entries

    def sink(self, address: str, source: SourceFile) -> RcloneSink:
        """Where a file goes; `start` moves the bytes of one that is at hand here, rclone itself
        those of one that it can read at its source."""
        place = self._parsed(address)
        if not place.path:
            raise TransferError("invalid_address", "The address does not name a file.")
        features = self._ability(place)["Features"]
        moves = bool(features.get("Move")) and not features.get("BucketBased")
        streams = bool(features.get("PutStream") and (features.get("Move") or features.get("Copy")))
        by_time = self._ability(place)["Precision"] < NO_TIMES and not self._cheap_hash(place)
        remote = Remote(self._server, self._hash_of(place), moves, self._found, streams, by_time)
        if source.entry is not None:
            from .rclone_copy import RcloneCopySink  # noqa: PLC0415 - for copies only

            return RcloneCopySink(remote, place, source)
        if source.prefix is None:
            from .rclone_stream import RcloneStreamSink  # noqa: PLC0415 - for copies only

            return RcloneStreamSink(remote, place, source)
        return RcloneSink(remote, place, source)

    def copies(self, entry: Entry, address: str, other: Backend) -> bool:
        """From one remote of rclone.conf to another, or within one that options describe."""
        if not isinstance(other, RcloneBackend):
            return False
        here, there = Place.parse(entry.address), Place.parse(address)
        mine, theirs = self._variables_of(there), other._variables_of(here)
        return mine == theirs and (not mine or here.remote == there.remote)

    def start(self, files: Sequence[tuple[int, Sink]], *, rate: int | None) -> Sending:
        """Send files by rclone."""
        sinks = [(fd, sink) for fd, sink in files if isinstance(sink, RcloneSink)]
        return RcloneSending(self._server, sinks, rate)

    def finish(self, sinks: Sequence[Sink]) -> list[Entry | TransferError]:
        """Give files their names, several at a time."""
        return finish_all(self._server, [sink for sink in sinks if isinstance(sink, RcloneSink)])

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """Remove files."""
        places = [self._parsed(entry.address) for entry in entries]
        answers = self._server.ask_many(
            [{"_path": "operations/deletefile", "fs": p.top, "remote": p.path} for p in places]
        )
        return [
            answer
            if isinstance(answer, TransferError) and answer.code != "remote_not_found"
            else None
            for answer in answers
        ]

    def remove_folder(self, address: str) -> None:
        """As `Backend.remove_folder`: rclone removes no folder that holds something."""
        place = self._parsed(address)
        call = {"_path": "operations/list", "fs": place.top, "remote": place.path}
        (listed,) = self._server.ask_many([call])
        if isinstance(listed, TransferError) or listed["list"]:
            return
        call["_path"] = "operations/rmdir"
        (answer,) = self._server.ask_many([call])
        if isinstance(answer, TransferError) and answer.code != "remote_not_found":
            raise answer

    # -- where its bytes are --

    def locate(self, entry: Entry) -> Locator:
        """The file at the private server, as it is now."""
        place = self._parsed(entry.address)
        folder, path = self._served(place)
        item = self._stat(place, hashes=True)
        if item is None or item["IsDir"]:
            raise TransferError("remote_not_found", "The remote has no such file any more.")
        digest = digest_of(item)
        state = (item["Size"], item["ModTime"], digest)
        known = self._states.get(path) or (entry.size, entry.mtime_ns)
        socket = self._server.socket_of(str(folder))
        if known not in (state, (size_of(item), time_of(item))):
            self._server.forget(str(folder), path)
        self._remember(path, state)
        return Locator(
            url_of(path),
            size=size_of(item),
            validators=Validators(version=self._version(place, item, digest)),
            digest=digest,
            unix_socket=socket,
            recheck=True,
        )

    def name_for(self, address: str) -> str:
        """The last segment of the path, or the remote's name."""
        if address in REMOTES:
            return "rclone"
        place = Place.parse(address)
        return safe_name(place.name or place.remote)

    def close(self) -> None:
        """End the private server."""
        if self._open_server is not None:
            self._open_server.close()
            self._open_server = None

    # -- details --

    @property
    def _server(self) -> RcloneServer:
        if self._open_server is None:
            self._open_server = RcloneServer(
                self.caller, self._variables or {}, _FLAGS, ambient=self.context.ambient
            )
        return self._open_server

    def _parsed(self, address: str) -> Place:
        """The place at `address`; its remote is known from then on."""
        place = Place.parse(address)
        self._variables_of(place)
        return place

    def _variables_of(self, place: Place) -> Mapping[str, str]:
        """Variables that describe the remote of `place`, if it stands in no file. Those of one
        job are of one remote."""
        if self._variables is None:
            options, policy = self.context.options, self.context.policy
            if not self.context.ambient:
                rclone_remotes.require_own(options)
            self._variables = rclone_remotes.variables(place.remote, options, policy)
        if not self._variables:
            self._judge(place.remote)
        return self._variables

    def _judge(self, remote: str) -> None:
        """Judge the hosts of a remote of rclone.conf, once a job."""
        known = self.context.shared.setdefault(RcloneBackend, set())
        if remote not in known:
            rclone_addresses.judge(remote, self.context.policy)
            known.add(remote)

    def _served(self, place: Place) -> tuple[Place, str]:
        """The folder of which the file at `place` is served, and its path there."""
        path = None if self._base is None else place.relative(self._base)
        if self._base is not None and path:
            return self._base, path
        return place.parent, place.name

    def _stat(self, place: Place, *, hashes: bool = False) -> dict[str, Any] | None:
        (answer,) = self._server.ask_many([self._stat_call(place, hashes=hashes)])
        return _item(answer)

    def _stat_call(self, place: Place, *, hashes: bool = False) -> dict[str, Any]:
        base, path = place, ""
        if self._base is not None and (relative := place.relative(self._base)):
            base, path = self._base, relative
        else:
            base, path = Place(place.remote, "", place.root), place.path
        options: dict[str, Any] = {"noMimeType": True}
        if hashes and (cheap := self._cheap_hash(base)):
            options |= {"showHash": True, "hashTypes": [cheap]}
        return {"_path": "operations/stat", "fs": str(base), "remote": path, "opt": options}

    def _found(self, place: Place, item: Mapping[str, Any]) -> Entry:
        """The entry of what stands at `place`. A digest that costs the service a look at all bytes
        is no part of what tells its states apart: the next look does not ask for it."""
        entry = self._entry(place.parent, {**item, "Path": place.name})
        if item["IsDir"]:
            return entry
        digest = digest_of(item)
        cheap = digest if self._cheap_hash(place) else None
        return replace(
            entry,
            validators=Validators(version=self._version(place, item, cheap)),
            digest=digest,
        )

    def _ability(self, place: Place) -> Mapping[str, Any]:
        top = place.top
        if top not in self._abilities:
            self._abilities[top] = self._server.ask("operations/fsinfo", fs=top)
        return self._abilities[top]

    def _cheap_hash(self, place: Place) -> str | None:
        """The digest that the service states without reading the file."""
        slow = self._ability(place)["Features"].get("SlowHash")
        return None if slow else self._hash_of(place)

    def _hash_of(self, place: Place) -> str | None:
        """The digest that the service states or computes."""
        known = self._ability(place).get("Hashes") or ()
        return next((name for name in DIGESTS if name in known), None)

    def _version(self, place: Place, item: Mapping[str, Any], digest: Digest | None) -> str | None:
        """What tells this state of the file from others; weak (``W/``) where it proves nothing."""
        moment = time_of(item)
        precision = self._ability(place)["Precision"]
        if moment is None or precision >= NO_TIMES:
            return f"{'' if digest else 'W/'}{item['Size']}:{digest}"
        age = (time.time_ns() - moment) / 1e9
        settled = age > (SETTLED if precision >= 10**9 else SETTLED_FINE)
        return f"{'' if settled or digest else 'W/'}{item['Size']}:{item['ModTime']}:{digest}"

    def _remember(self, path: str, state: tuple[Any, ...]) -> None:
        self._states[path] = state
        while len(self._states) > 64:  # as many as may be under way
            del self._states[next(iter(self._states))]

    def _listed(self, place: Place, *flags: str) -> Iterator[dict[str, Any]]:
        """The items of ``lsjson``, as they come."""
        child = Child(
            command("lsjson", [*_LISTING, *flags], [str(place)]),
            environment(self._variables_of(place), ambient=self.context.ambient),
            output=True,
        )
        try:
            for line in child.lines(self.caller.check):
                if line.startswith(b"{"):
                    yield json.loads(line.rstrip(b",\r"))
            status = child.wait(self.caller.check)
        finally:
            child.stop()
        if status != 0:
            raise error_of_exit(status, list(child.said))

    def _remotes(self) -> Iterator[Entry]:
        if not self.context.ambient:
            rclone_remotes.require_own({})
        child = Child(command("listremotes"), environment(), output=True)
        try:
            for line in child.lines(self.caller.check):
                name = line.decode("utf-8", "replace").removesuffix(":")
                if NAME.fullmatch(name):
                    yield Entry(f"{name}/", Place(name).address)
            status = child.wait(self.caller.check)
        finally:
            child.stop()
        if status != 0:
            raise error_of_exit(status, list(child.said))

    def _entry(self, folder: Place, item: Mapping[str, Any]) -> Entry:
        place = folder.below(item["Path"]) if item["Path"] else folder
        if item["IsDir"]:
            return Entry(f"{item['Path']}/", f"{place.address}/")
        return Entry(item["Path"], place.address, size=size_of(item), mtime_ns=time_of(item))


def _item(answer: Mapping[str, Any] | TransferError) -> dict[str, Any] | None:
    """What ``operations/stat`` found. Raises what it failed of; that a folder is missing rclone
    itself understands only where a server says so in the usual way."""
    if isinstance(answer, TransferError):
        if answer.code == "remote_not_found":
            return None
        raise answer
    item = answer["item"]
    return None if item is None else dict(item)
