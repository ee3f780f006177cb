"""Is the SSH server the one that it says it is? ``known_hosts`` decides, or the person does.

A key that stands there is good; another one than stands there is refused outright, for that is
what an attack looks like; an unknown one waits for the person, who is shown its fingerprint in the
form of ``ssh-keygen -l``. What was accepted is remembered where ``ssh`` itself looks.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from tempfile import NamedTemporaryFile, _TemporaryFileWrapper
from typing import TYPE_CHECKING, Any

import pycurl

from ..errors import TransferError
from ..secrets import Login, known_hosts, remember_host_key

if TYPE_CHECKING:
    from .transport import Exchange


def judge_by(exchange: Exchange, login: Login) -> Callable[[Any, Any, int], int]:
    """The callback that libcurl asks about the key of the server of `exchange`. What is wrong with
    it becomes the error of the exchange."""

    def judge(_known: Any, found: Any, match: int) -> int:
        if match == pycurl.KHMATCH_OK:
            return int(pycurl.KHSTAT_FINE)
        key = bytes(found.key)
        name, fingerprint = _name_of(key), fingerprint_of(key)
        if match == pycurl.KHMATCH_MISSING and fingerprint == login.host_key:
            remember_host_key(exchange.url.host, exchange.url.port, name, b64encode(key).decode())
            return int(pycurl.KHSTAT_FINE)
        exchange.error = _refusal(exchange.url.host, match, name, fingerprint)
        return int(pycurl.KHSTAT_REJECT)

    return judge


def _refusal(host: str, match: int, name: str, fingerprint: str) -> TransferError:
    detail = {"kind": "host_key", "host": host, "key_type": name, "fingerprint": fingerprint}
    if match == pycurl.KHMATCH_MISSING:
        return TransferError(
            "needs_decision",
            f"“{host}” is not known here yet. The fingerprint of its key is {fingerprint}.",
            "Compare the fingerprint with what its owner says, then accept it.",
            detail=detail,
        )
    return TransferError(
        "host_key_changed",
        f"The key of “{host}” is another one than before ({fingerprint}): somebody may be"
        " listening in between.",
        "Ask its owner whether the key was changed; if so, remove the old one from known_hosts.",
        detail=detail,
    )


def file_for(host: str, port: int) -> str:
    """A file with what ``known_hosts`` says of this host alone, for libcurl: it prefers the kinds
    of keys that are known, and gives up at the first line that it does not understand."""
    file = _files.get((host, port))
    if file is None:
        file = _files[host, port] = NamedTemporaryFile("wb", prefix="known_hosts-")  # noqa: SIM115
    name = host if port == 22 else f"[{host}]:{port}"
    lines = "".join(f"{name} {key_type} {key}\n" for key_type, key in known_hosts(host, port))
    file.seek(0)
    file.truncate()
    file.write(lines.encode())
    file.flush()
    return file.name


_files: dict[tuple[str, int], _TemporaryFileWrapper[bytes]] = {}


def fingerprint_of(key: bytes) -> str:
    """The fingerprint of a key as OpenSSH writes it: ``SHA256:`` and base64 without padding."""
    return "SHA256:" + b64encode(sha256(key).digest()).decode().rstrip("=")


def _name_of(key: bytes) -> str:
    """The type that a key names itself (RFC 4253 section 6.6)."""
    length = int.from_bytes(key[:4], "big")
    return key[4 : 4 + length].decode("ascii", "replace") if length < 64 else "unknown"
