"""`python -m benchmarks upload|fetch|archive|latency|startup|all`; see README.md."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import archive, fetch, latency, startup, upload
from .harness import GIB, MIB, BrokenError, parse_size, progress, show_size
from .report import fail

CLAIMS = ("startup", "fetch", "upload", "archive", "latency")
SIZES = {"upload": 2 * GIB, "fetch": GIB, "archive": 2 * GIB, "latency": GIB, "startup": 0}
ROOM = {"upload": 4, "fetch": 3, "archive": 4, "latency": 20, "startup": 0}
"""Disk space that a claim needs, as a multiple of its size."""
QUICK = 64 * MIB


def main() -> None:
    """Run the claims; the exit code is 1 when a goal was missed or a claim could not run."""
    options = _options()
    # A plain kill must remove the gigabytes and end the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    claims = CLAIMS if options.claim == "all" else (options.claim,)
    good = True
    for claim in claims:
        try:
            good = _run(claim, options) and good
        except BrokenError as error:
            print(f"## {claim}\n\n**not measured**: {error}\n", flush=True)
            good = False
    sys.exit(0 if good else 1)


def _run(claim: str, options: argparse.Namespace) -> bool:
    size = options.size or (QUICK if options.quick else SIZES[claim])
    rounds = options.rounds or (1 if options.quick else 7 if claim == "startup" else 5)
    seconds = options.seconds or (3 if options.quick else 20)
    _check_room(claim, size, options.dir)
    progress(f"== {claim}: {show_size(size)}, {rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="jupyter-transfer-bench-", dir=options.dir) as name:
        folder = Path(name).resolve()
        if claim == "upload":
            return upload.run(folder, size, rounds)
        if claim == "fetch":
            return fetch.run(folder, size, rounds)
        if claim == "archive":
            return archive.run(folder, size, rounds)
        if claim == "latency":
            return latency.run(folder, size, rounds, seconds)
        return startup.run(folder, rounds)


def _check_room(claim: str, size: int, folder: Path | None) -> None:
    needed = ROOM[claim] * size
    place = folder or Path(tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    if free < needed:
        fail(
            f"{claim} needs {needed / GIB:.0f} GiB and the folder for temporary files has "
            f"{free / GIB:.0f} GiB free. Name another with --dir, or give a smaller --size."
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("claim", nargs="?", default="all", choices=(*CLAIMS, "all"))
    parser.add_argument("--size", type=parse_size, help="bytes, such as 1GiB (per claim)")
    parser.add_argument("--rounds", type=int, help="default 5, startup 7")
    parser.add_argument("--seconds", type=float, help="of load in a round of latency, default 20")
    parser.add_argument("--quick", action="store_true", help="small: whether everything works")
    parser.add_argument("--dir", type=Path, help="where the temporary gigabytes go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
