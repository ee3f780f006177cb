"""The extension starts on a database that it cannot use, and says so."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from .conftest import until


@pytest.fixture
def damaged(jp_root_dir, tmp_path) -> Path:
    """The folder in which the server is going to find a database of garbage."""
    name = hashlib.sha256(os.path.realpath(jp_root_dir).encode()).hexdigest()[:16]
    folder = tmp_path / "state" / name
    folder.mkdir(parents=True)
    (folder / "transfers.sqlite").write_bytes(os.urandom(9000))
    return folder


async def test_a_damaged_database(damaged, capfd, caplog, transfer_app, ask):
    (aside,) = damaged.glob("transfers.damaged-*.sqlite")
    assert aside.stat().st_size == 9000
    log = capfd.readouterr().err
    assert "was damaged (file is not a database)" in log
    assert str(aside) in log
    await until(lambda: transfer_app._startup is not None)
    await transfer_app._startup
    assert "0 uploads were found again" in caplog.text
    assert (await ask("jobs")).code == 200
