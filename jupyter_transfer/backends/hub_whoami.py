"""Whom a hub takes somebody for who comes with a token."""

from __future__ import annotations

import json
from typing import Any

from ..errors import TransferError
from ..net import parse_url
from .base import Caller
from .hub_errors import token_refused

_MOST = 1 << 20


def ask(caller: Caller, url: str, token: str | None, page: str) -> dict[str, Any]:
    """What `url` of a hub tells of the account of `token`; `page` is where people make one.

    Raises ``bad_request`` without a token, ``needs_credentials`` for one that the hub does not
    know, ``remote_refused``, ``remote_lied``.
    """
    if not token:
        raise TransferError("bad_request", "There is no token.", "Type it, or paste it.")
    answer = caller.call(url, headers={"Authorization": f"Bearer {token}"}, limit=_MOST)
    if answer.status in (401, 403):
        raise token_refused(page)
    host = parse_url(url, ("https", "http")).host
    if answer.status != 200:
        raise TransferError("remote_refused", f"{host} answered with status {answer.status}.")
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise TransferError("remote_lied", f"{host} does not tell whose token it is.")
    return told


def text(told: Any, *names: str) -> str:
    """The text below `names` in what was told; "" where there is none."""
    for name in names:
        told = told.get(name) if isinstance(told, dict) else None
    return told if isinstance(told, str) else ""
