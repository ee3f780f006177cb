"""The configuration that a clone brings along: may git be let loose on it?

Whoever made the clone, perhaps in an archive, chose its ``.git/config``, and many settings there
name programs that git runs, addresses that it calls and folders that it writes to. What is listed
here does none of that, or is overruled by what we set; with any other setting the clone is left
alone. See git-config(1), and CVE-2022-24765 and its kin.
"""

from __future__ import annotations

import re
import stat

from ..errors import TransferError
from ..names import join_path
from ..paths import Root
from .git_program import Git

_FREE = re.compile(
    r"""
    core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode
      |symlinks|autocrlf|eol|safecrlf|sparsecheckout|sparsecheckoutcone|untrackedcache|splitindex
      |preloadindex|quotepath|abbrev|compression|bigfilethreshold|sharedrepository|whitespace
      |hookspath|fsmonitor|editor|pager|askpass|sshcommand|commentchar|checkstat|trustctime
      |protecthfs|protectntfs|longpaths)
    | extensions\.(objectformat|partialclone|preciousobjects|noop)
    | remote\.pushdefault
    | remote\..+\.(url|fetch|push|pushurl|tagopt|prune|prunetags|promisor|partialclonefilter
      |skipdefaultupdate|skipfetchall|gh-resolved)
    | branch\..+\.(remote|merge|rebase|pushremote|description|vscode-merge-base)
    | user\..* | color\..* | advice\..* | gc\..* | pack\..* | maintenance\..* | credential\..*
    | init\.defaultbranch | gui\.(wmstate|geometry) | index\.version | feature\..*
    | commit\.(gpgsign|verbose) | tag\.gpgsign | push\..* | pull\.(rebase|ff) | rerere\..*
    | fetch\.(prune|prunetags|parallel|writecommitgraph) | status\..* | merge\.conflictstyle
    | diff\.(renames|algorithm|colormoved|renamelimit) | submodule\..*\.(url|active|branch|ignore)
    | submodule\.(recurse|active|fetchjobs)
    | lfs\.(repositoryformatversion|url|fetchinclude|fetchexclude|locksverify)
    | lfs\..*\.(access|locksverify)
    """,
    re.VERBOSE | re.DOTALL,
)

_LFS = {
    "filter.lfs.clean": ("git-lfs clean -- %f",),
    "filter.lfs.smudge": ("git-lfs smudge -- %f", "git-lfs smudge --skip -- %f"),
    "filter.lfs.process": ("git-lfs filter-process", "git-lfs filter-process --skip"),
    "filter.lfs.required": ("true", "false"),
}
"""What ``git lfs install`` sets; another value is another program."""

_MOST = 200_000
"""Entries of ``.git`` that are looked at."""


def require_safe(git: Git) -> dict[str, list[str]]:
    """The settings of the clone by their names, if git may be let loose on it. Raises ``conflict``
    with what is in the way."""
    _require_plain(git.root)
    settings: dict[str, list[str]] = {}
    listed = git.read("config", "--file=.git/config", "--no-includes", "--null", "--list") or b""
    for one in filter(None, listed.split(b"\0")):
        name, _, value = one.decode("utf-8", "surrogateescape").partition("\n")
        settings.setdefault(name, []).append(value)
    for name, values in settings.items():
        if name.startswith("remote.") and ":" in name:
            raise left_alone("one of its remotes is called as an address, and may lead elsewhere")
        good = _LFS.get(name)
        if not (_FREE.fullmatch(name) if good is None else set(values) <= set(good)):
            raise left_alone(f"its setting “{name[:60]}” may run programs or lead elsewhere")
    return settings


def _require_plain(root: Root) -> None:
    """No link in ``.git``, and nothing there that stands for another repository."""
    if not stat.S_ISDIR(root.lstat(".git").st_mode):
        raise left_alone("its “.git” is no folder")
    folders, count = [".git"], 0
    while folders:
        folder = folders.pop()
        for entry in root.scan(folder):
            count += 1
            path, mode = join_path(folder, entry.name), entry.status.st_mode
            if stat.S_ISLNK(mode) and folder != ".git/hooks":
                raise left_alone(f"“{path[:60]}” is a link")
            if path in (".git/commondir", ".git/config.worktree", ".git/objects/info/alternates"):
                raise left_alone(f"“{path}” leads to another repository")
            if stat.S_ISDIR(mode) and path not in (".git/lfs", ".git/modules"):
                folders.append(path)
        if count > _MOST:
            raise left_alone("it has too many loose objects; “git gc” packs them")


def left_alone(why: str) -> TransferError:
    """The error of a clone that git is not let loose on."""
    return TransferError(
        "conflict",
        f"The clone is left alone: {why}.",
        "Use git in a terminal, if you trust the clone.",
    )
