"""Claim: uploads are 10 times as fast as the stock contents API and 1.3 times @tus/server.

One file of random bytes over the loopback. Ours acknowledges a byte only when it is on the disk;
the rivals acknowledge what is still in memory, so their time until the disk has it stands beside.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from . import processes
from .harness import (
    MIB,
    BrokenError,
    MissingError,
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
)
from .processes import Client, Server
from .report import Report

PIECE = 64 * MIB
"""Bytes in a PATCH request, as a browser on a fast line sends them."""
STOCK_SIZE = 128 * MIB
"""The stock way is slow and its rate does not depend on the size."""

METHOD = """One client for all: a process of its own that sends the file by sendfile(2) over one
connection. *stock contents API* gets JupyterLab's base64 JSON PUTs of 1 MiB, encoded before the
clock starts; its rate is taken from a smaller file. *wall + fdatasync* is the time until the
delivered file is on the disk: ours is there when the last answer comes. nginx and dd are for
information. Every delivered file is compared byte for byte outside the timed part."""


@dataclass
class Site:
    """What all variants share."""

    client: Client
    folder: Path


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    source = random_file(folder / "source" / "big.bin", size)
    small = random_file(folder / "source" / "small.bin", min(size, STOCK_SIZE))
    warm = random_file(folder / "source" / "warm.bin", 8 * MIB)
    with ExitStack() as stack:
        site = Site(stack.enter_context(Client()), folder)
        variants = _variants(stack, site, source, small, warm)
        report = Report("upload", f"Upload of {show_size(size)}", METHOD, folder, rounds)
        interleave(variants, rounds)
    ours = best(v for v in variants if v.ours)
    stock = next(v for v in variants if v.name == "stock contents API")
    node = best(v for v in variants if v.name.startswith("@tus/server"))
    report.transfers(variants, stock)
    report.at_least("at least 10 times the stock contents API", ours, stock, 10)
    report.at_least("at least 1.3 times @tus/server", ours, node, 1.3)
    return report.publish()


def _variants(stack: ExitStack, site: Site, source: Path, small: Path, warm: Path) -> list[Variant]:
    def variant(
        name: str, one: Callable[[Path], Sample], file: Path = source, ours: bool = False
    ) -> Variant:
        size = file.stat().st_size
        return Variant(name, size, partial(one, file), ours, warm=partial(one, warm))

    def rival(name: str, one: Callable[[Path], Sample], counts: bool = True) -> Variant:
        made = variant(name, one)
        made.counts = counts
        return made

    ours = stack.enter_context(processes.jupyter(site.folder / "ours", "jupyter_transfer"))
    stock = stack.enter_context(processes.jupyter(site.folder / "stock"))
    whole = 2**62
    found = [
        variant("ours, tus, 64 MiB pieces", partial(_ours, site, ours, PIECE), ours=True),
        variant("ours, tus, one PATCH", partial(_ours, site, ours, whole), ours=True),
        variant("stock contents API", partial(_stock, site, stock), small),
    ]
    try:
        node = stack.enter_context(processes.tus_node(site.folder / "node"))
        version = processes.tus_node_version()
        name = f"@tus/server {version}"
        found.append(rival(f"{name}, 64 MiB pieces", partial(_node, site, node, PIECE)))
        found.append(rival(f"{name}, one PATCH", partial(_node, site, node, whole)))
    except (MissingError, BrokenError) as error:
        found.append(absent("@tus/server", str(error)))
    try:
        web = stack.enter_context(processes.nginx(site.folder / "nginx"))
        found.append(rival("nginx WebDAV PUT", partial(_nginx, site, web), counts=False))
    except (MissingError, BrokenError) as error:
        found.append(absent("nginx WebDAV PUT", str(error)))
    if shutil.which("dd"):
        found.append(rival("dd conv=fdatasync", partial(_dd, site), counts=False))
    return found


def _sample(
    site: Site, server: Server, source: Path, target: Callable[[dict[str, str]], Path]
) -> Sample:
    """Fire the armed client, then check and remove what was delivered."""
    before = server.cpu()
    result = site.client.go()
    spent = server.cpu() - before
    delivered = target(result)
    try:
        synced = result["seconds"] + timed_fdatasync(delivered)
        compare(delivered, source)
    finally:
        delivered.unlink(missing_ok=True)
    return Sample(result["seconds"], result["cpu"], spent, synced)


def _ours(site: Site, server: Server, piece: int, source: Path) -> Sample:
    site.client.arm(
        op="tus",
        url=f"{server.url}jupyter-transfer/tus/",
        file=str(source),
        piece=piece,
        headers=server.headers,
        metadata={"filename": source.name},
    )
    return _sample(
        site, server, source, lambda r: server.root / unquote(r["path"] or source.name).lstrip("/")
    )


def _stock(site: Site, server: Server, source: Path) -> Sample:
    url = f"{server.url}api/contents/{source.name}"
    site.client.arm(op="stock", url=url, file=str(source), headers=server.headers)
    return _sample(site, server, source, lambda _: server.root / source.name)


def _node(site: Site, server: Server, piece: int, source: Path) -> Sample:
    metadata = {"filename": source.name}
    url = f"{server.url}files"
    site.client.arm(op="tus", url=url, file=str(source), piece=piece, metadata=metadata)

    def target(result: dict[str, str]) -> Path:
        name = result["location"].rpartition("/")[2]
        with contextlib.suppress(FileNotFoundError):
            (server.root / f"{name}.json").unlink()
        return server.root / name

    return _sample(site, server, source, target)


def _nginx(site: Site, server: Server, source: Path) -> Sample:
    site.client.arm(op="put", url=f"{server.url}put/{source.name}", file=str(source))
    return _sample(site, server, source, lambda _: server.root / "put" / source.name)


def _dd(site: Site, source: Path) -> Sample:
    target = site.folder / "dd.bin"
    command = ["dd", f"if={source}", f"of={target}", "bs=4M", "conv=fdatasync", "status=none"]
    try:
        seconds, cpu = run_command(command)
        compare(target, source)
    finally:
        target.unlink(missing_ok=True)
    return Sample(seconds, cpu, None, seconds)
