"""Claim: ten thousand queued jobs are listed in 100 ms, and taken over in 2 s by the next server.

All of them may start, and none of those that do ends: their web server answers nothing. So every
restart finds the same queue.
"""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .harness import BrokenError, progress
from .processes import Server, end, jupyter_command, wait_for
from .report import Goal, Report, number

PAGE = 1000
LOOKS = 20
RESTARTS = 3
FAR = "2099-01-01T00:00:00Z"
METHOD = f"""Real jobs by POST in one server, which is then killed and started {RESTARTS} times a
round, and asked {LOOKS} times for each kind of list. Rows of a list: the default limit of {PAGE},
the last page, 50 rows, and those that changed since the last answer. Ready: from the start of the
process to a whole list and to the first job that runs; the start of the server itself, which is
the same without jobs, is in it. Taken over: the same from the server's first answer
(`api/status`) on."""

LISTS = {
    "list": "jupyter-transfer/jobs",
    "last page": "jupyter-transfer/jobs?offset={offset}",
    "50 rows": "jupyter-transfer/jobs?limit=50",
    "since": "jupyter-transfer/jobs?since={revision}",
}
EMPTY, RUNS = "ready, no jobs", "ready: first job runs"


@dataclass
class Site:
    """The server that is killed, what it was told, and what it sent for."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    server: Server
    process: subprocess.Popen[bytes]
    accepted: set[str] = field(default_factory=set)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: float = 0.0
    """Seconds from the start of the process to the first answer."""
    listed: float = 0.0
    """The same to the first whole list."""

    def restart(self) -> None:
        """SIGKILL, and begin again."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def start(self) -> None:
        """Start the server and wait until its list is whole."""
        log = self.folder / "server.log"
        begin = time.monotonic()
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                env=self.environment, cwd=self.folder,
            )  # fmt: skip
        wait_for(self.server, "api/status", self.process, log)
        self.answered = time.monotonic() - begin
        total = self.server.ask("GET", "jupyter-transfer/jobs?limit=1")["total"]
        self.listed = time.monotonic() - begin
        if total != len(self.accepted):
            raise BrokenError(f"{total} of {len(self.accepted)} jobs are in the list")

    def check(self) -> int:
        """Compare the list with what was accepted and was done before; how many are done."""
        jobs: dict[str, dict[str, Any]] = {}
        while len(jobs) < len(self.accepted):
            page = self.server.ask("GET", f"jupyter-transfer/jobs?offset={len(jobs)}")["jobs"]
            if not page:
                break
            jobs |= {job["id"]: job for job in page}
        if set(jobs) != self.accepted:
            raise BrokenError(f"{len(self.accepted - set(jobs))} jobs are lost")
        for id, job in jobs.items():
            if job["state"] not in ("queued", "running", "done"):
                raise BrokenError(f"a job is {job['state']}: {job['reason']}")
            if id in self.done and job != self.done[id]:
                raise BrokenError("a job that was done is not as it was")
            if job["state"] == "done":
                self.done[id] = job
        return len(self.done)


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A Jupyter server of its own in `folder`, which may be killed."""
    folder.mkdir(parents=True)
    command, environment, url, token = jupyter_command(folder, ("jupyter_transfer",))
    server = Server(0, url, folder / "root", token)
    place = Site(command, environment, folder, server, None)  # type: ignore[arg-type]
    try:
        place.start()
        yield place
    finally:
        end(place.process)


def fill(place: Site, web: str, size: int, options: dict[str, Any]) -> Iterator[int]:
    """Queue `size` jobs by POST; the number of each when it is accepted."""
    for index in range(size):
        body = {
            "source": f"{web}/{index}.bin",
            "destination": f"in/{index % 100}/",
            "options": {"conflict": "rename", **options},
        }
        place.accepted.add(place.server.ask("POST", "jupyter-transfer/jobs", body)["id"])
        yield index


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure with `size` jobs and publish; whether the goals were met."""
    report = Report("queue", f"A queue of {size} jobs", METHOD, folder, rounds)
    seconds: dict[str, list[float]] = {}
    with _silent() as web, site(folder / "site") as place:
        seconds[EMPTY] = [_restart(place)[0] for _ in range(RESTARTS)]
        progress("filling")
        for _ in fill(place, web, size, {}):
            pass
        for turn in range(rounds):
            progress(f"round {turn + 1}")
            for _ in range(RESTARTS):
                listed, running = _restart(place)
                begun = place.answered
                for name, value in (
                    ("ready: whole list", listed),
                    (RUNS, running),
                    ("taken over: whole list", listed - begun),
                    ("taken over: first job runs", running - begun),
                ):
                    seconds.setdefault(name, []).append(value)
            for name in list(LISTS) * LOOKS:
                seconds.setdefault(name, []).append(_look(place, name, size))
    _publish(report, seconds)
    return report.publish()


@contextmanager
def _silent() -> Iterator[str]:
    """A web server that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _restart(place: Site) -> tuple[float, float]:
    """Kill and start; seconds until the list is whole, and until a job runs, if there is any."""
    place.restart()
    begin = time.monotonic() - place.listed
    while place.accepted:
        if place.server.ask("GET", "jupyter-transfer/jobs?state=running&limit=1")["total"]:
            break
        if time.monotonic() - begin > 60:
            raise BrokenError("no job was started within 60 s")
        time.sleep(0.005)
    return place.listed, time.monotonic() - begin


def _look(place: Site, name: str, size: int) -> float:
    since = place.server.ask("GET", "jupyter-transfer/jobs?limit=1")["revision"]
    address = LISTS[name].format(offset=max(0, size - PAGE), revision=since)
    begin = time.monotonic()
    place.server.ask("GET", address)
    return time.monotonic() - begin


def _publish(report: Report, seconds: dict[str, list[float]]) -> None:
    rows = []
    for name, values in seconds.items():
        middle, worst = statistics.median(values), max(values)
        rows.append([name, str(len(values)), number(middle * 1000, 1), number(worst * 1000, 1)])
        report.lines.append({"measured": name, "seconds": values})
        figure = f"median {middle * 1000:.0f} ms, worst {worst * 1000:.0f} ms"
        if name in LISTS:
            report.goals.append(Goal(f"{name} in 100 ms", figure, middle <= 0.1))
        elif name.startswith("taken over"):
            report.goals.append(Goal(f"{name} in 2 s", figure, middle <= 2))
    more = statistics.median(seconds[RUNS]) - statistics.median(seconds[EMPTY])
    text = "the start takes at most 2 s more than without jobs"
    report.goals.append(Goal(text, f"{more * 1000:.0f} ms", more <= 2))
    report.table(["", "times", "median ms", "worst ms"], rows)
