"""Claim: the server's memory is flat: at most 64 MiB more at any size of file.

For each size a fresh server; its resident memory before the first transfer against the peak during
each. Sources are sparse: the zeros are read, sent and compared like any bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import harness, processes
from .archive import check_zip
from .fetch import rest_job
from .harness import MIB, BrokenError, MissingError, compare, progress, show_size, sparse_file
from .processes import Client, Server
from .report import Goal, Report, number

LIMIT = 64 * MIB
PIECE = 64 * MIB
STOCK_SIZE = 200 * MIB
"""Bytes of the stock transfers: its contents API holds the whole file several times."""


@dataclass
class Site:
    """One fresh server and what it is asked to move."""

    folder: Path
    server: Server
    client: Client
    source: Path
    web: Server | None


Transfer = Callable[[Site], None]


def measure(report: Report, folder: Path, sizes: tuple[int, ...]) -> None:
    """Add the table of memory and its goal to `report`."""
    rows: list[list[str]] = []
    growths: list[int] = []
    problems: list[str] = []
    kinds: dict[str, Transfer] = {
        "ours, upload": _upload,
        "ours, fetch": _fetch,
        "ours, zip": _zip,
        "ours, download of one file": _download,
    }
    for size in sizes:
        for name, growth, problem in _measure(folder, size, kinds):
            rows.append(_row(f"**{name}**", size, growth, problem))
            report.lines.append({"memory": name, "size": size, "growth": growth} | _why(problem))
            if growth is None:
                problems.append(problem)
            else:
                growths.append(growth)
    stock: dict[str, Transfer] = {
        "stock contents API, upload": _stock,
        "stock contents API, GET": _stock_get,
    }
    for name, growth, problem in _measure(folder, min(STOCK_SIZE, *sizes), stock):
        rows.append(_row(name, min(STOCK_SIZE, *sizes), growth, problem))
        report.lines.append({"memory": name, "growth": growth} | _why(problem))
    title = "Growth of the server process at the peak, against before the first transfer"
    report.table(["transfer", "size", "growth MiB"], rows, title)
    worst = max(growths, default=None)
    figure = "; ".join(problems) or f"{number((worst or 0) / MIB, 1)} MiB at most"
    met = not problems and worst is not None and worst <= LIMIT
    report.goals.append(Goal("server memory grows by at most 64 MiB at any size", figure, met))


def _why(problem: str) -> dict[str, str]:
    return {"problem": problem} if problem else {}


def _row(name: str, size: int, growth: int | None, problem: str) -> list[str]:
    figure = problem if growth is None else number(growth / MIB, 1)
    return [name, show_size(size), figure]


def _measure(
    folder: Path, size: int, kinds: dict[str, Transfer]
) -> list[tuple[str, int | None, str]]:
    found: list[tuple[str, int | None, str]] = []
    with ExitStack() as stack:
        base = folder / f"memory-{size}"
        server = stack.enter_context(processes.jupyter(base, "jupyter_transfer"))
        client = stack.enter_context(Client())
        source = sparse_file(server.root / "data" / "source.bin", size)
        web = None
        try:
            web = stack.enter_context(processes.nginx(base / "nginx"))
            sparse_file(web.root / "source.bin", size)
        except MissingError:
            pass
        site = Site(base, server, client, source, web)
        time.sleep(1)  # what the server still does after its first answer belongs to the start
        before, _ = harness.memory(server.pid)
        for name, transfer in kinds.items():
            progress(f"memory: {name}, {show_size(size)}")
            harness.reset_peak(server.pid)
            try:
                transfer(site)
                found.append((name, harness.memory(server.pid)[1] - before, ""))
            except (BrokenError, MissingError, OSError, ValueError) as error:
                found.append((name, None, f"failed: {error}"))
    return found


def _upload(site: Site) -> None:
    site.client.run(
        op="tus",
        url=f"{site.server.url}jupyter-transfer/tus/",
        file=str(site.source),
        piece=PIECE,
        headers=site.server.headers,
        metadata={"filename": "up.bin"},
    )
    _check(site.server.root / "up.bin", site.source)


def _fetch(site: Site) -> None:
    if site.web is None:
        raise MissingError("nginx is not installed")
    rest_job(site.server, f"{site.web.url}source.bin", "fetched.bin", every=0.25)
    _check(site.server.root / "fetched.bin", site.source)


def _zip(site: Site) -> None:
    url = f"{site.server.url}jupyter-transfer/archive?path=data&format=zip"
    _get(site, url, lambda target, head: check_zip(target, head, site.source.parent))


def _download(site: Site) -> None:
    url = f"{site.server.url}jupyter-transfer/download/data/source.bin"
    _get(site, url, lambda target, _: compare(target, site.source))


def _stock(site: Site) -> None:
    url = f"{site.server.url}api/contents/stock.bin"
    site.client.run(op="stock", url=url, file=str(site.source), headers=site.server.headers)
    _check(site.server.root / "stock.bin", site.source)


def _stock_get(site: Site) -> None:
    url = f"{site.server.url}api/contents/data/source.bin?type=file&format=base64"
    _get(site, url, lambda _, __: None)


def _get(site: Site, url: str, check: Callable[[Path, str], None]) -> None:
    target = site.folder / "got"
    try:
        headers = site.server.headers
        result = site.client.run(op="get", url=url, file=str(target), headers=headers)
        partial(check, target, result["head"])()
    finally:
        target.unlink(missing_ok=True)


def _check(delivered: Path, source: Path) -> None:
    try:
        compare(delivered, source)
    finally:
        delivered.unlink(missing_ok=True)
