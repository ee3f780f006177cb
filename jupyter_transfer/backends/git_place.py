"""Addresses of repositories: ``git+https://host/owner/x.git@ref`` and what they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from ..errors import TransferError
from ..names import safe_name
from ..net import Url, parse_url
from ..secrets import split_userinfo
from .git_pages import repository_of

SCHEMES = ("git+https", "git+http", "git+ssh")

_WEB = ("https", "http")

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,100}")
_SPLIT = re.compile(r"(?P<path>.*?\.git/?|.*?[^/@])@(?P<ref>.*)", re.DOTALL)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCP = re.compile(r"(?:(?P<user>[^/@:]+)@)?(?P<host>[^/:]+):(?P<path>(?!//).+)")


def is_repository(address: str) -> bool:
    """Whether a web address ends in ``.git``, or in that and a ref, or is a page that shows a
    repository."""
    path = urlsplit(address).path
    if path.rstrip("/").endswith(".git") or ".git@" in path:
        return True
    return repository_of(address) is not None


def check_ref(ref: str) -> str:
    """`ref`, the name of a branch or a tag or the id of a commit, if it is one by
    git-check-ref-format(1), and nothing that git would take for an option. Raises
    ``bad_request``."""
    bad = (
        not 0 < len(ref.encode("utf-8", "replace")) <= 250
        or ref.startswith(("-", "/", "."))
        or ref.endswith(("/", ".", ".lock"))
        or ref in ("@", "HEAD")
        or any(one in ref for one in ("..", "@{", "//", "/.", ".lock/", "/-"))
        or re.search(r"[\x00-\x20\x7f~^:?*\[\\\"'`$;&|<>(){}!]", ref)
    )
    if bad:
        raise TransferError(
            "bad_request",
            "This is no name of a branch or a tag, and no id of a commit.",
            "Write it as “git branch” and “git tag” list it, or all digits of a commit's id.",
        )
    return ref


def is_commit(ref: str) -> bool:
    """Whether `ref` is the whole id of a commit."""
    return _COMMIT.fullmatch(ref) is not None


@dataclass(frozen=True)
class Place:
    """A repository.

    Parameters
    ----------
    url: in the form of the transport's own schemes; that of SSH has ``sftp``.
    ref: branch, tag or commit; None for what the repository shows by default.
    page: a ref and perhaps a folder, as the address of a page has them: only the repository's refs
        tell where one ends.
    """

    url: Url
    ssh: bool
    ref: str | None = None
    page: str | None = None

    @classmethod
    def parse(cls, address: str) -> Place:
        """The place at `address`, which has no userinfo. Raises ``invalid_address``,
        ``unsupported_scheme``, ``bad_request``."""
        if (shown := repository_of(address)) is not None:
            repository, page = shown
            return replace(cls.parse(repository), page=page or None)
        scheme, colon, rest = address.partition(":")
        scheme = scheme.lower()
        if scheme not in (*SCHEMES, *_WEB) or not colon:
            raise TransferError("unsupported_scheme", "This is no address of a repository.")
        plain = scheme.removeprefix("git+")
        url = parse_url(("sftp" if plain == "ssh" else plain) + ":" + rest, (*_WEB, "sftp"))
        if url.query or "?" in rest or "#" in rest:
            raise TransferError(
                "invalid_address",
                "The address of a repository has no “?” and no “#”.",
                "Give a branch, tag or commit as “@name” at its end.",
            )
        found = _SPLIT.fullmatch(url.path)
        path, ref = (found["path"], unquote(found["ref"])) if found else (url.path, None)
        if not path.strip("/") or "%00" in path or "%0a" in path.lower():
            raise TransferError("invalid_address", "The address names no repository.")
        place = cls(replace(url, path=path.rstrip("/")), plain == "ssh")
        return place if ref is None else place.at(ref)

    def at(self, ref: str) -> Place:
        """The same repository at `ref`. Raises ``bad_request``."""
        return replace(self, ref=check_ref(ref), page=None)

    def beside(self, path: str) -> Place:
        """The repository at another path of the same host."""
        return Place.parse(f"git+{self.origin.replace('sftp:', 'ssh:', 1)}{path}")

    @property
    def name(self) -> str:
        """A safe name for a folder."""
        return safe_name(
            unquote(self.url.path, errors="replace").removesuffix(".git"), "repository"
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port as git names them where it asks for a password."""
        return str(replace(self.url, path="", query="")).rstrip("/")

    def text(self, user: str = "") -> str:
        """The address that git gets. Raises ``bad_request`` for a name that nobody logs in with."""
        if not self.ssh:
            return str(self.url)
        if user and not _USER.fullmatch(user):
            raise TransferError("bad_request", "This user name cannot be used for SSH.")
        at = f"{user}@" if user else ""
        return str(self.url).replace("sftp://", f"ssh://{at}", 1)

    def is_same(self, remote: str) -> bool:
        """Whether the address `remote` of an existing clone is that of this repository."""
        other = _parsed(remote)
        return other is not None and _bare(other) == _bare(self)


def _bare(place: Place) -> tuple[object, ...]:
    return (*place.url.origin, unquote(place.url.path).strip("/").removesuffix(".git"))


def address_of(remote: str) -> str | None:
    """What a job is given for the address `remote` of a clone, without anything secret; None where
    it lies on this disk, or is none that we call."""
    place = _parsed(remote)
    if place is None:
        return None
    user = ""
    if place.ssh:
        scp = _SCP.fullmatch(remote) if "://" not in remote else None
        _, credential = split_userinfo(remote)
        user = (scp["user"] if scp else credential.username if credential else "") or ""
    plain = "git+" + place.text("" if user == "git" else user)
    return plain if place.ref is None else f"{plain}@{place.ref}"


def _parsed(remote: str) -> Place | None:
    text, _ = split_userinfo(remote)
    if "://" not in text and (found := _SCP.fullmatch(text)):
        text = f"ssh://{found['host']}/{found['path']}"
    try:
        return Place.parse("git+" + text)
    except TransferError:
        return None
