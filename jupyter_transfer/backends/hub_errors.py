"""What the hub of Hugging Face says when something goes wrong (huggingface_hub, "Errors": the
header ``X-Error-Code``)."""

from __future__ import annotations

from ..errors import TransferError, from_http_status
from ..secrets import redact
from .base import Answer
from .hub_address import Place


def error_of(
    answer: Answer, hub: str, place: Place, *, with_token: bool, writing: bool = False
) -> TransferError:
    """What an `answer` of `hub` that is no success means for `place`; `writing` says what was
    wanted there."""
    code = answer.headers.get("x-error-code", "")
    if code == "GatedRepo":
        return gated(place.page(hub), place, with_token=with_token)
    if answer.status == 401:
        known = with_token and code != "RepoNotFound"
        return token_refused(f"{hub}/settings/tokens") if known else not_shown(place)
    if code in _LACKING:
        return _LACKING[code](place)
    said = answer.headers.get("x-error-message", "")
    if writing and answer.status in (400, 403, 413, 422):
        return refused(answer.status, place, said)
    if answer.status == 403:
        return forbidden(place, said)
    host = hub.partition("://")[2]
    return from_http_status(answer.status, host, answer.retry_after)


def no_repository(place: Place) -> TransferError:
    """A token shows none of this name."""
    return TransferError(
        "remote_not_found",
        f"The hub has no repository “{place.repo}” that your token may see.",
        "Check its name and kind, or use the token of a member.",
        detail={"kind": "no_repository"},
    )


def no_revision(place: Place, branch: str = "main") -> TransferError:
    """The repository has no such branch, tag or commit; `branch` is what it shows first."""
    return TransferError(
        "remote_not_found",
        f"“{place.repo}” has no revision “{place.revision or branch}”.",
        "Choose another branch, tag or commit.",
        detail={"kind": "no_revision"},
    )


def no_entry(place: Place) -> TransferError:
    """The revision has nothing at this path."""
    return TransferError(
        "remote_not_found",
        f"“{place.repo}” has no such file or folder.",
        detail={"kind": "no_entry"},
    )


_LACKING = {
    "RepoNotFound": no_repository,
    "RevisionNotFound": no_revision,
    "EntryNotFound": no_entry,
}


def token_refused(page: str) -> TransferError:
    """The hub does not know the token; `page` is where people make one."""
    return TransferError(
        "needs_credentials",
        "The hub does not accept the token.",
        f"Make a new one at {page} and give it here.",
        detail={"kind": "token_refused"},
    )


def not_shown(place: Place) -> TransferError:
    """Strangers are not shown whether there is such a repository."""
    return TransferError(
        "needs_credentials",
        f"“{place.repo}” is private, or there is no such repository.",
        "Check the name; if it is private, give a token of an account that may see it.",
        detail={"kind": "private_repository"},
    )


def forbidden(place: Place, said: str) -> TransferError:
    """The token may not read it; `said` is what the hub says of that."""
    said = redact(said)[:200]
    return TransferError(
        "remote_forbidden",
        f"The hub does not give out “{place.repo}”" + (f": {said}" if said else "."),
        "Use a token that may read this repository.",
    )


def refused(status: int, place: Place, said: str) -> TransferError:
    """The hub does not take what was sent to it; `said` is why."""
    why = f": {redact(said)[:200]}" if said else "."
    if status == 403:
        return TransferError(
            "remote_forbidden",
            f"The hub does not let you write to “{place.repo}”{why}",
            "Use a token with write access, or open a pull request where the hub knows such.",
        )
    return TransferError("remote_refused", f"The hub does not take what was sent{why}")


def nobody_writes(page: str, place: Place) -> TransferError:
    """Whoever wants to write needs a token; `page` is where people make one."""
    return TransferError(
        "needs_credentials",
        f"Nobody may write to “{place.repo}” without a token.",
        f"Make one with write access at {page} and give it here.",
        detail={"kind": "token_needed"},
    )


def gated(page: str, place: Place, *, with_token: bool) -> TransferError:
    """Its owner wants to know who fetches files; people ask to be let in at `page`."""
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
