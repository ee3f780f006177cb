"""Signing in: whether a service takes the secret that somebody types, before anything is done
with it."""

from __future__ import annotations

from dataclasses import replace

from ..backends.base import Context, Whoami
from ..errors import TransferError
from .client import opened


def sign_in(address: str, context: Context) -> Whoami:
    """For whom the service of `address` takes whoever has the secret of `context`; what is kept on
    this machine is left aside. Raises `TransferError`, as `Backend.whoami`."""
    with opened(address, replace(context, ambient=False)) as (backend, _):
        try:
            return backend.whoami(address)
        except TransferError as error:
            if error.code == "needs_credentials":
                error.detail = {"kind": "token_refused", **error.detail}
            raise
