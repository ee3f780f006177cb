"""The file name in a Content-Disposition header (RFC 6266, RFC 5987, RFC 2047 as seen in the wild).

What comes out is a proposal of the other side: `names.safe_name` makes it safe.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote, unquote_to_bytes

_PARAMETER = re.compile(
    r";\s*(?P<name>[!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^;]*))'
)


def filename_of(header: str | None) -> str | None:
    """The name that `header` states: ``filename*`` before ``filename``; None when there is none."""
    if not header:
        return None
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(";" + header if "=" in header.split(";")[0] else header):
        quoted = match["quoted"]
        value = match["token"].strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        found.setdefault(match["name"].lower(), value)
    extended = _extended(found.get("filename*", ""))
    return extended or _plain(found.get("filename", "")) or None


def _extended(value: str) -> str | None:
    """RFC 5987 ext-value: ``charset'language'percent-encoded``."""
    charset, quote, rest = value.partition("'")
    _, quote2, encoded = rest.partition("'")
    if not (quote and quote2):
        return None
    try:
        return unquote_to_bytes(encoded).decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return None


def _plain(value: str) -> str:
    """``filename``: UTF-8 or Latin-1 bytes, percent-encoding and RFC 2047 words all occur."""
    try:
        # The transport decoded the header as UTF-8 and kept other bytes as surrogates.
        value.encode("utf-8")
    except UnicodeEncodeError:
        value = value.encode("utf-8", "surrogateescape").decode("latin-1")
    if value.startswith("=?") and value.endswith("?="):
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, ValueError):
            return value
    if re.search(r"%[0-9A-Fa-f]{2}", value):
        try:
            return unquote(value, errors="strict")
        except UnicodeDecodeError:
            return value
    return value
