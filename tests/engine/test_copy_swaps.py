"""Copies whose source is swapped for another file while its bytes pass: what stands at the
destination is one of the states that the source had, never a mixture."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.engine import inflow, run
from jupyter_transfer.secrets import Credential

from ..servers.chaos import ChaosServer, Resource, noise
from ..servers.ftp import PASSWORD, USER
from ..servers.sshd import PASSPHRASE
from .conftest import Harness
from .test_copy import Bucket, bucket, dav, ftp, juicefs, moto, sshd  # noqa: F401 - fixtures

MIB = 1 << 20
STATES = [noise(size, seed) for seed, size in enumerate((6 * MIB, 6 * MIB, 6 * MIB, 5 * MIB + 7))]
"""Three of one size, so that nothing but time and bytes tells them apart."""

RATE = 24 * MIB
"""Bytes a second."""

KINDS = ("etag", "date", "s3", "sftp", "sftp in place", "ftp", "ftp in place", "dav")
CASES = [
    ("etag", 2),
    ("ftp in place", 1),
    *(pytest.param((kind, 100), marks=pytest.mark.soak) for kind in KINDS),
]
"""Where the source is, and how often it is swapped."""


class Source:
    """A file of a service; `put` swaps it, whole and at once."""

    def __init__(
        self, address: str, put: Callable[[bytes], None], options: dict[str, str] | None = None
    ) -> None:
        self.address = address
        self.put = put
        self.options = options or {}


def on_the_web(chaos: ChaosServer, *, etag: bool) -> Source:
    version = [0]

    def put(data: bytes) -> None:
        version[0] += 1
        modified = 1_600_000_000.0 + version[0]
        tag = f'"v{version[0]}"' if etag else None
        chaos.resources["/f"] = Resource(data, etag=tag, modified=modified)

    return Source(f"{chaos.url}/f", put)


def on_a_disk(path: Path, address: str, options: dict[str, str], *, in_place: bool) -> Source:
    path.parent.mkdir(parents=True, exist_ok=True)

    def put(data: bytes) -> None:
        if in_place and path.exists():
            with path.open("r+b") as file:
                file.write(data)
                file.truncate()
            return
        path.with_name("other").write_bytes(data)
        os.replace(path.with_name("other"), path)

    return Source(address, put, options)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def case(request: pytest.FixtureRequest, harness: Harness, tmp_path: Path) -> tuple[Source, int]:
    name, swaps = request.param
    return source_of(name, request.getfixturevalue, harness, tmp_path), swaps


def source_of(name: str, get: Callable[[str], Any], harness: Harness, tmp_path: Path) -> Source:
    kind, _, how = name.partition(" ")
    if kind in ("etag", "date"):
        return on_the_web(get("chaos"), etag=kind == "etag")
    if kind == "s3":
        held = Bucket(get("juicefs"))
        return Source(held.address("f"), lambda data: held.put("f", data), held.options())
    if kind == "dav":
        server = get("dav")
        return on_a_disk(server.files / "f", f"{server.url}/f", {}, in_place=False)
    if kind == "ftp":
        server = get("ftp")
        harness.credential = Credential(USER, PASSWORD)
        address, path = server.address(f"{tmp_path.name}/f"), server.files / tmp_path.name / "f"
        return on_a_disk(path, address, {}, in_place=bool(how))
    server = get("sshd")
    options = {
        "key_file": str(server.key),
        "passphrase": PASSPHRASE,
        "host_key": server.fingerprint(),
    }
    path = tmp_path / "source" / "f"
    return on_a_disk(path, server.address(path), options, in_place=bool(how))


def is_one_of(data: bytes, *states: bytes) -> bool:
    """Not compared by the assertion itself, which would print megabytes."""
    return data in states


class Swap:
    """Swaps the source for `data` when so many `bytes` have gone to the destination, in a thread of
    its own: the copy does not wait for it."""

    def __init__(self, source: Source, data: bytes, bytes: int) -> None:
        self._bytes = bytes
        self._thread = threading.Thread(target=source.put, args=(data,))
        self.done = False

    def look(self, counts: dict[str, Any]) -> None:
        if not self.done and counts["bytes_done"] > self._bytes:
            self.done = True
            self._thread.start()

    def finish(self) -> None:
        if self.done:
            self._thread.join()


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little of the file is in memory, so that the source is asked again until shortly before the
    end, as it is for a large one."""
    for name, size in (("WINDOW", MIB), ("STEP", MIB // 4), ("REQUEST", MIB // 2), ("KEPT", 1)):
        monkeypatch.setattr(inflow, name, size)
    monkeypatch.setattr(run, "PROGRESS_INTERVAL", 0.01)


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("narrow")
def test_a_source_that_is_swapped_while_it_is_copied(
    harness: Harness,
    case: tuple[Source, int],
    bucket: Bucket,  # noqa: F811
    record_property: Callable[[str, object], None],
):
    source, swaps = case
    draw, swapped, begun_anew = random.Random(41), 0, 0
    options = source.options | bucket.options("dest_" if "endpoint" in source.options else "")
    harness.control.bandwidth.rate = RATE
    while swapped < swaps:
        old, new = draw.sample(STATES, 2)
        source.put(old)
        swap = Swap(source, new, draw.randrange(draw.choice((MIB // 2, 5 * MIB))))
        harness.report.on_progress = swap.look
        try:
            outcome = harness.run(
                source.address,
                bucket.address("f"),
                kind="copy",
                id=f"job-{swapped}",
                **{**options, "conflict": "overwrite"},
            )
        finally:
            swap.finish()
        swapped += swap.done
        assert outcome.state == "done", outcome.error
        assert is_one_of(bucket.read("f"), old, new)
        begun_anew += any(code == "remote_changed" for code, _ in harness.report.notes)
        harness.report.notes.clear()
    record_property("swapped", swapped)
    record_property("begun_anew", begun_anew)
    assert begun_anew > 0 or swaps == 1
    assert bucket.uploads() == []
