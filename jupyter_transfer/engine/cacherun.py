"""A fetch into the cache of a service's own clients, which find the files there and fetch nothing
again: each file lands under the name of its bytes, then gets its names as links; or under its name,
in a cache that has no other.

Bytes that are there already, by whomever, are not fetched; of names that do not tell what they hold
they are read and compared.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..backends import find
from ..backends.base import Backend, Context, Entry
from ..backends.cache import Cache
from ..errors import TransferError
from ..names import join_path
from ..parts.ownfiles import made_folder
from ..parts.pointers import point, put_text, put_texts
from ..paths import Root
from .client import opened
from .control import Control, Message
from .delivered import Delivered, Row
from .delivery import Setting, row
from .fetchrun import FetchRun
from .fetchrun import discard as discard_fetch
from .filters import Filters
from .overview import Overview
from .preview import preview
from .run import JobRequest
from .target import Decision, Described, Listed, Targets, matches
from .verify import verify


def is_for_cache(request: JobRequest) -> bool:
    """Whether the files of a fetch go into the cache of the clients of its source."""
    return request.options.get("target") == "cache" and any(
        option.name == "target" for option in find(request.source).options
    )


class CacheTargets(Targets):
    """What stands in a cache: under the name of its bytes it is right if its size is, under
    another one if its digest is, and else it is replaced.

    Parameters
    ----------
    check: raises what stops the job, while a file is read.
    """

    def __init__(
        self,
        root: Root,
        cache: Cache,
        source: str,
        delivered: Delivered | Iterable[Row] = (),
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder_of(root, cache)
        super().__init__(root, self.folder, None, source, delivered)
        self._by_content = cache.by_content
        self._check = check

    def decide(self, path: str, remote: Described, *, ask: bool = False) -> Decision:
        """See `Targets.decide`."""
        known = self.delivered.get(path)
        if known is not None and known.get("sure") and self._untouched(path, known):
            return Decision("present", path, row=known)
        if self._has_size(path, remote.size) and (
            self._by_content or self._holds(path, remote, known)
        ):
            return Decision("present", path, row={"validators": remote.validators.as_dict()})
        return Decision("fetch", path, "overwrite")

    def _has_size(self, path: str, size: int | None) -> bool:
        try:
            status = self._root.stat(path)
        except TransferError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == size

    def _holds(self, path: str, remote: Described, known: Row | None) -> bool:
        """Whether the file at `path`, of the same size, holds what is meant."""
        if known is not None and self._untouched(path, known) and (found := matches(known, remote)):
            return found
        try:
            fd = self._root.open(path)
            try:
                # As its clients do where the service tells no digest: the size has to do.
                return verify(fd, remote.size or 0, remote.digest, self._check) is not False
            finally:
                os.close(fd)
        except TransferError as error:
            if error.code in ("digest_mismatch", "io_error"):
                return False
            raise


def folder_of(root: Root, cache: Cache) -> str:
    """The folder of the bytes in `cache`, which `root` is."""
    *older, newest = cache.blobs
    return next((one for one in older if _holds_something(root, one)), newest)


def _holds_something(root: Root, folder: str) -> bool:
    try:
        return next(iter(root.scan(folder)), None) is not None
    except TransferError:
        return False


class CacheFetchRun(FetchRun):
    """One run of such a fetch."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._cache: Cache | None = None
        self._opened: Root | None = None
        self._folder = ""
        """Of the bytes."""
        self._links: dict[str, list[tuple[str, Entry]]] = {}
        """By the path of their bytes."""
        self._ref: tuple[str, str] | None = None

    def close(self) -> None:
        """See `Run.close`."""
        super().close()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _run_all(self) -> None:
        self._cache = cache_of(self._request, self._context)
        self._root = self._opened = Root(made_folder(self._cache.folder), allow_hidden=True)
        self._context = replace(self._context, hidden=True)
        super()._run_all()

    def _targets(self) -> Targets:
        request, cache = self._request, self._cache
        assert cache is not None
        delivered = Delivered.of(request.source, request.delivered)
        check = self._control.check
        targets = CacheTargets(self._root, cache, request.source, delivered, check)
        self._folder = targets.folder
        return targets

    def _fetch_all(self, setting: Setting, connections: int) -> None:
        assert self._cache is not None
        mine = replace(setting, folder=self._folder, filters=Filters({}))
        entries = setting.filters.apply(setting.backend.entries(setting.source))
        self._new_many(mine, connections).run(self._blobs(self._cache, entries))
        if not self._links and not self._errors:
            raise TransferError("remote_not_found", "There is nothing at this address.")
        self._name_all(setting.backend.cache_notes(setting.source))

    def _blobs(self, cache: Cache, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Each file by the name of its bytes, those that several files have once."""
        for entry in entries:
            try:
                blob = cache.blob(entry)
                bytes_at = self._root.parse(join_path(self._folder, blob), new=True)
                link = self._root.parse(cache.link(entry) or bytes_at, new=True)
            except TransferError as error:
                self._settle(row(entry.path, state="failed", error=error.as_dict()), error)
                continue
            self._ref = self._ref or cache.ref(entry)
            links = self._links.setdefault(bytes_at, [])
            links.append((link, entry))
            if len(links) == 1:
                yield replace(entry, path=blob, guessed=False, member=True)

    def _set_total(self, files: int, size: int | None) -> None:
        again = [entry.size or 0 for links in self._links.values() for _, entry in links[1:]]
        super()._set_total(files + len(again), None if size is None else size + sum(again))

    def _settle(self, message: Message, error: TransferError | None) -> None:
        links = self._links.get(message["path"])
        super()._settle({**message, "path": links[0][0] if links else message["path"]}, error)

    def _name_all(self, notes: Iterable[tuple[str, str]]) -> None:
        """Give the bytes that are there their names; what their clients note comes before that."""
        put_texts(self._root, notes)
        there = []
        for blob, links in self._links.items():
            with suppress(TransferError):
                if self._root.stat(blob).st_size == links[0][1].size:
                    there += [(link, blob) for link, _ in links if link != blob]
                    continue
            del links[1:]  # they are not there either; the row of the first says why
        point(self._root, there)
        for links in self._links.values():
            for link, entry in links[1:]:
                present = row(link, state="present", size=entry.size, unverified="present")
                super()._settle(present, None)
        if self._ref is not None and not self._errors:
            put_text(self._root, *self._ref)


def cache_of(request: JobRequest, context: Context) -> Cache:
    """The cache that the files of a fetch go into. Raises ``bad_request`` and others."""
    backend: Backend = find(request.source)(context)
    cache = backend.cache(request.source)
    if cache is None:
        raise TransferError("bad_request", f"{backend.title} has no cache of its own.")
    return cache


def plan_cache(request: JobRequest, context: Context, control: Control) -> dict[str, Any]:
    """What such a fetch would do, as the contract's JSON."""
    context = replace(context, hidden=True)
    found = preview(request.source, context)
    if found["needs"]:
        return {**found, "plan": None}
    cache, overview, seen = cache_of(request, context), Overview(), set()
    root = Root(made_folder(cache.folder), allow_hidden=True)
    try:
        targets = CacheTargets(root, cache, request.source, check=control.check)
        with opened(request.source, context, control.check) as (backend, _):
            for entry in Filters(request.options).apply(backend.entries(request.source)):
                control.check()
                blob = join_path(targets.folder, cache.blob(entry))
                there = targets.decide(blob, Listed.of(entry)).act == "present" or blob in seen
                seen.add(blob)
                overview.add("skip" if there else "copy", entry.path, entry.size)
    finally:
        root.close()
    return {**found, "plan": overview.plan(), "entries": overview.entries()}


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove the parts that an unfinished fetch left in the cache."""
    cache = cache_of(request, context)
    own = Root(made_folder(cache.folder), allow_hidden=True)
    try:
        discard_fetch(own, replace(request, destination=folder_of(own, cache)), context)
    finally:
        own.close()
