"""Claim: a million keys of S3 are planned at 20,000 keys a second, in 200 MiB more memory.

The listings come from `listserver`, a real server on the loopback that makes them up as it goes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .fetch import Worker
from .harness import MIB, BrokenError, Sample, Variant, interleave, reset_peak, resident, tree_cpu
from .listserver import SIZE
from .processes import free_port, running, wait_for_port
from .report import REPOSITORY, Goal, Report, number
from .s3server import credentials

RATE = 20_000
MEMORY = 200 * MIB
WARM = 2000

METHOD = """Plans of jobs (`dry_run`) by `python -m jupyter_transfer.worker`, driven as the server
drives it, from the message to the answer. The server gives pages of 1,000 keys with ETag, size,
time and kind of checksum, as S3 does. Each run has a worker of its own that has planned
2,000 keys before; memory is its peak against what it held then. Of two buckets both are
listed, and the keys of one are counted."""


@dataclass(frozen=True)
class Job:
    """What is planned: of a bucket with the given number of keys."""

    kind: str
    source: str
    destination: str

    def ask(self, worker: Worker, keys: int, endpoint: str) -> dict[str, Any]:
        """The plan. Raises `BrokenError`."""
        options = {"endpoint": endpoint, "region": "us-east-1"}
        if self.destination.startswith("s3:"):
            options["dest_endpoint"] = endpoint + "/other"
        ends = (self.source.format(keys), self.destination.format(keys))
        answer = worker.plan(self.kind, *ends, options)
        if answer.get("error"):
            raise BrokenError(f"no plan: {answer['error']['message']}")
        plan: dict[str, Any] = answer["result"]["plan"]
        planned = plan["copy"] + plan["skip"]
        if planned != keys or plan["bytes"] != plan["copy"] * SIZE:
            raise BrokenError(f"{planned} keys of {keys} were planned")
        return plan


JOBS = {
    "a fetch": Job("fetch", "s3://keys-{}/set/", "new"),
    "a sync to an empty folder": Job("sync", "s3://keys-{}/set/", "new"),
    "a sync to an equal bucket": Job("sync", "s3://keys-{}/set/", "s3://keys-{}/set/"),
}


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure with `size` keys and publish; whether the goals were met."""
    report = Report("planning", f"Plans of {size} keys of S3", METHOD, folder, rounds)
    with ExitStack() as stack:
        port = free_port()
        log = folder / "listserver.log"
        command = [sys.executable, "-m", "benchmarks.listserver", str(port)]
        process = stack.enter_context(running(command, log, cwd=REPOSITORY))
        wait_for_port(port, process, log)
        measure = partial(_measure, folder, size, f"http://127.0.0.1:{port}", process.pid)
        variants = [
            Variant(name, size, _bound(measure, job), ours=True) for name, job in JOBS.items()
        ]
        interleave(variants, rounds)
    _publish(report, variants)
    return report.publish()


def _bound(measure: Callable[[Job], Sample], job: Job) -> Callable[[], Sample]:
    return lambda: measure(job)


def _measure(folder: Path, keys: int, endpoint: str, server: int, job: Job) -> Sample:
    worker = Worker(folder, env=credentials())
    try:
        job.ask(worker, WARM, endpoint)
        pid = worker.process.pid
        reset_peak(pid)
        before, _ = resident(pid)
        cpus = tree_cpu(pid), tree_cpu(server)
        started = time.monotonic()
        job.ask(worker, keys, endpoint)
        seconds = time.monotonic() - started
        grown = resident(pid)[1] - before
        cpu, theirs = tree_cpu(pid) - cpus[0], tree_cpu(server) - cpus[1]
        return Sample(seconds, cpu, theirs, extra={"grown": grown})
    finally:
        worker.close()


def _publish(report: Report, variants: list[Variant]) -> None:
    rows = []
    for variant in variants:
        report.lines += [
            {"variant": variant.name, "seconds": s.seconds, "cpu": s.client_cpu, **s.extra}
            for s in variant.samples
        ]
        grown = variant.median(lambda s: s.extra["grown"])
        seconds = variant.median(lambda s: s.seconds)
        cells = [variant.name, variant.problem or "", "", "", "", ""]
        if seconds is not None and grown is not None:
            worst = max(s.extra["grown"] for s in variant.samples)
            rate = variant.size / seconds
            cells = [
                f"**{variant.name}**",
                number(seconds, 2),
                f"{rate:,.0f}",
                number(variant.median(lambda s: s.client_cpu), 2),
                number(variant.median(lambda s: s.server_cpu), 2),
                number(worst / MIB, 0),
            ]
            report.goals += [
                Goal(f"{variant.name}: ≥ {RATE:,} keys a second", f"{rate:,.0f}", rate >= RATE),
                Goal(
                    f"{variant.name}: + ≤ 200 MiB",
                    f"{number(worst / MIB, 0)} MiB at most",
                    worst <= MEMORY,
                ),
            ]
        else:
            report.goals.append(Goal(variant.name, variant.problem or "did not run", False))
        rows.append(cells)
    head = ["the plan of", "wall s", "keys/s", "CPU s worker", "CPU s server", "+ MiB, at most"]
    report.table(head, rows)
