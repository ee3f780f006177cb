"""Claim: a fetch over HTTP is 1.3 times as fast as the best of curl, wget and aria2c, over HTTPS as
fast.

One file of random bytes from a real nginx on the loopback to the same file system. The rivals leave
the file in memory, ours ends when it is verified, published and on the disk; the goal is judged by
the rivals as they are, and their time with fdatasync stands beside.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import processes, rivals
from .harness import (
    MIB,
    BrokenError,
    Sample,
    Variant,
    absent,
    best,
    compare,
    interleave,
    random_file,
    run_command,
    show_size,
    timed_fdatasync,
    tree_cpu,
)
from .processes import Server
from .report import REPOSITORY, Report, find_tool

METHOD = """From nginx (sendfile) to the same file system. *Worker* is `python -m
jupyter_transfer.worker` driven as the server drives it, from the run message to its end; *warm* as
the server's pool keeps it, *cold* with the start of Python. *REST job* is POST jobs to a real
server until the job is done, asked every 10 ms. curl, wget and aria2c are timed from start to
exit. Client CPU is the fetching side's, server CPU nginx's. Every delivered file is compared byte
for byte outside the timed part. The goal is judged by the wall time of the rivals as they are,
though only ours has the file on the disk by then."""

RIVALS = {
    "curl": ["curl", "-sSf", "-o", "{target}", "{url}"],
    "wget": ["wget", "-q", "-O", "{target}", "{url}"],
    "aria2c -x4 -s4": [
        "aria2c",
        "-x4",
        "-s4",
        "-k1M",
        "--file-allocation=none",
        "--no-conf",
        "--quiet",
        "--dir={folder}",
        "--out={name}",
        "{url}",
    ],
}
RIVALS["aria2c -x4 -s4, falloc"] = [
    "--file-allocation=falloc" if word.startswith("--file-allocation") else word
    for word in RIVALS["aria2c -x4 -s4"]
]

TRUST = {
    "curl": "--cacert {file}",
    "wget": "--ca-certificate={file}",
    "aria2c": "--ca-certificate={file}",
}


class Worker:
    """A worker process, driven by JSON lines as the queue drives it."""

    def __init__(
        self, root: Path, env: dict[str, str] | None = None, ca_file: Path | None = None
    ) -> None:
        self.root = root
        self.ca_file = None if ca_file is None else str(ca_file)
        self.state_dir = root / ".state"
        python_path = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_transfer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, python_path))}
            | (env or {}),
        )

    def await_event(self, name: str) -> dict[str, Any]:
        """Read events until one called `name`. Raises `BrokenError` at the end of the stream."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event.get("event") == name:
                return event
        raise BrokenError("the worker ended")

    def fetch(self, url: str, destination: str, options: dict[str, Any] | None = None) -> None:
        """Fetch `url` to `destination`, a path below the root; see `run`."""
        self.run("fetch", url, destination, options)

    def run(
        self, kind: str, source: str, destination: str, options: dict[str, Any] | None = None
    ) -> None:
        """Run one job to its end. Raises `BrokenError` unless it is done."""
        self.start(kind, source, destination, options)
        end = self.await_event("end")
        if end["state"] != "done":
            raise BrokenError(f"the job is {end['state']}: {end.get('error')}")

    def plan(
        self, kind: str, source: str, destination: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        """The worker's answer about the plan of a job: its `result`, or an `error`."""
        self.start(kind, source, destination, options, op="plan")
        return self.await_event("plan")

    def start(
        self,
        kind: str,
        source: str,
        destination: str,
        options: dict[str, Any] | None = None,
        bandwidth: int | None = None,
        *,
        op: str = "run",
    ) -> None:
        """Have one job begin, or be planned; `bandwidth` in bytes a second."""
        job = {
            "id": secrets.token_hex(16),
            "kind": kind,
            "source": source,
            "destination": destination,
            "options": options or {},
            "bandwidth": bandwidth,
        }
        order = {
            "op": op,
            "job": job,
            "root": str(self.root),
            "allow_hidden": False,
            "policy": {"allow": ["127.0.0.0/8"], "deny": [], "local": False},
            "ca_file": self.ca_file,
            "delivered": [],
            "credential": None,
            "ambient": True,
            "state_dir": str(self.state_dir),
        }
        self.tell(order)

    def tell(self, order: dict[str, Any]) -> None:
        """Send one order. Raises `BrokenError`."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise BrokenError("the worker ended") from None

    def close(self) -> None:
        """Closing stdin ends a worker."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            processes.end(self.process)


@contextmanager
def worker(root: Path, ca_file: Path | None = None) -> Iterator[Worker]:
    """A worker below `root`, ended at the end."""
    one = Worker(root, ca_file=ca_file)
    try:
        yield one
    finally:
        one.close()


@dataclass
class Site:
    """What all variants share."""

    web: Server
    root: Path
    """Destination of all; the root of the server and the workers."""


Fetch = Callable[[str, Path], Sample]


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goal was met."""
    report = Report("fetch", f"Fetch of {show_size(size)} from nginx", METHOD, folder, rounds)
    with ExitStack() as stack:
        web = stack.enter_context(rivals.nginx(folder / "nginx"))
        certificate = rivals.self_signed(folder)
        secure = stack.enter_context(rivals.nginx(folder / "nginx-tls", certificate=certificate))
        for name, amount in (("big.bin", size), ("warm.bin", 8 * MIB)):
            os.link(random_file(web.root / name, amount), secure.root / name)
        groups = {"HTTP": _plain(stack, folder, web), "HTTPS": _secure(stack, folder, secure)}
        interleave([variant for group in groups.values() for variant in group], rounds)
    for title, goal in (("HTTP", 1.3), ("HTTPS", 1.0)):
        ours = next(v for v in groups[title] if v.name == "ours, warm worker")
        rival = best(v for v in groups[title] if not v.ours)
        report.transfers(groups[title], rival, title)
        text = f"{title}: at least {goal} times the best of curl, wget, aria2c"
        report.at_least(text, ours, rival, goal)
    return report.publish()


def _plain(stack: ExitStack, folder: Path, web: Server) -> list[Variant]:
    server = stack.enter_context(processes.jupyter(folder / "ours", "jupyter_transfer"))
    site = Site(web, server.root)
    warm = stack.enter_context(worker(server.root))
    return [
        _variant(site, "ours, warm worker", partial(_warm, warm), ours=True),
        _variant(site, "ours, cold worker", partial(_cold, server.root), ours=True),
        _variant(site, "ours, REST job", partial(_rest, server), ours=True),
        *_rivals(site),
    ]


def _secure(stack: ExitStack, folder: Path, web: Server) -> list[Variant]:
    assert web.certificate is not None
    root = folder / "ours-tls"
    root.mkdir()
    site = Site(web, root)
    warm = stack.enter_context(worker(root, web.certificate.file))
    return [_variant(site, "ours, warm worker", partial(_warm, warm), ours=True), *_rivals(site)]


def _variant(site: Site, name: str, fetch: Fetch, *, ours: bool = False) -> Variant:
    one = partial(_fetch, site, fetch)
    source, small = site.web.root / "big.bin", site.web.root / "warm.bin"
    return Variant(
        name, source.stat().st_size, partial(one, source), ours, warm=partial(one, small)
    )


def _rivals(site: Site) -> list[Variant]:
    found = []
    for name, command in RIVALS.items():
        if find_tool(command[0]) is None:
            found.append(absent(name, f"{command[0]} is not installed"))
            continue
        words = list(command)
        if site.web.certificate is not None:
            trust = TRUST[command[0]].format(file=site.web.certificate.file)
            words[1:1] = trust.split(" ", 1)
        found.append(_variant(site, name, partial(_rival, words)))
    return found


def _fetch(site: Site, fetch: Fetch, source: Path) -> Sample:
    """One fetch with nginx's CPU time, the time until the disk has it, and the comparison."""
    target = site.root / f"fetched-{source.name}"
    before = site.web.cpu()
    try:
        sample = fetch(site.web.url + source.name, target)
        sample.server_cpu = site.web.cpu() - before
        sample.synced = sample.seconds + timed_fdatasync(target)
        compare(target, source)
    finally:
        target.unlink(missing_ok=True)
    return sample


def _warm(one: Worker, url: str, target: Path) -> Sample:
    pid = one.process.pid
    cpu, begin = tree_cpu(pid), time.monotonic()
    one.fetch(url, target.name)
    seconds = time.monotonic() - begin
    return Sample(seconds, tree_cpu(pid) - cpu)


def _cold(root: Path, url: str, target: Path) -> Sample:
    begin = time.monotonic()
    with worker(root) as one:
        one.await_event("ready")
        one.fetch(url, target.name)
        return Sample(time.monotonic() - begin, tree_cpu(one.process.pid))


def _rest(server: Server, url: str, target: Path) -> Sample:
    cpu, begin = server.cpu(), time.monotonic()
    job = rest_job(server, url, target.name)
    seconds = time.monotonic() - begin
    sample = Sample(seconds, server.cpu() - cpu)
    server.ask("DELETE", f"jupyter-transfer/jobs/{job['id']}")
    return sample


def rest_job(server: Server, url: str, destination: str, every: float = 0.01) -> dict[str, Any]:
    """Have the server fetch `url`, ask for the job `every` seconds; the finished job.

    Raises `BrokenError` unless it is done.
    """
    order = {"source": url, "destination": destination}
    job: dict[str, Any] = server.ask("POST", "jupyter-transfer/jobs", order)
    while job["state"] in ("queued", "running"):
        time.sleep(every)
        job = server.ask("GET", f"jupyter-transfer/jobs/{job['id']}")
    if job["state"] != "done":
        raise BrokenError(f"the job is {job['state']}: {job['reason']}")
    return job


def _rival(command: list[str], url: str, target: Path) -> Sample:
    words = {"url": url, "target": target, "folder": target.parent, "name": target.name}
    seconds, cpu = run_command([word.format(**words) for word in command])
    return Sample(seconds, cpu)
