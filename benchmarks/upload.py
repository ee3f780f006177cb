"""Claim: uploads of one file are faster than by the stock contents API, @tus/server, nginx.

One file of random bytes over the loopback. Ours acknowledges a byte only when it is on the disk;
the rivals acknowledge what is still in memory, so their time until the disk has it stands beside.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import lab, processes, rivals, ways
from .browser import Browser
from .harness import (
    MIB,
    BrokenError,
    MissingError,
    Sample,
    Variant,
    absent,
    best,
    interleave,
    random_file,
    show_size,
)
from .processes import Certificate, Client
from .report import Report
from .ways import WHOLE, Site

PIECE = 64 * MIB
"""Bytes in a PATCH request of a client that sends a file in pieces."""
STOCK_SIZE = 128 * MIB
"""The stock way is slow and its rate does not depend on the size."""
AT_ONCE = 8

METHOD = """Each way is measured twice. With *one raw client* for all: a process of its own that
sends the file by sendfile(2) over one connection, so that only the servers differ; over TLS by
sendall of 1 MiB. The stock contents API gets JupyterLab's base64 JSON PUTs of 1 MiB, once encoded
before the clock starts and once on the way, as each client of that API must. *Streamed* is ours
without splice(2), as TLS and what is odd go. *Segments* are three connections for one file, as our
panel has them; @tus/server's file store cannot join any. *8 at once* are eight files that are
together as large as the one, from eight threads of the client. And *in Chromium*, as a person gets
it: ours by the panel itself, from the drop of the file on a JupyterLab to the published file,
checksums included, and for information by a script in a page that sends as the panel does, without
checksums; JupyterLab's own upload loop (read, encode and PUT each MiB) and @tus/server by script in
a page, without what is around them. The rate of the stock ways is taken from a smaller file. *wall
+ fdatasync* is the time until the delivered file is on the disk: ours is there when the last answer
comes. nginx with a buffer of 1 MiB is for information. Every delivered file is compared byte for
byte outside the timed part."""


@dataclass
class Files:
    """What is uploaded: the file itself, a smaller one for the stock ways, one to warm up."""

    big: Path
    small: Path
    warm: Path

    def variant(self, name: str, one: Callable[[Path], Sample], *, small: bool = False) -> Variant:
        """A row: `one` uploads a file."""
        file = self.small if small else self.big
        size = file.stat().st_size
        ours = "ours" in name
        return Variant(name, size, partial(one, file), ours, warm=partial(one, self.warm))


@dataclass
class Rows:
    """The variants by what the goals compare."""

    ours: list[Variant] = field(default_factory=list)
    """As fast as our server can, one file at a time."""
    streamed: list[Variant] = field(default_factory=list)
    at_once: list[Variant] = field(default_factory=list)
    stock: list[Variant] = field(default_factory=list)
    node: list[Variant] = field(default_factory=list)
    nginx: list[Variant] = field(default_factory=list)
    """With its default buffers first."""
    dd: list[Variant] = field(default_factory=list)

    @property
    def all(self) -> list[Variant]:
        """In the order of the table."""
        own = [*self.ours, *self.streamed, *self.at_once]
        return [*own, *self.stock, *self.node, *self.nginx, *self.dd]


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    source = folder / "source"
    files = Files(
        random_file(source / "big.bin", size),
        random_file(source / "small.bin", min(size, STOCK_SIZE)),
        random_file(source / "warm.bin", 8 * MIB),
    )
    report = Report("upload", f"Upload of {show_size(size)}", METHOD, folder, rounds)
    with ExitStack() as stack:
        client, browser, lack = stack.enter_context(Client()), None, ""
        try:
            browser = stack.enter_context(Browser(folder))
        except (MissingError, BrokenError) as error:
            lack = str(error)
        raw, paged = _plain(stack, folder, files, client, browser)
        tls = _tls(stack, folder, files, client)
        interleave([*raw.all, *tls.all, *paged.all], rounds)
    report.body.append("One raw client:")
    report.transfers(raw.all, raw.stock[0])
    _judge(report, "raw client", raw)
    _judge_raw(report, raw)
    report.body.append("The same over TLS:")
    report.transfers(tls.all, best(tls.node))
    report.at_least("at least 1.3 times @tus/server, TLS", best(tls.ours), best(tls.node), 1.3)
    report.body.append(f"In Chromium: {lack}".rstrip())
    if paged.all:
        report.transfers(paged.all, paged.stock[0])
        _judge(report, "in Chromium", paged)
    return report.publish()


def _judge(report: Report, how: str, rows: Rows) -> None:
    for stock in rows.stock:
        for goal in (10, 20):
            text = f"at least {goal} times {stock.name}, {how}"
            report.at_least(text, best(rows.ours), stock, goal)
    for limit in (1.3, 3):
        text = f"at least {limit} times @tus/server, {how}"
        report.at_least(text, best(rows.ours), best(rows.node), limit)


def _judge_raw(report: Report, rows: Rows) -> None:
    ours = best(rows.ours)
    report.at_least("at least 1.5 times nginx with default buffers", ours, rows.nginx[0], 1.5)
    report.at_least("at least 0.7 times dd conv=fdatasync", ours, best(rows.dd), 0.7)
    text = "at least 1.3 times @tus/server, streamed"
    report.at_least(text, rows.streamed[0], best(rows.node), 1.3)
    text = f"{AT_ONCE} at once in sum no slower than 1"
    report.at_least(text, rows.at_once[0], best(rows.ours[:2]), 1)


def _plain(
    stack: ExitStack, folder: Path, files: Files, client: Client, browser: Browser | None
) -> tuple[Rows, Rows]:
    """The variants of the raw client and those in Chromium, their servers started."""
    raw, paged = Rows(), Rows()
    extended = processes.jupyter(folder / "ours", "jupyter_transfer")
    ours = Site(stack.enter_context(extended), client, browser)
    raw.ours = [
        files.variant("ours, one PATCH", partial(ways.ours, ours, WHOLE)),
        files.variant("ours, 64 MiB pieces", partial(ways.ours, ours, PIECE)),
        files.variant(f"ours, {ways.SEGMENTS} segments", partial(ways.ours_segments, ours)),
    ]
    at_once = partial(ways.ours_at_once, ours, AT_ONCE)
    raw.at_once = [files.variant(f"ours, {AT_ONCE} uploads at once", at_once)]
    traits = {"TransferApp": {"upload_fast_path": False}}
    streaming = processes.jupyter(folder / "streamed", "jupyter_transfer", traits=traits)
    streamed = Site(stack.enter_context(streaming), client)
    raw.streamed = [files.variant("ours, streamed", partial(ways.ours, streamed, WHOLE))]
    stock = Site(stack.enter_context(processes.jupyter(folder / "stock")), client, browser)
    encoding = "stock contents API, encoded on the way"
    raw.stock = [
        files.variant("stock contents API", partial(ways.stock, stock, False), small=True),
        files.variant(encoding, partial(ways.stock, stock, True), small=True),
    ]
    if browser is not None:
        paged.ours = _panel_rows(stack, folder / "lab", files, ours)
        loop = partial(ways.stock_paged, stock)
        paged.stock = [files.variant("JupyterLab's own loop", loop, small=True)]
    try:
        node = Site(stack.enter_context(rivals.tus_node(folder / "node")), client, browser)
        raw.node = _node_rows(files, node)
        if browser is not None:
            paged.node = [files.variant(raw.node[0].name, partial(ways.node_paged, node))]
    except (MissingError, BrokenError) as error:
        raw.node = [absent("@tus/server", str(error))]
    raw.nginx = [
        _nginx_row(stack, folder / "nginx-default", files, client, None),
        _nginx_row(stack, folder / "nginx", files, client, "1m"),
    ]
    if shutil.which("dd"):
        raw.dd = [files.variant("dd bs=1M conv=fdatasync", partial(ways.dd, folder / "dd.bin"))]
    return raw, paged


def _panel_rows(stack: ExitStack, folder: Path, files: Files, ours: Site) -> list[Variant]:
    """The panel itself, which the goals are judged by, and a script that does what it does."""
    name = "ours, dropped on JupyterLab"
    script = f"ours, by script, {ways.SEGMENTS} segments"
    rows = [files.variant(script, partial(ways.ours_paged, ours))]
    try:
        site = Site(stack.enter_context(lab.start(folder)), ours.client, ours.browser)
    except (MissingError, BrokenError) as error:
        return [absent(name, str(error)), *rows]
    rows[0].counts = False
    return [files.variant(name, partial(ways.ours_dropped, site)), *rows]


def _node_rows(files: Files, site: Site) -> list[Variant]:
    name = f"@tus/server {rivals.tus_node_version()}"
    if site.server.certificate is not None:
        name += " over TLS"
    return [
        files.variant(f"{name}, one PATCH", partial(ways.node, site, WHOLE)),
        files.variant(f"{name}, 64 MiB pieces", partial(ways.node, site, PIECE)),
    ]


def _nginx_row(
    stack: ExitStack, folder: Path, files: Files, client: Client, buffer: str | None
) -> Variant:
    name = f"nginx WebDAV PUT, {'default buffers' if buffer is None else 'buffer of 1 MiB'}"
    try:
        site = Site(stack.enter_context(rivals.nginx(folder, buffer)), client)
    except (MissingError, BrokenError) as error:
        return absent(name, str(error))
    return files.variant(name, partial(ways.nginx, site))


def _tls(stack: ExitStack, folder: Path, files: Files, client: Client) -> Rows:
    """The variants over TLS, with one certificate."""
    rows = Rows()
    certificate: Certificate | None = None
    try:
        certificate = rivals.self_signed(folder)
    except (MissingError, BrokenError) as error:
        return Rows(ours=[absent("ours over TLS", str(error))])
    extended = processes.jupyter(folder / "tls", "jupyter_transfer", certificate=certificate)
    ours = Site(stack.enter_context(extended), client)
    rows.ours = [files.variant("ours over TLS, one PATCH", partial(ways.ours, ours, WHOLE))]
    try:
        started = rivals.tus_node(folder / "node-tls", certificate)
        rows.node = _node_rows(files, Site(stack.enter_context(started), client))
    except (MissingError, BrokenError) as error:
        rows.node = [absent("@tus/server", str(error))]
    return rows
