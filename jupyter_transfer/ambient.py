"""Who may use the credentials of this server's own account: its ``.netrc``, keys and ssh-agent, AWS
profiles and roles, remotes of rclone.conf.

Several people may share a server that runs under one account. Who may run code here could read
these credentials anyway; nobody else's job looks them up, unless the administrator shares them.
What a person may is decided when they ask, and stays with the job.
"""

from __future__ import annotations

from typing import Literal

from .errors import TransferError

Ambient = Literal["own", "shared", "none"]
"""Why a job may use them: its owner may run code here, or the administrator had shared them with
everybody, or it may not."""

WITHHELD = "credentials_withheld"
"""The `kind` in the detail of ``needs_credentials`` where they were not looked up."""


_TELLING = ("gated", "token_refused")
"""Kinds of ``needs_credentials`` that other credentials of this account would not mend."""


def decide(*, runs_code: bool, shared: bool) -> Ambient:
    """What holds for a person who may run code here, or not."""
    if runs_code:
        return "own"
    return "shared" if shared else "none"


def holds(ambient: str, *, shared: bool) -> bool:
    """Whether what was decided holds now: what was shared may be so no more, and what was refused
    stays refused."""
    return ambient == "own" or (ambient == "shared" and shared)


def from_text(text: object) -> Ambient:
    """What was written down; anything unknown is ``none``."""
    return "own" if text == "own" else "shared" if text == "shared" else "none"


def explained(error: TransferError) -> TransferError:
    """`error` of a job that may not use them; one that lacks credentials says why, unless it says
    already what a person's own are refused for."""
    if error.code != "needs_credentials" or error.detail.get("kind") in _TELLING:
        return error
    return TransferError(
        error.code,
        error.message,
        "Enter credentials of your own: those of the account of this server are used only for "
        "people who may run code here.",
        retryable=error.retryable,
        detail={**error.detail, "kind": WITHHELD},
        retry_after=error.retry_after,
    )
