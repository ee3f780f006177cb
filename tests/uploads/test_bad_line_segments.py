"""Segments of one file at the same time over lines that break, fall silent or repeat themselves."""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path

import pytest

from ..servers.bare import BareServer
from ..servers.toxics import Toxics, running_toxics
from .test_bad_line import HEAD, PATIENCE, PIECE, TRIES, Sender, drawn
from .test_kill_segments import Segments


class BadLineSegments(Segments):
    """One file in three segments through the port `via`, each over connections of its own."""

    may_be_silent = True

    def __init__(
        self, server: BareServer, chance: random.Random, final: Path, via: int, checksums: bool
    ) -> None:
        self.via, self.checksums = via, checksums
        super().__init__(server, chance, final)

    def ask(
        self, method: str, path: str, headers: dict[str, str], pieces: Iterable[bytes] = ()
    ) -> HTTPResponse | None:
        return self.server.ask(method, path, headers, pieces, port=self.via, timeout=PATIENCE)

    def create(self, start: int, end: int) -> str:
        """The same segment may be created twice, when the first answer was lost."""
        for _ in range(TRIES):
            id = self.created(start, end)
            if id is not None:
                return id
        raise AssertionError("it could not be created")

    def send_all(self) -> None:
        """All segments at the same time, then the file."""
        seeds = {id: self.chance.randrange(1 << 30) for id in self.ids}
        with ThreadPoolExecutor(len(self.ids)) as threads:
            list(threads.map(self.send_segment, seeds, seeds.values()))
        for _ in range(TRIES):
            response = self.join(kill=False)
            if response is not None:
                assert response.status == 201
                assert response.headers["Transfer-Path"] == self.final.name
                break
        assert self.final.read_bytes() == self.data

    def send_segment(self, id: str, seed: int) -> None:
        """Send one segment until the server has it."""
        chance = random.Random(seed)
        start, end = self.ids[id]
        for _ in range(TRIES):
            first = start + self.offset(id)
            if first == end:
                return
            stop = min(end, first + chance.randrange(HEAD, PIECE))
            algorithm = chance.choice(["sha1", "sha256"]) if self.checksums else None
            self.patch(id, first, stop, algorithm=algorithm)
        raise AssertionError("it does not arrive")


def send(server: BareServer, seed: int, toxics, files: int = 2, *, checksums: bool = False):
    """Send some files; how often the line did harm."""
    sender = Sender(server, seed, toxics)
    with running_toxics(server.port, sender.plan) as proxy:
        for number in range(files):
            final = server.root / f"f{number}"
            BadLineSegments(server, sender.chance, final, proxy.port, checksums).send_all()
            final.unlink()
    assert list(server.root.iterdir()) == []
    return proxy.counts


@pytest.mark.parametrize(
    ("toxics", "harm"),
    [
        (lambda chance: Toxics(reset_at=chance.randrange(PIECE)), "resets"),
        (lambda chance: Toxics(stall_at=chance.randrange(PIECE // 2)), "stalls"),
        (lambda chance: Toxics(lose_answer=True), "lost_answers"),
        (lambda chance: Toxics(replay=True), "replays"),
    ],
    ids=["resets", "stalls", "lost answers", "replays"],
)
def test_one_thing_is_wrong(server, toxics, harm):
    assert getattr(send(server, 5, toxics), harm) > 0


def test_all_is_wrong(server):
    send(server, 6, drawn)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(7, 17))
def test_all_is_wrong_for_long(server, seed):
    send(server, seed, drawn, 20)


def test_flipped_bytes_are_caught_by_checksums(server):
    counts = send(
        server,
        3,
        lambda chance: Toxics(flip_at=chance.randrange(HEAD, PIECE)),
        checksums=True,
    )
    assert counts.flips > 0
