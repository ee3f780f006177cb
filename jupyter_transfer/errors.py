"""The one error that leaves this package, and the table of its codes.

Every failure that a person, a browser or a script can meet is a `TransferError`: a stable code
(the panel translates by it), a sentence that says what happened, a remedy that says what to do,
and whether trying again by itself may help. A message never holds an absolute path, a secret or
a traceback.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True)
class Code:
    """What a code means: the HTTP status it answers with, whether a retry may help, and the
    remedy offered when the place that raised it knows no better one."""

    status: int
    retryable: bool
    remedy: str


CODES: dict[str, Code] = {
    # The request
    "bad_request": Code(400, False, "Correct the request and send it again."),
    "invalid_path": Code(400, False, "Choose a path below the server's root folder."),
    "invalid_address": Code(400, False, "Check the address."),
    "unsupported_scheme": Code(400, False, "Use an address of a supported kind."),
    "hidden_path": Code(403, False, "Choose a name that does not start with a dot."),
    "forbidden": Code(403, False, "Ask the administrator of this server for the permission."),
    "disabled": Code(403, False, "Ask the administrator of this server to enable it."),
    "not_found": Code(404, False, "Check the name; it may have been moved or removed."),
    "method_not_allowed": Code(405, False, "Use another method."),
    "exists": Code(409, False, "Choose another name, or allow the file to be replaced."),
    "offset_mismatch": Code(409, True, "Go on from the offset that the server states."),
    "conflict": Code(409, False, "Reload and try again."),
    "gone": Code(410, False, "Start the transfer again."),
    "precondition_failed": Code(412, False, "Start the download again."),
    "version_mismatch": Code(412, False, "Use version 1.0.0 of the tus protocol."),
    "too_large": Code(413, False, "Send less, or ask the administrator to raise the limit."),
    "unsupported_media_type": Code(415, False, "Send the content type that the protocol asks for."),
    "range_not_satisfiable": Code(416, False, "Ask for a range inside the file."),
    "too_many": Code(429, True, "Wait until others are finished."),
    "digest_mismatch": Code(460, True, "The bytes were damaged on the way; send them again."),
    # This server
    "internal": Code(500, False, "Look into the server's log, or report this as a bug."),
    "busy": Code(503, True, "It goes on by itself in a moment."),
    "not_local": Code(501, False, "Use a server whose files lie on its own disk."),
    "tool_missing": Code(501, False, "Ask the administrator to install the program."),
    "worker_died": Code(500, True, "It goes on by itself."),
    "disk_full": Code(507, False, "Free space on the server or choose another folder."),
    "read_only": Code(403, False, "Choose a folder that can be written to."),
    "permission_denied": Code(403, False, "Choose a folder that belongs to you."),
    "is_a_directory": Code(409, False, "Choose another name: a folder stands there."),
    "not_a_directory": Code(409, False, "Choose another folder: a file stands there."),
    "not_a_file": Code(400, False, "Choose a regular file or a folder."),
    "bad_archive": Code(422, False, "Get the archive again; it is damaged, or of another kind."),
    "encrypted": Code(422, False, "Extract it with a program that asks for its password."),
    "changed": Code(409, True, "Start again: the file changed while it was being read."),
    "io_error": Code(500, True, "Check the disk of the server."),
    "list_unavailable": Code(
        503, True, "It goes on by itself when the disk of the server's home folder works again."
    ),
    "list_unreadable": Code(
        500, True, "Check the disk of the server's home folder; then move transfers.sqlite away."
    ),
    # The remote side
    "address_refused": Code(403, False, "Ask the administrator to allow this network."),
    "dns_failed": Code(502, True, "Check the host name and the server's network."),
    "connect_failed": Code(502, True, "Check that the remote service runs and can be reached."),
    "connection_lost": Code(502, True, "It goes on by itself from where it stopped."),
    "timeout": Code(504, True, "It goes on by itself from where it stopped."),
    "tls_failed": Code(502, False, "Check the remote certificate, or set `ca_file`."),
    "host_key_changed": Code(
        502, False, "Ask the owner of the host; if the key was changed, correct known_hosts."
    ),
    "too_many_redirects": Code(502, False, "Use the address that it redirects to."),
    "remote_not_found": Code(404, False, "Check the address: the remote side has no such file."),
    "needs_credentials": Code(401, False, "Give credentials for this address."),
    "needs_identity": Code(409, False, "Tell git your name and your e-mail address."),
    "remote_forbidden": Code(403, False, "Ask the owner of the remote file for access."),
    "remote_refused": Code(502, False, "Read what the remote side says."),
    "remote_busy": Code(503, True, "It goes on by itself when the remote side is ready."),
    "remote_changed": Code(409, True, "Start again: the file changed at its source."),
    "deadline_exceeded": Code(
        504, True, "Raise “max_duration”; what is there is kept for the next attempt."
    ),
    "limit_reached": Code(409, False, "Raise the limit, or choose less."),
    "left_out": Code(409, False, "Change the options if you want it too."),
    "remote_lied": Code(502, False, "Tell the remote side: its answer contradicts itself."),
    "pull_request": Code(409, False, "Its reviewers decide about it; look at its page."),
    "several_commits": Code(409, False, "Send fewer files at a time if that matters."),
    # Decisions
    "too_many_deletions": Code(
        409, False, "Look at the plan; raise “max_delete” if all of it may go."
    ),
    "needs_decision": Code(409, False, "Look at the plan and approve it."),
    "scheduled": Code(409, True, "It begins by itself; start it now if you like."),
    "needs_browser": Code(409, False, "Open the page again that holds the bytes."),
    "cancelled": Code(409, False, "Start it again if you need it."),
}


class TransferError(Exception):
    """A failure with a code of `CODES`, a sentence, a remedy and `retryable`.

    Parameters
    ----------
    code: a key of `CODES`.
    message: one sentence for a person; no absolute path, no secret.
    remedy: what the person can do; the code's own remedy if empty.
    retryable: whether trying again by itself may help; the code's own answer if None.
    detail: further plain JSON values (e.g. ``{"offset": 5}``, ``{"free_bytes": 0}``).
    retry_after: seconds that the other side asks us to wait.
    """

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str = "",
        *,
        retryable: bool | None = None,
        detail: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        known = CODES[code]
        self.code = code
        self.message = message
        self.remedy = remedy or known.remedy
        self.retryable = known.retryable if retryable is None else retryable
        self.detail = detail or {}
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status that this error answers with."""
        return CODES[self.code].status

    def as_dict(self) -> dict[str, Any]:
        """The error as the contract's JSON: code, message, remedy, retryable, detail."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "retryable": self.retryable,
            "detail": self.detail,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> TransferError:
        """The error that `as_dict` wrote (a worker sends it over its pipe)."""
        code = value.get("code")
        return cls(
            code if code in CODES else "internal",
            str(value.get("message", "")),
            str(value.get("remedy", "")),
            retryable=bool(value.get("retryable")),
            detail=value.get("detail") or {},
            retry_after=value.get("retry_after"),
        )


_BY_ERRNO = {
    errno.ENOSPC: ("disk_full", "The disk of the server is full."),
    errno.EDQUOT: ("disk_full", "Your disk quota on the server is used up."),
    errno.EFBIG: ("too_large", "The file is larger than the server's file system allows."),
    errno.EROFS: ("read_only", "The disk that holds {name} is read-only."),
    errno.EACCES: ("permission_denied", "The server may not access {name}."),
    errno.EPERM: ("permission_denied", "The server may not access {name}."),
    errno.ENOENT: ("not_found", "There is nothing at {name}."),
    errno.EEXIST: ("exists", "Something stands at {name} already."),
    errno.EISDIR: ("is_a_directory", "A folder stands at {name}."),
    errno.ENOTEMPTY: ("is_a_directory", "A folder stands at {name}."),
    errno.ENOTDIR: ("not_a_directory", "A part of {name} is a file, not a folder."),
    errno.ELOOP: ("invalid_path", "A link at {name} is not followed here."),
    errno.EXDEV: ("invalid_path", "A link in {name} leads out of the server's root folder."),
    errno.ENAMETOOLONG: ("invalid_path", "A name in {name} is too long for the file system."),
    errno.EILSEQ: ("invalid_path", "The file system cannot store the name {name}."),
    errno.EINVAL: ("invalid_path", "The file system cannot store the name {name}."),
}


def parse_retry_after(value: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110 section 10.2.3), at most a day."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(min(int(value), 86400))
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment - time.time()), 86400.0)


_RATE_LIMIT = re.compile(r"(?:^|[,;\s])r=(\d+)\s*;\s*t=(\d+)")


def wait_in(field: Callable[[str], str | None]) -> float | None:
    """Seconds that an answer asks to be left alone for: by ``Retry-After``, or by ``RateLimit``
    where nothing of a quota is left (draft-ietf-httpapi-ratelimit-headers-09). `field` gives the
    value of a field by its name in lower case."""
    wait = parse_retry_after(field("retry-after"))
    limits = _RATE_LIMIT.findall(field("ratelimit") or "")
    resets = [min(float(seconds), 86400.0) for left, seconds in limits if int(left) == 0]
    return wait if wait is not None or not resets else max(resets)


def from_http_status(status: int, host: str, wait: float | None = None) -> TransferError:
    """What a status of the remote `host` that is no success means; `wait` is what it asks for,
    in seconds."""
    if status == 401:
        return TransferError("needs_credentials", f"“{host}” wants to know who you are.")
    if status == 403:
        return TransferError("remote_forbidden", f"“{host}” does not give this file out (403).")
    if status in (404, 410):
        return TransferError("remote_not_found", f"“{host}” has no such file ({status}).")
    if status in (408, 425, 429, 500, 502, 503, 504, 507, 509):
        return TransferError(
            "remote_busy", f"“{host}” cannot serve us now (status {status}).", retry_after=wait
        )
    return TransferError("remote_refused", f"“{host}” answered with status {status}.")


def from_os_error(error: OSError, name: str = "") -> TransferError:
    """`error` of the operating system as a `TransferError`; `name` is the path below the root
    that the person knows."""
    shown = f"“{name}”" if name else "this path"
    code, sentence = _BY_ERRNO.get(
        error.errno or 0,
        ("io_error", "The disk of the server reported: " + os.strerror(error.errno or errno.EIO)),
    )
    return TransferError(code, sentence.format(name=shown))
