"""How everything here is measured.

The variants of a claim run in one session, interleaved: forwards, backwards, forwards ... (ABBA),
so that a machine that grows slower or faster hurts all alike. A ratio is taken within a round and
the median over the rounds is what counts. Beside the wall time stand the CPU seconds of both
sides: on a small machine a fast transfer that eats both cores is no gain. Dirty pages are written
back before each run, and what a run delivered is compared byte for byte after its clock has
stopped.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KIB, MIB, GIB = 2**10, 2**20, 2**30
_TICKS = os.sysconf("SC_CLK_TCK")


class MissingError(Exception):
    """A rival is not on this machine; its row says so."""


class BrokenError(Exception):
    """A transfer failed or delivered wrong bytes."""


@dataclass
class Sample:
    """One run. Times in seconds; `synced` is the wall time until the result was on the disk."""

    seconds: float
    client_cpu: float | None = None
    server_cpu: float | None = None
    synced: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Variant:
    """One way to do the job: `run` does it once, verifies it and cleans up behind itself."""

    name: str
    size: int
    run: Callable[[], Sample]
    ours: bool = False
    counts: bool = True
    """Whether a goal is judged by it; a row for information otherwise."""
    warm: Callable[[], object] | None = None
    samples: list[Sample] = field(default_factory=list)
    problem: str = ""

    def median(self, value: Callable[[Sample], float | None]) -> float | None:
        """The median of `value` over the runs, None where nothing was measured."""
        values = [v for v in map(value, self.samples) if v is not None]
        return statistics.median(values) if values else None

    @property
    def rate(self) -> float | None:
        """Bytes a second, by the median wall time."""
        seconds = self.median(lambda sample: sample.seconds)
        return self.size / seconds if seconds else None


def absent(name: str, why: str) -> Variant:
    """The row of a rival that cannot run here."""

    def run() -> Sample:
        raise MissingError(why)

    return Variant(name, 0, run)


def interleave(variants: list[Variant], rounds: int) -> None:
    """Run all `variants` `rounds` times in ABBA order, after one warm-up each."""
    for variant in variants:
        _attempt(variant, variant.warm, "warm-up")
    for number in range(rounds):
        order = variants if number % 2 == 0 else variants[::-1]
        for variant in order:
            sample = _attempt(variant, variant.run, f"round {number + 1}/{rounds}")
            if isinstance(sample, Sample):
                variant.samples.append(sample)
                progress(f"    {sample.seconds:.3f} s")


def _attempt(variant: Variant, call: Callable[[], object] | None, what: str) -> object:
    if call is None or variant.problem:
        return None
    progress(f"{what}: {variant.name}")
    os.sync()  # the dirty pages of the run before are not this one's cost
    try:
        return call()
    except MissingError as error:
        variant.problem = f"missing: {error}"
    except (BrokenError, OSError, ValueError) as error:
        variant.problem = f"failed: {brief(error)}"
        variant.samples.clear()
    progress(f"    {variant.problem}")
    return None


def brief(error: Exception) -> str:
    """What went wrong, on one short line that fits a table."""
    return " ".join(str(error).replace("|", "/").split())[:200]


def ratios(
    ours: Variant,
    rival: Variant,
    seconds: Callable[[Sample], float | None] = lambda sample: sample.seconds,
) -> list[float]:
    """How many times the rival's rate ours is, round by round; by wall time if not told else."""
    found = []
    for one, other in zip(ours.samples, rival.samples, strict=False):
        mine, theirs = seconds(one), seconds(other)
        if mine is not None and theirs is not None:
            found.append((ours.size / mine) / (rival.size / theirs))
    return found


def best(variants: Iterable[Variant]) -> Variant | None:
    """The fastest of those that ran and count."""
    ran = [v for v in variants if v.samples and v.counts]
    return max(ran, key=lambda v: v.rate or 0.0, default=None)


def progress(text: str) -> None:
    """A line on stderr; stdout carries only the tables."""
    print(text, file=sys.stderr, flush=True)


# What processes cost, from /proc


def _stat(pid: int) -> list[str]:
    # The command's name may hold blanks and brackets: fields count from behind the last bracket.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """`pid` and all processes below it."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                children.setdefault(int(_stat(int(name))[1]), []).append(int(name))
            except OSError:
                continue  # ended while we looked
    found = [pid]
    for one in found:
        found.extend(children.get(one, ()))
    return found


def tree_cpu(pid: int) -> float:
    """CPU seconds, user and system, of `pid` and all below it, the ended ones too."""
    ticks = 0
    for one in tree(pid):
        try:
            # utime, stime and the same of ended, waited-for children: proc_pid_stat(5)
            ticks += sum(map(int, _stat(one)[11:15]))
        except OSError:
            continue
    return ticks / _TICKS


def resident(pid: int) -> tuple[int, int]:
    """Resident bytes of `pid` now, and its peak since `reset_peak`."""
    values = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            values[name] = int(value.split()[0]) * KIB
    return values["VmRSS"], values["VmHWM"]


def reset_peak(pid: int) -> None:
    """Start the peak of `resident` anew: proc_pid_clear_refs(5)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def timed_fdatasync(path: Path) -> float:
    """Seconds until the content of `path` is on the disk."""
    started = time.monotonic()
    with path.open("rb") as file:
        os.fdatasync(file.fileno())
    return time.monotonic() - started


def run_command(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float]:
    """Wall and CPU seconds of a command. Raises `BrokenError` if it fails."""
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | (env or {}),
    )
    assert process.stderr is not None
    with process.stderr:
        complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = complaint.decode(errors="replace").strip()[-200:]
        raise BrokenError(f"{Path(command[0]).name} exit {process.returncode}: {text}")
    return seconds, usage.ru_utime + usage.ru_stime


# Data


def random_file(path: Path, size: int) -> Path:
    """A file that no compressor shrinks, in the page cache and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for start in range(0, size, 4 * MIB):
            file.write(os.urandom(min(4 * MIB, size - start)))
        file.flush()
        os.fsync(file.fileno())
    return path


def sparse_file(path: Path, size: int) -> Path:
    """A file of `size` zeros that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def compare(delivered: Path, source: Path, start: int = 0, size: int | None = None) -> None:
    """Compare every byte of `delivered` with `source`, or with `size` bytes of it from `start`.

    Raises `BrokenError`.
    """
    if not delivered.is_file():
        raise BrokenError(f"{delivered.name} was not delivered")
    left = source.stat().st_size - start if size is None else size
    if delivered.stat().st_size != left:
        raise BrokenError(f"{delivered.name} has {delivered.stat().st_size} bytes")
    with delivered.open("rb") as ours, source.open("rb") as theirs:
        theirs.seek(start)
        while left:
            piece = ours.read(min(4 * MIB, left))
            if not piece or piece != theirs.read(len(piece)):
                position = delivered.stat().st_size - left
                raise BrokenError(f"{delivered.name} differs at or after byte {position}")
            left -= len(piece)


def parse_size(text: str) -> int:
    """`1GiB`, `64MiB`, `4k` or a number as bytes, powers of 1024. Raises ValueError."""
    number = text.strip().lower().removesuffix("b").removesuffix("i")
    unit = {"k": KIB, "m": MIB, "g": GIB}.get(number[-1:], 1)
    return int(float(number.rstrip("kmg")) * unit)


def show_size(size: int) -> str:
    """`size` bytes in the largest binary unit that keeps it exact."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"
