"""Fixtures for the tests of uploads: a root, a database, and uploads over them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_transfer.paths import Root
from jupyter_transfer.store import Store
from jupyter_transfer.uploads.manager import Uploads

from ..servers.bare import BareServer, BareServers

SMALL_DISK = 64 << 20
"""Bytes of `small_disk`."""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of `SMALL_DISK` bytes of our own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def bare_servers() -> Iterator[BareServers]:
    """What starts bare servers."""
    servers = BareServers()
    yield servers
    servers.close()


@pytest.fixture
def bare_server(bare_servers, folder, tmp_path) -> Iterator[Callable[..., BareServer]]:
    """Makes servers of uploads on the same root that can be killed; they are not started."""
    made: list[BareServer] = []

    def make(root: Path = folder, state: Path = tmp_path / "state", **options) -> BareServer:
        made.append(BareServer(bare_servers, root, state, **options))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def server(request, bare_server) -> BareServer:
    """One that runs, on the root `folder`; a parameter says which way bytes take (`WAYS`)."""
    server = bare_server(way=getattr(request, "param", "direct"))
    server.start()
    return server


@pytest.fixture
def chance(capsys) -> random.Random:
    """What kill points are drawn from; its seed, which may be given, is printed."""
    seed = int(os.environ.get("KILL_SEED", random.randrange(10**6)))
    with capsys.disabled():
        sys.stdout.write(f" [KILL_SEED={seed}] ")
    return random.Random(seed)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder that is the root."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def root(folder):
    root = Root(str(folder))
    yield root
    root.close()


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "state"))
    yield store
    store.close()


@pytest.fixture
def saved() -> list[str]:
    """Paths that were announced as saved."""
    return []


@pytest.fixture
def uploads(root, store, saved) -> Uploads:
    """Uploads that nothing has been asked of yet; make more over the same disk for a restart."""
    return Uploads(root, store, on_saved=note(saved))


@pytest.fixture
def later(monkeypatch):
    """Lets the time of uploads be so many seconds later from now on."""

    def pass_by(seconds: float) -> None:
        clock = SimpleNamespace(time=lambda: time.time() + seconds, sleep=time.sleep)
        for module in ("manager", "storage"):
            monkeypatch.setattr(f"jupyter_transfer.uploads.{module}.time", clock)

    return pass_by


def note(saved: list[str]):
    async def on_saved(path: str) -> None:
        saved.append(path)

    return on_saved


@pytest.fixture
def tree(folder):
    """Tells all files and folders below the root, staging too."""

    def paths() -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    return paths
