"""Is the SSH server the one that it says it is? ``known_hosts`` decides, or the person does.

A key that stands there is good; another one than stands there is refused outright, for that is
what an attack looks like; an unknown one waits for the person, who is shown its fingerprint in the
form of ``ssh-keygen -l``. What was accepted is remembered where ``ssh`` itself looks, unless by
somebody who may not use this account's keys: then it holds for the job.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable
from tempfile import NamedTemporaryFile, _TemporaryFileWrapper
from typing import TYPE_CHECKING, Any

import pycurl

from ..decisions import changed_host_key, fingerprint_of, unknown_host_key
from ..errors import TransferError
from ..secrets import Login, known_hosts, remember_host_key

if TYPE_CHECKING:
    from .transport import Exchange


def judge_by(exchange: Exchange, login: Login) -> Callable[[Any, Any, int], int]:
    """The callback that libcurl asks about the key of the server of `exchange`. What is wrong with
    it becomes the error of the exchange."""

    def judge(_known: Any, found: Any, match: int) -> int:
        host, port = exchange.url.host, exchange.url.port
        key = bytes(found.key)
        name, text = _name_of(key), b64encode(key).decode()
        fingerprint = fingerprint_of(key)
        if (name, text) in known_hosts(host, port, "@revoked"):
            exchange.error = changed_host_key(host, name, fingerprint, "was revoked by its owner")
            return int(pycurl.KHSTAT_REJECT)
        if match == pycurl.KHMATCH_OK:
            return int(pycurl.KHSTAT_FINE)
        # libcurl calls it missing, too, where keys of other kinds are known.
        if match != pycurl.KHMATCH_MISSING or known_hosts(host, port):
            exchange.error = changed_host_key(host, name, fingerprint)
            return int(pycurl.KHSTAT_REJECT)
        if fingerprint == login.host_key:
            if login.ambient:
                remember_host_key(host, port, name, text)
            return int(pycurl.KHSTAT_FINE)
        exchange.error = unknown_host_key(host, name, fingerprint)
        return int(pycurl.KHSTAT_REJECT)

    return judge


def file_for(host: str, port: int) -> str:
    """A file with what ``known_hosts`` says of this host alone, for libcurl, which asks the server
    for a key of the kind of the first line and gives up at one that it does not understand."""
    name = host if port == 22 else f"[{host}]:{port}"
    known = known_hosts(host, port)
    kinds = _kinds(known)
    if kinds:
        asked_for = kinds[_refused.get((host, port), 0) % len(kinds)]
        known.sort(key=lambda each: each[0] != asked_for)
    text = "".join(f"{name} {kind} {key}\n" for kind, key in known).encode()
    with _lock:
        file = _files.get(text)
        if file is None:
            # Never written again: another thread's connection may be reading it.
            file = _files[text] = NamedTemporaryFile("wb", prefix="known_hosts-")  # noqa: SIM115
            file.write(text)
            file.flush()
    return file.name


def nothing_in_common(exchange: Exchange) -> TransferError:
    """What it means that the server has no key of the kind that it was asked for: to ask for the
    next kind that is known, and at last that it is not who it was."""
    host, port = exchange.url.host, exchange.url.port
    kinds = _kinds(known_hosts(host, port))
    if not kinds:
        return TransferError(
            "remote_refused", f"“{host}” knows no kind of encryption that is known here."
        )
    refused = _refused[host, port] = _refused.get((host, port), 0) + 1
    if refused % len(kinds):
        exchange.other_key = True
        return TransferError("connect_failed", f"“{host}” is asked for another of its keys.")
    return TransferError(
        "host_key_changed",
        f"“{host}” has none of the keys that it had before: somebody may be listening in between.",
        "Ask its owner whether the key was changed; if so, remove the old one from known_hosts.",
        detail={"kind": "host_key", "host": host},
    )


def _kinds(known: list[tuple[str, str]]) -> list[str]:
    """The kinds of keys, the best first."""
    return sorted({kind for kind, _ in known}, key=lambda kind: (kind != "ssh-ed25519", kind))


_refused: dict[tuple[str, int], int] = {}
"""How often a host had no key of the kind that it was asked for."""

_files: dict[bytes, _TemporaryFileWrapper[bytes]] = {}
"""By what is in them; each stays as it is until this process ends."""

_lock = threading.Lock()


def _name_of(key: bytes) -> str:
    """The type that a key names itself (RFC 4253 section 6.6)."""
    length = int.from_bytes(key[:4], "big")
    return key[4 : 4 + length].decode("ascii", "replace") if length < 64 else "unknown"
