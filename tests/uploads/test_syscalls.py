"""Every system call by which an upload is finished: the server dies at it, or the disk fails in it.

What SQLite does with malloc, done with the calls of a real process: strace kills it, or lets the
call fail, at the n-th call, for all n. One thread does all the work here, so that "the n-th" is the
same call every time.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest

from ..servers.bare import BareServer
from ..servers.strace import require_strace, traced
from .resuming import ResumableUpload, ResumingUpload
from .test_kill_packs import KilledPack, content
from .test_kill_segments import Segments

WRITES = ("write", "pwrite64", "pwritev", "pwritev2", "splice")
SYNCS = ("fdatasync", "fsync", "syncfs")
NAMES = ("linkat", "renameat", "renameat2", "unlinkat", "mkdirat", "fchmodat", "utimensat")
CHANGES = (*WRITES, *SYNCS, *NAMES, "ftruncate", "fallocate")
LOOKS = ("openat", "openat2", "newfstatat", "read", "pread64", "lseek", "fcntl", "flock")

SIZE = 1_600_000
FIRST = 500_001


class Sweep:
    """Uploads of which the last request meets the n-th call of each kind, one after the other."""

    kind = ResumingUpload
    durability = "ack"
    proofs: frozenset[tuple[str, int]] = frozenset({("fdatasync", 1), ("fdatasync", 2)})
    """Which calls prove that bytes are on disk, and that the journal says so."""

    def __init__(self, server: BareServer, conflict: str) -> None:
        self.server, self.conflict = server, conflict
        self.chance = random.Random(1)
        server.start()

    def begun(self) -> Any:
        """An upload whose first bytes are acknowledged."""
        old = b"old" if self.conflict == "overwrite" else None
        if old:
            (self.server.root / "f").write_bytes(old)
        upload = self.kind(
            self.server, "f", self.chance.randbytes(SIZE), digest=True, conflict=self.conflict
        )
        upload.old = old
        assert upload.create()
        assert upload.send(0, FIRST).status == 204
        return upload

    def last(self, upload: Any) -> HTTPResponse | None:
        """The request by which the upload is finished."""
        return upload.send(FIRST, SIZE)

    def ended(self, upload: Any) -> None:
        """The upload goes on without faults; nothing but the file is left."""
        offset = upload.look()
        if offset is not None:
            assert upload.send(offset, SIZE).status < 300
        assert upload.final.read_bytes() == upload.data
        upload.final.unlink()

    def check_unproven(self, upload: Any) -> None:
        """No byte counts that the call was to prove. What the kernel could not write it takes for
        written: another call would succeed, and prove nothing (fsync(2), ERRORS)."""
        assert upload.look() == FIRST

    def restart(self) -> None:
        """A new process, which puts away what a former one has left."""
        self.server.kill()
        self.server.start()

    def points(self, names: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        """Name and number of every call that a request makes which meets no fault."""
        upload = self.begun()
        with traced(self.server.pid, "all") as trace:
            assert self.last(upload).status < 300
        self.ended(upload)
        for name, count in trace.calls(but=self.server.pid).items():
            if not names or name in names:
                yield from ((name, number) for number in range(1, count + 1))


class JoinSweep(Sweep):
    """The same with files that arrived in segments; the last request joins them."""

    proofs = frozenset()

    def begun(self) -> Segments:
        file = Segments(self.server, self.chance, self.server.root / "f")
        for id in file.ids:
            file.fill(id)
        return file

    def last(self, upload: Segments) -> HTTPResponse | None:
        return upload.join(kill=False)

    def ended(self, upload: Segments) -> None:
        assert upload.join(kill=False).status == 201
        assert upload.final.read_bytes() == upload.data
        upload.final.unlink()


class RelaxedSweep(Sweep):
    """The same where bytes are acknowledged before they are on disk, all proven at the end."""

    durability = "publish"
    proofs = frozenset({("fdatasync", 1)})

    def __init__(self, server: BareServer, mode: str) -> None:
        super().__init__(server, "fail")

    def check_unproven(self, upload: Any) -> None:
        upload.acknowledged = 0
        assert upload.look() == 0


class RelaxedJoinSweep(JoinSweep):
    """Segments in the same mode."""

    durability = "publish"
    proofs = frozenset({("fdatasync", 2)})  # the first one is of the seal

    def check_unproven(self, upload: Segments) -> None:
        upload.forget_acknowledged()
        assert [upload.offset(id) for id in upload.ids] == [0, 0, 0]
        for id in upload.ids:
            upload.fill(id)


class ResumableSweep(Sweep):
    """The same by the IETF's protocol, where the client says that the file is complete."""

    kind = ResumableUpload

    def __init__(self, server: BareServer, protocol: str) -> None:
        super().__init__(server, "rename")


class SmallPack(KilledPack):
    """A pack of few files, of which the first half is sent and published."""

    def sizes(self) -> list[int]:
        return [4000, 0, 600, 100_000]

    @property
    def half(self) -> int:
        return self.data.index(b"d2/f2")


class PackSweep(Sweep):
    """The same with packs; the last request brings and publishes a group of files."""

    proofs = frozenset()

    def begun(self) -> SmallPack:
        pack = SmallPack(self.server, self.chance, "p", 0)
        if self.conflict == "pack over old files":
            pack.conflict, pack.old = "overwrite", dict.fromkeys(pack.files, b"old")
            for name, data in pack.old.items():
                path = self.server.root / "p" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        pack.id = pack.create()
        assert pack.send(pack.id, 0, pack.half).status == 204
        assert pack.done == 2
        return pack

    def last(self, upload: SmallPack) -> HTTPResponse | None:
        return upload.send(upload.id, upload.half, len(upload.data))

    def ended(self, upload: SmallPack) -> None:
        offset = upload.look(upload.id)
        if offset is not None:
            assert upload.send(upload.id, offset, len(upload.data)).status == 204
            assert upload.look(upload.id) is None
        assert content(self.server.root / "p") == upload.files
        shutil.rmtree(self.server.root / "p")


class RelaxedPackSweep(PackSweep):
    """Packs in the mode where the syncfs of a group is the only proof of the stream's bytes."""

    durability = "publish"
    proofs = frozenset({("syncfs", 1)})

    def check_unproven(self, upload: SmallPack) -> None:
        assert upload.look(upload.id) == upload.half  # the group before has proven that


KINDS = {
    "join": JoinSweep,
    "resumable": ResumableSweep,
    "relaxed": RelaxedSweep,
    "relaxed join": RelaxedJoinSweep,
    "pack": PackSweep,
    "pack over old files": PackSweep,
    "relaxed pack": RelaxedPackSweep,
}


@pytest.fixture
def sweep(bare_server, way, conflict):
    require_strace()
    kind = KINDS.get(conflict, Sweep)
    return kind(bare_server(threads=1, way=way, durability=kind.durability), conflict)


VARIANTS = pytest.mark.parametrize(
    ("way", "conflict"),
    [
        ("direct", "fail"),
        ("direct", "overwrite"),
        ("direct", "join"),
        ("splice", "fail"),
        ("streamed", "fail"),
        ("streamed", "overwrite"),
        ("direct", "pack"),
        ("streamed", "resumable"),
        pytest.param("direct", "relaxed", marks=pytest.mark.soak),
        pytest.param("direct", "relaxed join", marks=pytest.mark.soak),
        pytest.param("direct", "relaxed pack", marks=pytest.mark.soak),
        pytest.param("splice", "resumable", marks=pytest.mark.soak),
        pytest.param("streamed", "pack over old files", marks=pytest.mark.soak),
    ],
)


def killed_at(sweep: Sweep, names: tuple[str, ...]) -> int:
    """Kill the server at each of the calls; how often that was."""
    kills = 0
    for name, number in sweep.points(names):
        upload = sweep.begun()
        with traced(sweep.server.pid, name, f"signal=KILL:when={number}"):
            response = sweep.last(upload)
        if response is None:
            kills += 1
            sweep.restart()
        else:  # the way was another one this time
            assert response.status < 300, (name, number)
        sweep.ended(upload)
        sweep.restart()
        assert list(sweep.server.root.iterdir()) == [], (name, number)
    return kills


@VARIANTS
def test_death_at_every_change_of_the_disk(sweep):
    assert killed_at(sweep, CHANGES) >= 15


@pytest.mark.soak
@VARIANTS
def test_death_at_every_call(sweep):
    assert killed_at(sweep, ()) >= 50


def failed_at(sweep: Sweep, fault: str, code: str) -> None:
    """Let each of the calls fail once."""
    met = set()
    for name, number in sweep.points(CHANGES):
        upload = sweep.begun()
        with traced(sweep.server.pid, name, f"error={fault}:when={number}"):
            response = sweep.last(upload)
        if response.status >= 300:
            assert json.loads(response.content)["error"]["code"] == code, (name, number)
        if (name, number) in sweep.proofs:
            assert response.status >= 300
            sweep.check_unproven(upload)
        sweep.ended(upload)
        met.add((name, number))
    assert sweep.proofs <= met
    assert sweep.server.lives
    sweep.restart()
    assert list(sweep.server.root.iterdir()) == []


@pytest.mark.soak
@VARIANTS
@pytest.mark.parametrize("fault", ["EIO", "EMFILE"])
def test_a_failure_of_every_look_at_the_disk(sweep, fault):
    for name, number in sweep.points(LOOKS):
        upload = sweep.begun()
        with traced(sweep.server.pid, name, f"error={fault}:when={number}"):
            response = sweep.last(upload)
        if response.status >= 300:
            assert json.loads(response.content)["error"]["code"] != "internal", (name, number)
        sweep.ended(upload)
    assert sweep.server.lives
    sweep.restart()
    assert list(sweep.server.root.iterdir()) == []


@pytest.mark.parametrize(
    ("way", "conflict", "fault", "code"),
    [
        ("direct", "fail", "EIO", "io_error"),
        ("streamed", "overwrite", "EDQUOT", "disk_full"),
        ("direct", "join", "ENOSPC", "disk_full"),
        ("direct", "pack", "EIO", "io_error"),
        ("direct", "relaxed", "EIO", "io_error"),
        ("direct", "relaxed join", "EIO", "io_error"),
        ("direct", "relaxed pack", "EIO", "io_error"),
        pytest.param("streamed", "relaxed", "ENOSPC", "disk_full", marks=pytest.mark.soak),
        pytest.param("splice", "resumable", "EIO", "io_error", marks=pytest.mark.soak),
        pytest.param(
            "splice", "pack over old files", "ENOSPC", "disk_full", marks=pytest.mark.soak
        ),
        pytest.param("direct", "join", "EIO", "io_error", marks=pytest.mark.soak),
        pytest.param("direct", "overwrite", "ENOSPC", "disk_full", marks=pytest.mark.soak),
        pytest.param("direct", "fail", "EDQUOT", "disk_full", marks=pytest.mark.soak),
        pytest.param("streamed", "fail", "ENOSPC", "disk_full", marks=pytest.mark.soak),
        pytest.param("streamed", "overwrite", "EIO", "io_error", marks=pytest.mark.soak),
    ],
)
def test_a_failure_of_every_change_of_the_disk(sweep, fault, code):
    failed_at(sweep, fault, code)


@pytest.mark.parametrize(("way", "conflict"), [("direct", "fail"), ("streamed", "fail")])
def test_writes_that_are_cut_short(sweep):
    """A limit in the middle of a write: the kernel takes a part of it, then refuses the rest."""
    for _ in range(10):
        upload = sweep.begun()
        limit = sweep.chance.randrange(FIRST, SIZE)
        old = resource.prlimit(sweep.server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(sweep.server.pid, resource.RLIMIT_FSIZE, (limit, old[1]))
        response = upload.send(FIRST, SIZE)
        assert json.loads(response.content)["error"]["code"] == "too_large"
        resource.prlimit(sweep.server.pid, resource.RLIMIT_FSIZE, old)
        assert FIRST <= upload.look() <= limit
        sweep.ended(upload)
