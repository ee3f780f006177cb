"""Many clients that write to one upload at the same time, through one server or two."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import pytest

from ..handlers.tus_client import BODY, VERSION, Answer, RawClient
from ..servers.bare import BareServer
from .bare_server import TOKEN
from .test_two_servers import create, share

CLIENTS = 50
SMALL, LARGE = 16 << 10, 600 << 10  # through tornado, and past it


class Crowd:
    """Clients of `servers`, each with bytes of its own for the upload `id`."""

    def __init__(self, servers: list[BareServer], id: str, seed: int) -> None:
        self.servers, self.id = servers, id
        self.chance = random.Random(seed)
        self.data = b""  # what the upload holds

    async def rush(self, size: int, *losers: int) -> None:
        """All send `size` bytes for the same offset; one of them gets its bytes in, and the others
        get one of the statuses `losers`."""
        start = len(self.data)
        bodies = [self.chance.randbytes(size) for _ in range(CLIENTS)]
        answers = await asyncio.gather(
            *(self.patch(number, start, body) for number, body in enumerate(bodies))
        )
        statuses = [answer.status for answer in answers]
        kept = self.kept()[start:]
        self.data += kept
        # Of one that was pushed aside in the middle, what had arrived may be kept.
        owners = [number for number, body in enumerate(bodies) if kept and body.startswith(kept)]
        assert len(owners) == 1
        for number, status in enumerate(statuses):
            if status == 204:
                assert kept == bodies[number]
            else:
                assert status in losers
        assert statuses.count(204) <= 1

    async def patch(self, number: int, offset: int, body: bytes) -> Answer:
        client = RawClient(self.servers[number % len(self.servers)].port, "/", TOKEN)
        headers = {**VERSION, **BODY, "Upload-Offset": str(offset)}
        headers["Content-Length"] = str(len(body))
        return await client.ask("PATCH", f"tus/{self.id}", headers, body)

    def kept(self) -> bytes:
        """What a client is told that stands there, and is there."""
        # One server may not know what the other has finished, or wait for it to let go (503).
        for server in itertools.cycle(self.servers):
            response = server.ask("HEAD", self.id, {})
            if response.status == 200:
                break
            assert response.status in (404, 503)
            time.sleep(0.05)
        offset = int(response.headers["Upload-Offset"])
        root = self.servers[0].root
        name = response.headers["Transfer-Path"] or f".jupyter-transfer/{self.id}.part"
        data = (root / name).read_bytes()[:offset]
        assert len(data) == offset
        assert data.startswith(self.data)
        return data


@pytest.mark.parametrize(
    ("size", "rounds"),
    [
        (SMALL, 5),
        (LARGE, 2),
        pytest.param(SMALL, 100, marks=pytest.mark.soak),
        pytest.param(LARGE, 40, marks=pytest.mark.soak),
    ],
)
async def test_one_server(bare_server, size, rounds):
    server = bare_server()
    server.start()
    crowd = Crowd([server], create(server, size * rounds), size)
    while (left := size * rounds - len(crowd.data)) > 0:
        await crowd.rush(min(size, left), 409)
    assert (server.root / "a").read_bytes() == crowd.data


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.soak)])
async def test_two_servers(bare_server, tmp_path, rounds):
    servers = [bare_server(state=tmp_path / name) for name in ("state0", "state1")]
    servers[0].start()
    id = create(servers[0], SMALL * rounds)
    servers[0].kill()
    share(id, tmp_path / "state0", tmp_path / "state1")
    for server in servers:
        server.start()
    crowd = Crowd(servers, id, rounds)
    while (left := SMALL * rounds - len(crowd.data)) > 0:
        # The other one has it (503), or has finished it (404).
        await crowd.rush(min(SMALL, left), 409, 503, 404)
    assert (servers[0].root / "a").read_bytes() == crowd.data
