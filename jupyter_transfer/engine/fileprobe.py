"""What stands at an address of FTP or SFTP: its size, and when it was changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..backends.base import Locator, Validators
from ..errors import TransferError
from .fileprotocols import FILE_SCHEMES
from .plan import SETTLED, Remote
from .serverclock import ServerClock
from .transport import Exchange, Transport, parse


def probe_file(transport: Transport, locator: Locator, check: Callable[[], None]) -> Remote:
    """Ask about the file at `locator`. `check` is called all the while and may raise.

    Of an empty file over SFTP, and of one that is made as it is read, the size is unknown. The time
    of its last change is its only validator; it is known to whole seconds, and counts as
    strong when it lies back far enough that no second change can hide behind it.

    Raises `TransferError`: ``remote_not_found``, ``needs_credentials``, ``needs_decision`` …
    """
    url = parse(locator.url)
    exchange = Exchange(url, method="HEAD", login=locator.login)
    transport.perform(exchange, check)
    if exchange.error:
        raise exchange.error
    if exchange.size is None and exchange.modified is None:
        raise TransferError("remote_not_found", f"“{url.host}” has no such file.")
    modified = exchange.modified
    if modified is not None:
        _clocks.setdefault(url.host, ServerClock()).saw(modified)
    validators = Validators(
        last_modified=None if modified is None else str(modified),
        version=locator.validators.version,
        settled=modified is not None and time.time() - modified >= SETTLED,
    )
    return Remote(
        url=url,
        login=locator.login,
        size=exchange.size,
        validators=validators,
        ranges=True,
        digest=locator.digest,
        mtime_ns=None if modified is None else modified * 1_000_000_000,
        recheck=True,
    )


def seconds_until_settled(remote: Remote) -> float:
    """How long to wait with the first byte of a file that was changed just before: a change while
    it is fetched must get another time than this one."""
    modified = remote.validators.last_modified
    if modified is None or remote.validators.settled or remote.url.scheme not in FILE_SCHEMES:
        return 0.0
    return _clocks[remote.url.host].seconds_until_after(int(modified))


_clocks: dict[str, ServerClock] = {}
