"""Submodules of a new clone, on request: the address of each comes from the repository and is
judged before git calls it.

git itself makes them where it would (``.git/modules``), level by level, with the addresses that we
have set: those behind redirects. Names, paths and update commands that a ``.gitmodules`` could do
harm with are refused here and by git (CVE-2018-17456, CVE-2024-32002 and their kin).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import TransferError
from .git_place import Place
from .git_program import Git
from .git_progress import Progress

OLDEST = (2, 39, 4)
"""Versions before make hooks of submodules run on some file systems (CVE-2024-32002)."""

MOST = 500
"""Submodules of one repository, with those within them."""

DEEPEST = 10

_LINK = re.compile(rb"160000 [0-9a-f]+ 0\t(?P<path>.*)", re.DOTALL)
_SETTING = re.compile(r"submodule\.(?P<name>.+)\.(?P<key>path|url)", re.DOTALL)
_NAME = re.compile(r"(?!-)[^\x00-\x1f\x7f\\]{1,200}")

Find = Callable[[Place], Place]
"""Where a repository really is, judged; from then on git may call it."""


@dataclass(frozen=True)
class Submodule:
    """One that the checkout wants: name, path, and where its repository is."""

    name: str
    path: str
    place: Place


def update(git: Git, place: Place, find: Find, flags: list[str], progress: Progress) -> int:
    """Clone the submodules of the repository at `place`, which `git` is in, and those within them;
    how many there are. Raises ``remote_refused`` for one that is not to be trusted, and what its
    host fails of."""
    count, level = 0, [(git, place)]
    for _ in range(DEEPEST):
        deeper = []
        for here, where in level:
            for one in wanted(here, where):
                count += 1
                if count > MOST:
                    raise TransferError("limit_reached", f"There are more than {MOST} submodules.")
                deeper.append((_make(here, one, find(one.place), flags, progress), one.place))
        if not deeper:
            return count
        level = deeper
    raise TransferError("limit_reached", "The submodules lie within each other without an end.")


def wanted(git: Git, place: Place) -> Iterator[Submodule]:
    """The submodules that are checked out, by the ``.gitmodules`` of the same commit."""
    links = git.pieces("ls-files", "--stage", "-z", end=b"\0")
    paths = {
        found["path"].decode("utf-8", "replace") for found in map(_LINK.fullmatch, links) if found
    }
    if not paths:
        return
    try:
        listed = git.read("config", "--blob", ":.gitmodules", "--null", "--list") or b""
    except TransferError:
        raise _refused("the repository does not say where they are") from None
    settings: dict[str, dict[str, str]] = {}
    for line in filter(None, listed.split(b"\0")):
        name, _, value = line.decode("utf-8", "replace").partition("\n")
        if found := _SETTING.fullmatch(name):
            settings.setdefault(found["name"], {})[found["key"]] = value
    for name, known in settings.items():
        if known.get("path") in paths and "url" in known:
            if not _NAME.fullmatch(name) or ".." in name.split("/"):
                raise _refused("one has a name that leads elsewhere")
            yield Submodule(name, known["path"], _place_of(known["url"], place))


def _place_of(url: str, parent: Place) -> Place:
    """The repository at `url`, which may be relative (git-submodule(1), "add")."""
    if parent.ssh:
        raise _refused("the repository was called by SSH")
    try:
        place = _relative(url, parent) or Place.parse("git+" + url)
    except TransferError:
        raise _refused("one is not at an https: or http: address") from None
    if place.ssh:
        raise _refused("one is to be called by SSH")
    if place.ref is not None:
        raise _refused("the address of one has an “@”")
    if parent.url.scheme == "https" and place.url.scheme != "https":
        raise _refused("one is to come over a plain connection")
    return place


def _relative(url: str, parent: Place) -> Place | None:
    if not url.startswith(("./", "../")):
        return None
    steps, path = url.split("/"), parent.url.path.rstrip("/").split("/")
    while steps and steps[0] in (".", ".."):
        if steps.pop(0) == ".." and len(path) > 1:
            path.pop()
    return parent.beside("/".join([*path, *steps]))


def _make(git: Git, one: Submodule, there: Place, flags: list[str], progress: Progress) -> Git:
    progress.next()
    section = f"submodule.{one.name}"
    git.read("config", "--local", f"{section}.active", "true")
    git.read("config", "--local", f"{section}.url", there.text())
    git.run(
        "submodule",
        "update",
        "--checkout",
        "--progress",
        *flags,
        values=[one.path],
        progress=progress,
    )
    git.read("config", "--local", f"{section}.url", one.place.text())
    return git.within(one.path)


def _refused(why: str) -> TransferError:
    return TransferError(
        "remote_refused",
        f"The submodules are not fetched: {why}.",
        "Fetch the repository without them: switch the option “submodules” off.",
    )
