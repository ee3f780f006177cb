"""What a repository shows of itself before anything is fetched: its branches and tags, and where it
really lies. Over HTTP by the first request of git's own protocol (gitprotocol-http(5), "Smart
Server Response"), which goes over the one transport; over SSH by ``git ls-remote``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import TransferError, from_http_status
from ..net import parse_url
from .base import Answer, Caller
from .git_place import Place, is_commit

FETCH, PUSH = "git-upload-pack", "git-receive-pack"
"""What a repository is asked for: who may fetch need not be let push."""

_SYMREF = re.compile(rb"symref=HEAD:(\S+)")
_REF = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\S+)")

LIMIT = 128 << 20
"""Bytes of all refs of a repository; a million of them have about 70 MB."""

_HEADS, _TAGS = "refs/heads/", "refs/tags/"


@dataclass(frozen=True)
class Refs:
    """The refs of a repository by their full names.

    Parameters
    ----------
    default: the branch that it shows where nobody asks for one.
    """

    commits: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None

    def find(self, ref: str | None) -> tuple[str, str]:
        """What `ref` is, ``branch``, ``tag`` or ``commit``, and its own name there. Raises
        ``remote_not_found``."""
        if ref is None:
            if self.default is None:
                raise TransferError(
                    "remote_not_found",
                    "The repository shows no branch by itself."
                    if self.commits
                    else "There is nothing in this repository yet.",
                    "Give a branch as “@name” at the end of the address."
                    if self.commits
                    else "Wait until something is pushed to it.",
                )
            return "branch", self.default
        name = ref.removeprefix("refs/")
        for kind, prefix in (("branch", _HEADS), ("tag", _TAGS)):
            short = name.removeprefix(prefix.removeprefix("refs/"))
            if prefix + short in self.commits:
                return kind, short
        if is_commit(ref):
            return "commit", ref
        raise _no_ref(ref)

    def ref_of_page(self, page: str) -> str:
        """The branch, tag or commit that `page` begins with; a folder may follow. Raises
        ``remote_not_found``."""
        parts = page.strip("/").split("/")
        for end in range(len(parts), 0, -1):
            name = "/".join(parts[:end])
            if _HEADS + name in self.commits or _TAGS + name in self.commits or is_commit(name):
                return name
        raise _no_ref(page)

    def commit(self, kind: str, name: str) -> str:
        """The id of the commit that is called so; of a tag with a message that of what it tags."""
        full = f"{_HEADS if kind == 'branch' else _TAGS}{name}"
        return self.commits.get(f"{full}^{{}}") or self.commits.get(full) or name

    def count(self, kind: str) -> int:
        """How many branches or tags there are."""
        prefix = _HEADS if kind == "branch" else _TAGS
        return sum(name.startswith(prefix) and not name.endswith("^{}") for name in self.commits)


def _no_ref(ref: str) -> TransferError:
    return TransferError(
        "remote_not_found",
        f"The repository has no branch and no tag “{ref[:80]}”.",
        "Check the name behind the “@”; of a commit all digits of its id are needed.",
    )


def ask(
    caller: Caller, place: Place, headers: Mapping[str, str], service: str = FETCH
) -> tuple[Refs, Place]:
    """The refs of `place`, and where it is behind its redirects. Who asks by `PUSH` is told no
    default branch.

    Raises ``needs_credentials``, ``remote_not_found``, ``remote_refused`` …
    """
    answer = caller.call(f"{place.url}/info/refs?service={service}", headers=headers, limit=LIMIT)
    _require(answer, place, service)
    target = parse_url(answer.url, ("http", "https"))
    if not target.path.endswith("/info/refs"):
        raise _no_repository(place)
    url = parse_url(str(target).partition("?")[0].removesuffix("/info/refs"), ("http", "https"))
    lines = list(_packets(answer.body))
    return _parsed(lines), Place(url, False, place.ref)


def _require(answer: Answer, place: Place, service: str) -> None:
    host = place.url.host
    if answer.status in (404, 410):
        raise TransferError("remote_not_found", f"“{host}” has no such repository.")
    if answer.status == 401:
        raise TransferError(
            "needs_credentials",
            f"“{host}” wants to know who you are, or has no such repository.",
        )
    if answer.status == 403 and service == PUSH:
        raise not_allowed(host)
    if answer.status != 200:
        raise from_http_status(answer.status, host, answer.retry_after)
    if answer.headers.get("content-type", "").partition(";")[0].strip() != _type(service):
        raise _no_repository(place)


def _type(service: str) -> str:
    return f"application/x-{service}-advertisement"


def not_allowed(host: str) -> TransferError:
    """Who asks may not push there."""
    return TransferError(
        "remote_forbidden",
        f"“{host}” does not let you push to this repository.",
        "Ask its owner for the right to write, or push to a fork of it.",
    )


def _no_repository(place: Place) -> TransferError:
    return TransferError(
        "remote_refused",
        f"“{place.url.host}” has no repository at this address, or one without git's own protocol.",
        "Check the address; it is the one that “git clone” takes.",
    )


def _packets(data: bytes) -> Iterable[bytes]:
    """The lines of pkt-line format (gitprotocol-common(5))."""
    place = 0
    while place < len(data):
        try:
            size = int(data[place : place + 4], 16)
        except ValueError:
            raise _lied() from None
        if size in (1, 2, 3) or place + size > len(data):
            raise _lied()
        if size >= 4:
            yield data[place + 4 : place + size]
        place += max(size, 4)


def _lied() -> TransferError:
    return TransferError("remote_lied", "The list of the repository's branches is malformed.")


def _parsed(lines: list[bytes]) -> Refs:
    commits, default = {}, None
    for line in lines:
        record, _, abilities = line.partition(b"\0")
        if found := _SYMREF.search(abilities):
            default = _text(found[1])
        if match := _REF.fullmatch(record.rstrip(b"\n")):
            commits[_text(match[2])] = match[1].decode()
    return _refs(commits, default)


def listed(printed: bytes) -> Refs:
    """The refs that ``git ls-remote --symref`` prints."""
    commits, default = {}, None
    for line in printed.splitlines():
        first, _, name = line.partition(b"\t")
        if first.startswith(b"ref: ") and name == b"HEAD":
            default = _text(first.removeprefix(b"ref: "))
        elif _REF.fullmatch(first + b" " + name):
            commits[_text(name)] = first.decode()
    return _refs(commits, default)


def _refs(commits: dict[str, str], default: str | None) -> Refs:
    commits.pop("capabilities^{}", None)
    if default is None and (head := commits.get("HEAD")):  # a server from before 2013
        names = (name for name, id in commits.items() if id == head and name.startswith(_HEADS))
        default = next(names, None)
    branch = default.removeprefix(_HEADS) if default in commits else None
    return Refs(commits, branch)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
