"""Claim: no queued job is lost or run twice, whatever kills of the server come in between.

The jobs fetch small files from a web server of this script's own. They are queued by POST, a first
part of the kills falls into that; then the server is killed at random moments while it runs them.
Each kill is SIGKILL to the server process; its workers end when their pipe closes.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .harness import BrokenError, progress
from .queue import FAR, Site, fill, site
from .report import Goal, Report

KILLS = 20
EACH = 4096
"""Bytes in one file."""
METHOD = f"""Real jobs by POST, files of {EACH} bytes from a web server in the measuring process.
They wait for a time far away; then all of them are set off by `retry`, one request a job, in a
queue that is running. Lost: accepted with 201 and not in the list, or not done at the end. Run
twice: files sent again beyond what four workers may have had under way at each kill, a job that
was done and is not as it was, or a second file of one job."""


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
    """Queue and kill `size` jobs a round, and publish; whether the goal was met."""
    report = Report("kills", f"{size} queued jobs through {KILLS} kills", METHOD, folder, rounds)
    kills, problems, again = 0, [], 0.0
    for turn in range(rounds):
        progress(f"round {turn + 1}")
        _Files.sent = 0
        with _web() as web, site(folder / str(turn)) as place:
            dice = random.Random(turn)
            early = set(dice.sample(range(size), KILLS // 4))
            try:
                for index in fill(place, web, size, {"start_at": FAR}):
                    if index in early:
                        place.restart()
                _set_off(place)
                kills += _kill_while_running(place, size, dice)
                again = max(again, _Files.sent / EACH - size)
                _look_at_files(place, size)
            except BrokenError as error:
                problems.append(str(error))
    report.goals.append(
        Goal(
            f"none of {size} jobs lost, none run twice over {KILLS} kills a round",
            f"{kills} kills in {rounds} rounds; at most {again:.0f} files sent again in one; "
            + ("; ".join(problems) or "all there, each once"),
            not problems and again <= 4 * KILLS,
        )
    )
    return report.publish()


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
