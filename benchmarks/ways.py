"""The ways to upload one file, by the raw client and by script in a page of Chromium.

Each carries one upload out, compares what was delivered with its source and removes it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from . import lab
from .browser import Browser
from .harness import KIB, MIB, Sample, compare, run_command, timed_fdatasync
from .processes import Client, Server

WHOLE = 2**62
"""Bytes in a PATCH request of a client that sends a file in one piece."""
PANEL = {"first": 512 * KIB, "most": 256 * MIB, "growth": 4}
"""How our panel's requests grow on a fast line (START, MAX and GROWTH of its PieceSizer)."""
SEGMENTS = 3
"""Connections of our panel for a file of `LEAST` bytes or more."""
LEAST = 64 * MIB
TUS = "jupyter-transfer/tus/"

Fire = Callable[[], dict[str, Any]]
"""Carries one upload out: ``seconds``, ``cpu`` of the client, and what the server answered."""


@dataclass
class Site:
    """A server of one kind and the clients that upload to it."""

    server: Server
    client: Client
    browser: Browser | None = None


@dataclass
class Delivery:
    """A file on the server's disk, and the range of the source that it must hold."""

    path: Path
    start: int = 0
    size: int | None = None


def _sample(
    server: Server, source: Path, fire: Fire, target: Callable[[dict[str, Any]], list[Delivery]]
) -> Sample:
    """Carry out, then check and remove what was delivered."""
    before = server.cpu()
    result = fire()
    spent = server.cpu() - before
    deliveries, synced = target(result), result["seconds"]
    try:
        for one in deliveries:
            synced += timed_fdatasync(one.path)
        for one in deliveries:
            compare(one.path, source, one.start, one.size)
    finally:
        for one in deliveries:
            one.path.unlink(missing_ok=True)
    return Sample(result["seconds"], result["cpu"], spent, synced)


def _paged(site: Site, source: Path, way: str, path: str, **order: Any) -> Fire:
    """An upload by script in a page of the server."""
    browser = site.browser
    assert browser is not None
    browser.open(site.server.url, source)

    def fire() -> dict[str, Any]:
        before = browser.cpu()
        result = browser.upload(way, **site.server.order(path, **order))
        return result | {"cpu": browser.cpu() - before}

    return fire


# Ours


def _published(server: Server, source: Path, result: dict[str, Any]) -> list[Delivery]:
    return [Delivery(server.root / unquote(result["path"] or source.name).lstrip("/"))]


def ours(site: Site, piece: int, source: Path) -> Sample:
    """By tus in PATCH requests of `piece` bytes, over one connection."""
    return _ours(site, source, op="tus", piece=piece)


def ours_segments(site: Site, source: Path) -> Sample:
    """By tus in segments of one file, each over a connection of its own (concatenation)."""
    return _ours(site, source, op="segments", piece=WHOLE, count=SEGMENTS)


def _ours(site: Site, source: Path, **order: Any) -> Sample:
    server = site.server
    order |= {"file": str(source), "metadata": {"filename": source.name}}
    site.client.arm(**server.order(TUS, **order))
    return _sample(server, source, site.client.go, partial(_published, server, source))


def ours_at_once(site: Site, count: int, source: Path) -> Sample:
    """`count` files, together as large as `source`, at the same time; one PATCH each."""
    server, size = site.server, source.stat().st_size
    orders, deliveries = [], []
    for number in range(count):
        start = size * number // count
        length = size * (number + 1) // count - start
        name = f"part-{number}-{source.name}"
        order = {"op": "tus", "file": str(source), "range": [start, length], "piece": WHOLE}
        orders.append(server.order(TUS, metadata={"filename": name}, **order))
        deliveries.append(Delivery(server.root / name, start, length))
    site.client.arm(op="together", orders=orders)
    return _sample(server, source, site.client.go, lambda _: deliveries)


def ours_paged(site: Site, source: Path) -> Sample:
    """In a page, in segments and requests as our panel's, without checksums."""
    segments = SEGMENTS if source.stat().st_size >= LEAST else 1
    fire = _paged(site, source, "tus", TUS, **PANEL, segments=segments, alignment=MIB)
    return _sample(site.server, source, fire, partial(_published, site.server, source))


def ours_dropped(site: Site, source: Path) -> Sample:
    """On JupyterLab itself: from the drop on its file browser to the published file."""
    server, browser = site.server, site.browser
    assert browser is not None
    lab.visit(browser, server)
    target = server.root / source.name

    def fire() -> dict[str, Any]:
        before, begin = browser.cpu(), time.monotonic()
        browser.drop(lab.LISTING, [source])
        lab.wait_for_file(target, 600)
        return {"seconds": time.monotonic() - begin, "cpu": browser.cpu() - before}

    return _sample(server, source, fire, lambda _: [Delivery(target)])


# The stock contents API


def stock(site: Site, encode: bool, source: Path) -> Sample:
    """By JupyterLab's PUTs; with `encode` the client encodes while the clock runs."""
    server, path = site.server, f"api/contents/{source.name}"
    site.client.arm(**server.order(path, op="stock", file=str(source), encode=encode))
    return _sample(server, source, site.client.go, lambda _: [Delivery(server.root / source.name)])


def stock_paged(site: Site, source: Path) -> Sample:
    """In a page, by JupyterLab's own loop."""
    server = site.server
    fire = _paged(site, source, "stock", f"api/contents/{source.name}")
    return _sample(server, source, fire, lambda _: [Delivery(server.root / source.name)])


# Other servers


def node(site: Site, piece: int, source: Path) -> Sample:
    """To @tus/server, in PATCH requests of `piece` bytes."""
    server, metadata = site.server, {"filename": source.name}
    order = server.order("files", op="tus", file=str(source), piece=piece, metadata=metadata)
    site.client.arm(**order)
    return _sample(server, source, site.client.go, partial(_node_file, server))


def node_paged(site: Site, source: Path) -> Sample:
    """In a page to @tus/server, in one PATCH."""
    order = {"first": WHOLE, "most": WHOLE, "growth": 1, "segments": 1}
    fire = _paged(site, source, "tus", "files", **order)
    return _sample(site.server, source, fire, partial(_node_file, site.server))


def _node_file(server: Server, result: dict[str, Any]) -> list[Delivery]:
    name = result["location"].rpartition("/")[2]
    with contextlib.suppress(FileNotFoundError):
        (server.root / f"{name}.json").unlink()
    return [Delivery(server.root / name)]


def nginx(site: Site, source: Path) -> Sample:
    """By one WebDAV PUT."""
    server, path = site.server, f"put/{source.name}"
    site.client.arm(**server.order(path, op="put", file=str(source)))
    return _sample(server, source, site.client.go, lambda _: [Delivery(server.root / path)])


def dd(target: Path, source: Path) -> Sample:
    """No upload at all: a copy that ends on the disk."""
    command = ["dd", f"if={source}", f"of={target}", "bs=1M", "conv=fdatasync", "status=none"]
    try:
        seconds, cpu = run_command(command)
        compare(target, source)
    finally:
        target.unlink(missing_ok=True)
    return Sample(seconds, cpu, None, seconds)
