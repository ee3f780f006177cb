"""What git says on standard error, as errors of ours. Its messages are English (LC_ALL=C.UTF-8)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import TransferError

_PUSH: tuple[tuple[str, str, str, str], ...] = (
    (
        r"\[rejected\]|\((?:fetch first|non-fast-forward|needs force)\)|cannot lock ref",
        "conflict",
        "The branch has commits that the clone does not have.",
        "Bring the clone up to date (“git pull”), then send again. Nothing is ever forced.",
    ),
    (
        r"protected branch|branch is protected|GH006|GH013|not allowed to (?:force )?push code",
        "remote_forbidden",
        "The branch is protected: its host lets nobody push to it directly.",
        "Push to another branch (“@name” behind the address), and open a pull request there.",
    ),
    (
        (
            r"GH001|error: 413|HTTP 413|exceeds .{0,40}file size limit|larger than .{0,40}limit|"
            r"object .{0,60}too large"
        ),
        "too_large",
        "The host does not take files as large as one of the commits has.",
        "Keep it by LFS (“git lfs migrate import”), then send again.",
    ),
    (
        r"shallow update not allowed",
        "remote_refused",
        "The host takes nothing from a clone with only a part of the history.",
        "Get all of it in a terminal (“git fetch --unshallow”), then send again.",
    ),
    (
        r"branch is currently checked out|denyCurrentBranch",
        "remote_refused",
        "The branch is checked out at the host itself, and cannot be pushed to.",
        "Push to another branch (“@name” at the end of the address).",
    ),
    (
        (
            r"error: 403|Permission to \S+ denied|not allowed to (?:push|upload)|"
            r"insufficient permission|marked as read.only|read-only|unable to write"
        ),
        "remote_forbidden",
        "The host does not let you push to this repository.",
        "Ask its owner for the right to write, or push to a fork of it.",
    ),
)
"""What only a push is told; asked before the rest."""

_DECLINED = re.compile(r"\[remote rejected\].*?\((?P<why>[^()]*)\)")

_SENTENCES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY DETECTED",
        "host_key_changed",
        "The SSH server has another key than the one that is known.",
        "",
    ),
    (
        r"Host key verification failed|No \S+ host key is known",
        "remote_refused",
        "The key of this SSH server is not known here.",
        "Accept it once: open a file of that host as sftp://, or call ssh in a terminal.",
    ),
    (
        (
            r"Authentication failed|could not read (?:Username|Password)|HTTP Basic: Access denied|"
            r"Permission denied \((?:publickey|password|keyboard)|error: 401|prompts disabled"
        ),
        "needs_credentials",
        "The repository wants to know who you are.",
        "",
    ),
    (r"error: 403", "remote_forbidden", "The repository is not open to you (403).", ""),
    (
        r"transport '[^']*' not allowed|protocol '[^']*' is not supported",
        "address_refused",
        "The repository wants to be fetched in a way that is not allowed here.",
        "Use an address of https: or ssh:.",
    ),
    (
        (
            r"Remote branch .* not found|couldn't find remote ref|not our ref|"
            r"reference is not a tree|upload-pack: not our"
        ),
        "remote_not_found",
        "The repository has no such branch, tag or commit.",
        "Check the name behind the “@”.",
    ),
    (
        (
            r"repository '.*' not found|error: 404|does not appear to be a git repository|"
            r"Repository not found"
        ),
        "remote_not_found",
        "There is no repository at this address.",
        "",
    ),
    (
        r"No space left on device|Disk quota exceeded",
        "disk_full",
        "The disk of the server is full.",
        "",
    ),
    (r"Read-only file system", "read_only", "The disk of the server is read-only.", ""),
    (r"Could not resolve host", "dns_failed", "The host of the repository is not known.", ""),
    (
        r"Failed to connect|Couldn't connect|Connection refused|No route to host|unreachable",
        "connect_failed",
        "The host of the repository cannot be reached.",
        "",
    ),
    (
        r"SSL certificate|server certificate|certificate verif|gnutls_handshake|SSL_connect",
        "tls_failed",
        "The certificate of the repository's host is not trusted.",
        "",
    ),
    (
        r"error: (?:408|425|429|5\d\d)",
        "remote_busy",
        "The host of the repository cannot serve us now.",
        "",
    ),
    (
        r"timed out|Operation too slow",
        "timeout",
        "The host of the repository does not send any more.",
        "It goes on by itself; a clone begins anew.",
    ),
    (
        (
            r"early EOF|RPC failed|unexpected disconnect|hung up|Connection (?:reset|closed)|"
            r"transfer closed|Recv failure|Broken pipe|bytes of body are still expected|"
            r"Empty reply"
        ),
        "connection_lost",
        "The connection to the repository broke off.",
        "It goes on by itself; a clone begins anew.",
    ),
    (
        r"redirect",
        "remote_refused",
        "The repository redirects to another address.",
        "Use the address that it redirects to.",
    ),
)

_PREFIX = re.compile(r"(?:fatal|error|remote|warning): ")


def error_of_exit(said: Sequence[dict[str, Any]], *, pushed: bool = False) -> TransferError:
    """What a git failed of that `said` these lines on standard error last; whether it `pushed`."""
    lines = [str(line.get("msg", "")) for line in said]
    text = "\n".join(lines)
    for pattern, code, sentence, remedy in _PUSH if pushed else ():
        if re.search(pattern, text, re.IGNORECASE):
            return TransferError(code, sentence, remedy)
    if pushed and (found := _DECLINED.search(text)):
        return _declined(lines, found["why"])
    for pattern, code, sentence, remedy in _SENTENCES:
        if re.search(pattern, text, re.IGNORECASE):
            return TransferError(code, sentence, remedy)
    last = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), "")
    words = " ".join(_PREFIX.sub("", last or (lines or [""])[-1]).split())[:200]
    return TransferError("remote_refused", f"git says: {words or 'nothing'}.".replace("..", "."))


def _declined(lines: Sequence[str], why: str) -> TransferError:
    """The host has looked at the commits, and does not take them."""
    told = [_PREFIX.sub("", line).strip(" -=*\t") for line in lines if line.startswith("remote:")]
    words = " ".join(" ".join(filter(None, told)).split())[:200]
    return TransferError(
        "remote_refused",
        f"The host does not take these commits ({why[:80]}){': ' + words if words else ''}.",
        "Change what it names, or ask the owner of the repository.",
    )
