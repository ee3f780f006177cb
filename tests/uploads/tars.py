"""Tar streams for tests, as the standard library writes them."""

from __future__ import annotations

import io
import tarfile
from typing import Any


def tar(*members: tuple[Any, ...], format: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of (name, content) or (name, content, attributes); content None is a folder."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as archive:
        for name, content, *rest in members:
            info = tarfile.TarInfo(name)
            info.size = len(content or b"")
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            for key, value in (rest[0] if rest else {}).items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content or b""))
    return file.getvalue()


def records(**values: str) -> dict[str, Any]:
    """The attributes of a member with our own pax records."""
    return {"pax_headers": {f"TRANSFER.{key}": value for key, value in values.items()}}
