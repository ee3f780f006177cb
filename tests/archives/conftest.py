"""A root with some files, and a way to read a whole archive from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_transfer.archives.crc import CrcCache
from jupyter_transfer.archives.zip_layout import ZipLayout
from jupyter_transfer.archives.zip_reader import ZipReader
from jupyter_transfer.paths import Root

Produce = Callable[..., bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder on disk that is the root."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def root(folder: Path):
    """The gate to it."""
    root = Root(str(folder))
    yield root
    root.close()


@pytest.fixture
def produce(root: Root) -> Produce:
    """The bytes ``start`` to ``end`` of the archive of a layout."""

    def read(
        layout: ZipLayout, start: int = 0, end: int | None = None, cache: CrcCache | None = None
    ) -> bytes:
        end = layout.size if end is None else end
        reader = ZipReader(root, layout, cache or CrcCache(), start=start, end=end)
        data = bytearray(end - start)
        try:
            assert reader.read_into(memoryview(data)) == len(data)
        finally:
            reader.close()
        return bytes(data)

    return read
