"""What rclone's failures mean: its exit codes (https://rclone.org/docs/#exit-code) and the texts
of the services behind it, as our codes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import TransferError
from ..secrets import redact
from ..tools import Line, last_words

_LONGEST = 300
"""Characters of rclone's own words in a message."""

_PATH = re.compile(r"(?<![\w:/])/(?:proc|tmp|home|root|var|etc|run)/[^\s\"':,;]*")

# First match wins.
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"didn't find section in config file|config name contains invalid", "invalid_address"),
    (r"decrypt configuration|config(uration)? password|password command", "needs_credentials"),
    (r"x509|tls: |certificate", "tls_failed"),
    (r"no such host|server misbehaving|name resolution", "dns_failed"),
    (
        (
            r"unauthorized|\b401\b|invalid_grant|invalid_token|token (has )?expired|expiredtoken"
            r"|couldn't (log ?in|find (password|credential)|connect ssh: .*authenticate)"
            r"|unable to authenticate|authentication (failed|required)|invalidaccesskeyid"
            r"|signaturedoesnotmatch|no ?credential|nocredentialproviders|empty token"
            r"|\b530\b|username or password|wrong password|login (incorrect|authentication)"
            r"|anonymous login"
        ),
        "needs_credentials",
    ),
    (
        r"\b403\b|forbidden|access ?denied|permission denied|\b550 permission|enough privilege",
        "remote_forbidden",
    ),
    (
        (
            r"directory not found|object not found|file not found|\b404\b|no such (file|directory)"
            r"|nosuchbucket|nosuchkey|not found|doesn't exist"
        ),
        "remote_not_found",
    ),
    (r"no space left|quota|insufficient storage|\b507\b", "remote_full"),
    (r"connection refused|network is unreachable|no route to host", "connect_failed"),
    (r"i/o timeout|timeout|deadline exceeded", "timeout"),
    (r"\b(429|500|502|503|504)\b|slow ?down|too many requests|rate ?limit", "remote_busy"),
    (r"connection reset|broken pipe|unexpected eof|\beof\b|closed", "connection_lost"),
    (r"corrupted on transfer|hash differ|md5 .*differ|sizes differ", "digest_mismatch"),
    (r"source file is being updated|can't copy - source", "changed"),
)

_SENTENCES = {
    "invalid_address": "There is no remote of this name in the configuration of rclone.",
    "needs_credentials": "The service does not accept the credentials of this remote.",
    "tls_failed": "The certificate of the service is not accepted.",
    "dns_failed": "The name of the service cannot be resolved.",
    "remote_forbidden": "The service does not allow this.",
    "remote_not_found": "The service has no such file or folder.",
    "connect_failed": "The service cannot be reached.",
    "timeout": "The service did not answer in time.",
    "remote_busy": "The service cannot serve us now.",
    "connection_lost": "The connection to the service was lost.",
    "digest_mismatch": "Other bytes arrived at the service than were sent.",
    "changed": "The file changed while it was being sent.",
}

_EXITS = {3: "remote_not_found", 4: "remote_not_found", 5: "remote_busy"}


def error_of_text(text: str, code: str = "remote_refused") -> TransferError:
    """The error that `text`, a word of rclone or of the service behind it, stands for; `code`
    where the text is not known."""
    words = _presentable(text)
    found = next((known for pattern, known in _TEXTS if re.search(pattern, text, re.I)), code)
    if found == "remote_full":
        return TransferError("remote_refused", f"The service has no room left. rclone: {words}")
    sentence = _SENTENCES.get(found, "The service, or rclone, refused.")
    return TransferError(found, f"{sentence} rclone: {words}" if words else sentence)


def error_of_exit(status: int, said: Sequence[Line]) -> TransferError:
    """The error that a child's exit `status` and its last words stand for."""
    if status < 0:
        return TransferError("worker_died", f"rclone was ended by signal {-status}.")
    return error_of_text(last_words(said), _EXITS.get(status, "remote_refused"))


def _presentable(text: str) -> str:
    """`text` on one line, short, without secrets and without absolute paths of this server."""
    text = _PATH.sub("…", redact(" ".join(text.split())))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
