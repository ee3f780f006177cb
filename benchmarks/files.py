"""Claim: a folder of many small files goes up as a few packs, near or far.

20,000 files of 4 KiB in folders of 100, next to the server and 25 ms away: as tar uploads whose
files are published as they complete, one tus upload a file, and as JupyterLab does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import processes, rivals
from .harness import (
    KIB,
    MIB,
    BrokenError,
    MissingError,
    Sample,
    Variant,
    absent,
    best,
    interleave,
    ratios,
)
from .processes import Client, Server
from .report import Goal, Report, number
from .ways import TUS, WHOLE

SIZE = 4 * KIB
PER_FOLDER = 100
ROUND_TRIPS = (0.0, 0.025)
CONNECTIONS = 6
PACKS = 3
FEW = {0.0: 1000, 0.025: 200}
"""Files that JupyterLab's way has to send: it is slow, and its rate does not depend on them."""
SOME = {0.0: 4000, 0.025: 2000}
"""The same for one request a file on six connections."""
TARGET = "in"
"""The folder below the server's root that all files go to."""

METHOD = """Files of 4 KiB of random bytes, 100 a folder; no folder exists at the server before, but
for the stock way. *Packs* are tar files that were put together before the clock starts, as the
bodies of all rows were: one upload, or three at once. *One request a file* is tus'
creation-with-upload on six connections. *As JupyterLab does* is, for each file in turn, a list of
the folder that is shown and a PUT of base64 JSON. Ours has a file on the disk when it is
acknowledged, the rivals do not. The long way is a proxy that holds back each direction for 12.5 ms
and limits no rate. Slow rows send fewer files, whole folders of them; rates are compared. Every
file is compared byte for byte outside the timed part."""


@dataclass
class Site:
    """A server, the client, and the source of all files."""

    server: Server
    client: Client
    source: Path

    @property
    def target(self) -> Path:
        """Where the files arrive."""
        return self.server.root / TARGET


def run(folder: Path, count: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    source = _make(folder / "source", count)
    names = [str(path.relative_to(source)) for path in sorted(source.rglob("*.bin"))]
    report = Report("files", f"{count} files of 4 KiB", METHOD, folder, rounds)
    with ExitStack() as stack:
        client = stack.enter_context(Client())
        servers = _servers(stack, folder)
        groups = []
        for round_trip in ROUND_TRIPS:
            log = folder / f"delay-{round_trip}.log"
            sites = {
                name: Site(
                    stack.enter_context(rivals.delayed(server, round_trip, log)), client, source
                )
                for name, server in servers.items()
            }
            groups.append(_rows(sites, names, round_trip, folder))
        interleave([variant for group in groups for variant in group.values()], rounds)
    for round_trip, group in zip(ROUND_TRIPS, groups, strict=True):
        _table(report, group, f"Round trip {round_trip * 1000:.0f} ms")
    _judge(report, *groups)
    return report.publish()


def _make(source: Path, count: int) -> Path:
    data = memoryview(os.urandom(MIB + SIZE))
    for index in range(count):
        path = source / f"{index // PER_FOLDER:04d}" / f"image-{index:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = index * 4099 % MIB  # a window of its own for each file
        path.write_bytes(index.to_bytes(8, "big") + data[start : start + SIZE - 8])
        # Milliseconds as in a browser; the time is a record of its own in a pack then.
        os.utime(path, ns=(0, (1_700_000_000_123 + index) * 1_000_000))
    os.sync()
    return source


def _servers(stack: ExitStack, folder: Path) -> dict[str, Server]:
    found = {
        "ours": stack.enter_context(processes.jupyter(folder / "ours", "jupyter_transfer")),
        "stock": stack.enter_context(processes.jupyter(folder / "stock")),
    }
    with contextlib.suppress(MissingError, BrokenError):  # its row says that it is missing
        found["node"] = stack.enter_context(rivals.tus_node(folder / "node"))
    return found


def _rows(
    sites: dict[str, Site], names: list[str], round_trip: float, folder: Path
) -> dict[str, Variant]:
    def row(name: str, one: Callable[[list[str]], Sample], count: int) -> Variant:
        chosen = names[:count]
        warm = partial(one, names[:PER_FOLDER])
        return Variant(name, len(chosen), partial(one, chosen), name.startswith("ours"), warm=warm)

    ours, some, count = sites["ours"], SOME[round_trip], len(names)
    single = f"one request a file, {CONNECTIONS} connections"
    rows = {
        "pack": row("ours, one pack", partial(_packs, ours, folder, 1), count),
        "packs": row(f"ours, {PACKS} packs at once", partial(_packs, ours, folder, PACKS), count),
        "each": row(f"ours, {single}", partial(_tus_each, ours), some),
    }
    if "node" in sites:
        name = f"@tus/server {rivals.tus_node_version()}, {single}"
        rows["node"] = row(name, partial(_node_each, sites["node"]), some)
    else:
        rows["node"] = absent("@tus/server", "it could not be started")
    jupyter = partial(_stock, sites["stock"])
    rows["stock"] = row("stock contents API, as JupyterLab does", jupyter, FEW[round_trip])
    return rows


def _measure(site: Site, names: list[str], place: Callable[[str, dict[str, Any]], Path]) -> Sample:
    """Carry out what the client is ready for, compare every file, clear up."""
    before = site.server.cpu()
    result = site.client.go()
    spent = site.server.cpu() - before
    _compare(site.source, names, lambda name: place(name, result))
    return Sample(result["seconds"], result["cpu"], spent)


def _compare(source: Path, names: list[str], place: Callable[[str], Path]) -> None:
    for name in names:
        path = place(name)
        if not path.is_file():
            raise BrokenError(f"{name} was not delivered")
        if path.read_bytes() != (source / name).read_bytes():
            raise BrokenError(f"{name} differs")


def _compare_times(site: Site, names: list[str]) -> None:
    """Packs carry times of modification, in a browser's milliseconds."""
    for name in names:
        difference = (site.target / name).stat().st_mtime - (site.source / name).stat().st_mtime
        if abs(difference) >= 0.001:
            raise BrokenError(f"{name} has another time of modification")


def _packs(site: Site, folder: Path, count: int, names: list[str]) -> Sample:
    orders = []
    for index in range(count):
        members = names[len(names) * index // count : len(names) * (index + 1) // count]
        pack = _pack(folder / f"pack-{len(names)}-{index}-{count}.tar", site.source, members)
        order = {"op": "tus", "file": str(pack), "piece": WHOLE}
        metadata = {"pack": "tar", "path": TARGET}
        orders.append(site.server.order(TUS, metadata=metadata, **order))
    try:
        site.client.arm(op="together", orders=orders)
        sample = _measure(site, names, lambda name, _: site.target / name)
        _compare_times(site, names)
        return sample
    finally:
        shutil.rmtree(site.target, ignore_errors=True)


def _pack(path: Path, source: Path, names: list[str]) -> Path:
    """The tar of some files, made once: POSIX.1-2001, with pax records where need be."""
    if not path.exists():
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as pack:
            for name in names:
                member = tarfile.TarInfo(name)
                status = (source / name).stat()
                member.size, member.mtime = status.st_size, status.st_mtime
                with (source / name).open("rb") as file:
                    pack.addfile(member, file)
    return path


def _tus_each(site: Site, names: list[str]) -> Sample:
    files = [[str(site.source / name), f"{TARGET}/{name}"] for name in names]
    order = site.server.order(TUS, op="tus_each", files=files, connections=CONNECTIONS)
    try:
        site.client.arm(**order)
        return _measure(site, names, lambda name, _: site.target / name)
    finally:
        shutil.rmtree(site.target, ignore_errors=True)


def _node_each(site: Site, names: list[str]) -> Sample:
    files = [[str(site.source / name), name] for name in names]
    order = site.server.order("files", op="tus_each", files=files, connections=CONNECTIONS)
    index = {name: number for number, name in enumerate(names)}

    def place(name: str, result: dict[str, Any]) -> Path:
        location: str = result["places"][index[name]]
        return site.server.root / urlsplit(location).path.rpartition("/")[2]

    try:
        site.client.arm(**order)
        return _measure(site, names, place)
    finally:
        for path in site.server.root.iterdir():
            path.unlink()


def _stock(site: Site, names: list[str]) -> Sample:
    files = [[str(site.source / name), name] for name in names]
    order = site.server.order(f"api/contents/{TARGET}", op="stock_each", files=files)
    try:
        for name in names:
            (site.target / name).parent.mkdir(parents=True, exist_ok=True)
        site.client.arm(**order)
        return _measure(site, names, lambda name, _: site.target / name)
    finally:
        shutil.rmtree(site.target, ignore_errors=True)


def _table(report: Report, rows: dict[str, Variant], title: str) -> None:
    head = ["", "files", "wall s", "files/s", "CPU ms/file client", "CPU ms/file server"]
    head.append("times the stock way (range)")
    lines = []
    for variant in rows.values():
        name = f"**{variant.name}**" if variant.ours else variant.name
        for index, sample in enumerate(variant.samples, 1):
            line = {"variant": f"{variant.name}, {title}", "files": variant.size, "round": index}
            report.lines.append(line | asdict(sample))
        if not variant.samples:
            report.lines.append({"variant": variant.name, "problem": variant.problem})
            lines.append([name, "", variant.problem or "did not run", "", "", "", ""])
            continue
        values = ratios(variant, rows["stock"])
        times = ""
        if values:
            times = f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"
        cpu = [
            variant.median(lambda s: s.client_cpu),
            variant.median(lambda s: s.server_cpu),
        ]
        per_file = [None if c is None else c * 1000 / variant.size for c in cpu]
        seconds = number(variant.median(lambda s: s.seconds), 3)
        rate = number(variant.rate, 0)
        lines.append(
            [name, str(variant.size), seconds, rate, *(number(c, 2) for c in per_file), times]
        )
    report.table(head, lines, title)


def _judge(report: Report, near: dict[str, Variant], far: dict[str, Variant]) -> None:
    ours = best([near["pack"], near["packs"]])
    rate = ours.rate if ours else None
    text = "at least 3,000 files/s next to the server"
    figure = f"{number(rate, 0)} files/s" if ours else near["pack"].problem
    report.goals.append(Goal(text, figure, bool(rate and rate >= 3000)))
    ours = best([far["pack"], far["packs"]])
    report.at_least("at least 50 times the stock way at 25 ms", ours, far["stock"], 50)
    text = f"at least 10 times one request a file on {CONNECTIONS} connections at 25 ms, "
    for key, name in (("node", "@tus/server"), ("each", "ours")):
        report.at_least(text + name, ours, best([far[key]]), 10)
