"""Addresses at the hub of Hugging Face: ``hf://[datasets/|spaces/]owner/name[@revision][/path]``
(huggingface_hub, "HF URIs") and the web pages of repositories.

A path stands in an ``hf:`` address as it is, nothing in it is percent-encoded; one that ends in
``/`` is a folder. A ``/`` in a revision is written ``%2F``, but in ``refs/pr/1`` and its kind.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from ..errors import TransferError

Kind = Literal["model", "dataset", "space"]

HUB = "https://huggingface.co"
HUBS = (HUB, "https://hf.co", "https://www.huggingface.co")
"""Addresses of the hub itself; pages of others are known by HF_ENDPOINT."""

_PREFIXES: dict[str, Kind] = {"models": "model", "datasets": "dataset", "spaces": "space"}
_OTHER_PREFIXES = ("buckets", "kernels")
_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?(?<!\.git)")
"""An owner or a name of a repository (huggingface_hub, `validate_repo_id`)."""

_NO_REVISION = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^/|/$|//|\.lock$|^-|^$")
"""What no ref may hold (git-check-ref-format)."""

_WITH_SLASH = re.compile(r"(refs/(?:pr/\d+|convert/[\w.-]+))(?:/|$)")
_PAGES = ("tree", "blob", "resolve", "raw", "blame")
# fmt: off
_NO_OWNERS = frozenset({
    "api", "blog", "buckets", "chat", "collections", "company", "contact", "docs", "enterprise",
    "front", "join", "kernels", "learn", "login", "logout", "models", "new", "notifications",
    "organizations", "papers", "posts", "pricing", "privacy", "search", "settings", "storage",
    "support", "tasks", "terms-of-service",
})
# fmt: on
"""First segments of pages of the hub that are no owners of repositories."""

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Place:
    """A repository, or what lies at `path` in it.

    Parameters
    ----------
    kind: None where the address does not say it, and a model is meant.
    revision: a branch, a tag or a commit; None for the branch ``main``.
    path: without a ``/`` at its end.
    is_folder: whether the address says by its form that a folder is meant.
    """

    kind: Kind | None
    repo: str
    revision: str | None = None
    path: str = ""
    is_folder: bool = True

    @property
    def prefix(self) -> str:
        """What stands in front of the name of the repository."""
        return "" if self.kind in (None, "model") else f"{self.kind}s/"

    @property
    def address(self) -> str:
        """The place as an ``hf:`` address."""
        revision = ""
        if self.revision is not None:
            whole = _WITH_SLASH.fullmatch(self.revision)
            revision = "@" + (self.revision if whole else quote(self.revision, safe=""))
        path = f"/{self.path}" if self.path else ""
        slash = "/" if self.path and self.is_folder else ""
        return f"hf://{self.prefix}{self.repo}{revision}{path}{slash}"

    def page(self, hub: str) -> str:
        """The page of the repository that people look at."""
        return f"{hub}/{self.prefix}{self.repo}"

    def below(self, path: str, *, is_folder: bool = False) -> Place:
        """What lies at `path` of the repository."""
        return replace(self, path=path, is_folder=is_folder)


def parse(address: str, hubs: Collection[str] = HUBS) -> Place:
    """The place at `address`, an ``hf:`` address or a page of one of `hubs`.

    Raises ``invalid_address``.
    """
    if address[:5].lower() == "hf://":
        return _parse_address(address[5:])
    segments = _page(address, hubs)
    if segments is None:
        raise TransferError(
            "invalid_address",
            "This is no page of a repository.",
            "Use an address like hf://owner/name, or the page of a repository.",
        )
    return _parse_page(segments)


def is_page(address: str, hubs: Collection[str] = HUBS) -> bool:
    """Whether `address` is the page of a repository at one of `hubs`."""
    return _page(address, hubs) is not None


def _parse_address(rest: str) -> Place:
    kind, rest = _kind_of(rest)
    owner, _, rest = rest.partition("/")
    name, at, tail = rest.partition("@")
    if not at or "/" in name:
        name, _, path = rest.partition("/")
        return _place(kind, owner, name, None, path)
    written = _revision_at_start_of(tail)
    path = tail[len(written) :].removeprefix("/")
    return _place(kind, owner, name, unquote(written), path)


def _revision_at_start_of(text: str) -> str:
    special = _WITH_SLASH.match(text)
    return special[1] if special else text.partition("/")[0]


def _kind_of(rest: str) -> tuple[Kind | None, str]:
    first, _, others = rest.partition("/")
    if first in _OTHER_PREFIXES:
        raise TransferError(
            "invalid_address",
            f"“{first}” of the hub cannot be fetched here.",
            "Use the address of a model, a dataset or a space.",
        )
    return (_PREFIXES[first], others) if first in _PREFIXES else (None, rest)


def _page(address: str, hubs: Collection[str]) -> list[str] | None:
    """The segments of the path of a page of a repository, as they stand there."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    host = parts.netloc.rpartition("@")[2].lower()
    known = next((hub for hub in hubs if urlsplit(hub).netloc.lower() == host), None)
    if known is None:
        return None
    base = urlsplit(known).path.rstrip("/")
    if base and not parts.path.startswith(f"{base}/"):
        return None
    segments = parts.path[len(base) :].lstrip("/").split("/")
    plain = segments[1:] if segments[0] in _PREFIXES else segments
    while plain and not plain[-1]:
        plain.pop()
    is_repo = len(plain) == 2 or (len(plain) >= 4 and plain[2] in _PAGES)
    if not is_repo or plain[0] in _NO_OWNERS or not all(map(_NAME.fullmatch, plain[:2])):
        return None
    return segments


def _parse_page(segments: list[str]) -> Place:
    kind: Kind = "model"
    if segments[0] in _PREFIXES:
        kind, segments = _PREFIXES[segments[0]], segments[1:]
    owner, name, *rest = segments
    if len(rest) < 2:
        return _place(kind, owner, name, None, "")
    action, tail = rest[0], "/".join(rest[1:])
    written = _revision_at_start_of(tail)
    path = unquote(tail[len(written) :].removeprefix("/"), errors="surrogateescape")
    if action == "tree" and path:
        path = path.rstrip("/") + "/"
    return _place(kind, owner, name, unquote(written), path)


def _place(kind: Kind | None, owner: str, name: str, revision: str | None, path: str) -> Place:
    if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name):
        raise TransferError(
            "invalid_address",
            "No repository of the hub can have this name.",
            "Write an address like hf://owner/name, hf://datasets/owner/name or"
            " hf://owner/name@revision/file.",
        )
    check_revision(revision)
    if "\0" in path:
        raise TransferError("invalid_address", "The address holds a NUL character.")
    folder = path.endswith("/") or not path
    return Place(kind, f"{owner}/{name}", revision, path.removesuffix("/"), folder)


def check_revision(revision: str | None) -> None:
    """Raise ``invalid_address`` for what no branch, tag or commit can be called."""
    if revision is not None and (len(revision) > 250 or _NO_REVISION.search(revision)):
        raise TransferError(
            "invalid_address",
            "No branch, tag or commit can have this name.",
            "Write “@” and a revision behind the name of the repository.",
        )
