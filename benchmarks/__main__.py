"""`python -m benchmarks CLAIM|all`; see README.md."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import (
    archive,
    cli,
    control,
    drop,
    fetch,
    files,
    hub,
    kills,
    latency,
    lfs,
    many,
    opened,
    planning,
    queue,
    remote,
    startup,
    upload,
)
from .harness import GIB, KIB, MIB, BrokenError, MissingError, parse_size, progress, show_size
from .report import fail


@dataclass(frozen=True)
class Claim:
    """One that can be run."""

    run: Callable[..., bool]
    """Called with the folder, the size if there is one, the rounds, and `seconds` if it has any."""
    size: int = 0
    """Bytes or, where `unit` says so, a number of things; 0: the claim has no size."""
    quick: int = 64 * MIB
    """The same for a short run."""
    room: float = 0
    """Bytes of disk space that it needs for each unit of its size."""
    unit: str = ""
    rounds: int = 5
    seconds: float = 0
    """Of load in a round."""


CLAIMS = {
    "startup": Claim(startup.run, rounds=7),
    "cli": Claim(cli.run, GIB, room=3),
    "fetch": Claim(fetch.run, GIB, room=3),
    "upload": Claim(upload.run, 2 * GIB, room=4),
    "files": Claim(files.run, 20_000, 400, 32 * KIB, unit="files"),
    "many": Claim(many.run, 5000, 200, 1 << 20, unit="files"),
    "remote": Claim(remote.run, GIB, room=5),
    "hub": Claim(hub.run, GIB, room=6),
    "lfs": Claim(lfs.run, 1000 * MIB, 80 * MIB, room=9),
    "control": Claim(control.run, 4 * GIB, GIB, room=1, seconds=10),
    "open": Claim(opened.run, 10_000, 1000, 128 * KIB, unit="uploads", seconds=20),
    "drop": Claim(drop.run, 100_000, 2000, 32 * KIB, unit="files"),
    "archive": Claim(archive.run, 2 * GIB, room=4),
    "queue": Claim(queue.run, 10_000, 200, 64 * KIB, unit="jobs"),
    "planning": Claim(planning.run, 1_000_000, 20_000, unit="keys"),
    "kills": Claim(kills.run, 10_000, 200, 64 * KIB, unit="jobs", rounds=1),
    "latency": Claim(latency.run, GIB, room=20, seconds=20),
}


def main() -> None:
    """Run the claims; the exit code is 1 when a goal was missed or a claim could not run."""
    options = _options()
    # A plain kill must remove the gigabytes and end the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    claims = tuple(CLAIMS) if options.claim == "all" else (options.claim,)
    good = True
    for claim in claims:
        try:
            good = _run(claim, options) and good
        except (BrokenError, MissingError) as error:
            print(f"## {claim}\n\n**not measured**: {error}\n", flush=True)
            good = False
    sys.exit(0 if good else 1)


def _run(name: str, options: argparse.Namespace) -> bool:
    claim = CLAIMS[name]
    size = options.size or (claim.quick if options.quick else claim.size)
    rounds = options.rounds or (1 if options.quick else claim.rounds)
    arguments = [size, rounds] if claim.size else [rounds]
    if claim.seconds:
        arguments.append(options.seconds or (3 if options.quick else claim.seconds))
    _check_room(name, claim.room * size, options.dir)
    amount = f"{size} {claim.unit}" if claim.unit else show_size(size)
    progress(f"== {name}: {amount}, {rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="jupyter-transfer-bench-", dir=options.dir) as folder:
        return claim.run(Path(folder).resolve(), *arguments)


def _check_room(claim: str, needed: float, folder: Path | None) -> None:
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
    parser.add_argument("--size", type=parse_size, help="bytes (1GiB) or a number, per claim")
    parser.add_argument("--rounds", type=int, help="default 5, startup 7, kills 1")
    parser.add_argument("--seconds", type=float, help="of a round of latency or open, default 20")
    parser.add_argument("--quick", action="store_true", help="small: whether everything works")
    parser.add_argument("--dir", type=Path, help="where the temporary gigabytes go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
