"""Keys of a person, and the host keys that the person knows: what OpenSSH keeps."""

from __future__ import annotations

import getpass
import hmac
import logging
import os
import re
from base64 import b64decode
from hashlib import sha1
from pathlib import Path

from ..errors import TransferError
from .credential import Login

_log = logging.getLogger(__name__)

_SSH_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


def own_name() -> str:
    """The name under which this process logs in where no other is given, as ``ssh`` does."""
    return getpass.getuser()


def ssh_keys(login: Login) -> tuple[str | None, str | None]:
    """The files of the private and the public key that `login` offers: those that it names, else
    what ``ssh`` would take, if it may have any of these; None for what is not there.

    Raises ``needs_credentials`` where it may not have the named one, ``bad_request`` where that
    cannot be read.
    """
    if not login.ambient:
        if login.key_file:
            raise TransferError(
                "needs_credentials", "The key file is one of the account of this server."
            )
        return None, None
    folder = Path("~/.ssh").expanduser()
    if login.key_file:
        named = Path(login.key_file).expanduser()
        if not os.access(named, os.R_OK):
            raise TransferError(
                "bad_request", "The key file cannot be read.", "Give the path of your private key."
            )
        private: Path | None = named
    else:
        private = next((folder / n for n in _SSH_KEYS if os.access(folder / n, os.R_OK)), None)
    if private is None:
        return None, None
    public = private.with_name(private.name + ".pub")
    return str(private), str(public) if public.is_file() else None


def known_hosts(host: str, port: int, marker: str = "") -> list[tuple[str, str]]:
    """Type and base64 of each key that ``ssh`` knows for a host: by the person's file and the
    system's (sshd(8), "SSH known_hosts file format"), on lines with `marker` (``@revoked``) or
    without any. What is malformed does not count; a host that one pattern excludes is not known by
    that line."""
    name = host if port == 22 else f"[{host}]:{port}"
    found = []
    for path in (_known_hosts_file(), *_SYSTEM_KNOWN_HOSTS):
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            mark = fields.pop(0) if line.startswith("@") else ""
            if mark == marker and len(fields) >= 3 and line[0] != "#" and _names(fields[0], name):
                found.append((fields[1], fields[2]))
    return found


_SYSTEM_KNOWN_HOSTS = (Path("/etc/ssh/ssh_known_hosts"),)


def known_hosts_files() -> list[str]:
    """Where keys of hosts are known from: the person's file, then the system's."""
    return [str(path) for path in (_known_hosts_file(), *_SYSTEM_KNOWN_HOSTS)]


def _known_hosts_file() -> Path:
    return Path("~/.ssh/known_hosts").expanduser()


def _names(patterns: str, name: str) -> bool:
    """Whether the first field of a line means the host `name`."""
    if patterns.startswith("|1|"):
        salt, _, digest = patterns[3:].partition("|")
        try:
            wanted = b64decode(digest, validate=True)
            mac = hmac.new(b64decode(salt, validate=True), name.encode(), sha1).digest()
        except ValueError:
            return False
        return hmac.compare_digest(mac, wanted)
    each = patterns.lower().split(",")
    if any(p.startswith("!") and _matches(name, p[1:]) for p in each):
        return False
    return any(_matches(name, p) for p in each)


def _matches(name: str, pattern: str) -> bool:
    """``*`` and ``?`` only; brackets are part of a name with a port."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name.lower()) is not None


def remember_host_key(host: str, port: int, key_type: str, key: str) -> None:
    """Add the base64 `key` of a host, which the person accepted, as ``ssh`` does (sshd(8), "SSH
    known_hosts file format"). A file that cannot be written is left: the person is asked again."""
    path = _known_hosts_file()
    name = host if port == 22 else f"[{host}]:{port}"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            old = file.read()
            start = b"" if not old or old.endswith(b"\n") else b"\n"
            file.write(start + f"{name} {key_type} {key}\n".encode())
    except OSError as error:
        _log.warning("The key of %s was not remembered: %s", host, error.strerror)
