"""Who a person is to a repository, and how git learns it.

One place looks credentials up: what the job says, the userinfo of its address, ``.netrc``, the
person's own credential helpers (gitcredentials(7)); the last two only where ambient credentials
may be used. git asks for them by GIT_ASKPASS: a script that knows none, and reads them from a file
in memory that git inherits. They are told to the origin of the address only, and stand in no
argument, no variable, no file and no configuration.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import TransferError
from ..net import Policy, proxy_for
from ..paths import Root
from ..secrets import (
    MASKS,
    Credential,
    Login,
    environment_of,
    from_netrc,
    known_hosts_files,
    ssh_keys,
    tool_environment,
)
from ..tools import PrivateFolder, run
from .git_hostkeys import accepted_line
from .git_place import Place
from .git_program import Git, base_environment, program
from .tree import Watch

_NONE = re.compile(r"(?!)")

TOKEN_USER = "x-access-token"  # noqa: S105 - no password
"""The user name that goes with a token; hosts take any, but for Bitbucket."""

_ASKPASS = """#!/bin/sh
case "$1" in
  "Username for '$JT_ORIGIN': ") wanted=1 ;;
  "Password for '$JT_ORIGIN': ") wanted=2 ;;
  "Password for '$JT_SCHEME://"*"@$JT_HOST': ") wanted=2 ;;
  *) exit 1 ;;
esac
{ IFS= read -r username; IFS= read -r password; } <"/proc/self/fd/$JT_FD"
if [ "$wanted" = 1 ]; then printf '%s\\n' "$username"; else printf '%s\\n' "$password"; fi
"""


def given(
    options: Callable[[str], Any], credential: Credential | None, host: str
) -> Credential | None:
    """What the job says: a token, user name and password, or the userinfo of its address. A token
    gets a user name. Raises ``bad_request`` for one that no prompt can be answered with."""
    username = options("username") or (credential.username if credential else "")
    password = options("token") or options("password") or ""
    if not password and credential is not None:
        password = credential.password or credential.token
        if not password:
            username, password = "", credential.username
    if not password:
        return None
    if any(mark in f"{username}{password}" for mark in "\n\r\0"):
        raise TransferError("bad_request", "The credentials hold a line break.")
    return Credential(username or token_user(host), password)


def token_user(host: str) -> str:
    """See `TOKEN_USER`."""
    return "x-token-auth" if host == "bitbucket.org" else TOKEN_USER


def ambient(place: Place) -> Credential | None:
    """What ``.netrc`` holds for the host, or the person's credential helpers for the address."""
    return from_netrc(place.url.host) or _from_helpers(place)


def _from_helpers(place: Place) -> Credential | None:
    """By ``git credential fill``, which reads the person's own configuration."""
    environment = tool_environment("GIT_", _NONE) | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C.UTF-8",
    }
    host = place.origin.partition("://")[2]
    asked = f"protocol={place.url.scheme}\nhost={host}\npath={place.url.path.lstrip('/')}\n\n"
    try:
        printed = run(
            [program(), "-C", "/", "credential", "fill"], environment, input=asked.encode()
        )
    except TransferError:
        return None
    lines = printed.decode("utf-8", "replace").splitlines()
    found = {name: value for name, _, value in (line.partition("=") for line in lines)}
    if not found.get("password"):
        return None
    MASKS.add(found["password"])
    return Credential(found.get("username", ""), found["password"])


class Access:
    """How git reaches the job's address, and nothing else: `environment`, `settings`, `fds`. Used
    in a ``with`` block.

    Parameters
    ----------
    place: where git really goes: behind redirects.
    credential: of the origin of `place`, None for none.
    login: of SSH; its `ambient` says whether the person's own keys may be used.
    """

    def __init__(
        self,
        place: Place,
        policy: Policy,
        watch: Watch,
        credential: Credential | None,
        login: Login,
    ) -> None:
        self._check = watch.check
        self._allowed: set[str] = set()
        self._folder = PrivateFolder()
        self.settings: list[str] = []
        self.fds: list[int] = []
        self.ssh: list[str] = []
        """How to call the host, if it is one of SSH."""
        self.environment = base_environment(self._folder.path)
        try:
            if place.ssh:
                self.environment["GIT_ALLOW_PROTOCOL"] = "ssh"
                self._set_up_ssh(place, policy, login)
            else:
                self.environment["GIT_ALLOW_PROTOCOL"] = "https:http"
                self.settings += self.allow(place, policy)
                self._trust(watch)
                if credential is not None:
                    self._hand_over(place, credential)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Access:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the credentials."""
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()
        self._folder.remove()

    def git(self, root: Root) -> Git:
        """git in the folder of `root`, which reaches the address."""
        return Git(root, self.environment, self.settings, self._check, self.fds)

    def alone(self, *arguments: str, values: Sequence[str]) -> bytes:
        """What a git that is in no repository prints."""
        root = Root(self._folder.path, allow_hidden=True)
        try:
            return self.git(root).read(*arguments, values=values) or b""
        finally:
            root.close()

    def allow(self, place: Place, policy: Policy) -> list[str]:
        """Judge the host of `place`, and bind git to the addresses that were judged: by the
        settings that are returned, once."""
        url = place.url
        proxy = proxy_for(url)
        if proxy:
            policy.check_behind_proxy(url.host, url.port)
            self.environment[f"{url.scheme}_proxy"] = proxy
            return []
        host, *found = map(_bracketed, (url.host, *policy.resolve(url.host, url.port)))
        setting = f"http.curloptResolve={host}:{url.port}:{','.join(found)}"
        if setting in self._allowed:
            return []
        self._allowed.add(setting)
        return [setting]

    def _trust(self, watch: Watch) -> None:
        path, data = watch.authorities
        if data:
            path = self._folder.write("authorities.pem", data)
        if path:
            self.environment["GIT_SSL_CAINFO"] = path

    def _hand_over(self, place: Place, credential: Credential) -> None:
        fd = os.memfd_create("credential", os.MFD_CLOEXEC)
        self.fds.append(fd)
        os.write(fd, f"{credential.username}\n{credential.password}\n".encode())
        scheme, _, host = place.origin.partition("://")
        self.environment |= {
            "GIT_ASKPASS": self._folder.write("askpass", _ASKPASS.encode(), 0o700),
            "JT_FD": str(fd),
            "JT_ORIGIN": place.origin,
            "JT_SCHEME": scheme,
            "JT_HOST": host,
        }

    def _set_up_ssh(self, place: Place, policy: Policy, login: Login) -> None:
        url = place.url
        address = policy.resolve(url.host, url.port)[0]
        alias = url.host if url.port == 22 else f"[{url.host}]:{url.port}"
        files = known_hosts_files()
        line = accepted_line(url.host, url.port, address, login)
        if line is not None:
            files.insert(0, self._folder.write("known_hosts", line.encode()))
        hosts = " ".join(f'"{path}"' for path in files)
        options = [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
            "ConnectTimeout=15",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=4",
            f"HostName={address}",
            f"HostKeyAlias={alias}",
            f"UserKnownHostsFile={hosts}",
            "GlobalKnownHostsFile=none",
        ]
        key = ssh_keys(login)[0]
        if key is not None:
            options.append(f'IdentityFile="{key}"')
        if login.ambient:
            self.environment |= environment_of(("SSH_AUTH_SOCK",))
        else:
            options += ["IdentityAgent=none", "PubkeyAuthentication=no"]
        self.ssh = ["ssh", "-F", "none", *(part for one in options for part in ("-o", one))]
        self.environment["GIT_SSH_COMMAND"] = shlex.join(self.ssh)
        self.environment["GIT_SSH_VARIANT"] = "ssh"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
