"""Claim: JupyterLab stays quick while a folder of 100,000 files goes up that was dropped on it.

A real JupyterLab with our extension in a real Chromium; the folder is let go of over its file
browser, and the page notes every long task of its main thread.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import lab
from .browser import Browser
from .harness import MIB, BrokenError, Sample, Variant, interleave
from .processes import HERE, Server
from .report import Goal, Report, number

SIZE = 100
PER_FOLDER = 200
NAME = "images"
TASK = 50
"""Milliseconds of the goal: what takes longer, a browser calls a long task."""
HEAP = 150 * 10**6
"""Bytes of the goal."""
PATIENCE = 120
"""Seconds without a further file after which it is given up."""
SAMPLE = 2000
"""Files whose content is compared; names and sizes are for all."""
METHOD = f"""A folder of files of {SIZE} random bytes, {PER_FOLDER} a folder, is dropped on the file
browser of a fresh page (Input.dispatchDragEvent: Chromium makes the entries itself), then the
Transfers panel is opened. *Read* is the last answer of a directory reader, *arrived* when the last
file stands in its place, looked at once a second; the page is watched for {lab.REST} s more. Long
tasks are those of PerformanceObserver, 50 ms and more. The heap is that of the page's scripts with
their buffers (Runtime.getHeapUsage, once a second, garbage included; *left* after a collection),
against before the drop. Names and sizes of all files are compared, and the content of {SAMPLE}."""


@dataclass
class Site:
    """A server with JupyterLab, and the browser."""

    server: Server
    browser: Browser
    source: Path

    @property
    def target(self) -> Path:
        """Where the folder arrives."""
        return self.server.root / NAME


@dataclass
class Arrivals:
    """Watches folders fill."""

    target: Path
    left: dict[str, int]
    """Folders that are not complete, and how many files each will have."""
    complete: int = 0
    """Files in those that are."""
    seen: int = 0

    def look(self) -> bool:
        """Strike off the folders that are complete; whether anything came since the last look."""
        under_way = 0
        for name, expected in list(self.left.items()):
            arrived = self._count(name)
            if arrived == expected:
                self.complete += self.left.pop(name)
            else:
                under_way += arrived
        before, self.seen = self.seen, self.complete + under_way
        return self.seen > before

    def _count(self, name: str) -> int:
        try:
            return sum(one.endswith(".bin") for one in os.listdir(self.target / name))
        except FileNotFoundError:
            return 0


def run(folder: Path, count: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    report = Report("drop", f"{count} files dropped on JupyterLab", METHOD, folder, rounds)
    source = _make(folder / "source" / NAME, count)
    with ExitStack() as stack:
        server = stack.enter_context(lab.start(folder / "ours"))
        site = Site(server, stack.enter_context(Browser(folder)), source)
        variant = Variant("ours", count, partial(_measure, site), True)
        interleave([variant], rounds)
    _table(report, variant)
    _judge(report, variant)
    return report.publish()


def _make(source: Path, count: int) -> Path:
    data = os.urandom(MIB)
    for index in range(count):
        path = source / f"{index // PER_FOLDER:04d}" / f"{index:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = index * 101 % (MIB - SIZE)
        path.write_bytes(index.to_bytes(8, "big") + data[start : start + SIZE - 8])
    os.sync()
    return source


def _measure(site: Site) -> Sample:
    browser, server = site.browser, site.server
    lab.visit(browser, server, (HERE / "drop.js").read_text())
    before = browser.heap(collected=True)
    cpu = server.cpu(), browser.cpu()
    browser.drop(lab.LISTING, [site.source])
    begin = time.monotonic()
    browser.click(lab.TAB)
    try:
        arrival, peak = _wait(site)
        time.sleep(lab.REST)
        peak = max(peak, browser.heap())
        spent = server.cpu() - cpu[0], browser.cpu() - cpu[1]
        _compare(site)
        seen = browser.evaluate("window.benchmark")
        kept = browser.heap(collected=True)
    finally:
        browser.visit("about:blank", "")
        shutil.rmtree(site.target, ignore_errors=True)
    extra = _tasks(seen) | {"peak": peak - before, "left": kept - before}
    return Sample(arrival - begin, spent[1], spent[0], extra=extra)


def _wait(site: Site) -> tuple[float, int]:
    """Wait until all files stand in their places: when that was, and the largest heap till then."""
    folders = {one.name: len(os.listdir(one)) for one in site.source.iterdir()}
    arrivals, peak, last = Arrivals(site.target, folders), 0, time.monotonic()
    while arrivals.left:
        time.sleep(1)
        peak = max(peak, site.browser.heap())
        if arrivals.look():
            last = time.monotonic()
        elif time.monotonic() > last + PATIENCE:
            raise BrokenError(f"no file came for {PATIENCE} s, {arrivals.seen} have arrived")
    return last, peak


def _tasks(seen: dict[str, Any]) -> dict[str, float]:
    """What the page noted, from the drop on; long tasks in milliseconds."""
    if not seen["read"] > seen["dropped"] > 0:
        raise BrokenError("the page did not note when the drop was read")
    tasks = [(start, ms) for start, ms in seen["tasks"] if start + ms > seen["dropped"]]
    later = [ms for start, ms in tasks if start >= seen["read"]]
    return {
        "read": (seen["read"] - seen["dropped"]) / 1000,
        "tasks": len(later),
        "longest": max(later, default=0.0),
        "longest_reading": max((ms for start, ms in tasks if start < seen["read"]), default=0.0),
    }


def _compare(site: Site) -> None:
    sources = sorted(site.source.rglob("*.bin"))
    for path in sources:
        delivered = site.target / path.relative_to(site.source)
        if not delivered.is_file() or delivered.stat().st_size != SIZE:
            raise BrokenError(f"{delivered.name} was not delivered as it is")
    for path in random.Random(3).sample(sources, min(SAMPLE, len(sources))):
        if path.read_bytes() != (site.target / path.relative_to(site.source)).read_bytes():
            raise BrokenError(f"{path.name} differs")


def _table(report: Report, variant: Variant) -> None:
    head = ["files", "read s", "arrived s", "files/s", "long tasks", "longest ms"]
    head += ["longest while reading ms", "heap + MB", "left + MB", "CPU s browser", "server"]
    rows = []
    for index, sample in enumerate(variant.samples, 1):
        extra = sample.extra
        rows.append(
            [
                str(variant.size),
                number(extra["read"], 2),
                number(sample.seconds, 1),
                number(variant.size / sample.seconds, 0),
                str(extra["tasks"]),
                number(extra["longest"], 0),
                number(extra["longest_reading"], 0),
                number(extra["peak"] / 10**6, 0),
                number(extra["left"] / 10**6, 0),
                number(sample.client_cpu, 1),
                number(sample.server_cpu, 1),
            ]
        )
        report.lines.append({"variant": variant.name, "round": index, **asdict(sample)})
    if variant.problem:
        rows.append([variant.problem, *[""] * (len(head) - 1)])
    report.table(head, rows, "Each round; long tasks after the drop was read unless said otherwise")


def _judge(report: Report, variant: Variant) -> None:
    worst = max((sample.extra["longest"] for sample in variant.samples), default=None)
    text = f"no task over {TASK} ms after the drop was read, in any round"
    figure = variant.problem or (f"{number(worst, 0)} ms" if worst else f"none over {TASK} ms")
    report.goals.append(Goal(text, figure, worst is not None and worst <= TASK))
    peak = max((sample.extra["peak"] for sample in variant.samples), default=None)
    text = f"heap of the page + at most {HEAP // 10**6} MB, in any round"
    figure = variant.problem or f"{number((peak or 0) / 10**6, 0)} MB"
    report.goals.append(Goal(text, figure, peak is not None and peak <= HEAP))
