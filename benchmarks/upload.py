"""Claim: uploads are 10 times as fast as the stock contents API and 1.3 times @tus/server.

One file of random bytes over the loopback. Ours acknowledges a byte only when it is on the disk;
the rivals acknowledge what is still in memory, so their time until the disk has it stands beside.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from . import processes
from .browser import Browser
from .harness import (
    KIB,
    MIB,
    BrokenError,
    MissingError,
    Sample,
    Variant,
    absent,
    best,
    compare,
    interleave,
    random_file,
    run_command,
    show_size,
    timed_fdatasync,
)
from .processes import Client, Server
from .report import Report

PIECE = 64 * MIB
"""Bytes in a PATCH request of a client that sends a file in pieces."""
WHOLE = 2**62
PANEL = {"first": 512 * KIB, "most": 256 * MIB, "growth": 4}
"""How our panel's requests grow on a fast line (START, MAX and GROWTH of its PieceSizer)."""
STOCK_SIZE = 128 * MIB
"""The stock way is slow and its rate does not depend on the size."""

METHOD = """Each way is measured twice. With *one raw client* for all: a process of its own that
sends the file by sendfile(2) over one connection, so that only the servers differ; the stock
contents API gets JupyterLab's base64 JSON PUTs of 1 MiB, encoded before the clock starts. And *in
Chromium*, by script in a page of the server: JupyterLab's own upload loop (read, encode and PUT
each MiB), ours and @tus/server by tus, as a person gets it. The rate of the stock ways is taken
from a smaller file. *wall + fdatasync* is the time until the delivered file is on the disk: ours is
there when the last answer comes. nginx and dd are for information. Every delivered file is compared
byte for byte outside the timed part."""

Fire = Callable[[], dict[str, Any]]
"""Carries one upload out: ``seconds``, ``cpu`` of the client, and what the server answered."""


@dataclass
class Site:
    """A server of one kind and the clients that upload to it."""

    server: Server
    client: Client
    browser: Browser | None


@dataclass
class Files:
    """What is uploaded: the file itself, a smaller one for the stock ways, one to warm up."""

    big: Path
    small: Path
    warm: Path

    def variant(self, name: str, one: Callable[[Path], Sample], *, small: bool = False) -> Variant:
        """A row: `one` uploads a file."""
        file = self.small if small else self.big
        size = file.stat().st_size
        ours = "ours" in name
        return Variant(name, size, partial(one, file), ours, warm=partial(one, self.warm))


@dataclass
class Rows:
    """The variants by what the goals compare."""

    ours: list[Variant]
    stock: list[Variant]
    node: list[Variant]
    others: list[Variant]


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    source = folder / "source"
    files = Files(
        random_file(source / "big.bin", size),
        random_file(source / "small.bin", min(size, STOCK_SIZE)),
        random_file(source / "warm.bin", 8 * MIB),
    )
    report = Report("upload", f"Upload of {show_size(size)}", METHOD, folder, rounds)
    with ExitStack() as stack:
        client, browser, lack = stack.enter_context(Client()), None, ""
        try:
            browser = stack.enter_context(Browser(folder))
        except (MissingError, BrokenError) as error:
            lack = str(error)
        rows = _rows(stack, folder, files, client, browser)
        raw = [*rows.ours[:2], *rows.stock[:1], *rows.node[:2], *rows.others]
        paged = [*rows.ours[2:], *rows.stock[1:], *rows.node[2:]]
        interleave([*raw, *paged], rounds)
    report.body.append("One raw client:")
    report.transfers(raw, rows.stock[0])
    _judge(report, "raw client", rows.ours[:2], rows.stock[0], rows.node[:2])
    report.body.append(f"In Chromium: {lack or 'the same by script in a page:'}")
    if paged:
        report.transfers(paged, rows.stock[1])
        _judge(report, "in Chromium", rows.ours[2:], rows.stock[1], rows.node[2:])
    return report.publish()


def _judge(
    report: Report, how: str, ours: list[Variant], stock: Variant, node: list[Variant]
) -> None:
    text = f"at least 10 times the stock contents API, {how}"
    report.at_least(text, best(ours), stock, 10)
    report.at_least(f"at least 1.3 times @tus/server, {how}", best(ours), best(node), 1.3)


def _rows(
    stack: ExitStack, folder: Path, files: Files, client: Client, browser: Browser | None
) -> Rows:
    """All variants, their servers started; those in Chromium come last in each list."""
    extended = processes.jupyter(folder / "ours", "jupyter_transfer")
    ours = Site(stack.enter_context(extended), client, browser)
    plain = processes.jupyter(folder / "stock")
    stock = Site(stack.enter_context(plain), client, browser)
    rows = Rows(
        [
            files.variant("ours, tus, 64 MiB pieces", partial(_ours, ours, PIECE)),
            files.variant("ours, tus, one PATCH", partial(_ours, ours, WHOLE)),
        ],
        [files.variant("stock contents API", partial(_stock, stock), small=True)],
        [],
        [],
    )
    if browser is not None:
        rows.ours.append(files.variant("ours, as our panel sends", partial(_ours_paged, ours)))
        paged = partial(_stock_paged, stock)
        rows.stock.append(files.variant("JupyterLab's own loop", paged, small=True))
    try:
        node = Site(stack.enter_context(processes.tus_node(folder / "node")), client, browser)
        name = f"@tus/server {processes.tus_node_version()}"
        rows.node.append(files.variant(f"{name}, 64 MiB pieces", partial(_node, node, PIECE)))
        rows.node.append(files.variant(f"{name}, one PATCH", partial(_node, node, WHOLE)))
        if browser is not None:
            rows.node.append(files.variant(f"{name}, one PATCH", partial(_node_paged, node)))
    except (MissingError, BrokenError) as error:
        rows.node.append(absent("@tus/server", str(error)))
    try:
        web = Site(stack.enter_context(processes.nginx(folder / "nginx")), client, None)
        rows.others.append(files.variant("nginx WebDAV PUT", partial(_nginx, web)))
    except (MissingError, BrokenError) as error:
        rows.others.append(absent("nginx WebDAV PUT", str(error)))
    if shutil.which("dd"):
        rows.others.append(files.variant("dd conv=fdatasync", partial(_dd, folder / "dd.bin")))
    return rows


def _sample(
    server: Server, source: Path, fire: Fire, target: Callable[[dict[str, Any]], Path]
) -> Sample:
    """Carry out, then check and remove what was delivered."""
    before = server.cpu()
    result = fire()
    spent = server.cpu() - before
    delivered = target(result)
    try:
        synced = result["seconds"] + timed_fdatasync(delivered)
        compare(delivered, source)
    finally:
        delivered.unlink(missing_ok=True)
    return Sample(result["seconds"], result["cpu"], spent, synced)


def _paged(site: Site, source: Path, way: str, **order: Any) -> Fire:
    """An upload by script in a page of the server."""
    browser = site.browser
    assert browser is not None
    browser.open(site.server.url, source)

    def fire() -> dict[str, Any]:
        before = browser.cpu()
        result = browser.upload(way, headers=site.server.headers, **order)
        return result | {"cpu": browser.cpu() - before}

    return fire


def _published(server: Server, source: Path, result: dict[str, Any]) -> Path:
    return server.root / unquote(result["path"] or source.name).lstrip("/")


def _ours(site: Site, piece: int, source: Path) -> Sample:
    server = site.server
    site.client.arm(
        op="tus",
        url=f"{server.url}jupyter-transfer/tus/",
        file=str(source),
        piece=piece,
        headers=server.headers,
        metadata={"filename": source.name},
    )
    return _sample(server, source, site.client.go, partial(_published, server, source))


def _ours_paged(site: Site, source: Path) -> Sample:
    url = f"{site.server.url}jupyter-transfer/tus/"
    fire = _paged(site, source, "tus", url=url, **PANEL)
    return _sample(site.server, source, fire, partial(_published, site.server, source))


def _stock(site: Site, source: Path) -> Sample:
    server = site.server
    url = f"{server.url}api/contents/{source.name}"
    site.client.arm(op="stock", url=url, file=str(source), headers=server.headers)
    return _sample(server, source, site.client.go, lambda _: server.root / source.name)


def _stock_paged(site: Site, source: Path) -> Sample:
    server = site.server
    url = f"{server.url}api/contents/{source.name}"
    fire = _paged(site, source, "stock", url=url)
    return _sample(server, source, fire, lambda _: server.root / source.name)


def _node(site: Site, piece: int, source: Path) -> Sample:
    metadata = {"filename": source.name}
    url = f"{site.server.url}files"
    site.client.arm(op="tus", url=url, file=str(source), piece=piece, metadata=metadata)
    return _sample(site.server, source, site.client.go, partial(_node_file, site.server))


def _node_paged(site: Site, source: Path) -> Sample:
    url = f"{site.server.url}files"
    fire = _paged(site, source, "tus", url=url, first=WHOLE, most=WHOLE, growth=1)
    return _sample(site.server, source, fire, partial(_node_file, site.server))


def _node_file(server: Server, result: dict[str, Any]) -> Path:
    name = result["location"].rpartition("/")[2]
    with contextlib.suppress(FileNotFoundError):
        (server.root / f"{name}.json").unlink()
    return server.root / name


def _nginx(site: Site, source: Path) -> Sample:
    server = site.server
    site.client.arm(op="put", url=f"{server.url}put/{source.name}", file=str(source))
    return _sample(server, source, site.client.go, lambda _: server.root / "put" / source.name)


def _dd(target: Path, source: Path) -> Sample:
    command = ["dd", f"if={source}", f"of={target}", "bs=4M", "conv=fdatasync", "status=none"]
    try:
        seconds, cpu = run_command(command)
        compare(target, source)
    finally:
        target.unlink(missing_ok=True)
    return Sample(seconds, cpu, None, seconds)
