"""Claim: a bandwidth limit is kept within 5 %, holds 2 s after it was changed, and pause and cancel
take a second at most.

Limits are watched at a worker that is driven as the server drives it, pause and cancel at a real
server by REST, each while a large file moves as fast as it can.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import processes, rivals
from .fetch import Worker
from .harness import MIB, BrokenError, progress, sparse_file
from .processes import Server
from .report import Goal, Report

RATES = (5 * MIB, 50 * MIB)
"""Bytes a second."""
CHANGE = (10 * MIB, 40 * MIB)
BEFORE, SETTLED, WATCHED = 2.0, 2.0, 5.0
"""Seconds before a limit is changed, that it may take to hold, and that are watched then."""
STOPS = 8
"""Pauses, and cancels, of each kind of job in a round."""
METHOD = f"""*Kept*: a file of just the bytes that the limit allows in `seconds`; how much longer or
shorter the job took, the worst of all rounds. *Changed*: how far from the new limit the rate is in
the {WATCHED:.0f} s that begin {SETTLED:.0f} s after the order. *Pause*, *cancel*:
from the request to the first answer with the new state, asked every 5 ms, at a random moment of a
job without a limit; a cancelled job has removed what it had by then."""


@dataclass
class Site:
    """nginx, which serves files and takes them, and both ways to move one there."""

    web: Server
    root: Path
    far: int

    def fetch(self, name: str) -> tuple[str, str, str]:
        """Kind, source and destination of a job."""
        return "fetch", f"{self.web.url}{name}", "fetched.bin"

    def send(self, name: str) -> tuple[str, str, str]:
        """See `fetch`."""
        return "send", name, f"{self.web.url}put/sent.bin"

    def clean(self) -> None:
        """Remove what was moved."""
        (self.root / "fetched.bin").unlink(missing_ok=True)
        (self.web.root / "put" / "sent.bin").unlink(missing_ok=True)

    def file(self, size: int) -> str:
        """A file of `size` zeros on both sides."""
        name = f"{size}.bin"
        for folder in (self.root, self.web.root):
            if not (folder / name).exists():
                sparse_file(folder / name, size)
        return name


@dataclass
class Found:
    """What was measured: how far rates were from the limit, and seconds until a stop."""

    kept: dict[str, list[float]] = field(default_factory=dict)
    changed: dict[str, list[float]] = field(default_factory=dict)
    stopped: dict[str, list[float]] = field(default_factory=dict)


def run(folder: Path, size: int, rounds: int, seconds: float) -> bool:
    """Measure and publish; whether the goals were met. `size` is what is stopped, in bytes."""
    report = Report("control", "Limits, pause and cancel", METHOD, folder, rounds)
    found = Found()
    with ExitStack() as stack:
        web = stack.enter_context(rivals.nginx(folder / "nginx"))
        server = stack.enter_context(processes.jupyter(folder / "ours", "jupyter_transfer"))
        site = Site(web, server.root, size)
        worker = Worker(server.root)
        stack.callback(worker.close)
        worker.run(*site.fetch(site.file(MIB)))  # modules are loaded now
        worker.run(*site.send(site.file(MIB)))
        site.clean()
        for turn in range(rounds):
            for job in (site.fetch, site.send):
                for rate in RATES:
                    kept = found.kept.setdefault(f"{job.__name__}, {rate // MIB} MiB/s", [])
                    kept.append(_keep(worker, site, job, rate, seconds))
                for old, new in (CHANGE, CHANGE[::-1]):
                    key = f"{job.__name__}, {old // MIB} to {new // MIB} MiB/s"
                    held = found.changed.setdefault(key, [])
                    held.append(_change(worker, site, job, old, new))
                _stop(server, site, job, random.Random(turn), found)
    _publish(report, found)
    return report.publish()


Job = Callable[[str], tuple[str, str, str]]


def _keep(worker: Worker, site: Site, job: Job, rate: int, seconds: float) -> float:
    name = site.file(int(rate * seconds))
    begin = time.monotonic()
    worker.start(*job(name), bandwidth=rate)
    end = worker.await_event("end")
    took = time.monotonic() - begin
    site.clean()
    if end["state"] != "done":
        raise BrokenError(f"the job is {end['state']}: {end.get('error')}")
    progress(f"{job.__name__}, {rate // MIB} MiB/s: {took / seconds - 1:+.2%}")
    return took / seconds - 1


def _change(worker: Worker, site: Site, job: Job, old: int, new: int) -> float:
    name = site.file(int(old * (BEFORE + SETTLED) + new * (SETTLED + WATCHED) * 1.2))
    worker.start(*job(name), bandwidth=old)
    _moved_after(worker, time.monotonic() + BEFORE)
    worker.tell({"op": "bandwidth", "value": new})
    start, before = _moved_after(worker, time.monotonic() + SETTLED)
    end, after = _moved_after(worker, start + WATCHED)
    worker.tell({"op": "cancel"})
    worker.await_event("end")
    site.clean()
    found = (after - before) / (end - start) / new - 1
    progress(f"{job.__name__}, {old // MIB} to {new // MIB} MiB/s: {found:+.2%}")
    return found


def _moved_after(worker: Worker, moment: float) -> tuple[float, int]:
    """Time and bytes of the first word of progress after `moment`."""
    while True:
        moved = worker.await_event("progress")["progress"]["bytes_moved"]
        now = time.monotonic()
        if now >= moment:
            return now, int(moved)


def _stop(server: Server, site: Site, job: Job, dice: random.Random, found: Found) -> None:
    name = site.file(site.far)
    for action, state in (("pause", "paused"), ("cancel", "cancelled")):
        times = found.stopped.setdefault(f"{action} of a {job.__name__}", [])
        for _ in range(STOPS):
            times.append(_one_stop(server, job(name), action, state, dice.uniform(0.1, 0.6)))
            site.clean()
        progress(f"{action} of a {job.__name__}: {max(times):.3f} s")


def _one_stop(
    server: Server, job: tuple[str, str, str], action: str, state: str, after: float
) -> float:
    kind, source, destination = job
    order = {"kind": kind, "source": source, "destination": destination}
    path = f"jupyter-transfer/jobs/{server.ask('POST', 'jupyter-transfer/jobs', order)['id']}"
    _await(server, path, lambda job: bool((job["progress"] or {}).get("bytes_done")))
    time.sleep(after)
    begin = time.monotonic()
    server.ask("PATCH", path, {"action": action})
    _await(server, path, lambda job: job["state"] == state)
    seconds = time.monotonic() - begin
    if action == "pause":
        server.ask("PATCH", path, {"action": "cancel"})
        _await(server, path, lambda job: job["state"] == "cancelled")
    server.ask("DELETE", path)
    return seconds


def _await(server: Server, path: str, good: Callable[[dict[str, Any]], bool]) -> None:
    limit = time.monotonic() + 60
    while True:
        job = server.ask("GET", path)
        if good(job):
            return
        if job["state"] in ("done", "failed") or time.monotonic() > limit:
            raise BrokenError(f"the job is {job['state']}: {json.dumps(job['reason'])}")
        time.sleep(0.005)


def _publish(report: Report, found: Found) -> None:
    rows = []
    for title, values, show in (
        ("kept", found.kept, lambda value: f"{value:+.2%}"),
        ("changed", found.changed, lambda value: f"{value:+.2%}"),
        ("stopped", found.stopped, lambda value: f"{value:.3f} s"),
    ):
        for name, each in values.items():
            worst = max(each, key=abs)
            rows.append([f"{title}: {name}", str(len(each)), show(statistics.median(each))])
            rows[-1].append(show(worst))
            report.lines.append({"measured": title, "job": name, "values": each})
    report.table(["", "times", "median", "worst"], rows)
    kept = max((abs(v) for each in found.kept.values() for v in each), default=1.0)
    changed = max((abs(v) for each in found.changed.values() for v in each), default=1.0)
    report.goals.append(Goal("limit within 5 %", f"{kept:.1%} at most", kept <= 0.05))
    report.goals.append(Goal("the new one after 2 s", f"{changed:.1%} at most", changed <= 0.05))
    for name, each in found.stopped.items():
        p95 = sorted(each)[max(0, -(-len(each) * 95 // 100) - 1)]
        report.goals.append(Goal(f"{name} within 1 s", f"p95 {p95:.3f} s", p95 <= 1))
