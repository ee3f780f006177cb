"""Claim: `jupyter transfer` starts at once, costs nothing beside the engine, and shows what is so.

Help within 0.25 s, a file of 1 KiB within 0.8 s, both from the start of the process that a person
types; 1 GiB at most 5 % slower than the same engine driven by the server; what is shown is at most
0.5 s behind the bytes that have left the source.
"""

from __future__ import annotations

import bisect
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import processes, rivals
from .fetch import Worker, rest_job, worker
from .harness import (
    KIB,
    MIB,
    BrokenError,
    Sample,
    Variant,
    compare,
    interleave,
    random_file,
    ratios,
    show_size,
)
from .processes import Server
from .report import REPOSITORY, Goal, Report, find_beside, number

METHOD = """*Help* and *1 KiB* are timed from start to exit of the process, as a person types it
(`jupyter transfer`, which starts `jupyter-transfer`) and by `jupyter-transfer` itself. *1 GiB* from
nginx to the same file system: `get --local` from the first line of `--json` to the last, that is
without the start of Python, against a warm worker, the same engine as the server drives it; and
`get` on a server, whole, against a job by REST and the start of `jupyter-transfer --help`, which no
command can do without. Files are compared byte for byte. *Lag*: a source sends 16 MiB/s and notes
when each byte has left; at each moment until the last line, how long ago that had left which the
last line showed."""

HELP, SMALL, OVERHEAD, LAG = 0.25, 0.8, 1.05, 0.5
PACE, PIECE = 16 * MIB, 32 * KIB
"""Bytes a second of the source with notes, and bytes that it sends at a time."""


@dataclass
class Shell:
    """Where commands are typed: a home of its own, a folder, and the servers that are found."""

    home: Path
    folder: Path
    runtime: Path | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
        bin = str(Path(sys.executable).parent)
        return os.environ | {
            "HOME": str(self.home),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime or self.home / "runtime"),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PATH": os.pathsep.join([bin, os.environ["PATH"]]),
        }

    def run(self, *words: str) -> Sample:
        """A command, from its start to its end. Raises `BrokenError`."""
        before, begin = os.times(), time.monotonic()
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment(), capture_output=True, check=False
        )
        seconds, after = time.monotonic() - begin, os.times()
        if done.returncode:
            raise BrokenError(done.stderr.decode(errors="replace")[-300:])
        cpu = after.children_user + after.children_system
        return Sample(seconds, cpu - before.children_user - before.children_system)

    def lines(self, *words: str) -> Iterator[tuple[float, dict[str, Any]]]:
        """The JSON lines of a command, each with the time at which it came."""
        with subprocess.Popen(
            words, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield time.monotonic(), json.loads(line)
        if process.returncode:
            raise BrokenError(f"exit code {process.returncode}")


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    title = f"The command line, and {show_size(size)} by it"
    report = Report("cli", title, METHOD, folder, rounds)
    with ExitStack() as stack:
        web = stack.enter_context(rivals.nginx(folder / "nginx"))
        random_file(web.root / "big.bin", size)
        random_file(web.root / "small.bin", KIB)
        server = stack.enter_context(processes.jupyter(folder / "server", "jupyter_transfer"))
        alone = Shell(folder / "alone", folder / "alone" / "here")
        served = Shell(folder / "served", server.root, folder / "server" / "runtime")
        _starts(report, alone, web, rounds)
        warm = stack.enter_context(worker(alone.folder))
        _big(report, (alone, served), (server, warm), web, rounds)
        _lags(report, {"local": alone, "on a server": served}, rounds)
    return report.publish()


def _starts(report: Report, shell: Shell, web: Server, rounds: int) -> None:
    jupyter, own = find_beside("jupyter"), find_beside("jupyter-transfer")
    if jupyter is None or own is None:
        report.goals.append(Goal("start", "the commands are not installed", None))
        return

    def get(*program: str) -> Sample:
        try:
            return shell.run(*program, "get", f"{web.url}small.bin", "--local", "small.bin")
        finally:
            (shell.folder / "small.bin").unlink(missing_ok=True)
            for journal in (shell.home / "data").rglob("delivered/*"):
                journal.unlink()

    cases = {
        "`jupyter transfer --help`": (partial(shell.run, jupyter, "transfer", "--help"), HELP),
        "`jupyter-transfer --help`": (partial(shell.run, own, "--help"), None),
        "`jupyter transfer get`, 1 KiB": (partial(get, jupyter, "transfer"), SMALL),
        "`jupyter-transfer get`, 1 KiB": (partial(get, own), None),
    }
    variants = [Variant(name, 1, one, ours=True, warm=one) for name, (one, _) in cases.items()]
    interleave(variants, 2 * rounds)
    rows = []
    for variant in variants:
        seconds = [sample.seconds for sample in variant.samples]
        middle = statistics.median(seconds) if seconds else None
        worst = max(seconds, default=None)
        cpu = variant.median(lambda s: s.client_cpu)
        rows.append([variant.name, number(middle, 3), number(worst, 3), number(cpu, 3)])
        report.lines.append({"variant": variant.name, "seconds": seconds})
        goal = cases[variant.name][1]
        if goal is not None:
            met = middle is not None and middle <= goal
            figure = variant.problem or f"{number(middle, 3)} s"
            report.goals.append(Goal(f"{variant.name} within {goal} s", figure, met))
    report.table(["", "median s", "worst s", "CPU s"], rows, "From start to exit")


def _big(
    report: Report,
    shells: tuple[Shell, Shell],
    engines: tuple[Server, Worker],
    web: Server,
    rounds: int,
) -> None:
    (alone, served), (server, warm) = shells, engines
    source = web.root / "big.bin"
    own = find_beside("jupyter-transfer") or "jupyter-transfer"

    def checked(target: Path, fetch: Any) -> Sample:
        try:
            begin = time.monotonic()
            seconds = fetch()
            sample = Sample(seconds or time.monotonic() - begin)
            compare(target, source)
        finally:
            target.unlink(missing_ok=True)
        return sample

    def local() -> float:
        shown = list(alone.lines(own, "get", f"{web.url}big.bin", "cli.bin", "--local", "--json"))
        return shown[-1][0] - shown[0][0]

    def on_server() -> None:
        served.run(own, "get", f"{web.url}big.bin", "cli.bin", "--quiet")

    def rest() -> float:
        begin = time.monotonic()
        rest_job(server, f"{web.url}big.bin", "rest.bin")
        return time.monotonic() - begin + served.run(own, "--help").seconds

    def engine() -> None:
        warm.fetch(f"{web.url}big.bin", "worker.bin")

    cases = {
        "engine: a warm worker": (alone.folder / "worker.bin", engine),
        "`get --local`, without the start": (alone.folder / "cli.bin", local),
        "a job by REST, and a start": (served.folder / "rest.bin", rest),
        "`get` on the server": (served.folder / "cli.bin", on_server),
    }
    size = source.stat().st_size
    variants = []
    for name, (target, fetch) in cases.items():
        one = partial(checked, target, fetch)
        variants.append(Variant(name, size, one, ours=True, warm=one))
    interleave(variants, rounds)
    report.transfers(variants, None, show_size(size))
    for reference, ours in ((variants[0], variants[1]), (variants[2], variants[3])):
        text = f"{ours.name}: at most 5 % over {reference.name}"
        found = [1 / ratio for ratio in ratios(ours, reference)]
        if not found:
            report.goals.append(Goal(text, ours.problem or reference.problem, False))
            continue
        middle = statistics.median(found)
        figure = f"{(middle - 1) * 100:+.1f} % ({(min(found) - 1) * 100:+.1f} to "
        figure += f"{(max(found) - 1) * 100:+.1f})"
        report.goals.append(Goal(text, figure, middle <= OVERHEAD))


# ---- how far behind -----------------------------------------------------------------------------


@dataclass
class Notes:
    """When how many bytes had left."""

    times: list[float] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)

    def left_at(self, total: int) -> float:
        """When the byte number `total` left."""
        return self.times[min(bisect.bisect_left(self.totals, total), len(self.times) - 1)]


@contextmanager
def _paced(size: int) -> Iterator[tuple[str, Notes]]:
    """A source on loopback that sends `size` bytes, over one connection, at `PACE`."""
    notes, listener = Notes(), socket.create_server(("127.0.0.1", 0))
    # A short buffer, so that what has left is nearly what has arrived.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * PIECE)

    def serve(connection: socket.socket) -> None:
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                data = connection.recv(65536)
                if not data:
                    return
                request += data
            head = f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "e"\r\n'
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            if request.startswith(b"HEAD"):
                return
            notes.times.clear()  # of an earlier request, which was only a look
            notes.totals.clear()
            begin, sent = time.monotonic(), 0
            while sent < size:
                time.sleep(max(0.0, begin + sent / PACE - time.monotonic()))
                try:
                    connection.sendall(bytes(min(PIECE, size - sent)))
                except OSError:
                    return
                sent += PIECE
                notes.times.append(time.monotonic())
                notes.totals.append(min(sent, size))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/paced.bin", notes
    finally:
        listener.close()


def _lags(report: Report, shells: dict[str, Shell], rounds: int) -> None:
    rows = []
    for name, shell in shells.items():
        found = [_lag(shell, name == "local") for _ in range(rounds)]
        worst = [max(one) for one in found]
        middle = statistics.median(value for one in found for value in one)
        rows.append([name, number(middle, 2), number(max(worst), 2)])
        report.lines.append({"variant": f"lag, {name}", "worst": worst})
        text = f"what is shown is at most {LAG} s behind, {name}"
        report.goals.append(Goal(text, f"{max(worst):.2f} s at worst", max(worst) <= LAG))
    report.table(["", "median s", "worst s"], rows, "Lag of what is shown")


def _lag(shell: Shell, local: bool) -> list[float]:
    """For each line but the first with bytes: how old the line before had become by then."""
    own = find_beside("jupyter-transfer") or "jupyter-transfer"
    flags = ["--local"] if local else []
    try:
        with _paced(4 * PACE) as (url, notes):
            words = [own, "get", url, "paced.bin", "--json", *flags]
            shown = [(at, job["progress"]["bytes_done"]) for at, job in shell.lines(*words)]
    finally:
        (shell.folder / "paced.bin").unlink(missing_ok=True)
    moving = [(at, done) for at, done in shown if done]
    return [at - notes.left_at(done) for (_, done), (at, _) in pairwise(moving)]
