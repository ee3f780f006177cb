"""Workers that are killed in the middle of a job, again and again."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jupyter_transfer.engine.spans import Spans

from ..servers.chaos import noise
from ..servers.toxics import ToxicProxy
from ..servers.worker import WorkerProcess, run_message

MIB = 1 << 20
AT_RISK = 16 * MIB
"""What one kill may cost."""

SIZES = [(96 * MIB, 6), pytest.param(1024 * MIB, 20, marks=pytest.mark.soak)]
"""Bytes of the file, and how often what moves it is killed."""


def large(size: int, seed: int) -> bytes:
    """`size` bytes, whole MiB, of which no two are alike: one in another's place is noticed."""
    data = bytearray(noise(min(size, 64 * MIB), seed) * -(-size // (64 * MIB)))[:size]
    for number in range(size // MIB):
        data[number * MIB : number * MIB + 8] = number.to_bytes(8, "big")
    return bytes(data)


def note_cost(
    record: Callable[[str, object], None],
    size: int,
    killed: int,
    again: int,
    each: Sequence[int] = (),
) -> None:
    """Put what the kills of a test have cost into its report, and check it; `each` is the cost of
    single kills, where that is known."""
    record("killed", killed)
    record("mib_again_a_kill", round(again / killed / MIB, 2))
    if each:
        record("mib_again_most", round(max(each) / MIB, 2))
    # What a protocol wraps around the bytes is a few per cent.
    assert again <= killed * AT_RISK + size // 20, f"{again / killed / MIB:.1f} MiB a kill"


def durable(root: Path) -> int:
    """Bytes that the only journal of a fetch below `root` lets the next process believe: those
    recorded, and those noted that are there. 0 where there is none."""
    spans = Spans()
    for path in root.rglob("*.journal"):
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line.partition(b" ")[2])
            except ValueError:
                break  # torn
            if "plan" in record:
                spans = Spans()
            for start, end in record.get("done", ()):
                spans.add(start, end)
            if "seen" in record and _holds(path.with_suffix(".part"), *record["seen"]):
                spans.add(*record["seen"][:2])
    return spans.total


def _holds(part: Path, start: int, end: int, crc: int) -> bool:
    if not part.exists():
        return False  # it has its name already: all of it is recorded
    with part.open("rb") as file:
        file.seek(start)
        return zlib.crc32(file.read(end - start)) == crc


class Killing:
    """Runs one job in worker after worker, each killed when so many bytes more have passed."""

    def __init__(self, work: Path, proxy: ToxicProxy, message: dict) -> None:
        self.work = work
        self.proxy = proxy
        self.message = message
        (work / "state").mkdir(exist_ok=True)
        self.runs: list[tuple[int, int]] = []
        """Of each run that was killed: bytes that passed, and how many were on the disk then."""

    def count(self) -> int:
        """Bytes that have passed in the direction of the file."""
        counts = self.proxy.counts
        return counts.passed if self.message["job"]["kind"] == "send" else counts.returned

    def run_and_kill(self, after: int) -> bool:
        """Whether it was killed before it ended; `after` so many bytes more have passed."""
        worker = WorkerProcess(self.work)
        start = self.count()
        try:
            worker.wait_for("ready")
            until = start + after
            worker.send(**self.message)
            while self.count() < until:
                if any(event and event["event"] == "end" for event in list(worker.events.queue)):
                    return False
                time.sleep(0.001)
            return True
        finally:
            worker.kill()
            time.sleep(0.05)  # what is on its way to the other end still counts
            self._note(start)

    def _note(self, start: int) -> None:
        self.runs.append((self.count() - start, durable(self.work / "root")))

    def costs(self) -> list[int]:
        """Bytes that each kill of a fetch has cost: what had passed and was not recorded as being
        on the disk."""
        before = [0, *(held for _, held in self.runs)]
        return [
            passed - (held - earlier)
            for (passed, held), earlier in zip(self.runs, before, strict=False)
        ]

    def finish(self) -> dict:
        worker = WorkerProcess(self.work)
        try:
            worker.wait_for("ready")
            worker.send(**self.message)
            end = worker.wait_for("end")
            self.rows = [message["file"] for message in worker.of("file")]
            return end
        finally:
            worker.kill()


def send_message(work: Path, destination: str, **options: object) -> dict:
    """The message that makes a worker send ``big.bin``."""
    (work / "root").mkdir(exist_ok=True)
    more = {"kind": "send", "options": options, "state_dir": str(work / "state")}
    return run_message(work / "root", "big.bin", destination, **more)


def fetch_message(work: Path, source: str, **options: object) -> dict:
    """The message that makes a worker fetch `source`."""
    (work / "root").mkdir(exist_ok=True)
    return run_message(work / "root", source, "", options=options, state_dir=str(work / "state"))
