"""The gate to credentials: the only module that reads one, and the one that hides them in texts.

A credential belongs to one origin. It lives in memory, goes into the header of a request to that
origin, and nowhere else: not into a URL, a job's record, an argument list, a log or an event.
"""

from __future__ import annotations

import netrc
import os
import re
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "***"


@dataclass(frozen=True)
class Credential:
    """A user name with a password, or a bearer token. Its `repr` shows neither."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def from_dict(cls, value: dict[str, Any] | None) -> Credential | None:
        """The credential that `as_dict` wrote; None stays None."""
        if not value:
            return None
        return cls(
            str(value.get("username") or ""),
            str(value.get("password") or ""),
            str(value.get("token") or ""),
        )

    def as_dict(self) -> dict[str, str]:
        """The credential in clear, for the pipe to a worker only."""
        return {"username": self.username, "password": self.password, "token": self.token}

    def authorization(self) -> str:
        """The value of the header ``Authorization`` (RFC 7617 basic, RFC 6750 bearer)."""
        if self.token:
            return f"Bearer {self.token}"
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + b64encode(pair).decode("ascii")


@dataclass(frozen=True)
class Login:
    """What FTP and SFTP log in with. Its `repr` shows nothing secret.

    Parameters
    ----------
    key_file, passphrase: a private key of the person, and what opens it.
    agent: whether the keys of ``ssh-agent`` may be offered.
    host_key: the fingerprint that the person accepted, ``SHA256:`` and base64; None to go by
        ``known_hosts`` alone.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    key_file: str | None = None
    passphrase: str = field(default="", repr=False)
    agent: bool = True
    host_key: str | None = None


def split_userinfo(url: str) -> tuple[str, Credential | None]:
    """`url` without ``user:password@``, and what stood there.

    A user name alone, as in ``https://TOKEN@host/``, is kept as user name with empty password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    clean = urlunsplit(parts._replace(netloc=host))
    username, _, password = userinfo.partition(":")
    if not username and not password:
        return clean, None
    return clean, Credential(unquote(username), unquote(password))


def from_netrc(host: str) -> Credential | None:
    """What ``~/.netrc`` (or the file that NETRC names) holds for exactly this host.

    Its ``default`` entry is not used: it would send a password to any host that a redirect or a
    typing error names. A file that is missing or malformed holds nothing.
    """
    path = os.environ.get("NETRC") or str(Path("~/.netrc").expanduser())
    try:
        entry = netrc.netrc(path).hosts.get(host)
    except (OSError, ValueError, netrc.NetrcParseError):
        return None
    if entry is None or not entry[2]:
        return None
    login, account, password = entry
    return Credential(login or account or "", password or "")


# ---- redaction --------------------------------------------------------------------------------

_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#\"'<>]*@")
_PARAMETER = re.compile(
    r"(?P<name>[?&;](?:x-(?:amz|goog|oss|cos|obs|ms)-[a-z0-9-]*|awsaccesskeyid|googleaccessid"
    r"|[a-z0-9_.-]*(?:signature|token|password|passwd|secret|apikey|api[_-]key|credential)"
    r"|sig|se|sp|sv|key|code|auth|authorization|jwt|pass|pwd|policy|key-pair-id)=)[^&;#\s\"'<>]*",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?(?:authorization|cookie)\s*[:=]\s*"
    r"(?:(?:basic|bearer|token|digest)\s+)?)[^\s,;\"']+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with userinfo of URLs, signatures and tokens of query strings, and authorization
    headers replaced by ``***``."""
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
    return _HEADER.sub(rf"\g<name>{HIDDEN}", text)
