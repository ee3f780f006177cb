"""Claim: ten thousand unfinished uploads cost nobody anything.

They are created over HTTP and stay open; then HEAD over random ones, with and without a hundred
others that receive bytes. Beside it the memory of the server, and a start with all of them there.
"""

from __future__ import annotations

import random
import time
import urllib.request
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from . import harness, processes
from .harness import KIB, MIB, Sample, Variant, compare, interleave, progress, random_file
from .latency import INTERVAL, latencies
from .processes import Client, Server
from .report import Goal, Report, number
from .ways import TUS

RECEIVING = 100
BEAT = 16 * KIB
"""Bytes that each of them gets every 100 ms."""
LENGTH = MIB
"""Bytes that an upload of those that stay open would have."""
CONNECTIONS = 6
MARGIN = 1.0
"""Seconds that they receive before and after the measuring: how a hundred requests begin and end in
one moment is not what is asked."""
LIMIT = 50
"""Milliseconds of the goal."""
METHOD = f"""Uploads are created by POST over {CONNECTIONS} connections and left. A client of its
own sends a HEAD for one of them, drawn anew each time, every 20 ms, at raised priority where it
may. Meanwhile {RECEIVING} further uploads receive 16 KiB every 100 ms each, over a connection of
its own each (a HEAD for one of these would end its request, so they are not asked for); each is
compared byte for byte when it is whole. A stall hides the questions that could not be asked
meanwhile, so they are added. The start is one with all these uploads in the state folder, against
the first, with none."""


@dataclass
class Site:
    """The server and its open uploads."""

    server: Server
    client: Client
    source: Path
    seconds: float
    places: list[str] = field(default_factory=list)
    rounds: int = 0


def run(folder: Path, count: int, rounds: int, seconds: float) -> bool:
    """Measure and publish; whether the goal was met."""
    report = Report("open", f"{count} open uploads", METHOD, folder, rounds)
    source = random_file(folder / "source.bin", round((seconds + 2 * MARGIN) * 10) * BEAT)
    traits = {"TransferApp": {"max_open_uploads": count + 2 * RECEIVING}}
    start = partial(processes.jupyter, folder / "ours", "jupyter_transfer", traits=traits)
    with Client() as client:
        with start() as server:
            site = Site(server, client, source, seconds)
            _fill(report, site, count)
            few = Variant(f"{count} open, none receives", 1, partial(_measure, site, 0), True)
            receiving = f"{count} open, {RECEIVING} receive"
            many = Variant(receiving, 1, partial(_measure, site, RECEIVING), True)
            interleave([few, many], rounds)
        _table(report, [few, many])
        _restart(report, site, start())
    p99 = many.median(lambda sample: sample.extra["p99"])
    text = f"p99 of HEAD at most {LIMIT} ms, {many.name}"
    figure = many.problem or f"{number(p99, 1)} ms"
    report.goals.append(Goal(text, figure, p99 is not None and p99 <= LIMIT))
    return report.publish()


def _fill(report: Report, site: Site, count: int) -> None:
    """Create the uploads, and say what they cost."""
    time.sleep(1)  # what the server still does after its first answer belongs to the start
    before, _ = harness.resident(site.server.pid)
    progress(f"creating {count} uploads")
    names = [f"open/{index // 100}/{index}.bin" for index in range(count)]
    site.places, spent = _create(site.server, site.client, names, LENGTH)
    grown = harness.resident(site.server.pid)[0] - before
    row = [str(count), number(count / spent, 0), number(grown / MIB, 1)]
    row.append(number(grown / count / KIB, 2))
    head = ["uploads", "created/s", "server grows MiB", "KiB each"]
    report.table(head, [row], "Creation and memory")
    report.lines.append({"created": count, "seconds": spent, "grown": grown})


def _create(
    server: Server, client: Client, names: list[str], length: int
) -> tuple[list[str], float]:
    """Paths of new uploads, and the seconds that it took."""
    files = [["", name] for name in names]
    order = {"op": "tus_each", "files": files, "empty": length, "connections": CONNECTIONS}
    result = client.run(**server.order(TUS, **order))
    return [urlsplit(place).path for place in result["places"]], result["seconds"]


def _measure(site: Site, receiving: int) -> Sample:
    """HEAD over the open uploads while `receiving` others get bytes."""
    site.rounds += 1
    names = [f"receiving/{site.rounds}-{index}.bin" for index in range(receiving)]
    size = site.source.stat().st_size
    server = site.server
    with ExitStack() as stack:
        poller = stack.enter_context(Client())
        order = {"op": "poll", "method": "HEAD", "paths": site.places, "interval": INTERVAL}
        poller.arm(**server.order(TUS, seconds=site.seconds, **order))
        feeder = None
        if receiving:
            feeder = stack.enter_context(Client())
            places, _ = _create(server, site.client, names, size)
            order = {"op": "trickle", "places": places, "file": str(site.source)}
            feeder.arm(**server.order(TUS, seconds=site.seconds + 2 * MARGIN, **order))
            feeder.start()
            time.sleep(MARGIN)
        cpu = server.cpu()
        result = poller.go()
        spent = server.cpu() - cpu
        paths = feeder.finish()["paths"] if feeder else []
    for path in paths:
        delivered = server.root / unquote(path).lstrip("/")
        compare(delivered, site.source)
        delivered.unlink()
    extra: dict[str, float] = latencies(result["latencies"])
    extra["load"] = spent / site.seconds
    return Sample(site.seconds, result["cpu"], spent, extra=extra)


def _table(report: Report, variants: list[Variant]) -> None:
    head = ["load", "p50 ms", "p99 ms", "max ms", "worst ms", "server CPU s/s"]
    rows = []
    for variant in variants:
        name = f"**{variant.name}**"
        if not variant.samples:
            rows.append([name, variant.problem, *[""] * 4])
            continue
        row = [name]
        for key in ("p50", "p99", "max"):
            row.append(number(variant.median(lambda s, key=key: s.extra[key]), 1))  # type: ignore[misc]
        row.append(number(max(s.extra["max"] for s in variant.samples), 1))
        row.append(number(variant.median(lambda s: s.extra["load"]), 2))
        rows.append(row)
        for index, sample in enumerate(variant.samples, 1):
            report.lines.append({"variant": variant.name, "round": index, **sample.extra})
    report.table(head, rows, "HEAD of a random open upload every 20 ms")


def _restart(report: Report, site: Site, again: AbstractContextManager[Server]) -> None:
    """A second start in the same folder: how long it takes, and whether all are still there."""
    first, places = site.server, site.places
    progress("start with all of them there")
    with again as server:
        begin = time.monotonic()
        asked = random.Random(2).sample(places, min(200, len(places)))
        for place in asked:
            _head(server, place)
        first_answers = (time.monotonic() - begin) / len(asked)
    rows = [
        ["none", number(first.start, 2), number(first.start_cpu, 2), ""],
        [str(len(places)), number(server.start, 2), number(server.start_cpu, 2)],
    ]
    rows[1].append(number(first_answers * 1000, 1))
    report.table(["open uploads", "start s", "CPU s", "HEAD ms right after"], rows, "Start")
    report.lines.append({"start": server.start, "empty": first.start, "head": first_answers})


def _head(server: Server, place: str) -> None:
    """Raises OSError if an upload is not there."""
    headers = {**server.headers, "Tus-Resumable": "1.0.0"}
    url = f"{server.url.rstrip('/')}{place}"
    request = urllib.request.Request(url, headers=headers, method="HEAD")
    urllib.request.urlopen(request, timeout=60).close()
