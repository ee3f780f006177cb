"""Checksum files, as ``sha256sum``, ``md5sum``, ``b2sum``, ``shasum --tag`` and OpenSSL write them.

Lines are ``<hex>  <name>`` (GNU; ``*`` before the name for binary, ``\\`` before the digest for an
escaped name), ``SHA256 (<name>) = <hex>`` (BSD, OpenSSL) or a digest alone. Anything else, such as
a signature around them, is passed over.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field

from .base import Digest

SUMS = frozenset(
    f"{stem}{end}"
    for name in ("sha512", "sha384", "sha256", "sha224", "sha1", "md5", "b2")
    for stem in (f"{name}sums", f"{name}sum", f"{name}_sums")
    for end in ("", ".txt")
) | {"checksum", "checksums", "checksum.txt", "checksums.txt"}
"""Names, in lower case, of files that hold the checksums of what lies beside and below them."""

ENDINGS = (".sha512", ".sha512sum", ".sha256", ".sha256sum", ".sha1", ".sha1sum", ".md5", ".md5sum")
"""What the name of a file with one checksum adds to that of its file, strongest first."""

GUESSES = (
    *("{name}.sha256", "SHA256SUMS", "sha256sum.txt", "{name}.sha512", "SHA512SUMS"),
    *("{name}.sha256sum", "{name}.md5", "MD5SUMS"),
)
"""Neighbours of `name` that are worth asking for, likeliest first."""

_BY_DIGITS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_CYCLIC = {"crc32": 8, "crc32c": 8, "crc64nvme": 16, "crc64ecma": 16}
_ALIASES = {"sha": "sha1", "b2": "blake2b", "blake2b512": "blake2b", "blake2s256": "blake2s"}
_STRENGTH = ("sha512", "blake2b", "sha384", "sha256", "blake2s", "sha224", "sha1", "md5")

_GNU = re.compile(r"(\\?)([0-9a-fA-F]{32,128})(?: \*|[ \t]+)(\S.*)")
_BSD = re.compile(r"(\\?)([A-Za-z0-9/_-]{2,20}) ?\((.+)\) ?= ?([0-9a-fA-F]{32,128})")
_BARE = re.compile(r"[0-9a-fA-F]{32,128}")


def make_digest(algorithm: str, value: str) -> Digest | None:
    """The digest `value` in hex, by any usual name of its algorithm; None for what is none."""
    name = algorithm.strip().lower().replace("/", "-")
    name = re.sub(r"^sha2?-(?=\d)", "sha", name)
    name = re.sub(r"^sha3-", "sha3_", name).replace("-", "")
    name = _ALIASES.get(name, name)
    if not re.fullmatch(r"[0-9a-fA-F]+", value):
        return None
    try:
        digits = _CYCLIC.get(name) or 2 * hashlib.new(name, usedforsecurity=False).digest_size
    except ValueError:
        return None
    return Digest(name, value.lower()) if digits and len(value) == digits else None


def read_value(text: str) -> Digest | None:
    """A digest as people write it: ``sha256:<hex>``, ``sha256-<base64>`` (Subresource Integrity),
    or hex alone, whose length tells the algorithm; None for what is none."""
    text = text.strip()
    if _BARE.fullmatch(text):
        return make_digest(_BY_DIGITS.get(len(text), ""), text)
    if match := re.fullmatch(r"([A-Za-z0-9_-]{2,20})[:=]([0-9a-fA-F]{8,128})", text):
        return make_digest(match[1], match[2])
    if match := re.fullmatch(r"(sha(?:256|384|512))-([A-Za-z0-9+/]+={0,2})", text):
        try:
            return make_digest(match[1], b64decode(match[2], validate=True).hex())
        except (Base64Error, ValueError):
            return None
    return None


@dataclass
class Sums:
    """The digests of a checksum file: by relative path, and those that stand alone."""

    named: dict[str, Digest] = field(default_factory=dict)
    alone: list[Digest] = field(default_factory=list)

    def of(self, path: str) -> Digest | None:
        """The digest of the file at `path`, relative to the checksum file."""
        return self.named.get(path)

    def of_one(self, name: str) -> Digest | None:
        """The digest in a file that belongs to `name`: under its name wherever, or the only one
        that is given without any."""
        if name in self.named:
            return self.named[name]
        found = [d for path, d in self.named.items() if path.rpartition("/")[2] == name]
        if len(found) == 1:
            return found[0]
        return self.alone[0] if len(self.alone) == 1 and not self.named else None


def read_sums(text: str, name: str = "") -> Sums:
    """The digests in `text`; `name`, that of the file, may tell the algorithm (``B2SUMS``)."""
    hint = re.match(r"(?:.*\.)?(sha\d+|md5|b2)", name.lower())
    sums = Sums()
    for line in text.splitlines():
        found = _read_line(line.strip(), hint[1] if hint else "")
        if found is None:
            continue
        path, digest = found
        if path is None:
            sums.alone.append(digest)
        elif path not in sums.named or _rank(digest) < _rank(sums.named[path]):
            sums.named[path] = digest
    return sums


def _rank(digest: Digest) -> int:
    return _STRENGTH.index(digest.algorithm) if digest.algorithm in _STRENGTH else len(_STRENGTH)


def _read_line(line: str, hint: str) -> tuple[str | None, Digest] | None:
    if match := _BSD.fullmatch(line):
        digest = make_digest(match[2], match[4])
        return (_path(match[3], match[1]), digest) if digest else None
    if match := _GNU.fullmatch(line):
        digest = _by_length(match[2], hint)
        return (_path(match[3], match[1]), digest) if digest else None
    if _BARE.fullmatch(line) and (digest := _by_length(line, hint)):
        return None, digest
    return None


def _by_length(value: str, hint: str) -> Digest | None:
    return make_digest(hint, value) or make_digest(_BY_DIGITS.get(len(value), ""), value)


def _path(text: str, escaped: str) -> str:
    if escaped:
        text = re.sub(r"\\([\\nr])", lambda m: {"\\": "\\", "n": "\n", "r": "\r"}[m[1]], text)
    while text.startswith("./"):
        text = text[2:]
    return text
