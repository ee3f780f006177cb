"""Claim: the server's memory is flat: at most 64 MiB more at any size, 48 MiB by an upload.

For each size a fresh server; its resident memory before the first transfer against the peak during
each. Sources are sparse: the zeros are read, sent and compared like any bytes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from . import harness, processes, rivals
from .archive import check_zip
from .fetch import rest_job
from .harness import MIB, BrokenError, MissingError, compare, progress, show_size, sparse_file
from .processes import Client, Server
from .report import Goal, Report, number

LIMIT = 64 * MIB
UPLOAD_LIMIT = 48 * MIB
ALIKE = 8 * MIB
"""What the growth by uploads of different size may differ by."""
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
Start = Callable[..., AbstractContextManager[Server]]
"""`processes.jupyter`, with or without settings."""


@dataclass
class Growth:
    """What one transfer cost in memory, in bytes."""

    name: str
    size: int
    server: int | None = None
    """Peak of the server process beyond what it held before its first transfer."""
    workers: int | None = None
    """Peak of its child processes."""
    problem: str = ""

    @property
    def row(self) -> list[str]:
        """As a row of the table."""
        name = f"**{self.name}**" if self.name.startswith("ours") else self.name
        if self.server is None or self.workers is None:
            return [name, show_size(self.size), self.problem, ""]
        figures = [number(self.server / MIB, 1), number(self.workers / MIB, 0)]
        return [name, show_size(self.size), *figures]


def measure(report: Report, folder: Path, size: int) -> None:
    """Add the table of memory and its goals to `report`."""
    fast: Start = processes.jupyter
    streaming = {"TransferApp": {"upload_fast_path": False}}
    slow: Start = partial(processes.jupyter, traits=streaming)
    sizes = (size, 16 * size)
    uploads = [
        *(growth for one in sizes for growth in _measure(folder, one, UPLOAD, fast)),
        *(growth for one in sizes for growth in _measure(folder, one, STREAMED, slow)),
    ]
    sizes = (size, 4 * size)
    others = [growth for one in sizes for growth in _measure(folder, one, OTHERS, fast)]
    stock = _measure(folder, min(STOCK_SIZE, size), STOCK, fast)
    everything = [*uploads, *others, *stock]
    report.lines.extend({"memory": growth.name, **asdict(growth)} for growth in everything)
    head = ["transfer", "size", "server grows MiB", "workers' peak MiB"]
    title = "Memory of the server process at the peak, against before the first transfer"
    report.table(head, [growth.row for growth in everything], title)
    _judge(report, "server memory grows by at most 64 MiB at any size", others, LIMIT)
    text = f"server memory grows by at most 48 MiB by an upload, {show_size(size)} or 16 times that"
    _judge(report, text, uploads, UPLOAD_LIMIT)
    for small, large in (uploads[:2], uploads[2:]):
        if small.server is not None and large.server is not None:
            figures = f"{number(small.server / MIB, 1)} and {number(large.server / MIB, 1)} MiB"
            met = abs(large.server - small.server) <= ALIKE
            report.goals.append(Goal(f"{small.name}: the same at both sizes", figures, met))


def _judge(report: Report, text: str, growths: list[Growth], limit: int) -> None:
    problems = [f"{growth.name} {growth.problem}" for growth in growths if growth.problem]
    worst = max((growth.server or 0 for growth in growths), default=0)
    figure = "; ".join(problems) or f"{number(worst / MIB, 1)} MiB at most"
    report.goals.append(Goal(text, figure, not problems and worst <= limit))


def _peaks(pid: int) -> tuple[int, int]:
    peaks = [harness.resident(one)[1] for one in harness.tree(pid)]
    return peaks[0], sum(peaks[1:])


def _measure(folder: Path, size: int, kinds: dict[str, Transfer], start: Start) -> list[Growth]:
    found: list[Growth] = []
    with ExitStack() as stack:
        base = Path(tempfile.mkdtemp(prefix="memory-", dir=folder))
        server = stack.enter_context(start(base, "jupyter_transfer"))
        client = stack.enter_context(Client())
        source = sparse_file(server.root / "data" / "source.bin", size)
        web = None
        try:
            web = stack.enter_context(rivals.nginx(base / "nginx"))
            sparse_file(web.root / "source.bin", size)
        except MissingError:
            pass
        site = Site(base, server, client, source, web)
        time.sleep(1)  # what the server still does after its first answer belongs to the start
        before, _ = harness.resident(server.pid)
        for name, transfer in kinds.items():
            progress(f"memory: {name}, {show_size(size)}")
            for pid in harness.tree(server.pid):
                harness.reset_peak(pid)
            try:
                transfer(site)
                peak, others = _peaks(server.pid)
                found.append(Growth(name, size, peak - before, others))
            except (BrokenError, MissingError, OSError, ValueError) as error:
                found.append(Growth(name, size, problem=f"failed: {harness.brief(error)}"))
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


UPLOAD: dict[str, Transfer] = {"ours, upload": _upload}
STREAMED: dict[str, Transfer] = {"ours, upload, streamed": _upload}
OTHERS: dict[str, Transfer] = {
    "ours, fetch": _fetch,
    "ours, zip": _zip,
    "ours, download of one file": _download,
}
STOCK: dict[str, Transfer] = {
    "stock contents API, upload": _stock,
    "stock contents API, GET": _stock_get,
}
