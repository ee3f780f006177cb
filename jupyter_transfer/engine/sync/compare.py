"""Whether the files at both ends are equal.

By size, and by the first of these that decides:

1. what an earlier job moved here and its rows prove, by ETag or version, to be there still;
2. the time of the last change, where both ends have one: the same to a second;
3. a digest of the service (see `jupyter_transfer.engine.verify`), which the file on the disk is
   hashed for.

What a listing does not say, the service is asked for, file by file. Files that nothing shows to
be equal differ. With ``compare: checksum`` a digest decides before all else, where the service has
one; with ``compare: size`` the size alone does.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from ...backends.base import Digest, Entry, Validators
from ..delivered import Row
from .items import Item

TOLERANCE_NS = 1_000_000_000
"""FTP, SFTP and HTTP tell the time of a change in whole seconds."""

HasDigest = Callable[[Item, Digest], bool | None]


class Comparison:
    """Compares a file on the disk with one at a service.

    Parameters
    ----------
    mode: ``time``, ``checksum`` or ``size``.
    has_digest: whether a file on the disk has a digest; None if that cannot be computed.
    """

    def __init__(self, mode: str, has_digest: HasDigest) -> None:
        self._size = mode == "size"
        self._checksum = mode == "checksum"
        self._has_digest = has_digest

    def at_once(self, local: Item, remote: Item, row: Row | None) -> bool | None:
        """Whether they are equal, as far as the listings tell; None where the service has to be
        asked. `row` is what is known of it from earlier jobs."""
        if None not in (local.size, remote.size) and local.size != remote.size:
            return False
        if local.link:
            return False
        if self._size:
            return True if remote.size is not None else None
        if self._checksum:
            return None
        if _moved(local, remote.validators, row):
            return True
        return True if remote.size is not None and _same_time(local, remote.mtime_ns) else None

    def after_a_look(self, local: Item, remote: Item, found: Entry | None, row: Row | None) -> bool:
        """Whether they are equal, now that the service was asked; `found` is its answer, None if
        there was none."""
        found = found or remote.entry()
        size = remote.size if found.size is None else found.size
        if size is not None and size != local.size:
            return False
        if self._size:
            return size is not None
        if not self._checksum and _moved(local, found.validators, row):
            return True
        timely = size is not None and _same_time(local, _time_of(found))
        if not self._checksum and timely:
            return True
        digest = found.digest or remote.digest
        verdict = None if digest is None else self._has_digest(local, digest)
        return timely if verdict is None else verdict


def _moved(local: Item, validators: Validators, row: Row | None) -> bool:
    """Whether an earlier job moved the file, and neither end has changed since."""
    if row is None or (row["size"], row["mtime_ns"]) != (local.size, local.mtime_ns):
        return False
    return Validators.from_dict(row["validators"]).proves(validators)


def _same_time(local: Item, mtime_ns: int | None) -> bool:
    known = local.mtime_ns is not None and mtime_ns is not None
    return known and abs((local.mtime_ns or 0) - (mtime_ns or 0)) <= TOLERANCE_NS


def _time_of(entry: Entry) -> int | None:
    """When `entry` was changed: a web server says it as a validator."""
    if entry.mtime_ns is not None:
        return entry.mtime_ns
    try:
        moment = parsedate_to_datetime(entry.validators.last_modified or "")
    except (TypeError, ValueError):
        return None
    return int(moment.timestamp()) * 1_000_000_000
