"""Claim: the extension adds at most 150 ms to the start of the server and loads nothing heavy.

Real server starts with and without the extension, interleaved; then the same inside one process,
where the noise of a start does not hide it; then the modules that a server has loaded when it stops
after an upload, a fetch and a zip.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from . import processes, rivals
from .archive import check_zip
from .fetch import rest_job
from .harness import (
    MIB,
    BrokenError,
    MissingError,
    Sample,
    Variant,
    compare,
    interleave,
    random_file,
)
from .processes import Client
from .report import Goal, Report, number

LIMIT = 0.15
HEAVY = ("boto3", "botocore", "huggingface_hub", "git", "modelscope", "modelscope_hub", "pycurl")
FORBIDDEN = ("boto3", "huggingface_hub", "git")
METHOD = """From the start of the process to the first answer of `/api/status`, a fresh server each
time. *In process*: a server is made ready in one process, then importing and loading the extension
into it is timed; each time in a new process."""


def run(folder: Path, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    report = Report("startup", "Start of the server", METHOD, folder, rounds)
    variants = [
        Variant("jupyter server", 1, partial(_start, folder)),
        Variant("... with jupyter_transfer", 1, partial(_start, folder, "jupyter_transfer")),
        Variant("jupyter lab", 1, partial(_start, folder, "jupyterlab")),
        Variant(
            "... with jupyter_transfer",
            1,
            partial(_start, folder, "jupyterlab", "jupyter_transfer"),
        ),
    ]
    for variant in variants:
        variant.warm = variant.run  # byte code compiled, files in the page cache
    interleave(variants, rounds)
    _table(report, variants)
    _in_process(report, folder, rounds)
    _modules(report, folder)
    return report.publish()


def _start(folder: Path, *extensions: str) -> Sample:
    home = folder / "start"
    with processes.jupyter(home, *extensions) as server:
        return Sample(server.start, None, server.start_cpu)


def _table(report: Report, variants: list[Variant]) -> None:
    rows = []
    for without, with_ in (variants[:2], variants[2:]):
        pairs = list(zip(without.samples, with_.samples, strict=False))
        added = [b.seconds - a.seconds for a, b in pairs]
        spent = [(b.server_cpu or 0) - (a.server_cpu or 0) for a, b in pairs]
        rows.append(_row(without, [], []))
        rows.append(_row(with_, added, spent))
        name = without.name
        text = f"adds at most 150 ms to {name} (wall, median of {len(added)} pairs)"
        if not added:
            report.goals.append(Goal(text, without.problem or with_.problem, False))
            continue
        middle = statistics.median(added)
        report.goals.append(Goal(text, f"{middle * 1000:.0f} ms", middle <= LIMIT))
    for index, variant in enumerate(variants):
        name = variant.name if index % 2 == 0 else f"{variants[index - 1].name} {variant.name}"
        for number_, sample in enumerate(variant.samples, 1):
            cpu = sample.server_cpu
            line = {"variant": name, "round": number_, "seconds": sample.seconds, "cpu": cpu}
            report.lines.append(line)
    head = ["", "start s", "CPU s", "added wall ms (range)", "added CPU ms"]
    report.table(head, rows, "Real starts")


def _row(variant: Variant, added: list[float], spent: list[float]) -> list[str]:
    if not variant.samples:
        return [variant.name, variant.problem, "", "", ""]
    figure, cpu = "", ""
    if added:
        low, middle, high = min(added), statistics.median(added), max(added)
        figure = f"{middle * 1000:.0f} ({low * 1000:.0f} to {high * 1000:.0f})"
        cpu = f"{statistics.median(spent) * 1000:.0f}"
    start = variant.median(lambda s: s.seconds)
    total = variant.median(lambda s: s.server_cpu)
    return [variant.name, number(start, 2), number(total, 2), figure, cpu]


def _in_process(report: Report, folder: Path, rounds: int) -> None:
    """Import and load the extension into a server that is ready, in a new process each time."""
    found: list[dict[str, Any]] = []
    for index in range(rounds):
        home = folder / f"probe-{index}"
        home.mkdir()
        command, environment, _, _ = processes.jupyter_command(home, ())
        command = [sys.executable, "-m", "benchmarks.startup_probe", command[-1]]
        state = str(home / "state")
        command.append(f"--TransferApp.state_dir={state}")
        answer = subprocess.run(
            command, env=environment, cwd=home, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            problem = answer.stderr.strip().splitlines()[-1:] or ["no word"]
            report.body.append(f"In process: failed: {problem[0]}")
            return
        found.append(json.loads(answer.stdout.splitlines()[-1]))
        report.lines.append({"variant": "in process", "round": index + 1, **found[-1]})
    rows = []
    for key, name in (("import", "import"), ("load", "initialise and load"), ("sum", "together")):
        values = [one["import"] + one["load"] if key == "sum" else one[key] for one in found]
        rows.append([name, f"{statistics.median(values) * 1000:.0f}", f"{max(values) * 1000:.0f}"])
    spent = [one["cpu"] * 1000 for one in found]
    rows.append(["CPU of both", f"{statistics.median(spent):.0f}", f"{max(spent):.0f}"])
    rows.append(["modules that were not there before", str(found[0]["modules"]), ""])
    report.table(["", "median ms", "max ms"], rows, "In process")
    costly = [[f"`{name}`", f"{ms:.1f}"] for name, ms in found[0]["costly"]]
    title = "The costliest modules that it brings in (`-X importtime`, itself alone)"
    report.table(["module", "ms"], costly, title)


def _modules(report: Report, folder: Path) -> None:
    """What a server has loaded after an upload, a fetch and a zip."""
    names = folder / "modules.txt"
    text = f"{', '.join(FORBIDDEN)} not in sys.modules of the server after work of each kind"
    os.environ["BENCHMARK_MODULES"] = str(names)
    try:
        _work(folder)
    except MissingError as error:
        report.goals.append(Goal(text, str(error), None))
        return
    except (BrokenError, OSError, ValueError) as error:
        report.goals.append(Goal(text, f"failed: {error}", False))
        return
    finally:
        del os.environ["BENCHMARK_MODULES"]
    loaded = set(names.read_text().split())
    present = [name for name in HEAVY if name in loaded]
    figure = f"of {', '.join(HEAVY)} it has loaded: {', '.join(present) or 'none'}"
    report.goals.append(Goal(text, figure, not set(FORBIDDEN) & loaded))
    report.lines.append({"modules": len(loaded), "heavy": present})


def _work(folder: Path) -> None:
    source = random_file(folder / "source" / "small.bin", MIB)
    with ExitStack() as stack:
        server = stack.enter_context(processes.jupyter(folder / "work", "jupyter_transfer"))
        client = stack.enter_context(Client())
        client.run(
            op="tus",
            url=f"{server.url}jupyter-transfer/tus/",
            file=str(source),
            piece=MIB,
            headers=server.headers,
            metadata={"filename": "data/small.bin"},
        )
        target = folder / "small.zip"
        url = f"{server.url}jupyter-transfer/archive?path=data&format=zip"
        result = client.run(op="get", url=url, file=str(target), headers=server.headers)
        check_zip(target, result["head"], source.parent)
        web = stack.enter_context(rivals.nginx(folder / "nginx"))
        remote = random_file(web.root / "remote.bin", MIB)
        rest_job(server, f"{web.url}remote.bin", "fetched.bin")
        compare(server.root / "fetched.bin", remote)
