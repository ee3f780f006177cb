"""Claim: a model comes from Hugging Face as fast as with the official client, and is verified.

One large file, from a hub beside and from one that is 30 ms away, and a repository of 2,000 small
files. The hub is the stand-in of the tests: nobody's line to the real one is the same twice.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from .fetch import Worker
from .harness import (
    KIB,
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
    tree_cpu,
)
from .hubserver import LARGE, HubServer, hub_server
from .processes import Server
from .report import Report, find_beside
from .rivals import delayed

ROUND_TRIP = 0.030
"""Seconds."""

SMALL_FILES, SMALL = 2000, 4 * KIB

METHOD = """A repository of a hub of Hugging Face comes into a new folder on this disk. *Ours* is a
warm `python -m jupyter_transfer.worker`, driven as the server drives it, from the run message to
its end: listed, fetched, each file compared with the SHA-256 or git's SHA-1 that the hub states,
named and on the disk. `hf download --local-dir` of huggingface_hub is timed from start to exit,
with its own settings (8 files at a time); it compares sizes and leaves the files in memory; its
start takes a third of a second of it. There is no Xet
here. Every file is compared byte for byte outside the timed part."""


@dataclass
class Site:
    """A repository as it is seen from somewhere.

    Parameters
    ----------
    hub, store: the two servers of `running`, at the addresses that are called.
    size: bytes of all files of `repo`.
    """

    running: HubServer
    hub: Server
    store: Server
    repo: str
    size: int


Move = Callable[[str, str, Path], Sample]
"""By the address of the hub, the name of the repository and the folder to bring it into."""


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    report = Report(
        "hub", f"{show_size(size)} and small files, Hugging Face", METHOD, folder, rounds
    )
    repos = folder / "repos"
    random_file(repos / LARGE / "model.safetensors", size)
    for number in range(SMALL_FILES):
        random_file(repos / "small" / f"d{number % 20}" / f"{number}.json", SMALL)
    with ExitStack() as stack:
        hub = stack.enter_context(hub_server(repos))
        away = stack.enter_context(delayed(hub.hub, ROUND_TRIP, folder / "hub.log"))
        store = stack.enter_context(delayed(hub.store, ROUND_TRIP, folder / "store.log"))
        worker = Worker(folder, env=_home(folder))
        stack.callback(worker.close)
        moves = _moves(folder, worker)
        small = SMALL_FILES * SMALL
        groups = {
            "beside": _group(Site(hub, hub.hub, hub.store, LARGE, size), folder, moves),
            "30 ms away": _group(Site(hub, away, store, LARGE, size), folder, moves),
            "2,000 files": _group(Site(hub, hub.hub, hub.store, "small", small), folder, moves),
        }
        interleave([variant for group in groups.values() for variant in group], rounds)
    for (title, group), goal in zip(groups.items(), (0.9, 1.0, 1.0), strict=True):
        ours, rival = group
        reference = best([rival])
        report.transfers(group, reference, title)
        report.at_least(f"{title}: at least {goal} times as fast", ours, reference, goal)
    return report.publish()


def _home(folder: Path) -> dict[str, str]:
    """The environment of somebody who has no login, and whose cache is empty."""
    return {"HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": ""}


def _moves(folder: Path, worker: Worker) -> dict[str, Move | None]:
    def ours(hub: str, repo: str, target: Path) -> Sample:
        pid = worker.process.pid
        cpu, begin = tree_cpu(pid), time.monotonic()
        where = f"results/{target.name}"
        worker.fetch(f"hf://owner/{repo}", where, {"endpoint": hub})
        return Sample(time.monotonic() - begin, tree_cpu(pid) - cpu)

    program = find_beside("hf")

    def theirs(hub: str, repo: str, target: Path) -> Sample:
        command = [str(program), "download", f"owner/{repo}", "--local-dir", str(target), "--quiet"]
        more = {"HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1"}
        return Sample(*run_command(command, env=_home(folder) | more))

    return {"ours": ours, "hf download": theirs if program else None}


def _group(site: Site, folder: Path, moves: dict[str, Move | None]) -> list[Variant]:
    numbers = count()

    def variant(name: str, move: Move) -> Variant:
        def one() -> Sample:
            target = folder / "results" / f"{name.split(maxsplit=1)[0]}-{site.repo}-{next(numbers)}"
            target.parent.mkdir(exist_ok=True)
            site.running.say_store_is(site.store.url)
            before = site.running.hub.cpu()
            try:
                sample = move(site.hub.url.rstrip("/"), site.repo, target)
                sample.server_cpu = site.running.hub.cpu() - before
                begin = time.monotonic()
                os.sync()
                sample.synced = sample.seconds + time.monotonic() - begin
                _compare(target, folder / "repos" / site.repo)
            finally:
                shutil.rmtree(target, ignore_errors=True)
            return sample

        return Variant(name, site.size, one, name == "ours", warm=one)

    return [
        absent(name, f"{name} is not installed") if move is None else variant(name, move)
        for name, move in moves.items()
    ]


def _compare(target: Path, source: Path) -> None:
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    for name in names:
        compare(target / name, source / name)
    found = [path for path in target.rglob("*") if path.is_file() and ".cache" not in path.parts]
    if len(found) != len(names):
        raise BrokenError(f"{len(found)} files came instead of {len(names)}")
