"""Which file systems other machines may write too."""

from __future__ import annotations

from jupyter_transfer.store.filesystems import on_network_filesystem


def test_file_systems(tmp_path):
    assert not on_network_filesystem("/")
    assert on_network_filesystem(str(tmp_path / "missing"))
