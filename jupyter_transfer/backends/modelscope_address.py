"""Addresses at ModelScope: ``modelscope://[datasets/]owner/name[@revision][/path]``, written as
those of Hugging Face are (see `hub_address`), the pages of repositories, and the addresses of files
that people copy (``…/resolve/…`` and ``/api/v1/…/repo?FilePath=…``)."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import TransferError
from .hub_address import (
    Grammar,
    Place,
    is_address,
    parse_address,
    place_of,
    revision_at_start_of,
    segments_of_page,
)

HUB = "https://modelscope.cn"
HUBS = (HUB, "https://www.modelscope.cn")
"""Addresses of the hub itself; pages of others are known by MODELSCOPE_ENDPOINT."""

GRAMMAR = Grammar(
    "modelscope",
    {"models": "model", "datasets": "dataset"},
    ("studios", "skills", "mcp", "collections"),
    re.compile(r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?(?<!\.git)"),
)

_TABS = frozenset({"summary", "files", "intro", "dataPeview", "dataPreview", "quickstart"})
"""Pages of a repository that are none of a file."""


def parse(address: str, hubs: Collection[str] = HUBS) -> Place:
    """The place at `address`, a ``modelscope:`` address or a page of one of `hubs`.

    Raises ``invalid_address``.
    """
    if is_address(address, GRAMMAR):
        return parse_address(address, GRAMMAR)
    place = _page(address, hubs)
    if place is None:
        raise TransferError(
            "invalid_address",
            "This is no page of a repository.",
            "Use an address like modelscope://owner/name, or the page of a repository.",
        )
    return place


def is_page(address: str, hubs: Collection[str] = HUBS) -> bool:
    """Whether `address` is the page of a repository, or of what is in it, at one of `hubs`."""
    try:
        return _page(address, hubs) is not None
    except TransferError:
        return False


def _page(address: str, hubs: Collection[str]) -> Place | None:
    segments = segments_of_page(address, hubs)
    if segments is None:
        return None
    while segments and not segments[-1]:
        segments.pop()
    is_api = segments[:2] == ["api", "v1"]
    if is_api:
        del segments[:2]
    if len(segments) < 3 or segments[0] not in GRAMMAR.kinds:
        return None
    kind, repo, rest = GRAMMAR.kinds[segments[0]], "/".join(segments[1:3]), segments[3:]
    found = _of_api(address, rest) if is_api else _of_page(address, rest)
    return None if found is None else place_of(GRAMMAR, kind, repo, *found)


def _of_api(address: str, rest: list[str]) -> tuple[str | None, str] | None:
    """Revision and path that a file of the interface names."""
    path = _parameter(address, "FilePath")
    if rest != ["repo"] or not path:
        return None
    return _parameter(address, "Revision") or None, path.removeprefix("./")


def _of_page(address: str, rest: list[str]) -> tuple[str | None, str] | None:
    """Revision and path that the page of a repository names; `rest` stands behind its name."""
    if not rest or (len(rest) == 1 and rest[0] in _TABS):
        return None, ""
    for words, is_folder in ((["file", "view"], False), (["resolve"], False), (["tree"], True)):
        head, tail = rest[: len(words)], "/".join(rest[len(words) :])
        if head != words or not tail:
            continue
        written = revision_at_start_of(tail)
        path = unquote(tail[len(written) :].removeprefix("/"), errors="surrogateescape")
        path = path or _parameter(address, "fileName")
        if words == ["resolve"] and not path:
            return None
        return unquote(written), path + ("/" if path and is_folder else "")
    return None


def _parameter(address: str, name: str) -> str:
    query = parse_qs(urlsplit(address).query, errors="surrogateescape")
    return query.get(name, [""])[0]
