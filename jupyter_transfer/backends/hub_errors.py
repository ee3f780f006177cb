"""What the hub of Hugging Face says when something goes wrong (huggingface_hub, "Errors": the
header ``X-Error-Code``)."""

from __future__ import annotations

from ..errors import TransferError, from_http_status
from ..secrets import redact
from .base import Answer
from .hub_address import Place


def error_of(answer: Answer, hub: str, place: Place, *, with_token: bool) -> TransferError:
    """What an `answer` of `hub` that is no success means for `place`."""
    code = answer.headers.get("x-error-code", "")
    if code == "GatedRepo":
        return _gated(place.page(hub), place, with_token=with_token)
    if answer.status == 401:
        return _stranger(hub, place, is_token_refused=with_token and code != "RepoNotFound")
    if code in _LACKING:
        message, remedy = _LACKING[code]
        message = message.format(repo=place.repo, revision=place.revision or "main")
        return TransferError("remote_not_found", message, remedy, detail={"kind": _KINDS[code]})
    if answer.status == 403:
        said = redact(answer.headers.get("x-error-message", ""))[:200]
        return TransferError(
            "remote_forbidden",
            f"The hub does not give out “{place.repo}”" + (f": {said}" if said else "."),
            "Use a token that may read this repository.",
        )
    host = hub.partition("://")[2]
    return from_http_status(answer.status, host, answer.retry_after)


_LACKING = {
    "RepoNotFound": (
        "The hub has no repository “{repo}” that your token may see.",
        "Check its name and kind (model, dataset or space), or use the token of a member.",
    ),
    "RevisionNotFound": (
        "“{repo}” has no revision “{revision}”.",
        "Choose another branch, tag or commit.",
    ),
    "EntryNotFound": ("“{repo}” has no such file or folder.", ""),
}
_KINDS = {
    "RepoNotFound": "no_repository",
    "RevisionNotFound": "no_revision",
    "EntryNotFound": "no_entry",
}


def _stranger(hub: str, place: Place, *, is_token_refused: bool) -> TransferError:
    if is_token_refused:
        return TransferError(
            "needs_credentials",
            "The hub does not accept the token.",
            f"Make a new one at {hub}/settings/tokens and give it here.",
            detail={"kind": "token_refused"},
        )
    return TransferError(
        "needs_credentials",
        f"“{place.repo}” is private, or there is no such repository.",
        "Check the name; if it is private, give a token of an account that may see it.",
        detail={"kind": "private_repository"},
    )


def _gated(page: str, place: Place, *, with_token: bool) -> TransferError:
    if with_token:
        return TransferError(
            "needs_credentials",
            f"“{place.repo}” is gated, and your account has not been let in yet.",
            f"Accept its terms at {page}, then resume.",
            detail={"kind": "gated", "page": page},
        )
    return TransferError(
        "needs_credentials",
        f"“{place.repo}” is gated: its owner wants to know who you are.",
        f"Accept its terms at {page}, then give a token of your account.",
        detail={"kind": "gated", "page": page},
    )
