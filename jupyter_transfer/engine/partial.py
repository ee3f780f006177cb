"""Whether an answer is the part of a file that was asked for: status 206, exactly the range, the
same total, validators that prove the same state of the file.

We do not rely on If-Range: some servers answer 200 to it although nothing has changed, others
ignore it.
"""

from __future__ import annotations

from ..errors import TransferError
from .plan import Remote, content_length, content_range, status_of, validators_in
from .transport import Exchange

EXPIRED = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404, 410})
"""Statuses that may mean that a locator, which worked before, has to be asked for anew. 400 is what
S3 says to a session token that has expired."""


class StartAgain(Exception):  # noqa: N818 - a turn, not an error
    """The parts do not fit together any more: `changed` or `no_ranges`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Expired(Exception):  # noqa: N818 - a turn, not an error
    """The locator is not honoured any more, though it was; `error` is what the server said."""

    def __init__(self, error: TransferError) -> None:
        super().__init__(error.code)
        self.error = error


def verdict_of(exchange: Exchange, remote: Remote) -> str | None:
    """Why the answer of `exchange`, which asked for a part of `remote`, cannot be used:
    ``changed``, ``no_ranges``; None if it can, or is an error. Raises ``remote_lied``."""
    status, differs = status_of(exchange), _differs(exchange, remote)
    if status == 200:
        return "changed" if differs else "no_ranges"
    if status in (412, 416):
        return "changed"
    if status != 206:
        return None
    span, total = content_range(exchange.headers)
    if (total is not None and total != remote.size) or differs:
        return "changed"
    if not _proven(exchange, remote):
        return "no_ranges"
    if span != exchange.byte_range or not _length_fits(exchange):
        host = exchange.url.host
        raise TransferError("remote_lied", f"“{host}” sent another part than asked for.")
    return None


def headers_of_part(remote: Remote) -> dict[str, str]:
    """What goes with a request for a part of `remote`."""
    headers, etag = dict(remote.headers), remote.validators.etag
    if remote.if_match and etag and not etag.startswith("W/"):
        headers["If-Match"] = etag
    return headers


def _differs(exchange: Exchange, remote: Remote) -> bool:
    return remote.validators.contradicts(validators_in(exchange.headers))


def _proven(exchange: Exchange, remote: Remote) -> bool:
    """Whether the answer shows that it is of the same state, where we need it shown."""
    known = remote.validators
    if not known.strong or known.version:
        return True  # a digest, or a versioned address, stands for it
    return known.proves(validators_in(exchange.headers))


def _length_fits(exchange: Exchange) -> bool:
    first, last = exchange.byte_range or (0, 0)
    return content_length(exchange.headers) in (None, last - first + 1)
