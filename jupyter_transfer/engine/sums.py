"""Checksums over the bytes of a file, by name: those of hashlib, the cyclic ones that object
stores state of whole objects, ``git-blob-sha1``, the name of a file as a blob of git, and
``s3-etag-…``, see `jupyter_transfer.backends.etags`.

The cyclic ones find damage, not malice. Their quick implementations are optional (extra
``checksums``): without one, what it would have proven is "not verifiable".
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Protocol

from ..backends.etags import PART_ALGORITHM, part_length
from .partsums import PartsSum

Update = Callable[[memoryview, int], int]
"""The checksum of what came before, continued by a piece."""

_FOREIGN = {"shake_128", "shake_256"}
"""Of no fixed length: no digest of a file."""


class Sum(Protocol):
    """A running checksum, as hashlib's."""

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""

    def hexdigest(self) -> str:
        """The checksum of all bytes so far, in lower case."""


class _Cyclic:
    def __init__(self, update: Update, digits: int) -> None:
        self._update = update
        self._digits = digits
        self._value = 0

    def update(self, data: memoryview, /) -> None:
        self._value = self._update(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:0{self._digits}x}"


# name -> hex digits, and where an implementation may be found: module, function
_CYCLIC: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = {
    "crc32": (8, ()),
    "crc32c": (8, (("awscrt.checksums", "crc32c"), ("fastcrc.crc32", "iscsi"))),
    "crc64nvme": (16, (("awscrt.checksums", "crc64nvme"),)),
    "crc64ecma": (16, (("fastcrc.crc64", "xz"),)),
}


@cache
def _cyclic(name: str) -> Update | None:
    if name == "crc32":
        return zlib.crc32
    for module, function in _CYCLIC[name][1]:
        try:
            found: Update = getattr(import_module(module), function)
        except (ImportError, AttributeError):
            continue
        return found
    return None


GIT_BLOB = "git-blob-sha1"
"""SHA-1 of ``blob <bytes in decimal>\\0`` and the bytes (gitformat-pack, "object encoding"): the
number of bytes has to be known before the first of them."""


@cache
def _maker(algorithm: str) -> Callable[[], Sum] | None:
    if algorithm in _CYCLIC:
        update = _cyclic(algorithm)
        return None if update is None else partial(_Cyclic, update, _CYCLIC[algorithm][0])
    if algorithm not in hashlib.algorithms_available - _FOREIGN:
        return None
    make = partial(hashlib.new, algorithm, usedforsecurity=False)
    try:
        make()
    except ValueError:  # listed, and switched off in this OpenSSL
        return None
    return make


def _inner(algorithm: str) -> str:
    """What `algorithm` is made of."""
    if algorithm == GIT_BLOB:
        return "sha1"
    return PART_ALGORITHM if part_length(algorithm) else algorithm


def known(algorithm: str) -> bool:
    """Whether this machine can compute `algorithm`."""
    return _maker(_inner(algorithm)) is not None


def new(algorithm: str, size: int) -> Sum:
    """A fresh checksum of `size` bytes; `algorithm` must be `known`."""
    make = _maker(_inner(algorithm))
    if make is None:
        raise ValueError(algorithm)
    if length := part_length(algorithm):
        return PartsSum(length)
    running = make()
    if algorithm == GIT_BLOB:
        running.update(memoryview(b"blob %d\0" % size))
    return running
