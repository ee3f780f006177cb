"""Is the SSH host of a repository the one that it says it is? ssh itself judges by ``known_hosts``.
Of a host that stands in none of them the key is asked for first (ssh-keyscan(1)), and the person,
who is shown its fingerprint, decides; as over SFTP (`jupyter_transfer.engine.hostkeys`).
"""

from __future__ import annotations

from base64 import b64decode

from ..decisions import changed_host_key, fingerprint_of, unknown_host_key
from ..errors import TransferError
from ..secrets import Login, bare_environment, known_hosts, remember_host_key
from ..tools import candidates, run

_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
"""Kinds of keys, the best first."""


def accepted_line(host: str, port: int, address: str, login: Login) -> str | None:
    """A line of ``known_hosts`` with the key that the person has accepted; None where ssh knows
    the host, or will say itself what is wrong with it. What was accepted by somebody who may use
    this account's keys is remembered for ssh.

    Parameters
    ----------
    address: of the host, judged.

    Raises ``needs_decision`` for a key that nobody has accepted yet, ``host_key_changed`` for one
    that was revoked.
    """
    if known_hosts(host, port):
        return None
    keys = _keys_of(address, port)
    revoked = known_hosts(host, port, "@revoked")
    for name, text in keys:
        if (name, text) in revoked:
            raise changed_host_key(host, name, _fingerprint(text), "was revoked by its owner")
    for name, text in keys:
        if login.host_key == _fingerprint(text):
            if login.ambient:
                remember_host_key(host, port, name, text)
            return f"{host if port == 22 else f'[{host}]:{port}'} {name} {text}\n"
    if not keys:
        return None
    name, text = keys[0]
    raise unknown_host_key(host, name, _fingerprint(text))


def _keys_of(address: str, port: int) -> list[tuple[str, str]]:
    """Type and base64 of the keys that the host shows, the best first."""
    scan = next(iter(candidates("ssh-keyscan")), None)
    if scan is None:
        return []
    try:
        printed = run([scan, "-T", "10", "-p", str(port), "--", address], bare_environment())
    except TransferError:
        return []
    keys = []
    for line in printed.decode("ascii", "replace").splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in _KINDS and _is_key(fields[2]):
            keys.append((fields[1], fields[2]))
    return sorted(keys, key=lambda key: _KINDS.index(key[0]))


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) > 0
    except ValueError:
        return False


def _fingerprint(text: str) -> str:
    return fingerprint_of(b64decode(text))
