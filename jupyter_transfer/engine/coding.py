"""Undoing a Content-Encoding that nobody asked for: gzip and deflate (RFC 9110 section 8.4.1).

Some servers compress whatever we say, and objects are stored with such a coding. libcurl could
undo it, but does not notice a compressed stream that ends too early.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ..errors import TransferError

CODINGS = ("gzip", "x-gzip", "deflate")

BOMB_RATIO = 200
BOMB_FREE = 100 << 20
"""A body may grow to this many bytes, or to `BOMB_RATIO` times its size on the wire: what grows
further is a bomb."""

_PIECE = 1 << 20
_AUTOMATIC = 32 + zlib.MAX_WBITS  # the header tells gzip from zlib
_RAW = -zlib.MAX_WBITS  # what some servers send as "deflate"


class Decoder:
    """Undoes `coding`. Raises ``remote_refused`` for one that we do not know."""

    def __init__(self, coding: str) -> None:
        if coding not in CODINGS:
            raise TransferError(
                "remote_refused",
                f"The remote side sends the file only in the coding “{coding[:20]}”.",
                "Fetch it with another tool.",
            )
        self._raw_allowed = coding == "deflate"
        self._inflate = zlib.decompressobj(_AUTOMATIC)
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes of the file that `data` holds, in pieces of bounded size.

        Raises ``remote_lied`` for data that is not in the coding, ``too_large`` for a bomb.
        """
        self._taken += len(data)
        while data:
            if self._inflate.eof:
                if not data.startswith(b"\x1f\x8b"):
                    return  # padding after the last member
                self._inflate = zlib.decompressobj(_AUTOMATIC)
            piece = self._decompress(data)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            self._given += len(piece)
            if self._given > max(BOMB_FREE, BOMB_RATIO * self._taken):
                raise TransferError(
                    "too_large",
                    f"The file grows to more than {BOMB_RATIO} times its size while it is"
                    " unpacked.",
                    "Fetch it with another tool, if you trust its source.",
                )
            if piece:
                yield piece

    @property
    def finished(self) -> bool:
        """Whether the end of the coded stream was seen; nothing at all is an empty file."""
        return self._inflate.eof or self._taken == 0

    def _decompress(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(data, _PIECE)
        except zlib.error:
            if not (self._raw_allowed and self._given == 0):
                raise TransferError(
                    "remote_lied", "The file is not in the coding that the remote side states."
                ) from None
        self._raw_allowed = False
        self._inflate = zlib.decompressobj(_RAW)
        return self._decompress(data)
