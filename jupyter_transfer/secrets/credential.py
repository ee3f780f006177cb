"""Who asks at a service, and credentials that are hidden in an address."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit


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

    def secrets(self) -> list[str]:
        """What must not be seen of it: a user name alone is a token."""
        return [self.password or self.username, self.token]

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
    ambient: whether keys of ``~/.ssh`` and of ``ssh-agent`` may be offered, and ``known_hosts`` may
        learn a key that the person accepted.
    host_key: the fingerprint that the person accepted, ``SHA256:`` and base64; None to go by
        ``known_hosts`` alone.
    tls: of FTP: ``auto`` (where the server offers it), ``required`` or ``off``.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    key_file: str | None = None
    passphrase: str = field(default="", repr=False)
    ambient: bool = False
    host_key: str | None = None
    tls: str = "auto"


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


_SECRET_PARAMETER = re.compile(
    r"(?:x-[a-z]+-)?(?:[a-z0-9_.-]*(?:signature|token|password|passwd|secret|api[_-]?key)"
    r"|sig|auth|authorization|jwt|pass|pwd)",
    re.IGNORECASE,
)

_KEY_PARAMETER = re.compile(r"key|code", re.IGNORECASE)

_KEY_VALUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_=%-]{20,}")
"""What makes a parameter that is only called “key” the key of an interface: it is no name."""


def split_query(url: str) -> tuple[str, str | None]:
    """`url` without the parameters of its query that are secret (signatures, tokens, keys), and
    the whole query; None where nothing in it is secret. Order and spelling of what stays are kept,
    since signatures cover them."""
    head, mark, rest = url.partition("?")
    query, hash_mark, fragment = rest.partition("#")
    parameters = query.split("&")
    kept = [one for one in parameters if not is_secret(one)]
    if not mark or "#" in head or len(kept) == len(parameters):
        return url, None
    return head + ("?" + "&".join(kept) if kept else "") + hash_mark + fragment, query


def is_secret(parameter: str) -> bool:
    """Whether a parameter of a query, ``name=value``, holds a signature, a token or a key."""
    name, _, value = parameter.partition("=")
    name = unquote_plus(name)
    if not value:
        return False
    if _KEY_PARAMETER.fullmatch(name):
        return _KEY_VALUE.fullmatch(value) is not None
    return _SECRET_PARAMETER.fullmatch(name) is not None
