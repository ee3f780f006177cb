"""Lines that are slow, break, fall silent, repeat themselves or change bytes: every file arrives as
it was sent."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ..servers.bare import BareServer
from ..servers.toxics import Counts, ToxicProxy, Toxics, running_toxics
from .resuming import ResumableUpload, ResumingUpload

FILES = 4
SIZE = 2 << 20
PIECE = 700 << 10  # larger and smaller than what the kernel moves by itself
HEAD = 2000  # no head of a request is longer
PATIENCE = 0.4
TRIES = 200


class Sender:
    """Sends files through a line that has `toxics` at every second connection, about."""

    kind = ResumingUpload

    def __init__(self, server: BareServer, seed: int, toxics: Callable[[random.Random], Toxics]):
        self.server, self.chance, self.toxics = server, random.Random(seed), toxics
        self.proxys_chance = random.Random(-seed)  # of its own, since it is another thread

    def plan(self, number: int) -> Toxics:
        chance = self.proxys_chance
        return self.toxics(chance) if chance.random() < 0.5 else Toxics()

    def send(self, files: int = FILES, **options) -> tuple[Counts, list[int]]:
        """Send some; how often the line did harm, and the statuses of the answers to that."""
        with running_toxics(self.server.port, self.plan) as proxy:
            uploads = [self.send_one(proxy, f"f{number}", **options) for number in range(files)]
        found = {path for path in self.server.root.rglob("*") if path.is_file()}
        # Creations whose answer was lost have left a part that nobody knows of.
        parts = {path for path in found if path.parent.name == ".jupyter-transfer"}
        assert found - parts == {upload.final for upload in uploads}
        assert all(path.stat().st_size == 0 for path in parts if path.suffix == ".part")
        return proxy.counts, [status for upload in uploads for status in upload.failures]

    def send_one(self, proxy: ToxicProxy, name: str, *, checksums: bool = False) -> ResumingUpload:
        """Send one file until it stands there."""
        data = self.chance.randbytes(self.chance.randrange(SIZE // 2, SIZE))
        digest = self.chance.random() < 0.5
        upload = self.kind(self.server, name, data, proxy.port, PATIENCE, digest)
        for _ in range(TRIES):
            if upload.id is None:
                upload.create()
                continue
            offset = upload.look()
            if offset is None:
                break
            if offset >= 0:
                end = min(len(data), offset + self.chance.randrange(HEAD, PIECE))
                algorithm = self.chance.choice(["sha1", "sha256"]) if checksums else None
                upload.send(offset, end, algorithm=algorithm)
        assert upload.final.read_bytes() == data
        return upload


class ResumableSender(Sender):
    """The same by the IETF's protocol."""

    kind = ResumableUpload


BOTH = pytest.mark.parametrize("sender", [Sender, ResumableSender], ids=["tus", "resumable"])


def drawn(chance: random.Random) -> Toxics:
    """Any toxics but those that change bytes."""
    at = chance.randrange(PIECE)
    return Toxics(
        latency=chance.choice([0, 0, 0.02]),
        bandwidth=chance.choice([None, None, 4 << 20]),
        slice=chance.choice([None, None, 1400, 333]),
        **chance.choice([{}, {}, {"reset_at": at}, {"stall_at": at}, {"lose_answer": True}]),
        replay=chance.random() < 0.2,
    )


@BOTH
@pytest.mark.parametrize(
    ("toxics", "harm"),
    [
        (lambda chance: Toxics(latency=0.01), None),
        (lambda chance: Toxics(bandwidth=12 << 20), None),
        (lambda chance: Toxics(slice=chance.randrange(100, 1500)), None),
        (lambda chance: Toxics(reset_at=chance.randrange(PIECE)), "resets"),
        (lambda chance: Toxics(stall_at=chance.randrange(PIECE // 2)), "stalls"),
        (lambda chance: Toxics(lose_answer=True), "lost_answers"),
        (lambda chance: Toxics(replay=True), "replays"),
    ],
    ids=["latency", "bandwidth", "slices", "resets", "stalls", "lost answers", "replays"],
)
def test_one_thing_is_wrong(server, sender, toxics, harm):
    counts, _ = sender(server, 1865, toxics).send()
    assert harm is None or getattr(counts, harm) > 0


@BOTH
def test_all_is_wrong(server, sender):
    sender(server, 1, drawn).send()


@pytest.mark.soak
@BOTH
@pytest.mark.parametrize("seed", range(2, 22))
def test_all_is_wrong_for_long(server, sender, seed):
    sender(server, seed, drawn).send(60)


@BOTH
def test_flipped_bytes_are_caught_by_checksums(server, sender):
    sender = sender(server, 3, lambda chance: Toxics(flip_at=chance.randrange(HEAD, PIECE)))
    counts, failures = sender.send(checksums=True)
    assert counts.flips > 0
    assert failures == [460] * counts.flips


def test_a_flipped_byte_is_caught_by_the_digest_of_the_whole(server):
    data = random.Random(4).randbytes(PIECE)
    with running_toxics(server.port, lambda number: Toxics(flip_at=HEAD)) as proxy:
        upload = ResumingUpload(server, "f", data, proxy.port, digest=True)
        assert upload.create()
        response = upload.send(0, PIECE)
        assert response.status == 460
        assert b"digest_mismatch" in response.content
    assert not list(server.root.iterdir())
