"""The digest of one request's body: the header ``Upload-Checksum`` of tus 1.0
(https://tus.io/protocols/resumable-upload#checksum).

What the client stated is compared before the bytes count as received, so a body that was damaged on
the way leaves no trace.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from ..errors import TransferError

ALGORITHMS = ("sha1", "sha256")
"""sha1 is the one that the protocol demands."""


class Checksum:
    """A digest that grows with the bytes of a body, and the one that it must become."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._expected = expected

    @classmethod
    def from_header(cls, header: str) -> Checksum:
        """The checksum that `header` states. Raises ``bad_request``."""
        algorithm, _, text = header.strip(" ").partition(" ")
        if algorithm not in ALGORITHMS:
            raise TransferError(
                "bad_request",
                "The header Upload-Checksum names an algorithm that this server does not know.",
                f"Use one of: {', '.join(ALGORITHMS)}.",
            )
        try:
            expected = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            expected = b""
        if len(expected) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
            raise TransferError(
                "bad_request", f"The header Upload-Checksum holds no {algorithm} in base64."
            )
        return cls(algorithm, expected)

    def update(self, data: bytes | memoryview) -> None:
        """Take in the next bytes of the body."""
        self._hash.update(data)

    def verify(self) -> None:
        """Raise ``digest_mismatch`` unless the bytes are the ones that were stated."""
        if self._hash.digest() != self._expected:
            raise TransferError(
                "digest_mismatch",
                "The bytes of this request do not have the checksum that was stated.",
            )
