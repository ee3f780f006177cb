"""What a client says about a file that it uploads: the header ``Upload-Metadata`` of tus 1.0.

The header is a list of ``key base64`` pairs (https://tus.io/protocols/resumable-upload#creation).
Its decoded values are untrusted bytes: each is checked here, paths by the gate to the disk.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import TransferError
from ..names import CONFLICTS, Conflict, join_path

# Years 1 to 9999; what lies outside is no date that a file can have.
_EARLIEST_MS, _LATEST_MS = -62_135_596_800_000, 253_402_300_799_999

_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII but the space and the comma
_MILLISECONDS = re.compile(r"-?[0-9]{1,15}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ASSEMBLY = re.compile(r"[0-9a-f]{32}")
_BYTES = re.compile(rb"[0-9]{1,19}")

_UNPACK = ("zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "tar.zst")
"""What ``unpack`` may say. The bytes decide which of them it is."""

# Uppy sends the JavaScript values null and undefined as these texts.
_NO_PATH = ("", "null", "undefined")


def parse_metadata(header: str) -> dict[str, bytes]:
    """The pairs of `header`; a key without a value has ``b""``.

    Raises `TransferError` ``bad_request``.
    """
    pairs: dict[str, bytes] = {}
    for item in header.split(",") if header.strip() else []:
        key, _, value = item.strip(" ").partition(" ")
        if not _KEY.fullmatch(key):
            raise _malformed("a key that is empty or not printable ASCII")
        if key in pairs:
            raise _malformed(f"the key “{key}” twice")
        try:
            pairs[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise _malformed(f"a value of “{key}” that is not base64") from None
    return pairs


def _malformed(what: str) -> TransferError:
    return TransferError("bad_request", f"The header Upload-Metadata holds {what}.")


@dataclass(frozen=True)
class UploadSpec:
    """What the client wants done with the bytes, checked; plain values."""

    destination: str
    """Final path below the root, before the conflict policy chose a name."""
    header: str
    """``Upload-Metadata`` as it was sent, to be echoed byte for byte."""
    conflict: Conflict = "rename"
    mtime_ns: int | None = None
    sha256: str | None = None
    """Hex digest that the whole file must have, if the client stated one."""
    assembly: str = ""
    """What the client calls the file of which this is a segment; empty for all other uploads."""
    start: int = 0
    """Where the segment begins in the whole file."""
    size: int = 0
    """Bytes of that file."""
    pack: str = ""
    """``tar`` if the bytes are a stream of many files and `destination` is the folder that they
    go into; empty for one file."""
    unpack: str = ""
    """The kind of archive, if the file is to be extracted when it is whole."""

    @classmethod
    def from_header(
        cls, header: str, id: str, parse: Callable[..., str], *, concat: bool = False
    ) -> UploadSpec:
        """The specification in the metadata `header` of the upload `id`, which `concat` says is
        one of several or made of them.

        `parse` is `Root.parse`. Raises ``bad_request``, ``invalid_path``, ``hidden_path``.
        """
        pairs = parse_metadata(header)
        texts = {key: _text(key, pairs[key]) for key in _FIELDS if key in pairs}
        folder = parse(texts.get("path", ""))
        if "pack" in pairs:
            _check_pack(pairs, concat=concat)
            return cls(folder, header, _conflict(texts.get("conflict", "")), pack=_TAR)
        name = parse(_relative_path(texts) or f"upload-{id}", new=True)
        if not name:
            raise TransferError("invalid_path", "The file name names no file.")
        return cls(
            destination=parse(join_path(folder, name)),
            header=header,
            conflict=_conflict(texts.get("conflict", "")),
            mtime_ns=_mtime_ns(texts.get("mtime", "")),
            sha256=_sha256(texts.get("sha256", "")),
            unpack=_unpack(texts.get("unpack")),
            **(_segment(pairs) if concat else {}),
        )


_TAR = "tar"
_FIELDS = ("filename", "relativePath", "path", "mtime", "conflict", "sha256", "unpack")


def asks_to_unpack(header: str) -> bool:
    """Whether the metadata `header` says that the file is to be extracted."""
    return any(pair.strip().partition(" ")[0] == "unpack" for pair in header.split(","))


def _unpack(value: str | None) -> str:
    if value is not None and value not in _UNPACK:
        raise TransferError(
            "bad_request",
            "The metadata “unpack” is not a known kind of archive.",
            f"Send one of: {', '.join(_UNPACK)}.",
        )
    return value or ""


def _check_pack(pairs: dict[str, bytes], *, concat: bool) -> None:
    if pairs["pack"] != _TAR.encode():
        raise TransferError(
            "bad_request", "The metadata “pack” is not a known format.", f"Send {_TAR}."
        )
    if "unpack" in pairs:
        raise TransferError("bad_request", "A pack is taken apart as it comes: leave “unpack” out.")
    if "sha256" in pairs or concat:
        raise TransferError(
            "bad_request",
            "A pack has no digest of its own and no segments: its files are published one by one.",
            "State the digest of each file in the pack.",
        )


def _segment(pairs: dict[str, bytes]) -> dict[str, Any]:
    """What our own client says of a segment; other clients may mean anything by these keys."""
    assembly = pairs.get("assembly", b"").decode("latin1")
    if not _ASSEMBLY.fullmatch(assembly):
        return {}
    return {
        "assembly": assembly,
        **{key: _byte_count(key, pairs[key]) for key in ("start", "size") if key in pairs},
    }


def _byte_count(key: str, value: bytes) -> int:
    if not _BYTES.fullmatch(value) or int(value) >= 2**63:
        raise TransferError("bad_request", f"The metadata “{key}” is not a number of bytes.")
    return int(value)


def _text(key: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        code = "invalid_path" if key in ("filename", "relativePath", "path") else "bad_request"
        raise TransferError(code, f"The metadata “{key}” is not valid UTF-8.") from None


def _relative_path(texts: dict[str, str]) -> str:
    """The path of the file below the destination folder, in Unicode's composed form.

    ``filename`` may be a path itself. ``relativePath`` (Uppy, Filestash) wins when it is there;
    where it names only the folders of the file, the name is added.
    """
    name, path = (
        "" if texts.get(key, "") in _NO_PATH else unicodedata.normalize("NFC", texts[key])
        for key in ("filename", "relativePath")
    )
    if name.endswith("/"):  # `parse` would take it for a folder
        raise TransferError("invalid_path", "The file name ends in a slash.")
    if not path:
        return name
    base = name.rpartition("/")[2]
    if path.endswith("/"):
        return path + base
    return path if not base or path.rpartition("/")[2] == base else join_path(path, base)


def _conflict(value: str) -> Conflict:
    for policy in CONFLICTS:
        if value == policy:
            return policy
    if value:
        raise TransferError(
            "bad_request",
            "The metadata “conflict” is not a known policy.",
            f"Send one of: {', '.join(CONFLICTS)}.",
        )
    return "rename"


def _mtime_ns(value: str) -> int | None:
    if not value:
        return None
    if not _MILLISECONDS.fullmatch(value) or not _EARLIEST_MS <= int(value) <= _LATEST_MS:
        raise TransferError(
            "bad_request", "The metadata “mtime” is not a time in milliseconds since 1970."
        )
    return int(value) * 1_000_000


def _sha256(value: str) -> str | None:
    digest = value.lower()
    if digest and not _SHA256.fullmatch(digest):
        raise TransferError("bad_request", "The metadata “sha256” is not 64 hexadecimal digits.")
    return digest or None
