"""The program git: how it is called, so that nothing but git itself runs and nothing but the
address of the job is called.

The arguments are ours; what people wrote stands behind ``--`` or goes in by standard input. The
environment is made from nothing: no configuration of the system or the person, no hooks, no
helpers, no prompts, no protocol beside the job's (git(1), git-config(1)). What a clone has in its
own configuration is read before (`git_config`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from ..errors import TransferError
from ..paths import Root
from ..secrets import environment_of
from ..tools import Child, candidates, run
from .git_errors import error_of_exit
from .git_progress import Progress

OLDEST = (2, 30, 0)

REMEDY = "Ask the administrator to install git (Debian, Ubuntu: apt-get install git git-lfs)."

NO_HOME = "/nonexistent"

_ELSEWHERE = ("clone", "ls-remote", "submodule")
"""Commands that need no repository, or find their own; all others have to take that in the folder,
and never one around it."""

_KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "advice.detachedHead=false",
    "transfer.bundleURI=false",
    "protocol.version=2",
)

_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_EDITOR": ":",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_COMMITTER_NAME": "jupyter_transfer",
    "GIT_COMMITTER_EMAIL": "jupyter_transfer@localhost",
    "GIT_ALLOW_PROTOCOL": "",
    "SSH_ASKPASS_REQUIRE": "never",
}

_INDEXED = "git cat-file blob :0:%f"

_VERSION = re.compile(rb"git version (\d+)\.(\d+)(?:\.(\d+))?")


@lru_cache(maxsize=2)
def program(oldest: tuple[int, ...] = OLDEST) -> str:
    """The path of git. Raises ``tool_missing``, also where it is older than `oldest`."""
    wanted = ".".join(map(str, oldest))
    for path in candidates("git"):
        found = _VERSION.match(run([path, "version"], base_environment(NO_HOME)))
        if found and tuple(int(part or 0) for part in found.groups()) >= oldest:
            return path
    raise TransferError("tool_missing", f"This server has no git ({wanted} or newer).", REMEDY)


@lru_cache(maxsize=1)
def lfs_program() -> str | None:
    """The path of git-lfs, if it is there."""
    return next(iter(candidates("git-lfs")), None)


def base_environment(home: str) -> dict[str, str]:
    """The environment of a git that calls nobody. Its home is a folder of ours, in which it finds
    no configuration and no ``.netrc``."""
    return {**environment_of(_KEPT), **_ENVIRONMENT, "HOME": home, "XDG_CONFIG_HOME": home}


class Git:
    """git in the folder of `root`.

    Parameters
    ----------
    environment: what `base_environment` gives, and how to call the remote side.
    settings: further ``key=value`` pairs, ours.
    check: called all the while; may raise.
    fds: descriptors that it inherits.
    """

    def __init__(
        self,
        root: Root,
        environment: Mapping[str, str],
        settings: Sequence[str],
        check: Callable[[], None],
        fds: Sequence[int] = (),
    ) -> None:
        self.root = root
        self.check = check
        self._environment = environment
        self._settings = [*_SETTINGS, *settings]
        self._fds = tuple(fds)
        self._opened: list[Root] = []

    def within(self, path: str) -> Git:
        """The same in a folder below, which is closed with this one."""
        inner = Git(self.root.inner(path), self._environment, (), self.check, self._fds)
        inner._settings = self._settings  # the same list: what is allowed later holds there, too
        inner._opened = self._opened
        self._opened.append(inner.root)
        return inner

    def knowing(self) -> Git:
        """The same where git needs not read large files to know the pointer that LFS would make of
        them: what they hold was verified, and that pointer is in the index. The clone must have no
        ``filter.lfs.process`` yet, which would come first."""
        settings = (*self._settings, "filter.lfs.clean=" + _INDEXED)
        return Git(self.root, self._environment, settings, self.check, self._fds)

    def acting(self, variables: Mapping[str, str], settings: Sequence[str]) -> Git:
        """The same with further variables and settings, ours; what it is given as paths are paths,
        and no patterns."""
        environment = {**self._environment, **variables, "GIT_LITERAL_PATHSPECS": "1"}
        return Git(self.root, environment, [*self._settings, *settings], self.check, self._fds)

    def allow(self, settings: Sequence[str]) -> None:
        """Further settings, from now on."""
        self._settings += settings

    def close(self) -> None:
        """Let go of the folders below."""
        for root in self._opened:
            root.close()

    def read(
        self,
        *arguments: str,
        values: Sequence[str] | None = None,
        input: bytes | None = None,
        wrong: tuple[int, ...] = (),
    ) -> bytes | None:
        """What git prints; None where it ends with one of the codes `wrong`. Raises what it failed
        of."""
        data = b"".join(self._chunks(arguments, values, input, wrong))
        return None if self._code in wrong else data

    def pieces(
        self,
        *arguments: str,
        end: bytes,
        values: Sequence[str] | None = None,
        input: bytes | None = None,
    ) -> Iterator[bytes]:
        """What git prints, in pieces that `end` ends, lazily."""
        rest = b""
        for data in self._chunks(arguments, values, input, ()):
            *whole, rest = (rest + data).split(end)
            yield from whole
        if rest:
            yield rest

    def _chunks(
        self,
        arguments: Sequence[str],
        values: Sequence[str] | None,
        input: bytes | None,
        wrong: tuple[int, ...],
    ) -> Iterator[bytes]:
        with self.root.folder("") as fd:
            child = self._start(fd, arguments, values, input=input, output=True)
            try:
                yield from child.chunks(self.check)
                self._code = child.wait(self.check)
            finally:
                child.stop()
        if self._code != 0 and self._code not in wrong:
            raise error_of_exit(child.said)

    def run(
        self,
        *arguments: str,
        values: Sequence[str] | None = None,
        input: bytes | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Let git do something, telling `progress`. Raises what it failed of."""
        with self.root.folder("") as fd:
            on_line = None if progress is None else progress.hear
            child = self._start(fd, arguments, values, input=input, on_line=on_line)

            def check() -> None:
                self.check()
                if progress is not None:
                    progress.tell()

            try:
                code = child.wait(check)
            finally:
                child.stop()
        if code != 0:
            raise error_of_exit(child.said, pushed=arguments[0] == "push")

    def _start(
        self, fd: int, arguments: Sequence[str], values: Sequence[str] | None, **more: object
    ) -> Child:
        settings = [part for one in self._settings for part in ("-c", one)]
        rest = [] if values is None else ["--", *values]
        environment = self._environment
        if arguments[0] not in _ELSEWHERE:
            environment = {**environment, "GIT_DIR": ".git", "GIT_WORK_TREE": "."}
        return Child(
            [program(), "-C", f"/proc/self/fd/{fd}", *settings, *arguments, *rest],
            environment,
            fds=(fd, *self._fds),
            **more,  # type: ignore[arg-type]
        )
