"""Addresses at hubs: ``hf://[datasets/|spaces/]owner/name[@revision][/path]`` (huggingface_hub,
"HF URIs") and its kind, and the web pages of repositories of Hugging Face.

A path stands in such an address as it is, nothing in it is percent-encoded; one that ends in
``/`` is a folder. A ``/`` in a revision is written ``%2F``, but in ``refs/pr/1`` and its kind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from ..errors import TransferError

Kind = Literal["model", "dataset", "space", "bucket"]

HUB = "https://huggingface.co"
HUBS = (HUB, "https://hf.co", "https://www.huggingface.co")
"""Addresses of the hub itself; pages of others are known by HF_ENDPOINT."""


@dataclass(frozen=True)
class Grammar:
    """How addresses of one kind of hub are written.

    Parameters
    ----------
    kinds: what stands in front of an owner, by what it says.
    others: what stands there and means something that is no repository.
    name: what an owner and a repository can be called.
    """

    scheme: str
    kinds: Mapping[str, Kind]
    others: tuple[str, ...]
    name: re.Pattern[str]


_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?(?<!\.git)")
"""An owner or a name of a repository (huggingface_hub, `validate_repo_id`)."""

HF = Grammar(
    "hf",
    {"models": "model", "datasets": "dataset", "spaces": "space", "buckets": "bucket"},
    ("kernels",),
    _NAME,
)

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
    revision: a branch, a tag or a commit; None for the branch that the hub shows first.
    path: without a ``/`` at its end.
    is_folder: whether the address says by its form that a folder is meant.
    scheme: of its address.
    """

    kind: Kind | None
    repo: str
    revision: str | None = None
    path: str = ""
    is_folder: bool = True
    scheme: str = "hf"

    @property
    def prefix(self) -> str:
        """What stands in front of the name of the repository."""
        return "" if self.kind in (None, "model") else f"{self.kind}s/"

    @property
    def address(self) -> str:
        """The place as an address of its scheme."""
        revision = ""
        if self.revision is not None:
            whole = _WITH_SLASH.fullmatch(self.revision)
            revision = "@" + (self.revision if whole else quote(self.revision, safe=""))
        path = f"/{self.path}" if self.path else ""
        slash = "/" if self.path and self.is_folder else ""
        return f"{self.scheme}://{self.prefix}{self.repo}{revision}{path}{slash}"

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
    if is_address(address, HF):
        return parse_address(address, HF)
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


def is_address(address: str, grammar: Grammar) -> bool:
    """Whether `address` has the scheme of `grammar`."""
    return address.lower().startswith(f"{grammar.scheme}://")


def parse_address(address: str, grammar: Grammar) -> Place:
    """The place at `address`, which has the scheme of `grammar`. Raises ``invalid_address``."""
    kind, rest = _kind_of(address.partition("://")[2], grammar)
    owner, _, rest = rest.partition("/")
    name, at, tail = rest.partition("@")
    if not at or "/" in name:
        name, _, path = rest.partition("/")
        return place_of(grammar, kind, f"{owner}/{name}", None, path)
    written = revision_at_start_of(tail)
    path = tail[len(written) :].removeprefix("/")
    return place_of(grammar, kind, f"{owner}/{name}", unquote(written), path)


def revision_at_start_of(text: str) -> str:
    """The revision that `text`, a revision and a path, begins with, as it is written there."""
    special = _WITH_SLASH.match(text)
    return special[1] if special else text.partition("/")[0]


def _kind_of(rest: str, grammar: Grammar) -> tuple[Kind | None, str]:
    first, _, others = rest.partition("/")
    if first in grammar.others:
        raise TransferError(
            "invalid_address",
            f"“{first}” of the hub cannot be fetched here.",
            f"Use the address of one of: {', '.join(grammar.kinds)}.",
        )
    return (grammar.kinds[first], others) if first in grammar.kinds else (None, rest)


def segments_of_page(address: str, hubs: Collection[str]) -> list[str] | None:
    """The segments of the path of a page at one of `hubs`, as they stand there; None for the
    address of anything else."""
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
    return parts.path[len(base) :].lstrip("/").split("/")


def _page(address: str, hubs: Collection[str]) -> list[str] | None:
    """The segments of the path of a page of a repository, as they stand there."""
    segments = segments_of_page(address, hubs)
    if segments is None:
        return None
    plain = segments[1:] if segments[0] in HF.kinds else segments
    while plain and not plain[-1]:
        plain.pop()
    is_repo = len(plain) == 2 or (len(plain) >= 4 and plain[2] in _PAGES)
    if not is_repo or plain[0] in _NO_OWNERS or not all(map(HF.name.fullmatch, plain[:2])):
        return None
    return segments


def _parse_page(segments: list[str]) -> Place:
    kind: Kind = "model"
    if segments[0] in HF.kinds:
        kind, segments = HF.kinds[segments[0]], segments[1:]
    owner, name, *rest = segments
    if kind == "bucket":
        raw = "/".join(rest[1:])
        return place_of(HF, kind, f"{owner}/{name}", None, unquote(raw, errors="surrogateescape"))
    if len(rest) < 2:
        return place_of(HF, kind, f"{owner}/{name}", None, "")
    action, tail = rest[0], "/".join(rest[1:])
    written = revision_at_start_of(tail)
    path = unquote(tail[len(written) :].removeprefix("/"), errors="surrogateescape")
    if action == "tree" and path:
        path = path.rstrip("/") + "/"
    return place_of(HF, kind, f"{owner}/{name}", unquote(written), path)


def place_of(
    grammar: Grammar, kind: Kind | None, repo: str, revision: str | None, path: str
) -> Place:
    """The place that these parts of an address name. Raises ``invalid_address``."""
    owner, _, name = repo.partition("/")
    if not grammar.name.fullmatch(owner) or not grammar.name.fullmatch(name):
        scheme = grammar.scheme
        raise TransferError(
            "invalid_address",
            "No repository of the hub can have this name.",
            f"Write an address like {scheme}://owner/name, {scheme}://datasets/owner/name or"
            f" {scheme}://owner/name@revision/file.",
        )
    if kind == "bucket" and revision is not None:
        raise TransferError(
            "invalid_address", "A bucket has no revisions.", "Leave “@” and what follows out."
        )
    check_revision(revision)
    if "\0" in path:
        raise TransferError("invalid_address", "The address holds a NUL character.")
    folder = path.endswith("/") or not path
    return Place(kind, repo, revision, path.removesuffix("/"), folder, grammar.scheme)


def check_revision(revision: str | None) -> None:
    """Raise ``invalid_address`` for what no branch, tag or commit can be called."""
    if revision is not None and (len(revision) > 250 or _NO_REVISION.search(revision)):
        raise TransferError(
            "invalid_address",
            "No branch, tag or commit can have this name.",
            "Write “@” and a revision behind the name of the repository.",
        )
