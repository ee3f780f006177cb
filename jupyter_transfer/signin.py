"""Keeping what a person has signed in with, for the account of this server: where the official
client of the service keeps it, so that both find it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import TransferError
from .secrets import (
    Held,
    from_hugging_face,
    from_modelscope,
    from_netrc,
    save_hugging_face,
    save_modelscope,
    save_netrc,
)


def keep(backend: str, whoami: Mapping[str, Any], held: Held) -> bool:
    """Keep the secret that is `held`, which the service of `backend` takes for that of `whoami`
    (`jupyter_transfer.backends.base.Whoami`). It writes files.

    Returns
    -------
    Whether transfers will come with it: a variable of the environment may come before it.

    Raises
    ------
    TransferError
        ``bad_request`` where the official client would not ask this service, or there is nothing
        to keep; what goes wrong with the files.
    """
    secret = held.options.get("token") or held.options.get("password") or ""
    if not secret or backend not in _KEPT:
        raise TransferError("bad_request", "Here is nothing to keep.", "Type the token itself.")
    if not whoami["keeps"]:
        raise TransferError(
            "bad_request",
            f"The official client does not ask {whoami['service']}, so it keeps nothing for it.",
            "Sign in for this transfer only.",
        )
    found = _KEPT[backend](secret.strip(), whoami)
    return found is not None and found == secret.strip()


def _hugging_face(token: str, whoami: Mapping[str, Any]) -> str | None:
    save_hugging_face(token, whoami["kept_as"] or "jupyter_transfer")
    found = from_hugging_face()
    return found.token if found else None


def _modelscope(token: str, whoami: Mapping[str, Any]) -> str | None:
    hub = f"https://{whoami['service']}"
    save_modelscope(token, hub)
    found = from_modelscope(hub)
    return found.token if found else None


def _git(token: str, whoami: Mapping[str, Any]) -> str | None:
    save_netrc(whoami["service"], whoami["name"], token)
    found = from_netrc(whoami["service"])
    return found.password if found else None


_KEPT = {"huggingface": _hugging_face, "modelscope": _modelscope, "git": _git}
