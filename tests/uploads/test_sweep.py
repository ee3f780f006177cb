"""Death at every single step: the n-th call to the disk or the database is the last, for all n.

What SQLite does with malloc, done with the calls that change the disk. After each death a new
process (new objects, the same disk) takes over and the client goes on; whatever n was, there must
be exactly one whole file in the end and nothing beside it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.paths import Root
from jupyter_transfer.store import Store
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.manager import Uploads

from ..handlers.tus_client import metadata

DISK = (
    "fsync",
    "fdatasync",
    "write",
    "pwritev",
    "link",
    "unlink",
    "rename",
    "mkdir",
    "rmdir",
    "ftruncate",
    "copy_file_range",
    "utime",
    "chmod",
)
ROWS = ("upload_add", "upload_finish", "upload_remove", "assembly_finish", "upload_touch")
DATA = b"0123456789"


class KilledError(Exception):
    """The process is gone: its clean-up achieves nothing, since every further call fails too."""


class Reaper:
    """Lets `n` calls pass, then all fail; `late` kills after the last one instead of before."""

    def __init__(self, patch: pytest.MonkeyPatch, n: int, *, late: bool) -> None:
        self.left, self.late, self.dead = n, late, False
        for name in DISK:
            patch.setattr(os, name, self.wrap(getattr(os, name)))
        for name in ROWS:
            patch.setattr(Store, name, self.wrap(getattr(Store, name)))

    def wrap(self, call: Callable) -> Callable:
        def counted(*args, **kwargs):
            if self.dead or (self.left == 0 and not self.late):
                self.dead = True
                raise KilledError
            self.left -= 1
            result = call(*args, **kwargs)
            if self.left < 0:
                self.dead = True
                raise KilledError
            return result

        return counted


class Client:
    """Sends DATA in three pieces, the first with the creation; remembers what was acknowledged."""

    def __init__(self, conflict: str) -> None:
        self.header = metadata(filename="new/a", conflict=conflict)
        self.id: str | None = None
        self.acknowledged = 0
        self.path: str | None = None

    async def run(self, uploads: Uploads) -> None:
        if self.id is None:
            append = await uploads.create("me", len(DATA), self.header)
            append.feed(DATA[:3])
            self.note(await append.finish())
        else:
            self.note(await uploads.state("me", self.id))
        for end in (7, 10):
            if self.path is None and self.acknowledged < end:
                append = await uploads.append("me", self.id, self.acknowledged)
                append.feed(DATA[self.acknowledged : end])
                self.note(await append.finish())

    def note(self, state) -> None:
        assert state.offset >= self.acknowledged
        self.id, self.acknowledged = state.upload.id, state.offset
        self.path = state.upload.path


class ConcatClient(Client):
    """Sends DATA as two partial uploads, which it joins; as segments of one file, if it says so."""

    def __init__(self, conflict: str, *, assembly: bool) -> None:
        super().__init__(conflict)
        self.ids: list[str | None] = [None, None]
        self.offsets = [0, 0]
        self.assembly = assembly

    async def run(self, uploads: Uploads) -> None:
        for index, (start, end) in enumerate(((0, 6), (6, 10))):
            await self.send(uploads, index, DATA[start:end], start)
        state = await uploads.concatenate("me", self.ids, self.header, "final;…")
        assert state.offset == len(DATA)
        self.path = state.upload.path

    async def send(self, uploads: Uploads, index: int, data: bytes, start: int) -> None:
        id = self.ids[index]
        if id is None:
            append = await uploads.create("me", len(data), self.segment(start), concat="partial")
            append.feed(data[:2])
            state = await append.finish()
        else:
            state = await uploads.state("me", id)
        assert state.offset >= self.offsets[index]
        self.ids[index], self.offsets[index] = state.upload.id, state.offset
        if state.offset < len(data):
            append = await uploads.append("me", state.upload.id, state.offset)
            append.feed(data[state.offset :])
            self.offsets[index] = (await append.finish()).offset

    def segment(self, start: int) -> str:
        if not self.assembly:
            return ""
        place = metadata(assembly="a" * 32, start=str(start), size=str(len(DATA)))
        return f"{self.header},{place}"


class Process:
    """The life of one server: root, database and uploads over the disk that the last one left."""

    def __init__(self, folder: Path, state: Path, expiry: float = 1000.0) -> None:
        self.folder = str(folder)
        self.root, self.store = Root(str(folder)), Store(str(state))
        self.uploads = Uploads(self.root, self.store, UploadSettings(expiry=expiry))

    def __enter__(self) -> Uploads:
        return self.uploads

    def __exit__(self, *error: object) -> None:
        self.uploads._pool.shutdown()
        self.store.close()
        self.root.close()
        # The kernel closes what a dead process had open, and its locks go with that.
        for fd in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{fd}").startswith(self.folder):
                    os.close(int(fd))


CLIENTS = {
    "one": Client,
    "segments": partial(ConcatClient, assembly=True),
    "copied": partial(ConcatClient, assembly=False),
}


@pytest.mark.parametrize(
    ("conflict", "late", "kind"),
    [
        ("rename", False, "one"),
        ("rename", True, "one"),
        ("overwrite", False, "one"),
        ("fail", True, "one"),
        ("rename", False, "segments"),
        ("overwrite", True, "segments"),
        ("fail", True, "segments"),
        ("overwrite", False, "copied"),
    ],
)
async def test_death_at_every_step(tmp_path, monkeypatch, conflict, late, kind):
    for n in itertools.count():
        folder, state = tmp_path / f"root{n}", tmp_path / f"state{n}"
        folder.mkdir()
        if conflict != "fail":
            (folder / "new").mkdir()
            (folder / "new" / "a").write_bytes(b"old")
        client = CLIENTS[kind](conflict)
        with Process(folder, state) as uploads, monkeypatch.context() as patch:
            reaper = Reaper(patch, n, late=late)
            with suppress(KilledError, TransferError):
                await client.run(uploads)
        if not reaper.dead:
            break
        with Process(folder, state) as uploads:
            await client.run(uploads)
        assert client.path == ("new/a (1)" if conflict == "rename" else "new/a"), n
        assert (folder / client.path).read_bytes() == DATA, n
        # What nobody knows of, since its creation was never answered, goes with the expiry.
        with Process(folder, state) as uploads, monkeypatch.context() as patch:
            patch.setattr("time.time", lambda: 1e11)
            await uploads.expire()
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        old = ["new/a"] if conflict == "rename" else []
        assert names == sorted(["new", client.path, *old]), n
    assert n > 20
