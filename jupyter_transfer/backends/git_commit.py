"""Committing chosen files of a clone: they, and nothing else, whatever was staged before.

No hook runs, nothing is signed, no editor opens. Who commits is whom the person's own git would
take (git-commit(1), "COMMIT INFORMATION"), and never somebody that git makes up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence

from ..errors import TransferError
from ..names import STAGING
from ..secrets import bare_environment, tool_environment
from ..tools import PrivateFolder, run
from .git_config import require_safe
from .git_lfs import FILTER, kept_by_lfs
from .git_program import REMEDY, Git, lfs_program, program
from .git_status import ALL, Changed, Status
from .tree import Change

_KEPT = re.compile(r"GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL)")
_IDENT = re.compile(r"(?P<name>.*) <(?P<email>[^<>]*)> \d+ [+-]\d{4}\n?", re.DOTALL)


def paths_of(text: str) -> list[str]:
    """The files and folders that `text` names, one a line; ``.`` is everything. Raises
    ``bad_request``."""
    paths = [one.strip().strip("/") for one in text.splitlines() if one.strip()]
    for path in paths:
        if "\0" in path or ".." in path.split("/") or path.split("/")[0] == ".git":
            raise TransferError("bad_request", f"“{path[:60]}” is no file of the clone.")
    return paths


def chosen(
    status: Status, wanted: Sequence[str], exists: Callable[[str], bool], *, hidden: bool
) -> list[Changed]:
    """The changes that `wanted` names, as `paths_of` reads it; none for all files that git keeps
    already. A path that nobody has changed adds nothing, unless it is not there at all. Hidden
    files that git does not keep yet count only where `hidden`.

    Raises ``limit_reached``, ``conflict``, ``not_found``, ``hidden_path``.
    """
    if status.more:
        raise TransferError(
            "limit_reached",
            f"More than {len(status.changes):,} files of the clone were changed.",
            "Commit in a terminal (“git commit”), then push from here.",
        )
    found = [one for one in status.changes if _is_meant(one, wanted)]
    for path in wanted:
        _require_there(path, status, exists, hidden=hidden)
    found = [one for one in found if is_offered(one, hidden=hidden)]
    torn = next((one for one in found if one.kind == "conflicted"), None)
    if torn is not None or status.busy:
        what = f"a {status.busy}" if status.busy else f"the conflict in “{torn and torn.path[:60]}”"
        raise TransferError(
            "conflict",
            f"The clone is in the middle of {what}.",
            "Finish it in a terminal, and send again.",
        )
    return found


def _require_there(
    path: str, status: Status, exists: Callable[[str], bool], *, hidden: bool
) -> None:
    """Raise where a person has named a file that cannot be committed."""
    named = next((one for one in status.changes if one.path == path), None)
    if named is not None and not is_offered(named, hidden=hidden):
        raise TransferError(
            "hidden_path",
            f"“{path[:60]}” is hidden, and git does not keep it yet.",
            "Add it in a terminal (“git add”), and send again.",
        )
    if not exists(path) and not any(_is_meant(one, [path]) for one in status.changes):
        raise TransferError("not_found", f"There is no file “{path[:60]}” in the clone.")


def _is_meant(one: Changed, wanted: Sequence[str]) -> bool:
    if not wanted:
        return one.kind != "untracked"
    return any(path in (ALL, one.path) or one.path.startswith(f"{path}/") for path in wanted)


def is_offered(one: Changed, *, hidden: bool) -> bool:
    """Whether a change may be committed from here: files that git keeps already, and new ones that
    the person can see."""
    parts = one.path.split("/")
    shown = STAGING not in parts and (hidden or not any(part.startswith(".") for part in parts))
    return one.kind != "untracked" or shown


def as_change(one: Changed) -> Change:
    """What a commit of it does."""
    if one.kind == "deleted":
        return Change("delete", one.path)
    return Change("copy" if one.kind in ("added", "untracked") else "replace", one.path, one.size)


def identity(settings: Mapping[str, Sequence[str]], *, ambient: bool) -> dict[str, str]:
    """Who commits, as variables for git: whom the clone's own `settings` name, else, where
    `ambient`, the environment and the person's configuration. Raises ``needs_identity``."""
    environment = tool_environment("GIT_", _KEPT) if ambient else bare_environment()
    own = {"user.useConfigOnly": "true"}
    own |= {name: settings[name][-1] for name in ("user.name", "user.email") if name in settings}
    environment["GIT_CONFIG_COUNT"] = str(len(own))
    for number, (name, value) in enumerate(own.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    try:
        printed = run([program(), "-C", "/", "var", "GIT_AUTHOR_IDENT"], environment)
        found = _IDENT.fullmatch(printed.decode("utf-8", "surrogateescape"))
    except TransferError:
        found = None
    if found is None:
        raise TransferError(
            "needs_identity",
            "git does not know who commits.",
            "Say it once in a terminal: git config --global user.name “Your Name”, and "
            "git config --global user.email “you@example.org”.",
        )
    names = {"NAME": found["name"], "EMAIL": found["email"]}
    return {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in names.items()}


def commit(git: Git, changes: Sequence[Changed], message: str, *, ambient: bool) -> str | None:
    """Commit `changes`, and nothing else; the id of the commit, None where they were none.
    Raises ``needs_identity``, ``tool_missing`` for files of LFS without git-lfs."""
    settings = require_safe(git)
    before = _head(git)
    who = identity(settings, ambient=ambient)
    large = kept_by_lfs(git, [os.fsencode(one.path) for one in changes if one.kind != "deleted"])
    acting = git.acting(who, _lfs_settings(large))
    listed = b"".join(os.fsencode(one.path) + b"\0" for one in changes)
    from_list = ("--pathspec-file-nul", "--pathspec-from-file")
    acting.read("add", "--all", from_list[0], f"{from_list[1]}=-", input=listed)
    folder = PrivateFolder()
    try:
        named = folder.write("paths", listed)
        acting.read(
            "commit",
            "--quiet",
            "--only",
            "--no-verify",
            "--no-gpg-sign",
            "--no-status",
            "--cleanup=whitespace",
            "--file=-",
            from_list[0],
            f"{from_list[1]}={named}",
            input=message.encode("utf-8", "surrogateescape"),
            wrong=(1,),
        )
    finally:
        folder.remove()
    after = _head(git)
    return None if after == before else after


def _head(git: Git) -> str:
    """The commit that is checked out; empty where there is none yet."""
    printed = git.read("rev-parse", "--verify", "--quiet", "HEAD^{commit}", wrong=(1, 128))
    return (printed or b"").decode().strip()


def _lfs_settings(large: set[bytes]) -> list[str]:
    """How git makes pointers of large files, in a clone that was not told."""
    if not large:
        return []
    if lfs_program() is None:
        raise TransferError(
            "tool_missing", "Files that LFS keeps can only be committed with git-lfs.", REMEDY
        )
    return [f"{name}={value}" for name, value in FILTER.items()]
