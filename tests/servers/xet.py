"""What the stand-in for the hub has beside its store of plain files: the content-addressable store
(CAS) of Xet, written by the real hf_xet into a folder and read by it over HTTP.

Formats: xet-core, `metadata_shard/shard_format.rs` (which chunks make up a file) and
`xorb_object/xorb_chunk_format.rs` (where a chunk lies in its xorb).
"""

from __future__ import annotations

import secrets
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_SHARD_HEADER, _ENTRY = 48, 48
_VERIFICATION, _EXTENSION = 1 << 31, 1 << 30

Term = tuple[str, int, int]
"""A xorb, and the first and the end of the chunks in it."""


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies in its xorb, and how long it is unpacked."""

    start: int
    end: int
    size: int


@dataclass
class Cas:
    """A store of Xet.

    Parameters
    ----------
    lifetime: seconds that a token is good for.
    rate: bytes a second of each answer with bytes.
    flipped: whether a byte of each is wrong.
    base: where addresses of bytes lead, if not to this store.
    """

    lifetime: float = 3600.0
    rate: float | None = None
    flipped: bool = False
    url: str = ""
    base: str | None = None
    files: dict[str, list[Term]] = field(default_factory=dict)
    xorbs: dict[str, bytes] = field(default_factory=dict)
    chunks: dict[str, list[Chunk]] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    signatures: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Signature of an address -> xorb and range that it is for."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, data: bytes) -> str:
        """Take `data` in; the hash that Xet knows it by."""
        import hf_xet

        with self._lock, TemporaryDirectory() as folder:
            session = hf_xet.XetSession()
            with session.new_upload_commit(endpoint=f"local://{folder}") as commit:
                handle = commit.start_upload_bytes(data)
            found: str = handle.result().xet_info.hash
            self._read(Path(folder) / "xet" / "xorbs")
        return found

    def _read(self, folder: Path) -> None:
        for path in (folder / "xorbs").iterdir():
            if not path.name.endswith(".tagset"):
                name, data = path.name.partition(".")[2], path.read_bytes()
                self.xorbs[name], self.chunks[name] = data, _chunks(data)
        for path in (folder / "shards").glob("*.mdb"):
            self.files.update(_files(path.read_bytes()))

    def described(self, hash: str, start: int, end: int) -> dict[str, Any] | None:
        """How the bytes from `start` to `end` of a file are put together; None where it ends
        before them."""
        terms, position, skipped = [], 0, None
        wanted: dict[str, list[tuple[int, int]]] = {}
        for xorb, first, last in self.files[hash]:
            used = []
            for number in range(first, last):
                size = self.chunks[xorb][number].size
                if position < end and position + size > start:
                    skipped = start - position if skipped is None else skipped
                    used.append(number)
                position += size
            if used:
                span = (used[0], used[-1] + 1)
                sizes = [self.chunks[xorb][number].size for number in used]
                terms.append({"hash": xorb, "unpacked_length": sum(sizes), "range": _span(*span)})
                wanted.setdefault(xorb, []).append(span)
        if skipped is None:
            return None
        spans = {
            xorb: [self._fetched(xorb, *span) for span in dict.fromkeys(each)]
            for xorb, each in wanted.items()
        }
        return {"offset_into_first_range": skipped, "terms": terms, "fetch_info": spans}

    def _fetched(self, xorb: str, first: int, last: int) -> dict[str, Any]:
        start, end = self.chunks[xorb][first].start, self.chunks[xorb][last - 1].end - 1
        signature = secrets.token_hex(8)
        self.signatures[signature] = xorb, f"bytes={start}-{end}"
        url = f"{self.base or self.url}/xorb/{xorb}?Signature={signature}"
        return {"range": _span(first, last), "url": url, "url_range": _span(start, end)}

    def granted(self) -> str:
        """A new token."""
        token = f"xet_{secrets.token_hex(16)}"
        self.tokens[token] = time.time() + self.lifetime
        return token


def _span(start: int, end: int) -> dict[str, int]:
    return {"start": start, "end": end}


def _chunks(xorb: bytes) -> list[Chunk]:
    """The chunks of a xorb: each has a head of eight bytes."""
    found, position = [], 0
    while position < len(xorb) and xorb[position] == 0:  # the footer begins with another byte
        packed = int.from_bytes(xorb[position + 1 : position + 4], "little")
        size = int.from_bytes(xorb[position + 5 : position + 8], "little")
        found.append(Chunk(position, position + 8 + packed, size))
        position += 8 + packed
    return found


def _files(shard: bytes) -> dict[str, list[Term]]:
    """The files of a shard."""
    found: dict[str, list[Term]] = {}
    position = _SHARD_HEADER
    while shard[position : position + 32] != b"\xff" * 32:
        flags, count = struct.unpack_from("<II", shard, position + 32)
        name = _hex(shard[position : position + 32])
        position += _ENTRY
        found[name] = []
        for number in range(count):
            at = position + number * _ENTRY
            _, _, first, end = struct.unpack_from("<IIII", shard, at + 32)
            found[name].append((_hex(shard[at : at + 32]), first, end))
        position += _ENTRY * count * (2 if flags & _VERIFICATION else 1)
        position += _ENTRY if flags & _EXTENSION else 0
    return found


def _hex(hash: bytes) -> str:
    """A hash as xet-core prints it."""
    return "".join(f"{part:016x}" for part in struct.unpack("<4Q", hash))
