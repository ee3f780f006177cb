"""What git says on standard error, as errors of ours. Its messages are English (LC_ALL=C.UTF-8)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import TransferError

_SENTENCES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"Host key verification failed|No \S+ host key is known",
        "remote_refused",
        "The key of this SSH server is not known here.",
        "Accept it once: open a file of that host as sftp://, or call ssh in a terminal.",
    ),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "host_key_changed",
        "The SSH server has another key than the one that is known.",
        "",
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


def error_of_exit(said: Sequence[dict[str, Any]]) -> TransferError:
    """What a git failed of that `said` these lines on standard error last."""
    lines = [str(line.get("msg", "")) for line in said]
    text = "\n".join(lines)
    for pattern, code, sentence, remedy in _SENTENCES:
        if re.search(pattern, text, re.IGNORECASE):
            return TransferError(code, sentence, remedy)
    last = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), "")
    words = " ".join(_PREFIX.sub("", last or (lines or [""])[-1]).split())[:200]
    return TransferError("remote_refused", f"git says: {words or 'nothing'}.".replace("..", "."))
