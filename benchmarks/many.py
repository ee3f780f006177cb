"""Claim: thousands of small files come and go as fast as with rclone and s5cmd, and are on the disk
when they came.

5,000 files of 20 KiB in 50 folders: from and to an S3 server (``rclone serve s3``) and, as a folder
that a web server lists, from nginx.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count as counter
from pathlib import Path
from typing import Any

from . import rivals
from .fetch import Worker
from .harness import (
    KIB,
    BrokenError,
    MissingError,
    Sample,
    Variant,
    absent,
    interleave,
    run_command,
    tree_cpu,
)
from .processes import Server
from .report import Report, find_beside
from .s3server import credentials, s3_server

SIZE = 20 * KIB
FOLDERS = 50
TRANSFERS = "16"

METHOD = """Files of 20 KiB of random bytes. *Ours* is a warm `python -m
jupyter_transfer.worker`, driven as the server drives it, from the run message to its end: listed,
fetched, verified where the source gives a digest (S3), named and on the disk. The rivals are timed
from start to exit and leave the files in memory; *synced* adds a sync(2) after them. rclone runs
with `--transfers 16`, s5cmd with its 256 workers. Each run goes into a folder of its own, and
nothing is removed before the end: ext4 is slow to give out the inodes of files that were removed a
moment ago. Every file is compared byte for byte outside the timed part. CPU seconds are per 1,000
files."""


@dataclass
class Site:
    """Where the files are, and the folder of all results."""

    server: Server
    source: Path
    results: Path
    numbers: Iterator[int]

    def fresh(self) -> Path:
        """The path of a new folder for one result."""
        self.results.mkdir(exist_ok=True)
        return self.results / str(next(self.numbers))


def run(folder: Path, count: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    source = _make(folder / "store" / "bucket" / "set", count)
    (folder / "store" / "sent").mkdir()
    report = Report("many", f"{count} files of 20 KiB", METHOD, folder, rounds)
    with ExitStack() as stack:
        numbers = counter()
        results = folder / "results"
        worker = Worker(folder, env=credentials())
        stack.callback(worker.close)
        web = stack.enter_context(rivals.nginx(folder / "nginx"))
        shutil.copytree(source, web.root / "set")
        near = Site(web, source, results, numbers)
        groups = [("HTTP", _http(near, worker))]
        try:
            store = stack.enter_context(s3_server(folder / "store"))
        except MissingError as error:
            groups.append(("S3", [absent("all", str(error))]))
        else:
            groups.append(("S3", _s3(Site(store, source, results, numbers), worker)))
            sent = folder / "store" / "sent"
            groups.append(("S3, sent", _s3_up(Site(store, source, sent, numbers), worker)))
        interleave([variant for _, group in groups for variant in group], rounds)
    for title, group in groups:
        _table(report, title, group)
    _judge(report, dict(groups))
    return report.publish()


def _make(source: Path, count: int) -> Path:
    for number in range(count):
        path = source / f"d{number % FOLDERS:02}" / f"f{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SIZE))
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return source


# ---- the ways -----------------------------------------------------------------------------------


def _http(site: Site, worker: Worker) -> list[Variant]:
    url = f"{site.server.url}set/"
    rclone = ["copy", "--config", os.devnull, "--transfers", TRANSFERS, "--http-url", url]
    return [
        _ours(site, worker, url, {}),
        _rival(site, "rclone", "rclone", [*rclone, ":http:", "{target}"]),
    ]


def _s3(site: Site, worker: Worker) -> list[Variant]:
    endpoint = site.server.url.rstrip("/")
    rclone = ["copy", "--config", os.devnull, "--transfers", TRANSFERS, "--s3-provider", "Rclone"]
    rclone += ["--s3-env-auth", "--s3-endpoint", endpoint]
    s5cmd = ["--endpoint-url", endpoint, "--log", "error", "cp", "s3://bucket/set/*", "{target}/"]
    return [
        _ours(site, worker, "s3://bucket/set/", {"endpoint": endpoint}),
        _rival(site, "rclone", "rclone", [*rclone, ":s3:bucket/set", "{target}"]),
        _rival(site, "s5cmd", "s5cmd", s5cmd),
    ]


def _s3_up(site: Site, worker: Worker) -> list[Variant]:
    endpoint = site.server.url.rstrip("/")
    rclone = ["copy", "--config", os.devnull, "--transfers", TRANSFERS, "--s3-provider", "Rclone"]
    rclone += ["--s3-env-auth", "--s3-endpoint", endpoint, "--s3-no-check-bucket"]
    s5cmd = ["--endpoint-url", endpoint, "--log", "error", "cp", f"{site.source}/"]

    def send(target: Path) -> Sample:
        pid = worker.process.pid
        source = str(site.source.relative_to(worker.root))
        cpu, begin = tree_cpu(pid), time.monotonic()
        worker.run("send", source, f"s3://sent/{target.name}/", {"endpoint": endpoint})
        seconds = time.monotonic() - begin
        return Sample(seconds, tree_cpu(pid) - cpu)

    return [
        _variant(site, "ours", send, ours=True),
        _rival(site, "rclone", "rclone", [*rclone, str(site.source), ":s3:sent/{target.name}"]),
        _rival(site, "s5cmd", "s5cmd", [*s5cmd, "s3://sent/{target.name}/"]),
    ]


def _ours(site: Site, worker: Worker, source: str, options: dict[str, Any]) -> Variant:
    def fetch(target: Path) -> Sample:
        target.mkdir()
        pid = worker.process.pid
        cpu, begin = tree_cpu(pid), time.monotonic()
        worker.fetch(source, str(target.relative_to(worker.root)), options)
        seconds = time.monotonic() - begin
        return Sample(seconds, tree_cpu(pid) - cpu, synced=seconds)

    return _variant(site, "ours", fetch, ours=True)


def _rival(site: Site, name: str, program: str, arguments: list[str]) -> Variant:
    tool = find_beside(program)
    if tool is None:
        return absent(name, f"{program} is not installed")

    def fetch(target: Path) -> Sample:
        words = [word.format(target=target) for word in arguments]
        seconds, cpu = run_command([tool, *words], env=credentials())
        begin = time.monotonic()
        os.sync()
        return Sample(seconds, cpu, synced=seconds + time.monotonic() - begin)

    return _variant(site, name, fetch)


def _variant(
    site: Site, name: str, fetch: Callable[[Path], Sample], *, ours: bool = False
) -> Variant:
    files = sorted(path.relative_to(site.source) for path in site.source.rglob("*.bin"))

    def one() -> Sample:
        target = site.fresh()
        before = site.server.cpu()
        sample = fetch(target)
        sample.server_cpu = site.server.cpu() - before
        _compare(target, site.source, files)
        return sample

    return Variant(name, len(files), one, ours, warm=partial(one))


def _compare(target: Path, source: Path, files: list[Path]) -> None:
    for name in files:
        with contextlib.suppress(FileNotFoundError):
            if (target / name).read_bytes() == (source / name).read_bytes():
                continue
        raise BrokenError(f"{name} was not delivered as it is")


# ---- the report ---------------------------------------------------------------------------------


def _table(report: Report, title: str, variants: list[Variant]) -> None:
    head = ["", "wall s", "files/s", "synced s", "client CPU s", "server CPU s"]
    rows = []
    for variant in variants:
        name = f"**{variant.name}**" if variant.ours else variant.name
        if not variant.samples:
            rows.append([name, variant.problem or "did not run", "", "", "", ""])
            continue
        thousands = variant.size / 1000
        values = [
            variant.median(lambda sample: sample.seconds),
            variant.rate,
            variant.median(lambda sample: sample.synced),
            (variant.median(lambda sample: sample.client_cpu) or 0) / thousands,
            (variant.median(lambda sample: sample.server_cpu) or 0) / thousands,
        ]
        digits = (2, 0, 2, 2, 2)
        cells = [f"{value or 0:.{d}f}" for value, d in zip(values, digits, strict=True)]
        rows.append([name, *cells])
        report.lines += [
            {"group": title, "variant": variant.name, "seconds": sample.seconds}
            for sample in variant.samples
        ]
    report.table(head, rows, title)


def _judge(report: Report, groups: dict[str, list[Variant]]) -> None:
    for title, goals in (
        ("HTTP", {"rclone": 1.2}),
        ("S3", {"rclone": 1.2, "s5cmd": 0.8}),
        ("S3, sent", {"rclone": 1.2, "s5cmd": 0.8}),
    ):
        variants = {variant.name: variant for variant in groups.get(title, ())}
        for rival, goal in goals.items():
            text = f"{title}: at least {goal} times {rival}"
            report.at_least(text, variants.get("ours"), variants.get(rival), goal)
