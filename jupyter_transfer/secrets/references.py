"""References to secrets, as jobs name them, and what they stand for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ..errors import TransferError
from .cluster import InCluster, of_kubernetes
from .files import no_secret, read_secret
from .held import secrets_in
from .masks import MASKS

_REFERENCE = re.compile(r"(env|file|keyring|kubernetes):", re.IGNORECASE)

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_OF_KUBERNETES = re.compile(r"(secret|configMap)/([A-Za-z0-9._-]{1,253})/([A-Za-z0-9._-]{1,253})")


def is_reference(value: object) -> bool:
    """Whether `value` only says where a secret lies: ``env:NAME``, ``file:PATH``,
    ``keyring:SERVICE/USER`` or ``kubernetes:secret/NAME/KEY``. Such a text is no secret and may be
    kept."""
    return isinstance(value, str) and _REFERENCE.match(value) is not None


def check_reference(value: str) -> None:
    """Raise ``bad_request`` for a reference that cannot lead anywhere."""
    kind, _, rest = value.partition(":")
    good = {
        "env": bool(_VARIABLE.fullmatch(rest)),
        "file": rest.startswith(("/", "~/")) and "\0" not in rest,
        "keyring": all(rest.rpartition("/")[::2]),
        "kubernetes": bool(_OF_KUBERNETES.fullmatch(rest)) and ".." not in rest,
    }
    if not good[kind.lower()]:
        raise TransferError(
            "bad_request",
            f"A reference that begins with “{kind.lower()}:” is malformed.",
            "Use env:NAME, file:/PATH, file:~/PATH, keyring:SERVICE/USER or "
            "kubernetes:secret/NAME/KEY.",
        )


def kubernetes_reference(kind: str, name: str, key: str) -> str:
    """The reference to a key of a ``secret`` or ``configMap``."""
    return f"kubernetes:{kind}/{name}/{key}"


def refers(options: Mapping[str, Any]) -> bool:
    """Whether one of `options` is a reference."""
    return any(map(is_reference, options.values()))


def resolve(
    reference: str,
    secret_dirs: Iterable[str] = (),
    variables: Iterable[str] = ("*",),
    in_cluster: InCluster | None = None,
) -> str:
    """The secret that `reference` leads to; it is masked in texts from now on.

    A variable's name must match one of the patterns `variables`. A file must be a regular one of
    this user that nobody else may read (mode 0600 or 0400) in the home folder; what lies in one of
    `secret_dirs` is the administrator's to protect. What Kubernetes holds is looked for as
    `of_kubernetes` says.

    Raises ``needs_credentials`` when nothing usable is there, ``bad_request``.
    """
    check_reference(reference)
    kind, _, rest = reference.partition(":")
    if kind.lower() == "env":
        if not any(fnmatchcase(rest, pattern) for pattern in variables):
            raise no_secret("env", "the administrator keeps that one from transfers")
        value = os.environ.get(rest) or ""
    elif kind.lower() == "file":
        value = read_secret(rest, secret_dirs)
    elif kind.lower() == "kubernetes":
        where, name, key = rest.split("/")
        value = of_kubernetes(where, name, key, secret_dirs, in_cluster)
    else:
        value = _from_keyring(*rest.rpartition("/")[::2])
    if not value:
        raise no_secret(kind.lower(), "nothing is there")
    MASKS.add(*secrets_in(value))
    return value


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        raise no_secret("keyring", "the package “keyring” is not installed") from None
    try:
        return keyring.get_password(service, user) or ""
    except Exception as error:  # whatever a keyring of the desktop raises
        raise no_secret("keyring", f"it said {type(error).__name__}") from None


def keyring_name() -> str | None:
    """Which keyring the package “keyring” has found here; None when there is none to use."""
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to load
        from keyring.backends.fail import Keyring  # noqa: PLC0415

        found = keyring.get_keyring()
    except Exception:  # not installed, or whatever a keyring of the desktop raises
        return None
    return None if isinstance(found, Keyring) else str(found.name)
