"""Sizes as people write them."""

from __future__ import annotations

import re
from typing import Any

from .errors import TransferError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def parse_size(value: Any, name: str) -> int:
    """Bytes; as text ``5M`` is 5 MiB. Raises ``bad_request``, with the option `name` named."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise TransferError(
            "bad_request",
            f"The option “{name}” must be a number of bytes.",
            "Give a number, with K, M, G or T behind it if you like: “5M” is 5 MiB.",
        )
    return int(float(match[1]) * 1024 ** _UNITS[match[2].lower()])
