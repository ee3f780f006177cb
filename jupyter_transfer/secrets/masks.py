"""What is known to be secret, and texts without it."""

from __future__ import annotations

import logging
import re
import sys
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable
from traceback import format_exception
from typing import Any
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"

LEAST_TO_MASK = 4
"""Characters of a secret from which on it is masked wherever it stands in a text; a shorter one
would be found in half of all words."""

LEAST_TO_REFUSE = 8
"""Characters of a secret from which on what holds it is taken to hold it on purpose."""


class Masks:
    """The secrets that this process knows: each is masked wherever it stands, also in the forms
    that it has in URLs and in the header of HTTP's basic scheme."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Counter[str] = Counter()
        self._pattern: re.Pattern[str] | None = None
        self._long: re.Pattern[str] | None = None

    def add(self, *secrets: str) -> None:
        """Mask `secrets` from now on."""
        self._count(secrets, 1)

    def drop(self, *secrets: str) -> None:
        """Undo one `add` of `secrets`."""
        self._count(secrets, -1)

    def _count(self, secrets: Iterable[str], step: int) -> None:
        with self._lock:
            for secret in secrets:
                if len(secret) >= LEAST_TO_MASK:
                    self._known[secret] += step
            self._known = +self._known
            forms = {form for secret in self._known for form in _forms(secret)}
            longest_first = sorted(forms, key=len, reverse=True)
            self._pattern = _any_of(longest_first)
            long = [form for form in longest_first if len(form) >= LEAST_TO_REFUSE]
            self._long = _any_of(long, re.IGNORECASE)

    def shown_in(self, text: str) -> bool:
        """Whether `text` holds a known secret, in any form, also in letters of another case (the
        name of a host has none); short ones do not count."""
        pattern = self._long
        return pattern is not None and any(map(pattern.search, (text, unquote(text))))

    def hide(self, text: str) -> str:
        """`text` with every known secret replaced by ``***``."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(HIDDEN, text)


def _any_of(texts: list[str], flags: int = 0) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, texts)), flags) if texts else None


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    for before in range(3):  # where it begins within a group of three bytes of base64
        data = b"\0" * before + secret.encode("utf-8", "surrogatepass")
        whole = b64encode(data[: len(data) // 3 * 3]).decode("ascii")[4 if before else 0 :]
        if len(whole) >= 2 * LEAST_TO_MASK:
            yield whole


MASKS = Masks()
"""What this process knows."""

_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#\"'<>]*@")

_PARAMETER = re.compile(
    r"(?P<name>[?&;](?:x-(?:amz|goog|oss|cos|obs|ms)-[a-z0-9-]*|awsaccesskeyid|googleaccessid"
    r"|[a-z0-9_.-]*(?:signature|token|password|passwd|secret|apikey|api[_-]key|credential)"
    r"|sig|se|sp|sv|key|code|auth|authorization|jwt|pass|pwd|policy|key-pair-id)=)[^&;#\s\"'<>]*",
    re.IGNORECASE,
)

_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?(?:authorization|cookie)\s*[:=]\s*"
    r"(?:(?:basic|bearer|token|digest)\s+)?)[^\s,;\"']+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the secrets that this process knows, userinfo of URLs, signatures and tokens of
    query strings, and authorization headers replaced by ``***``."""
    text = MASKS.hide(text)
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
    return _HEADER.sub(rf"\g<name>{HIDDEN}", text)


def redact_all(value: Any) -> Any:
    """`value`, plain JSON, with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(one) for key, one in value.items()}
    if isinstance(value, list):
        return [redact_all(one) for one in value]
    return value


class RedactingFormatter(logging.Formatter):
    """Formats records, tracebacks too, without what is secret."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole text, redacted."""
        return redact(super().format(record))


def guard_stderr() -> None:
    """Let nothing secret reach standard error: neither by logging nor by an exception that
    nobody catches, in whatever thread."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)

    def tell(kind: Any, error: Any, trace: Any) -> None:
        sys.stderr.write(redact("".join(format_exception(kind, error, trace))))

    sys.excepthook = tell
    threading.excepthook = lambda failed: tell(
        failed.exc_type, failed.exc_value, failed.exc_traceback
    )
