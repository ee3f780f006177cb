"""Structured header fields (RFC 9651), as far as uploads need them: booleans, whole numbers, and
dictionaries of byte sequences (digests, RFC 9530).

Pure functions. A field that is not well-formed counts as absent: that is what the protocols that
use them ask for.
"""

from __future__ import annotations

import base64
import binascii
import re

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_BYTES = re.compile(r"([a-z*][a-z0-9_\-.*]*)[ \t]*=[ \t]*:([A-Za-z0-9+/=]*):")


def _item(value: str | None) -> str:
    # An item may have parameters, which nobody has defined here.
    return (value or "").partition(";")[0].strip(" ")


def boolean(value: str | None) -> bool | None:
    """The item ``?1`` or ``?0``; None if it is neither."""
    return {"?1": True, "?0": False}.get(_item(value))


def size(value: str | None) -> int | None:
    """The item as a number of bytes; None if it is not a whole number from 0 on."""
    text = _item(value)
    return int(text) if _INTEGER.fullmatch(text) and int(text) >= 0 else None


def digest(value: str | None, algorithm: str) -> bytes | None:
    """The value of the key `algorithm` in the dictionary ``Repr-Digest`` or ``Content-Digest``;
    None if it has none."""
    for member in (value or "").split(","):
        match = _BYTES.fullmatch(member.partition(";")[0].strip(" \t"))
        if match and match[1] == algorithm:
            try:
                return base64.b64decode(match[2], validate=True)
            except (binascii.Error, ValueError):
                return None
    return None


def wants_digest(value: str | None, algorithm: str) -> bool:
    """Whether the dictionary ``Want-Repr-Digest`` asks for `algorithm`: a weight from 1 to 10
    (RFC 9530, section 4)."""
    for member in (value or "").split(","):
        key, _, weight = member.partition(";")[0].strip(" \t").partition("=")
        if key == algorithm and weight.isdigit() and 1 <= int(weight) <= 10:
            return True
    return False


def digest_field(algorithm: str, value: bytes) -> str:
    """A dictionary with one digest."""
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"
