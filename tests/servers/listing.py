"""A backend for tests: a folder of a web server whose files an index lists, one JSON object a line.

``listing://127.0.0.1:8000/data/`` reads ``http://127.0.0.1:8000/data/.index``, whose lines hold
`path` and, as far as the index is to tell, `size`, `etag`, `mtime_ns`, `sha256` and `url`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from jupyter_transfer.backends.base import Backend, Digest, Entry, Locator, Validators

PAGE = 1 << 20


class ListingBackend(Backend):
    """See this module."""

    name = "listing"
    title = "Listing"
    schemes: ClassVar[tuple[str, ...]] = ("listing",)

    def entries(self, address: str) -> Iterator[Entry]:
        base = address.replace("listing:", "http:", 1)
        answer = self.caller.call(base + ".index", limit=1 << 30)
        assert answer.status == 200, answer
        for line in answer.body.splitlines():
            yield entry_of(json.loads(line), address)

    def locate(self, entry: Entry) -> Locator:
        return Locator(entry.address.replace("listing:", "http:", 1), digest=entry.digest)


def entry_of(line: dict[str, Any], address: str) -> Entry:
    sha256 = line.get("sha256")
    return Entry(
        line["path"],
        address + (line.get("url") or quote(line["path"].encode("utf-8", "surrogatepass"))),
        line.get("size"),
        Validators(line.get("etag")),
        Digest("sha256", sha256) if sha256 else None,
        mtime_ns=line.get("mtime_ns"),
    )


def index(lines: list[dict[str, Any]]) -> bytes:
    """The index that lists `lines`."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def installed(folder: Path) -> str:
    """A PYTHONPATH on which the backend is found by its entry point, as that of a package."""
    info = folder / "listing-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: listing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[jupyter_transfer.backends]\nlisting = tests.servers.listing:ListingBackend\n"
    )
    return os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
