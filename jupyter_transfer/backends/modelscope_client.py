"""The small requests to the hub of ModelScope (modelscope-hub, `LegacyClient` and `OpenAPIClient`).

They are not left to modelscope-hub: what it lists it first has whole in memory, over connections of
its own, which the address policy, proxies and cancelling would not hold for.

Seen of the service: an unknown revision lists nothing, with status 200; the listing of a model has
no pages and is cut, without a word, after `CAP` rows; a listing tells the commit that it is of by
the first digits of its name, and of each file the whole name of the commit that it is from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import TransferError, from_http_status
from .base import Answer, Caller, Content
from .hub_address import Place
from .hub_errors import (
    forbidden,
    gated,
    no_entry,
    no_repository,
    no_revision,
    not_shown,
    refused,
    token_refused,
)
from .hub_listing import LONGEST, Facts, File, Folder, patiently
from .modelscope_answers import (
    Rows,
    commit_in,
    data_of,
    is_folder,
    item_of,
    message_of,
    moment_of,
    rows_of,
)

BRANCH = "master"
CAP = 3000
"""Rows of one listing of a model, at most."""

PAGE = 200
"""Rows of one page of a dataset."""

FOLDERS_AT_ONCE = 8
"""Folders that are listed each by itself; of more the whole repository is."""


class ModelScopeClient:
    """One hub as one job uses it.

    Parameters
    ----------
    hub: its address, without ``/`` at the end.
    token: None to come as a stranger.
    note: told what a listing lacks.
    """

    def __init__(
        self, hub: str, token: str | None, caller: Caller, note: Callable[[str, str], None]
    ) -> None:
        self.hub = hub
        self._token = token
        self._caller = caller
        self._note = note
        self._first: dict[Place, dict[str, Any]] = {}

    def headers(self) -> dict[str, str]:
        """What says who asks: some of its places know the token by a cookie only."""
        if not self._token:
            return {}
        return {
            "Authorization": f"Bearer {self._token}",
            "Cookie": f"m_session_id={self._token}",
        }

    def file(self, place: Place) -> str:
        """The address of the file at `place`."""
        return self._address(place, "repo", Revision=_revision(place), FilePath=place.path)

    # -- what is there --

    def look(self, place: Place) -> File | Folder | None:
        """What lies at the path of `place`; None when nothing does."""
        return self.at(place, [place.path]).get(place.path)

    def tree(self, place: Place, *, recursive: bool) -> Iterator[File | Folder]:
        """What lies below the folder `place`."""
        place = place.below(place.path, is_folder=True)
        if not recursive:
            rows: Iterator[dict[str, Any]] = iter(self._one_level(place))
        elif place.kind == "dataset":
            rows = self._pages(place, recursive=True)
        else:
            rows = self._walked(place)
        yield from map(item_of, rows)

    def at(self, place: Place, paths: Sequence[str]) -> dict[str, File | Folder]:
        """What lies at each of `paths` of the revision of `place`, as far as something does."""
        folders = {path.rpartition("/")[0] for path in paths}
        wanted, found = set(paths), {}
        top = place.below("", is_folder=True)
        if len(folders) > FOLDERS_AT_ONCE or self._knows_all(top):
            found = {item.path: item for item in self.tree(top, recursive=True)}
        else:
            for folder in folders:
                found.update({item.path: item for item in self._level_if_there(place, folder)})
        return {path: item for path, item in found.items() if path in wanted}

    def _knows_all(self, top: Place) -> bool:
        """Whether the whole repository was listed by one answer, which is kept."""
        listing = self._first.get(top)
        most = PAGE if top.kind == "dataset" else CAP
        return listing is not None and len(rows_of(listing)) < most

    def _level_if_there(self, place: Place, folder: str) -> list[File | Folder]:
        try:
            return list(map(item_of, self._one_level(place.below(folder, is_folder=True))))
        except TransferError as error:
            if error.detail.get("kind") == "no_entry":
                return []
            raise

    def forget(self) -> None:
        """What was listed may have changed since."""
        self._first.clear()

    def commit_of(self, place: Place) -> str | None:
        """The commit that the revision of `place` stands for, of a single file the one that it is
        from; None where the hub does not tell. Raises `TransferError`."""
        if place.path and not place.is_folder and isinstance(file := self.look(place), File):
            return file.touched
        top = place.below("", is_folder=True)
        listing = self._listing(top, recursive=True)
        commit = commit_in(listing, top)
        if commit is not None:
            self._first[replace(top, revision=commit)] = listing
        return commit

    def _walked(self, place: Place) -> Iterator[dict[str, Any]]:
        """All rows of a model: a folder whose listing is cut is asked for level by level."""
        folders = [place]
        while folders:
            folder = folders.pop()
            rows = rows_of(self._listing(folder, recursive=True))
            if len(rows) >= CAP:
                rows = self._one_level(folder)
                below = [row["Path"] for row in rows if is_folder(row)]
                if not all(_is_below(path, folder.path) for path in below):
                    raise TransferError("remote_lied", "The hub lists a folder in itself.")
                folders += [folder.below(path, is_folder=True) for path in reversed(below)]
            yield from rows

    def _one_level(self, folder: Place) -> Rows:
        if folder.kind == "dataset":
            return list(self._pages(folder, recursive=False))
        rows = rows_of(self._listing(folder, recursive=False))
        if len(rows) >= CAP:
            self._note(
                "limit_reached",
                f"The hub lists no more than {CAP} files of a folder: some of"
                f" “{folder.path or folder.repo}” are missing.",
            )
        return rows

    def _pages(self, folder: Place, *, recursive: bool) -> Iterator[dict[str, Any]]:
        before: Rows = []
        number = 1
        while True:
            rows = rows_of(self._listing(folder, recursive=recursive, page=number))
            if rows and rows == before:
                raise TransferError("remote_lied", "The hub lists the same page twice.")
            yield from rows
            if len(rows) < PAGE:
                return
            before, number = rows, number + 1

    def _listing(self, folder: Place, *, recursive: bool, page: int = 1) -> dict[str, Any]:
        """One answer to what lies in `folder`. That for a whole repository is kept for once: it
        tells the commit, and is what is asked for next."""
        is_first = recursive and page == 1 and not folder.path
        if is_first and folder in self._first:
            return self._first[folder]
        query = {"Revision": _revision(folder), "Recursive": str(recursive)}
        if folder.path:
            query["Root"] = folder.path
        if folder.kind == "dataset":
            query |= {"PageNumber": str(page), "PageSize": str(PAGE)}
        tail = "repo/tree" if folder.kind == "dataset" else "repo/files"
        listing = self._data(folder, self._address(folder, tail, **query))
        if isinstance(listing, list):
            listing = {"Files": listing}
        if not isinstance(listing, dict):
            raise TransferError("remote_lied", "The answer is none of a hub.")
        if listing.get("Files") is None:
            raise self._lacking(folder)
        if is_first:
            self._first = {folder: listing}
        return listing

    # -- what it is --

    def facts(self, place: Place) -> Facts:
        """What the hub tells of the repository of `place`, without its commit."""
        try:
            told = self._data(place, f"{self.hub}/openapi/v1/{place.kind}s/{place.repo}")
        except TransferError as error:
            if error.code not in ("remote_not_found", "remote_forbidden", "remote_lied"):
                raise
            told = self._info(place)  # private ones are told here only, and hubs of one's own
        if not isinstance(told, dict):
            raise TransferError("remote_lied", "The answer is none of a hub.")
        licence = told.get("license") or told.get("License")
        changed = told.get("last_modified") or told.get("LastUpdatedTime")
        return Facts(
            "",
            gated=bool(told.get("gated")) or told.get("ProtectedMode") == 1,
            private=bool(told.get("private")) or told.get("Visibility") == 1,
            licence=str(licence)[:100] if licence else None,
            changed=moment_of(changed),
        )

    def _info(self, place: Place) -> Any:
        try:
            return self._data(place, self._address(place))
        except TransferError as error:
            if error.code != "remote_not_found":
                raise
            raise (no_repository if self._token else not_shown)(place) from None

    def _lacking(self, place: Place) -> TransferError:
        """What is not there, of all that `place` names."""
        self._info(place)
        return no_entry(place) if place.path else no_revision(place, BRANCH)

    # -- requests --

    @property
    def has_token(self) -> bool:
        """Whether we come as somebody."""
        return bool(self._token)

    @property
    def token_page(self) -> str:
        """Where people make a token."""
        return f"{self.hub}/my/myaccesstoken"

    def _address(self, place: Place, tail: str = "", **query: str) -> str:
        path = f"{self.hub}/api/v1/{place.kind}s/{place.repo}" + (tail and f"/{tail}")
        if not query:
            return path
        return f"{path}?{urlencode(query, quote_via=quote, errors='surrogateescape')}"

    def _data(self, place: Place, url: str) -> Any:
        """What an answer holds. Raises what it means, if it is no success."""
        try:
            return data_of(patiently(self._caller, lambda: self._get(place, url)), place)
        except TransferError as error:
            if error.code == "remote_not_found" and "/repo/" in url:
                raise self._lacking(place) from None
            if error.code == "remote_forbidden" and "/repo/" in url:
                raise self._kept_from(place, error) from None
            raise

    def _get(self, place: Place, url: str) -> Answer:
        headers = self.headers() | {"Accept": "application/json"}
        answer = self._caller.call(url, headers=headers, limit=LONGEST)
        if answer.status >= 400:
            raise self.error(answer, place)
        return answer

    def post(
        self,
        url: str,
        body: bytes | None = None,
        *,
        content: Content | None = None,
        kind: str = "application/json",
    ) -> Answer:
        """The answer to a body of the media type `kind`, whatever it is; `content` is sent once."""
        headers = self.headers() | {"Accept": "application/json", "Content-Type": kind}
        return self._caller.call(
            url, method="POST", headers=headers, body=body, content=content, limit=LONGEST
        )

    def error(self, answer: Answer, place: Place, *, writing: bool = False) -> TransferError:
        """What an answer means that is no success; `writing` says what was wanted."""
        if answer.status == 401:
            return token_refused(self.token_page) if self._token else not_shown(place)
        if writing and answer.status in (400, 403, 413, 422):
            return refused(answer.status, place, message_of(answer))
        if writing and answer.status == 404:
            return no_repository(place)
        if answer.status == 403:
            return forbidden(place, message_of(answer))
        host = self.hub.partition("://")[2]
        return from_http_status(answer.status, host, answer.retry_after)

    def _kept_from(self, place: Place, error: TransferError) -> TransferError:
        """What it means that files of a repository are not given out."""
        with suppress(TransferError):
            if self.facts(place).gated:
                return gated(page_of(self.hub, place), place, with_token=bool(self._token))
        return error if self._token else not_shown(place)


def page_of(hub: str, place: Place) -> str:
    """The page of the repository that people look at."""
    return f"{hub}/{place.kind}s/{place.repo}"


def _revision(place: Place) -> str:
    return place.revision or BRANCH


def _is_below(path: str, folder: str) -> bool:
    start = f"{folder}/" if folder else ""
    return path.startswith(start) and path != start
