"""Claim: ten thousand queued jobs are listed in 100 ms, taken over in 2 s, and survive 20 kills.

The jobs fetch small files from a web server of this script's own. They are queued by POST, a first
part of the kills falls into that; then the server is killed at random moments while it runs them.
Each kill is SIGKILL to the server process; its workers end when their pipe closes.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .harness import BrokenError, progress
from .processes import Server, end, jupyter_command, wait_for
from .report import Goal, Report, number

KILLS = 20
EACH = 4096
"""Bytes in one file."""
PAGE = 1000
LOOKS = 20
FAR = "2099-01-01T00:00:00Z"
METHOD = f"""Real jobs by POST, files of {EACH} bytes from a web server in the measuring process.
Listing and take-over are measured while every job waits for a time far away; then all of them are
set off by `retry`, one request a job, in a queue that is running. Listed: `GET jobs` with its
default limit of {PAGE} rows. Taken over: from the first answer of a restarted server (`api/status`)
to a whole list. Lost: accepted with 201 and not in the list, or not done at the end. Run twice:
files sent again beyond what four workers may have had under way at each kill, a job that was done
and is not as it was, or a second file of one job."""


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
    started: list[float] = field(default_factory=list)
    """Seconds of each take-over."""

    def restart(self) -> None:
        """SIGKILL, and begin again; the time until the list is whole is kept."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def start(self) -> None:
        """Start the server and wait until its list is whole."""
        log = self.folder / "server.log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                env=self.environment, cwd=self.folder,
            )  # fmt: skip
        wait_for(self.server, "api/status", self.process, log)
        begin = time.monotonic()
        total = self.server.ask("GET", "jupyter-transfer/jobs?limit=1")["total"]
        self.started.append(time.monotonic() - begin)
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


class _Files(BaseHTTPRequestHandler):
    """Every path is a file of `EACH` bytes; `sent` counts the bytes of bodies."""

    protocol_version = "HTTP/1.1"
    sent = 0
    lock = threading.Lock()
    body = os.urandom(EACH)

    def do_GET(self) -> None:
        """The file, or the range that is asked for."""
        first, last = 0, EACH - 1
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            start, _, stop = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(last, int(stop or last))
        body = self.body[first : last + 1]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{EACH}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(body)
        if len(body) > 1:
            with self.lock:
                _Files.sent += len(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Web(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A worker that was killed is no news."""


@contextmanager
def _web() -> Iterator[str]:
    server = _Web(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure `size` jobs and publish; whether the goals were met."""
    report = Report("queue", f"A queue of {size} jobs", METHOD, folder, rounds)
    listed: list[float] = []
    taken: list[float] = []
    kills, problems, again = 0, [], 0.0
    for turn in range(rounds):
        progress(f"round {turn + 1}")
        _Files.sent = 0
        with _web() as web, _site(folder / str(turn)) as site:
            try:
                _fill(site, web, size, random.Random(turn))
                listed += [_listed(site) for _ in range(LOOKS)]
                taken += site.started[-3:]
                _set_off(site)
                kills += _kill_while_running(site, size, random.Random(turn))
                again = max(again, _Files.sent / EACH - size)
                _look_at_files(site, size)
            except BrokenError as error:
                problems.append(str(error))
    _publish(report, listed, taken)
    report.goals.append(
        Goal(
            f"none of {size} jobs lost, none run twice over {KILLS} kills a round",
            f"{kills} kills in {rounds} rounds; at most {again:.0f} files sent again in one; "
            + ("; ".join(problems) or "all there, each once"),
            not problems and again <= 4 * KILLS,
        )
    )
    return report.publish()


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    folder.mkdir(parents=True)
    command, environment, url, token = jupyter_command(folder, ("jupyter_transfer",))
    server = Server(0, url, folder / "root", token)
    site = Site(command, environment, folder, server, None)  # type: ignore[arg-type]
    try:
        site.start()
        yield site
    finally:
        end(site.process)


def _fill(site: Site, web: str, size: int, dice: random.Random) -> None:
    """Queue all jobs, for a time far away, through a quarter of the kills."""
    early = set(dice.sample(range(size), KILLS // 4))
    for index in range(size):
        body = {
            "source": f"{web}/{index}.bin",
            "destination": f"in/{index % 100}/",
            "options": {"start_at": FAR, "conflict": "rename"},
        }
        site.accepted.add(site.server.ask("POST", "jupyter-transfer/jobs", body)["id"])
        if index in early:
            site.restart()
    for _ in range(3):
        site.restart()  # with all of them there


def _listed(site: Site) -> float:
    begin = time.monotonic()
    site.server.ask("GET", "jupyter-transfer/jobs")
    return time.monotonic() - begin


def _set_off(site: Site) -> None:
    for id in site.accepted:
        site.server.ask("PATCH", f"jupyter-transfer/jobs/{id}", {"action": "retry"})


def _kill_while_running(site: Site, size: int, dice: random.Random) -> int:
    """Kill until all kills are spent, then wait for the end; how many there were."""
    left = KILLS - KILLS // 4
    limit = time.monotonic() + 120 + size
    while site.check() < size:
        if time.monotonic() > limit:
            raise BrokenError(f"{len(site.done)} of {size} jobs are done after {size + 120} s")
        time.sleep(dice.uniform(0.2, 2))
        if left:
            left -= 1
            site.restart()
    return KILLS - left


def _look_at_files(site: Site, size: int) -> None:
    files = [path for path in (site.server.root / "in").rglob("*") if path.suffix == ".bin"]
    wrong = [path for path in files if path.read_bytes() != _Files.body]
    if len(files) != size or wrong:
        raise BrokenError(f"{len(files)} files for {size} jobs, {len(wrong)} of them wrong")


def _publish(report: Report, listed: list[float], taken: list[float]) -> None:
    rows = []
    for name, values, goal in (("list", listed, 0.1), ("take over", taken, 2.0)):
        if not values:
            continue
        middle, worst = statistics.median(values), max(values)
        rows.append([name, str(len(values)), number(middle * 1000, 1), number(worst * 1000, 1)])
        report.lines.append({"measured": name, "seconds": values})
        figure = f"median {middle * 1000:.0f} ms, worst {worst * 1000:.0f} ms"
        report.goals.append(Goal(f"{name} in {goal * 1000:.0f} ms", figure, middle <= goal))
    report.table(["", "times", "median ms", "worst ms"], rows)
