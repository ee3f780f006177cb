"""Claim: the server stays quick and small while bytes move.

Two tables: how long `/api/status` takes while four uploads, a fetch and a zip run in the same
server, or eight uploads (goal: p99 at most 50 ms), and how much its memory grows by transfers of 1
and 4 GiB (goal: 64 MiB) and uploads of 1 and 16 GiB (goal: 48 MiB).
"""

from __future__ import annotations

import shutil
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from . import memory, processes, rivals
from .archive import check_zip, offer
from .fetch import rest_job
from .harness import (
    GIB,
    MIB,
    BrokenError,
    MissingError,
    Sample,
    Variant,
    compare,
    interleave,
    random_file,
    show_size,
)
from .processes import Client, Server
from .report import Goal, Report
from .report import number as show

INTERVAL = 0.02
UPLOADS = 4
MANY = 8
LIMIT = 50
"""Milliseconds of the goal."""
SPARE = 4 * GIB
"""Bytes of disk space at which the load pauses for good."""
STOCK_SIZE = 64 * MIB
NUMBERS = count()
"""Gives each transfer a name of its own; shared by the threads of all rounds."""
PIECE = 64 * MIB
METHOD = """A client of its own asks `/api/status` every 20 ms, at raised priority where it may,
while the load runs in the same server as fast as it can on the same cores: each stream starts anew
until the time is over. A stall hides the questions that could not be asked meanwhile, so they are
added (the correction for coordinated omission); p50, p99 and max are medians over the rounds, the
worst is the largest of all rounds. Every byte moved by the load is compared afterwards."""


@dataclass
class Load:
    """Streams that run until `deadline`, in threads that only wait for other processes."""

    folder: Path
    deadline: float
    moved: int = 0
    checks: list[Callable[[], None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def repeat(self, once: Callable[[int], tuple[int, Callable[[], None]]]) -> None:
        """Call `once` with a new number until the time is over."""
        try:
            while time.monotonic() < self.deadline and self._has_room():
                size, check = once(next(NUMBERS))
                with self.lock:
                    self.moved += size
                    self.checks.append(check)
        except (BrokenError, OSError, ValueError) as error:
            self.problems.append(str(error))

    def _has_room(self) -> bool:
        # What was moved is kept until it is compared; a fast disk must not fill up by that.
        return shutil.disk_usage(self.folder).free > SPARE


@dataclass
class Site:
    """What all scenarios share."""

    folder: Path
    server: Server
    web: Server | None
    seconds: float
    source: Path
    """File of the uploads."""
    small: Path
    """The same for the stock contents API, which is slow."""
    remote: Path | None
    """File of the fetches, below the root of nginx."""


Stream = Callable[[Site, Client, int], tuple[int, Callable[[], None]]]


def run(folder: Path, size: int, rounds: int, seconds: float) -> bool:
    """Measure and publish; whether the goals were met."""
    title = "The server while bytes move"
    report = Report("latency", title, METHOD, folder, rounds)
    _latency(report, folder, size, rounds, seconds)
    memory.measure(report, folder, size)
    return report.publish()


def _latency(report: Report, folder: Path, size: int, rounds: int, seconds: float) -> None:
    source = random_file(folder / "source" / "upload.bin", size // 4)
    small = random_file(folder / "source" / "stock.bin", min(size // 4, STOCK_SIZE))
    for part in range(4):
        random_file(folder / "zip" / "data" / f"part-{part}.bin", size // 4)
    with ExitStack() as stack:
        server = stack.enter_context(processes.jupyter(folder / "server", "jupyter_transfer"))
        offer(folder / "zip", server.root)
        site = Site(folder, server, None, seconds, source, small, None)
        try:
            site.web = stack.enter_context(rivals.nginx(folder / "nginx"))
            site.remote = random_file(site.web.root / "remote.bin", size)
        except MissingError as error:
            report.body.append(f"Without a fetch: {error}.")
        ours: list[Stream] = [*[_upload] * UPLOADS, _zip]
        if site.web is not None:
            ours.append(_fetch)
        everything = "ours, 4 uploads, a fetch and a zip" if site.web else "ours, 4 uploads, a zip"
        variants = [
            _scenario(site, "idle", []),
            _scenario(site, everything, ours, ours=True),
            _scenario(site, "ours, 4 uploads", [_upload] * UPLOADS, ours=True),
            _scenario(site, f"ours, {MANY} uploads", [_upload] * MANY, ours=True),
            _scenario(site, "stock contents API, 4 uploads", [_stock] * UPLOADS),
        ]
        interleave(variants, rounds)
    _table(report, variants, size // 4)
    for variant in (variants[1], variants[3]):
        p99 = variant.median(lambda s: s.extra["p99"])
        text = f"p99 of /api/status at most {LIMIT} ms under {variant.name.partition(', ')[2]}"
        figure = variant.problem or f"{show(p99, 1)} ms"
        report.goals.append(Goal(text, figure, p99 is not None and p99 <= LIMIT))


def _scenario(site: Site, name: str, streams: list[Stream], ours: bool = False) -> Variant:
    return Variant(name, 1, partial(_measure, site, streams), ours)


def _measure(site: Site, streams: list[Stream]) -> Sample:
    load = Load(site.folder, time.monotonic() + site.seconds + 0.5)
    with ExitStack() as stack:
        poller = stack.enter_context(Client())
        poller.arm(
            op="poll",
            url=f"{site.server.url}api/status",
            headers=site.server.headers,
            interval=INTERVAL,
            seconds=site.seconds,
        )
        threads = []
        for stream in streams:
            once = partial(stream, site, stack.enter_context(Client()))
            threads.append(threading.Thread(target=load.repeat, args=(once,)))
        cpu, begin = site.server.cpu(), time.monotonic()
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        try:
            result = poller.go()
        finally:
            for thread in threads:
                thread.join()
        spent, elapsed = site.server.cpu() - cpu, time.monotonic() - begin
    for check in load.checks:
        check()
    if load.problems:
        raise BrokenError("; ".join(sorted(set(load.problems))))
    extra = latencies(result["latencies"])
    extra |= {"rate": load.moved / elapsed, "load": spent / elapsed}
    return Sample(site.seconds, result["cpu"], spent, extra=extra)


def latencies(seconds: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds, corrected for coordinated omission."""
    values = []
    for one in seconds:
        while one > 0:
            values.append(one * 1000)
            one -= INTERVAL  # noqa: PLW2901 - the question that should have been asked meanwhile
    values.sort()
    last = len(values) - 1
    return {
        "p50": statistics.median(values),
        "p99": values[round(last * 0.99)],
        "max": values[-1],
        "asked": len(seconds),
        "stalls": sum(1 for one in seconds if one > 0.1),
    }


def _upload(site: Site, client: Client, number: int) -> tuple[int, Callable[[], None]]:
    name = f"up-{number}.bin"
    client.run(
        op="tus",
        url=f"{site.server.url}jupyter-transfer/tus/",
        file=str(site.source),
        piece=PIECE,
        headers=site.server.headers,
        metadata={"filename": name},
    )
    return site.source.stat().st_size, partial(_check, site.server.root / name, site.source)


def _stock(site: Site, client: Client, number: int) -> tuple[int, Callable[[], None]]:
    name = f"stock-{number}.bin"
    url = f"{site.server.url}api/contents/{name}"
    client.run(op="stock", url=url, file=str(site.small), headers=site.server.headers)
    return site.small.stat().st_size, partial(_check, site.server.root / name, site.small)


def _fetch(site: Site, client: Client, number: int) -> tuple[int, Callable[[], None]]:
    assert site.web is not None
    assert site.remote is not None
    name = f"fetched-{number}.bin"
    rest_job(site.server, site.web.url + site.remote.name, name, every=0.25)
    return site.remote.stat().st_size, partial(_check, site.server.root / name, site.remote)


def _zip(site: Site, client: Client, number: int) -> tuple[int, Callable[[], None]]:
    target = site.folder / f"zip-{number}.zip"
    url = f"{site.server.url}jupyter-transfer/archive?path=data&format=zip"
    result = client.run(op="get", url=url, file=str(target), headers=site.server.headers)

    def check() -> None:
        try:
            check_zip(target, result["head"], site.folder / "zip" / "data")
        finally:
            target.unlink()

    return result["size"], check


def _check(delivered: Path, source: Path) -> None:
    try:
        compare(delivered, source)
    finally:
        delivered.unlink(missing_ok=True)


def _table(report: Report, variants: list[Variant], size: int) -> None:
    head = ["load", "p50 ms", "p99 ms", "max ms", "worst ms", "stalls > 100 ms", "moved MiB/s"]
    head.append("server CPU s/s")
    rows = []
    for variant in variants:
        name = f"**{variant.name}**" if variant.ours else variant.name
        if not variant.samples:
            rows.append([name, variant.problem, *[""] * 6])
            continue
        row = [name]
        for key in ("p50", "p99", "max"):
            row.append(show(variant.median(lambda s, key=key: s.extra[key]), 1))  # type: ignore[misc]
        row.append(show(max(s.extra["max"] for s in variant.samples), 1))
        row.append(str(sum(s.extra["stalls"] for s in variant.samples)))
        row.append(show(variant.median(lambda s: s.extra["rate"] / MIB), 0))
        row.append(show(variant.median(lambda s: s.extra["load"]), 2))
        rows.append(row)
        for index, sample in enumerate(variant.samples, 1):
            report.lines.append({"variant": variant.name, "round": index, **sample.extra})
    title = f"`/api/status` every 20 ms (an upload: {show_size(size)})"
    report.table(head, rows, title)
