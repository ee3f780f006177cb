"""A limit of connections to one host holds for all that a job does there: looks, small files in
lanes, large ones beside them. Connections are counted by the kernel, those that rest too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_transfer.secrets import Credential

from ..servers.chaos import noise
from ..servers.ftp import PASSWORD, USER
from .conftest import Harness
from .test_copy import dav, ftp  # noqa: F401 - fixtures

ESTABLISHED = "01"


def connections_to(port: int) -> set[str]:
    """The inodes of this machine's sockets that are connected to `port` over IPv4."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = (line.split() for line in lines)
    return {f[9] for f in fields if f[2].endswith(f":{port:04X}") and f[3] == ESTABLISHED}


@contextmanager
def counted(port: int) -> Iterator[list[int]]:
    """The most connections at a time, until the block is left. No look sees one moment, so those
    count that two looks have seen: all of them were there in between."""
    most, over = [0], threading.Event()

    def look() -> None:
        before: set[str] = set()
        while not over.wait(0.003):
            now = connections_to(port)
            most[0] = max(most[0], len(before & now))
            before = now

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


@pytest.fixture(params=["dav", "ftp"])
def there(request: pytest.FixtureRequest, harness: Harness, tmp_path: Path) -> tuple[str, int]:
    """An address of a service, and its port."""
    server = request.getfixturevalue(request.param)
    if request.param == "dav":
        return f"{server.url}/t", server.port
    harness.credential = Credential(USER, PASSWORD)
    return server.address(tmp_path.name), server.port


@pytest.mark.parametrize("limit", [1, 3])
def test_sends_and_syncs(harness: Harness, there: tuple[str, int], limit: int):
    address, port = there
    for number in range(30):
        path = harness.folder / "tree" / f"d{number % 3}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    (harness.folder / "tree" / "large").write_bytes(noise(9 << 20))
    harness.control.connections = limit
    with counted(port) as most:
        outcome = harness.run("tree", address, kind="send")
        assert outcome.state == "done", outcome.error
    assert 1 <= most[0] <= limit
    for number in range(0, 30, 2):
        (harness.folder / "tree" / f"d{number % 3}" / f"{number}").unlink()
    with counted(port) as most:
        options = {"compare": "checksum", "approve": True}
        outcome = harness.run("tree", address, kind="sync", id="sync", **options)
        assert outcome.state == "done", outcome.error
    assert [row.get("action") for row in harness.report.files].count("delete") == 15
    assert most[0] <= limit  # so short that a busy machine may not have looked
