"""Claim: a repository whose large files LFS keeps is cloned as fast as by git and git-lfs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from .fetch import Worker
from .harness import (
    MIB,
    MissingError,
    Sample,
    Variant,
    best,
    compare,
    interleave,
    random_file,
    run_command,
    tree_cpu,
)
from .processes import Server, end
from .report import REPOSITORY, Report, find_tool

FILES = 20

METHOD = """A repository with 20 files in LFS is cloned into a new folder on this disk. *Ours* is a
warm `python -m jupyter_transfer.worker`, driven as the server drives it, from the run message to
its end: cloned by git, the objects fetched and compared with their SHA-256, checked out and on the
disk. The rival is `git clone` without them, then `git lfs pull` (8 at a time), from start to exit.
The server is `git http-backend` with the store of the tests. Every file is compared byte for byte
outside the timed part."""


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goal was met."""
    if find_tool("git-lfs") is None:
        raise MissingError("git-lfs is not installed")
    title = f"{FILES} files of {size // FILES // MIB} MiB in LFS"
    report = Report("lfs", title, METHOD, folder, rounds)
    for name in ("home", "results"):
        (folder / name).mkdir()
    for number in range(FILES):
        random_file(folder / "source" / f"{number}.bin", size // FILES)
    home = {"HOME": str(folder / "home"), "GIT_CONFIG_NOSYSTEM": "1"}
    run_command(["git", "lfs", "install", "--skip-repo"], env=home)
    with ExitStack() as stack:
        server = stack.enter_context(_git_server(folder))
        worker = Worker(folder, env=home)
        stack.callback(worker.close)
        ours = _variant("ours", partial(_ours, worker), server, folder, size)
        rival = _variant("git clone, git lfs pull", partial(_theirs, home), server, folder, size)
        interleave([ours, rival], rounds)
    report.transfers([ours, rival], best([rival]))
    report.at_least("at least as fast", ours, best([rival]), 1.0)
    return report.publish()


def _ours(worker: Worker, url: str, target: Path) -> Sample:
    pid = worker.process.pid
    cpu, begin = tree_cpu(pid), time.monotonic()
    worker.fetch(f"git+{url}", f"results/{target.name}")
    return Sample(time.monotonic() - begin, tree_cpu(pid) - cpu)


def _theirs(home: dict[str, str], url: str, target: Path) -> Sample:
    script = 'GIT_LFS_SKIP_SMUDGE=1 git clone -q "$0" "$1" && cd "$1" && git lfs pull'
    return Sample(*run_command(["sh", "-c", script, url, str(target)], env=home))


def _variant(
    name: str, move: Callable[[str, Path], Sample], server: Server, folder: Path, size: int
) -> Variant:
    numbers = count()

    def one() -> Sample:
        target = folder / "results" / f"{name[:4]}-{next(numbers)}"
        before = server.cpu()
        try:
            sample = move(server.url.rstrip("/"), target)
            sample.server_cpu = server.cpu() - before
            begin = time.monotonic()
            os.sync()
            sample.synced = sample.seconds + time.monotonic() - begin
            for path in (folder / "source").iterdir():
                compare(target / path.name, path)
        finally:
            shutil.rmtree(target, ignore_errors=True)
        return sample

    return Variant(name, size, one, name == "ours", warm=one)


@contextmanager
def _git_server(folder: Path) -> Iterator[Server]:
    """The git server of the tests, in a process of its own, with what lies in ``source``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.lfs", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        assert process.stdout is not None
        yield Server(process.pid, json.loads(process.stdout.readline()) + "/", folder)
    finally:
        end(process)


def _serve(folder: Path) -> None:
    from tests.servers.git import running_git  # noqa: PLC0415 - in the child only

    (folder / "git").mkdir()
    with running_git(folder / "git") as server:
        repository = server.repository("models")
        repository.use_lfs("*.bin")
        for path in (folder / "source").iterdir():
            repository.commit({path.name: path.read_bytes()})
        print(json.dumps(repository.url), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
