"""Tables: Markdown for people, JSON lines for machines, and whether a goal was met.

Losing rows are printed like all others, and a goal that was missed says so.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from .harness import GIB, MIB, Variant, ratios, show_size

REPOSITORY = Path(__file__).resolve().parent.parent
ROUNDS = 5
"""Rounds that a figure worth quoting needs."""
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass
class Goal:
    """One figure that must be reached."""

    text: str
    figure: str
    met: bool | None
    """None when it could not be judged."""


@dataclass
class Report:
    """One claim: a heading, how it was measured, tables, goals."""

    name: str
    title: str
    method: str
    folder: Path
    rounds: int
    body: list[str] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def table(self, head: list[str], rows: list[list[str]], title: str = "") -> None:
        """Add a Markdown table; all columns but the first are aligned to the right."""
        text = [f"### {title}\n"] if title else []
        text.append("| " + " | ".join(head) + " |")
        text.append("|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
        text.extend("| " + " | ".join(row) + " |" for row in rows)
        self.body.append("\n".join(text))

    def transfers(
        self, variants: list[Variant], reference: Variant | None, title: str = ""
    ) -> None:
        """Add the table of transfers, with `reference` as the 1.00 of the ratios."""
        head = ["", "size", "wall s", "MiB/s", "wall + fdatasync s", "CPU s/GiB client"]
        head += ["CPU s/GiB server", "times the reference (range)"]
        rows = []
        for variant in variants:
            rows.append(_transfer_row(variant, reference))
            for number, sample in enumerate(variant.samples, 1):
                line = {"variant": variant.name, "size": variant.size, "round": number}
                self.lines.append({"group": title} | line | asdict(sample))
            if variant.problem:
                self.lines.append({"variant": variant.name, "problem": variant.problem})
        self.table(head, rows, title)
        if reference is not None:
            self.body.append(f"Reference: {reference.name}.")

    def at_least(self, text: str, ours: Variant | None, rival: Variant | None, goal: float) -> None:
        """Judge that ours is at least `goal` times as fast as the rival."""
        if ours is None or not ours.samples:
            self.goals.append(Goal(text, "ours did not run", False))
            return
        if rival is None or not rival.samples:
            self.goals.append(Goal(text, "no rival ran", None))
            return
        middle = statistics.median(ratios(ours, rival))
        figure = f"{middle:.2f} times ({ours.name} against {rival.name})"
        durable = ratios(ours, rival, lambda sample: sample.synced)
        if durable:
            figure += f"; {statistics.median(durable):.2f} times if both must be on the disk"
        self.goals.append(Goal(text, figure, middle >= goal))

    def publish(self) -> bool:
        """Print and store everything; whether no goal was missed."""
        smoke = self.rounds < ROUNDS
        lines = [f"## {self.title}", self.method]
        if smoke:
            lines.append(
                f"**Fewer than {ROUNDS} rounds: it works here, the figures prove nothing.**"
            )
        lines += [_machine(self.folder, self.rounds), *self.body]
        words = {True: "met", False: "**missed**", None: "**not judged**"}
        goals = [f"- {words[g.met]}: {g.text}: {g.figure}" for g in self.goals]
        text = "\n\n".join([*lines, "\n".join(goals)]) + "\n"
        print(text, flush=True)
        RESULTS.mkdir(exist_ok=True)
        name = f"{self.name}-smoke" if smoke else self.name
        (RESULTS / f"{name}.md").write_text(text)
        with (RESULTS / f"{name}.jsonl").open("w") as file:
            for line in [*self.lines, *({"goal": asdict(goal)} for goal in self.goals)]:
                print(json.dumps({"claim": self.name, **line}), file=file)
        return all(goal.met is not False for goal in self.goals)


def _transfer_row(variant: Variant, reference: Variant | None) -> list[str]:
    name = f"**{variant.name}**" if variant.ours else variant.name
    if not variant.samples:
        return [name, "", variant.problem or "did not run", "", "", "", "", ""]
    per_gib = GIB / variant.size
    client = variant.median(lambda s: s.client_cpu)
    server = variant.median(lambda s: s.server_cpu)
    ratio = ""
    if reference is not None and reference.samples:
        values = ratios(variant, reference)
        ratio = f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
    return [
        name,
        show_size(variant.size),
        number(variant.median(lambda s: s.seconds), 3),
        number((variant.rate or 0) / MIB, 0),
        number(variant.median(lambda s: s.synced), 3),
        number(None if client is None else client * per_gib, 2),
        number(None if server is None else server * per_gib, 2),
        ratio,
    ]


def number(value: float | None, digits: int) -> str:
    """`value` with `digits` decimals, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def _machine(folder: Path, rounds: int) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    load = os.getloadavg()[0]
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"Measured {when} on {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB memory, "
        f"{_file_system(folder)} file system, Linux {platform.release()}, load {load:.1f} at the "
        f"end; rounds: {rounds}, interleaved.\n"
        f"Versions: jupyter_transfer {_commit()}, {', '.join(_versions())}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    kind, longest = "unknown", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, name, *_ = line.split()
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(longest):
            kind, longest = name, mount
    return kind


def _commit() -> str:
    def git(*words: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    if shutil.which("git") is None:
        return "of this folder"
    changed = " + changes" if git("status", "--porcelain", "--", "jupyter_transfer") else ""
    return f"at {git('rev-parse', '--short', 'HEAD') or 'no commit'}{changed}"


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for name in ("jupyter_server", "tornado", "pycurl", "jupyter-archive"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {name}")
    flags = {"nginx": "-v", "curl": "-V", "wget": "-V", "aria2c": "-v"}
    for name, flag in (flags | {"rclone": "version", "s5cmd": "version"}).items():
        tool = find_beside(name)
        if tool is None:
            continue
        answer = subprocess.run([tool, flag], capture_output=True, text=True, check=False)
        first = (answer.stdout or answer.stderr).splitlines()[0]
        words = (word.lstrip("v") for word in first.replace("/", " ").split())
        word = next((word for word in words if word[:1].isdigit()), "?")
        found.append(f"{name} {word}")
    return found


def find_tool(name: str) -> str | None:
    """The program `name`; nginx lies in /usr/sbin, which not every PATH holds."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


def find_beside(name: str) -> str | None:
    """The program `name` that was installed beside this Python, else by `find_tool`: what a
    distribution has may be years old."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or find_tool(name)


def fail(text: str) -> None:
    """End with a sentence on stderr and exit code 2."""
    print(text, file=sys.stderr)
    raise SystemExit(2)
