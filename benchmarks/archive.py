"""Claim: a zip of random data streams at least 5 times as fast as from jupyter-archive.

The selection is a folder of several files that no compressor shrinks; what arrives is unpacked and
compared with the originals after the clock has stopped.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from . import processes
from .harness import (
    MIB,
    BrokenError,
    Sample,
    Variant,
    absent,
    best,
    interleave,
    random_file,
    show_size,
)
from .processes import Client, Server
from .report import Report

FILES = 8
METHOD = """A folder of eight files of random bytes as one zip, to disk by splice(2): the client, a
process of its own, does not touch the bytes. jupyter-archive runs in a server of its own, once as
installed and once with its flush delay and buffers set for speed; it knows no way but to compress.
What arrived is unpacked by Python's zipfile, CRCs included, and compared byte for byte outside the
timed part."""

TUNED = {
    "JupyterArchive": {
        "archive_download_flush_delay": 5,
        "handler_max_buffer_length": 100000,
        "stream_max_buffer_size": 256 * MIB,
    }
}


@dataclass
class Site:
    """What all variants share."""

    client: Client
    folder: Path


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goal was met."""
    selections = {"data": size // FILES, "warm": MIB}
    # All servers offer the same files: hard links, so that the page cache holds them once.
    for name, each in selections.items():
        for number in range(FILES):
            random_file(folder / "source" / name / f"part-{number}.bin", each)
    with ExitStack() as stack:
        site = Site(stack.enter_context(Client()), folder)
        variants = _variants(stack, site, size)
        interleave(variants, rounds)
    ours = best(v for v in variants if v.ours)
    rival = best(v for v in variants if not v.ours)
    title = f"Zip download of {show_size(size)} of random data"
    report = Report("archive", title, METHOD, folder, rounds)
    report.transfers(variants, rival)
    report.at_least("at least 5 times jupyter-archive", ours, rival, 5)
    return report.publish()


def _variants(stack: ExitStack, site: Site, size: int) -> list[Variant]:
    def variant(name: str, one: Callable[[str], Sample], ours: bool = False) -> Variant:
        run, warm = partial(one, "data"), partial(one, "warm")
        return Variant(name, size // FILES * FILES, run, ours, warm=warm)

    def server(name: str, extension: str, traits: dict[str, Any] | None = None) -> Server:
        started = processes.jupyter(site.folder / name, extension, traits=traits)
        one = stack.enter_context(started)
        offer(site.folder / "source", one.root)
        return one

    ours = server("ours", "jupyter_transfer")
    found = [
        variant("ours, GET archive", partial(_get, site, ours), ours=True),
        variant("ours, POST archive", partial(_post, site, ours), ours=True),
    ]
    if importlib.util.find_spec("jupyter_archive") is None:
        return [*found, absent("jupyter-archive", "it is not installed")]
    plain = server("plain", "jupyter_archive")
    tuned = server("tuned", "jupyter_archive", TUNED)
    found.append(variant("jupyter-archive as installed", partial(_rival, site, plain)))
    found.append(variant("jupyter-archive tuned", partial(_rival, site, tuned)))
    return found


def offer(source: Path, root: Path) -> None:
    """Put all files of `source` below `root`, as hard links."""
    for path in source.rglob("*.bin"):
        target = root / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path)


def _get(site: Site, server: Server, selection: str) -> Sample:
    query = urlencode({"path": selection, "format": "zip"})
    return _download(site, server, selection, f"jupyter-transfer/archive?{query}")


def _post(site: Site, server: Server, selection: str) -> Sample:
    order = {"paths": [selection], "format": "zip"}
    made = server.ask("POST", "jupyter-transfer/archive", order)
    return _download(site, server, selection, str(made["url"]).lstrip("/"))


def _rival(site: Site, server: Server, selection: str) -> Sample:
    query = urlencode({"archiveToken": "benchmark", "archiveFormat": "zip"})
    return _download(site, server, selection, f"directories/{selection}?{query}")


def _download(site: Site, server: Server, selection: str, path: str) -> Sample:
    target = site.folder / "archive.zip"
    site.client.arm(op="get", url=server.url + path, file=str(target), headers=server.headers)
    before = server.cpu()
    try:
        result = site.client.go()
        spent = server.cpu() - before
        check_zip(target, result["head"], site.folder / "source" / selection)
    finally:
        target.unlink(missing_ok=True)
    return Sample(result["seconds"], result["cpu"], spent)


def check_zip(path: Path, head: str, source: Path) -> None:
    """Compare a received zip with the files of a folder. Raises `BrokenError`."""
    fields = {k.strip().lower(): v.strip() for k, _, v in _fields(head)}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        _join_chunks(path)
    elif int(fields.get("content-length", -1)) != path.stat().st_size:
        raise BrokenError(f"{path.stat().st_size} of {fields.get('content-length')} bytes arrived")
    expected = {file.name: file for file in source.iterdir()}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if sorted(Path(m.filename).name for m in members) != sorted(expected):
                raise BrokenError(f"the zip holds {len(members)} files")
            for member in members:
                _compare_member(archive, member, expected[Path(member.filename).name])
    except zipfile.BadZipFile as error:
        raise BrokenError(f"not a sound zip: {error}") from None


def _fields(head: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in head.split("\r\n")[1:] if line]


def _compare_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: Path) -> None:
    with archive.open(member) as ours, source.open("rb") as theirs:
        while piece := ours.read(MIB):
            if piece != theirs.read(len(piece)):
                raise BrokenError(f"{member.filename} differs")
        if theirs.read(1):
            raise BrokenError(f"{member.filename} is short")


def _join_chunks(path: Path) -> None:
    """Take the framing of a chunked body out (RFC 9112, section 7.1), in place."""
    with path.open("rb") as chunks, path.open("r+b") as joined:
        while size := int(chunks.readline().partition(b";")[0] or b"0", 16):
            while size:
                piece = chunks.read(min(size, 4 * MIB))
                if not piece:
                    raise BrokenError("the body ends in mid-chunk")
                joined.write(piece)
                size -= len(piece)
            chunks.readline()
        joined.truncate()
